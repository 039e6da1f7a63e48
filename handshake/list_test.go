package handshake

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// tokenLists are vectors for ParseTokens; a nil want is malformed.
var tokenLists = []struct {
	lines []string
	want  []string
}{
	{[]string{"chat"}, []string{"chat"}},
	{[]string{"chat, superchat"}, []string{"chat", "superchat"}},
	{[]string{"chat,superchat"}, []string{"chat", "superchat"}},
	{[]string{"\tchat \t,\t superchat\t"}, []string{"chat", "superchat"}},
	{[]string{"chat", "superchat"}, []string{"chat", "superchat"}},
	{[]string{"b, a", "", "a"}, []string{"b", "a", "a"}}, // order and duplicates are kept
	{[]string{", ,chat,,superchat,"}, []string{"chat", "superchat"}},
	{[]string{"!#$%&'*+-.^_`|~09AZaz"}, []string{"!#$%&'*+-.^_`|~09AZaz"}},
	{[]string{""}, nil},
	{[]string{" \t "}, nil},
	{[]string{","}, nil},
	{[]string{"a b"}, nil},
	{[]string{`"chat"`}, nil},
	{[]string{"a;b"}, nil},
	{[]string{"a=b"}, nil},
	{[]string{"a/b"}, nil},
	{[]string{"a, b\x01"}, nil},
	{[]string{"a\r\n"}, nil},
	{[]string{"a", "\x00"}, nil},
	{[]string{"é"}, nil},
	{[]string{"a, (comment)"}, nil},
}

// Checklist: S10, S12
func TestParseTokens(t *testing.T) {
	for _, tt := range tokenLists {
		got, err := ParseTokens(tt.lines)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("ParseTokens(%q) = %q, %v, want %q", tt.lines, got, err, tt.want)
		}
		checkStatus(t, err, 400)
	}
	if got, err := ParseTokens(nil); got != nil || err != nil {
		t.Errorf("ParseTokens(nil) = %q, %v, want nothing", got, err)
	}
}

// checkStatus fails unless err is nil or an *Error with a status and a place.
func checkStatus(t *testing.T, err error, status int) {
	t.Helper()
	if err == nil {
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Status != status || !strings.HasPrefix(e.Place, "RFC ") || e.Msg == "" {
		t.Errorf("error %#v, want an *Error with status %d and a place", err, status)
	}
}

// Checklist: S10
func TestParseTokensOfEveryTruncation(t *testing.T) {
	for _, tt := range tokenLists {
		s := strings.Join(tt.lines, ", ")
		for n := range len(s) {
			got, err := ParseTokens([]string{s[:n]})
			if (err == nil) != (len(got) > 0) {
				t.Errorf("ParseTokens(%q) = %q, %v", s[:n], got, err)
			}
			checkStatus(t, err, 400)
		}
	}
}

func TestListsAreBounded(t *testing.T) {
	const most = MaxElements
	if got, err := ParseTokens([]string{strings.Repeat("a,", most)}); err != nil || len(got) != most {
		t.Errorf("ParseTokens of %d elements: %d, %v", most, len(got), err)
	}
	if _, err := ParseTokens([]string{strings.Repeat("a,", most), "a"}); err == nil {
		t.Errorf("ParseTokens of %d elements: no error", most+1)
	}
	for _, s := range []string{strings.Repeat("a,", most+1), strings.Repeat("a;b,", most/2+1), "a" + strings.Repeat(";b", most)} {
		_, err := ParseExtensions([]string{s})
		if err == nil {
			t.Errorf("ParseExtensions of too many elements: no error: %.20q...", s)
		}
		checkStatus(t, err, 400)
	}
	if got, err := ParseExtensions([]string{"a" + strings.Repeat(";b", most-1)}); err != nil || len(got[0].Params) != most-1 {
		t.Errorf("ParseExtensions of %d parameters: %v, %v", most-1, got, err)
	}
}

// Checklist: S3, S4, V4
func TestHasToken(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		token string
		want  bool
	}{
		{[]string{"websocket"}, "websocket", true},
		{[]string{"WebSocket"}, "websocket", true},
		{[]string{"h2c, websocket"}, "websocket", true},
		{[]string{"foo/1.0,websocket"}, "websocket", true},
		{[]string{"websocket2"}, "websocket", false},
		{[]string{"websocket/13"}, "websocket", false},
		{[]string{"mywebsocket"}, "websocket", false},
		{[]string{"web socket"}, "websocket", false},
		{[]string{`"websocket"`}, "websocket", false},
		{[]string{"websocket;q=1"}, "websocket", false},
		{[]string{"websocket, ;"}, "websocket", false},
		{[]string{"websocket, a/"}, "websocket", false},
		{[]string{"a/b/c, websocket"}, "websocket", false},
		{[]string{"webso\u212aet"}, "websocket", false},
		{[]string{"keep-alive, UPGRADE"}, "upgrade", true},
		{[]string{"keep-alive", "Upgrade"}, "upgrade", true},
		{[]string{"close, Upgrade"}, "upgrade", true},
		{[]string{",, Upgrade ,"}, "upgrade", true},
		{[]string{"notupgrade"}, "upgrade", false},
		{[]string{"upgrade-insecure"}, "upgrade", false},
		{[]string{"keep-alive\x00upgrade"}, "upgrade", false},
		{[]string{""}, "upgrade", false},
		{nil, "upgrade", false},
	} {
		if got := HasToken(tt.lines, tt.token); got != tt.want {
			t.Errorf("HasToken(%q, %q) = %v, want %v", tt.lines, tt.token, got, tt.want)
		}
	}
}

func TestHasTokenAllocatesNothing(t *testing.T) {
	lines := []string{"keep-alive, foo/1", "bar, Upgrade"}
	if n := testing.AllocsPerRun(100, func() { HasToken(lines, "upgrade") }); n != 0 {
		t.Errorf("HasToken allocates %v times", n)
	}
}
