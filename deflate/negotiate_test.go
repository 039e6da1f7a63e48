package deflate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tidewire/websocket/handshake"
)

func parseList(t testing.TB, s string) []handshake.Extension {
	t.Helper()
	if s == "" {
		return nil
	}
	exts, err := handshake.ParseExtensions([]string{s})
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return exts
}

const pmd = "permessage-deflate"

// badParams make an offer one to decline, and a response one to fail.
var badParams = []string{
	"unknown", "unknown=1", "SERVER_NO_CONTEXT_TAKEOVER", "constructor", "__proto__=1",
	"server_no_context_takeover=true", "server_no_context_takeover=1", "client_no_context_takeover=0",
	"server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
	"server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits=10; client_max_window_bits=11",
	"client_max_window_bits=10; client_max_window_bits",
	"server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=0",
	"server_max_window_bits=08", "server_max_window_bits=010", "server_max_window_bits=1000", "server_max_window_bits=-9",
	"server_max_window_bits=+9", "server_max_window_bits=0x9", "server_max_window_bits=9.0", "server_max_window_bits=a",
	"server_max_window_bits=18446744073709551626", // 10, if it were cut to 64 bits
	"client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=09", "client_max_window_bits=999999999999999999999",
	"server_no_context_takeover; client_max_window_bits=8; x",
}

// Checklist: P1, X4
func TestAnswerPassesOverBadOffers(t *testing.T) {
	for _, bad := range badParams {
		if e, p, ok := Answer(parseList(t, pmd+"; "+bad), Params{}); ok {
			t.Errorf("%q is accepted: %+v, %+v", bad, e, p)
		}
		e, p, ok := Answer(parseList(t, pmd+"; "+bad+", "+pmd+"; server_max_window_bits=9"), Params{})
		if got := string(e.Append(nil)); !ok || got != pmd+"; server_max_window_bits=9" || p.ServerMaxWindowBits != 9 {
			t.Errorf("%q, and then a good one: %q, %+v, %t", bad, got, p, ok)
		}
	}
	for _, other := range []string{"", "x", "PerMessage-Deflate", "permessage-deflate2", "x-webkit-deflate-frame, permessage-bzip2", "deflate-frame; " + pmd} {
		if e, _, ok := Answer(parseList(t, other), Params{}); ok || e.Name != "" {
			t.Errorf("%q is answered with %q", other, e.Append(nil))
		}
	}
}

// Checklist: P3, P4, P5, P6, P8
func TestAnswer(t *testing.T) {
	both := Params{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	for _, tt := range []struct {
		offer  string // behind the name; "|" divides several
		want   Params
		accept string
		agreed string
	}{
		{"", Params{}, "", "15 15"},
		{"; client_max_window_bits", Params{}, "", "15 15"}, // what browsers send
		{"; client_max_window_bits", both, "; server_no_context_takeover; client_no_context_takeover", "15- 15-"},
		// What the client demands of us is met and said.
		{"; server_no_context_takeover", Params{}, "; server_no_context_takeover", "15- 15"},
		{"; server_max_window_bits=10", Params{}, "; server_max_window_bits=10", "10 15"},
		{"; server_max_window_bits=15", Params{}, "; server_max_window_bits=15", "15 15"},
		{"; server_max_window_bits=8", Params{}, "; server_max_window_bits=8", "8 15"},
		{"; server_max_window_bits=10", Params{ServerMaxWindowBits: 12}, "; server_max_window_bits=10", "10 15"},
		{"; server_max_window_bits=12", Params{ServerMaxWindowBits: 10}, "; server_max_window_bits=10", "10 15"},
		// What we want is said unasked.
		{"", Params{ServerNoContextTakeover: true}, "; server_no_context_takeover", "15- 15"},
		{"", Params{ClientNoContextTakeover: true}, "; client_no_context_takeover", "15 15-"},
		{"", Params{ServerMaxWindowBits: 9}, "; server_max_window_bits=9", "9 15"},
		// A hint is made binding.
		{"; client_no_context_takeover", Params{}, "; client_no_context_takeover", "15 15-"},
		{"; client_max_window_bits=11", Params{}, "; client_max_window_bits=11", "15 11"},
		{"; client_max_window_bits=15", Params{}, "; client_max_window_bits=15", "15 15"},
		{"; client_max_window_bits=11", Params{ClientMaxWindowBits: 9}, "; client_max_window_bits=9", "15 9"},
		{"; client_max_window_bits=9", Params{ClientMaxWindowBits: 11}, "; client_max_window_bits=9", "15 9"},
		{"; client_max_window_bits", Params{ClientMaxWindowBits: 11}, "; client_max_window_bits=11", "15 11"},
		// A client that did not offer a smaller window has 32 KiB, and forgets it.
		{"", Params{ClientMaxWindowBits: 11}, "; client_no_context_takeover", "15 15-"},
		{"; server_max_window_bits=11", Params{ClientMaxWindowBits: 11}, "; client_no_context_takeover; server_max_window_bits=11", "11 15-"},
		// The order of parameters is nothing, that of offers the preference.
		{`; client_max_window_bits="10"; server_max_window_bits=9;client_no_context_takeover;server_no_context_takeover`, Params{},
			"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10", "9- 10-"},
		{"; server_max_window_bits=9|; server_max_window_bits=10|", Params{}, "; server_max_window_bits=9", "9 15"},
		{"; server_max_window_bits=6|; server_max_window_bits=10|", Params{}, "; server_max_window_bits=10", "10 15"},
		// Settings of the program that are no window are 15.
		{"; client_max_window_bits", Params{ServerMaxWindowBits: 7, ClientMaxWindowBits: 16}, "", "15 15"},
	} {
		var offers []string
		for _, o := range strings.Split(tt.offer, "|") {
			offers = append(offers, pmd+o)
		}
		offered := parseList(t, "other, "+strings.Join(offers, ", "))
		e, p, ok := Answer(offered, tt.want)
		if got := string(e.Append(nil)); !ok || got != pmd+tt.accept {
			t.Errorf("%q, %+v: got %q, %t, want %q", tt.offer, tt.want, got, ok, pmd+tt.accept)
		}
		if got := show(p); got != tt.agreed {
			t.Errorf("%q, %+v: agreed %s, want %s", tt.offer, tt.want, got, tt.agreed)
		}
		// The client that made the offer takes the answer, and understands the same.
		if q, ok, err := Confirm(offered, []handshake.Extension{e}); q != p || !ok || err != nil {
			t.Errorf("%q, %+v: the client has %+v, %t, %v", tt.offer, tt.want, q, ok, err)
		}
	}
}

// show writes the windows of server and client, with "-" for no takeover.
func show(p Params) string {
	var b strings.Builder
	for i, d := range []Direction{p.FromServer(), p.FromClient()} {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString([]string{"8", "9", "10", "11", "12", "13", "14", "15"}[d.WindowBits-8])
		if !d.Takeover {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// Checklist: P5, P6
func TestOffer(t *testing.T) {
	for _, tt := range []struct {
		wants []Params
		want  string
	}{
		{nil, ""},
		{[]Params{{}}, pmd + "; client_max_window_bits"},
		{[]Params{{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}}, pmd + "; client_max_window_bits"},
		{[]Params{{ServerMaxWindowBits: 3, ClientMaxWindowBits: 99}}, pmd + "; client_max_window_bits"},
		{[]Params{{ServerNoContextTakeover: true, ClientNoContextTakeover: true}},
			pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{[]Params{{ServerMaxWindowBits: 8, ClientMaxWindowBits: 9}}, pmd + "; server_max_window_bits=8; client_max_window_bits=9"},
		{[]Params{{ServerMaxWindowBits: 10}, {}}, pmd + "; server_max_window_bits=10; client_max_window_bits, " + pmd + "; client_max_window_bits"},
	} {
		if got := string(handshake.AppendExtensions(nil, Offer(tt.wants...))); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.wants, got, tt.want)
		}
	}
}

// Checklist: P2
func TestConfirmRefusesBadResponses(t *testing.T) {
	offered := Offer(Params{})
	for _, bad := range append(badParams, "client_max_window_bits") {
		_, ok, err := Confirm(offered, parseList(t, pmd+"; "+bad))
		if he := (*handshake.Error)(nil); ok || !errors.As(err, &he) || he.Status != 0 || !strings.HasPrefix(err.Error(), "websocket: server agrees to ") {
			t.Errorf("%q: %t, %v", bad, ok, err)
		}
	}
	long := pmd + "; x=" + strings.Repeat("y", 5000)
	if _, _, err := Confirm(offered, parseList(t, long)); err == nil || len(err.Error()) > 300 {
		t.Errorf("a long parameter: %.400v", err)
	}
}

// Checklist: P2, P3, P4, P5, P6, P7, P8
func TestConfirm(t *testing.T) {
	for _, tt := range []struct {
		offered, response string
		agreed            string // "" if it fails
	}{
		{"", "", "15 15"},
		// Unasked: all but client_max_window_bits.
		{"", "; server_no_context_takeover", "15- 15"},
		{"", "; client_no_context_takeover", "15 15-"},
		{"", "; server_max_window_bits=9", "9 15"},
		{"", "; client_max_window_bits=9", ""},
		{"", "; client_max_window_bits=15", ""},
		{"; client_max_window_bits", "; client_max_window_bits=15", "15 15"},
		{"; client_max_window_bits", "; client_max_window_bits=8", "15 8"},
		{"; client_max_window_bits", "", "15 15"},
		{"; client_max_window_bits=10", "; client_max_window_bits=10", "15 10"},
		{"; client_max_window_bits=10", "; client_max_window_bits=9", "15 9"},
		{"; client_max_window_bits=10", "; client_max_window_bits=11", ""},
		{"; client_max_window_bits=10", "", "15 15"},
		// A hint that is not answered is not agreed.
		{"; client_no_context_takeover", "", "15 15"},
		// Demands are met.
		{"; server_no_context_takeover", "; server_no_context_takeover", "15- 15"},
		{"; server_no_context_takeover", "", ""},
		{"; server_max_window_bits=10", "; server_max_window_bits=10", "10 15"},
		{"; server_max_window_bits=10", "; server_max_window_bits=8", "8 15"},
		{"; server_max_window_bits=10", "; server_max_window_bits=11", ""},
		{"; server_max_window_bits=10", "", ""},
		// Several offers: the response answers one of them.
		{"; server_max_window_bits=10|; client_max_window_bits", "", "15 15"},
		{"; server_max_window_bits=10|; client_max_window_bits", "; client_max_window_bits=9", "15 9"},
		{"; server_max_window_bits=10|; server_no_context_takeover", "", ""},
		{"; server_max_window_bits=10; client_max_window_bits|", "; client_max_window_bits=9", ""},
	} {
		var offers []string
		for _, o := range strings.Split(tt.offered, "|") {
			offers = append(offers, pmd+o)
		}
		p, ok, err := Confirm(parseList(t, strings.Join(offers, ", ")), parseList(t, pmd+tt.response))
		if good := tt.agreed != ""; ok != good || (err == nil) != good || good && show(p) != tt.agreed {
			t.Errorf("offered %q, response %q: %+v, %t, %v, want %q", tt.offered, tt.response, p, ok, err, tt.agreed)
		}
	}
}

// Checklist: P9, X5
func TestConfirmRefusesCombinations(t *testing.T) {
	for _, list := range []string{pmd + ", " + pmd, pmd + ", x-webkit-deflate-frame", "x-webkit-deflate-frame, " + pmd, "bbf, " + pmd + "; server_no_context_takeover", pmd + ", x, " + pmd} {
		if _, ok, err := Confirm(Offer(Params{}), parseList(t, list)); ok || err == nil {
			t.Errorf("%q is agreed to", list)
		}
	}
}

// Checklist: P10
func TestConfirmWithoutAnAgreement(t *testing.T) {
	for _, list := range []string{"", "other"} {
		if p, ok, err := Confirm(Offer(Params{}), parseList(t, list)); ok || err != nil || p != (Params{}) {
			t.Errorf("%q: %+v, %t, %v", list, p, ok, err)
		}
	}
	if _, ok, err := Confirm(nil, parseList(t, pmd)); ok || err == nil {
		t.Error("an agreement without an offer")
	}
}

// Whatever a client offers, the server's answer is one that this client confirms,
// and both have understood the same.
func FuzzNegotiate(f *testing.F) {
	for _, bad := range badParams {
		f.Add(pmd+"; "+bad+", "+pmd, uint16(0))
	}
	f.Add(pmd+"; server_max_window_bits=10; client_max_window_bits, "+pmd, uint16(0x3a9))
	f.Fuzz(func(t *testing.T, list string, want uint16) {
		offered, err := handshake.ParseExtensions([]string{list})
		if err != nil {
			return
		}
		w := Params{want&1 != 0, want&2 != 0, int(want >> 2 & 15), int(want >> 6 & 15)}
		e, p, ok := Answer(offered, w)
		if !ok {
			return
		}
		back := parseList(t, string(e.Append(nil)))
		if q, ok, err := Confirm(offered, back); !ok || err != nil || q != p {
			t.Errorf("%q, %+v: answered %q, %+v, the client has %+v, %t, %v", list, w, e.Append(nil), p, q, ok, err)
		}
		if p.ServerMaxWindowBits > windowBits(w.ServerMaxWindowBits) || w.ServerNoContextTakeover && !p.ServerNoContextTakeover ||
			w.ClientNoContextTakeover && !p.ClientNoContextTakeover {
			t.Errorf("%q, %+v: agreed to %+v", list, w, p)
		}
		if d := p.FromClient(); d.Takeover && d.WindowBits > windowBits(w.ClientMaxWindowBits) {
			t.Errorf("%q, %+v: more to remember than wanted: %+v", list, w, p)
		}
	})
}

// Whatever a server answers to our offers, what the client then does is what the
// answer says, and within what it demanded and offered.
func FuzzConfirm(f *testing.F) {
	for i, bad := range append(badParams, "", "client_max_window_bits") {
		f.Add(pmd+"; "+bad, uint16(i))
		f.Add(pmd+"; client_max_window_bits=9; "+bad, uint16(i<<8|i))
	}
	f.Add(pmd, uint16(0))
	f.Add("x, "+pmd, uint16(0))
	f.Fuzz(func(t *testing.T, list string, want uint16) {
		answered, err := handshake.ParseExtensions([]string{list})
		if err != nil {
			return
		}
		first := Params{want&1 != 0, want&2 != 0, int(want >> 2 & 15), int(want >> 6 & 15)}
		second := Params{want>>10&1 != 0, want>>11&1 != 0, int(want>>12&3) + 12, int(want>>14) + 12}
		offered := Offer(first, second)
		p, ok, err := Confirm(offered, answered)
		named := slices.ContainsFunc(answered, func(e handshake.Extension) bool { return e.Name == pmd })
		if ok != (named && err == nil) || err != nil && !named || !ok && p != (Params{}) {
			t.Fatalf("%q: %+v, %t, %v", list, p, ok, err)
		}
		if !ok {
			return
		}
		if len(answered) != 1 || !within(p, first) && !within(p, second) {
			t.Errorf("%q: agreed on %+v, wanted %+v or %+v", list, p, first, second)
		}
		if q, ok, err := Confirm(offered, parseList(t, p.String())); !ok || err != nil || q != p {
			t.Errorf("%q: agreed on %q, which says %+v, %t, %v", list, p, q, ok, err)
		}
	})
}

// within reports whether p keeps to the demands of want. Its hints bind nobody but
// that a window of the client is not above what was offered.
func within(p, want Params) bool {
	return (p.ServerNoContextTakeover || !want.ServerNoContextTakeover) &&
		p.ServerMaxWindowBits <= windowBits(want.ServerMaxWindowBits) &&
		(p.ClientMaxWindowBits <= windowBits(want.ClientMaxWindowBits) || p.ClientMaxWindowBits == maxWindowBits)
}
