package handshake

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// accepting is an offer and a response that accepts it.
func accepting() (*Offer, *Response) {
	o := &Offer{Key: rfcKey, Protocols: []string{"chat", "superchat"}, Extensions: "x; y, z, x"}
	r := &Response{Status: 101, Proto: "HTTP/1.1", Header: Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {rfcAccept},
	}}
	return o, r
}

// Checklist: V3, V4, V5, V11, V12, V15, X1, X4
func TestJudgeAccepts(t *testing.T) {
	for _, tt := range []struct {
		name       string
		values     []string
		protocol   string
		extensions string
	}{
		{name: "Upgrade", values: []string{"WebSocket"}},
		{name: "Upgrade", values: []string{" WEBSOCKET\t"}},
		{name: "Connection", values: []string{"upgrade"}},
		{name: "Connection", values: []string{"keep-alive, uPGRADE"}},
		{name: "Connection", values: []string{"close, Upgrade"}},
		{name: "Connection", values: []string{"keep-alive", "Upgrade"}},
		{name: "Sec-Websocket-Accept", values: []string{"  " + rfcAccept + " "}},
		{name: "Content-Length", values: []string{"5"}},
		{name: "Transfer-Encoding", values: []string{"chunked"}},
		{name: "Sec-Websocket-Protocol", values: []string{"superchat"}, protocol: "superchat"},
		{name: "Sec-Websocket-Protocol", values: []string{" chat "}, protocol: "chat"},
		{name: "Sec-Websocket-Extensions", values: []string{"z"}, extensions: "z"},
		{name: "Sec-Websocket-Extensions", values: []string{`z, x; y="1"`}, extensions: "z, x; y=1"},
		{name: "Sec-Websocket-Extensions", values: []string{"x", ", z"}, extensions: "x, z"}, // erratum 3433
	} {
		o, r := accepting()
		r.Header[tt.name] = tt.values
		p, exts, err := o.Judge(r)
		if err != nil || p != tt.protocol || string(AppendExtensions(nil, exts)) != tt.extensions {
			t.Errorf("%s %q: %q, %v, %v, want %q, %q", tt.name, tt.values, p, exts, err, tt.protocol, tt.extensions)
		}
	}
	o, r := accepting()
	r.Proto = "HTTP/1.2"
	if _, _, err := o.Judge(r); err != nil {
		t.Errorf("HTTP/1.2: %v", err)
	}
}

// Several lines of one extension list are one list in a response too.
//
// Checklist: E2
func TestJudgeMergesExtensionLines(t *testing.T) {
	o, r := accepting()
	r.Header["Sec-Websocket-Extensions"] = []string{"x", "z; a"}
	_, exts, err := o.Judge(r)
	want := []Extension{{Name: "x"}, {Name: "z", Params: []Param{{Name: "a"}}}}
	if err != nil || !reflect.DeepEqual(exts, want) {
		t.Errorf("Judge = %v, %v, want %v", exts, err, want)
	}
}

// swapCase changes the case of each letter.
func swapCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if isUpper := bytes.ToLower(b[i : i+1])[0] != c; isUpper {
			b[i] = c + 'a' - 'A'
		} else if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// Checklist: V3, V4, V5, V6, V7, V9, V10, X5, X6, E2
func TestJudgeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
	}{
		{"Upgrade", nil},
		{"Upgrade", []string{""}},
		{"Upgrade", []string{"websocket, foo"}},
		{"Upgrade", []string{"foo, websocket"}},
		{"Upgrade", []string{"websocket", "websocket"}},
		{"Upgrade", []string{"websocket2"}},
		{"Upgrade", []string{"websocket/13"}},
		{"Upgrade", []string{"h2c"}},
		{"Upgrade", []string{"webso\u212aet"}},
		{"Connection", nil},
		{"Connection", []string{""}},
		{"Connection", []string{"close"}},
		{"Connection", []string{"keep-alive, notupgrade"}},
		{"Connection", []string{"keep-alive Upgrade"}},
		{"Sec-Websocket-Accept", nil},
		{"Sec-Websocket-Accept", []string{""}},
		{"Sec-Websocket-Accept", []string{swapCase(rfcAccept)}},
		{"Sec-Websocket-Accept", []string{rfcKey}},
		{"Sec-Websocket-Accept", []string{rfcAccept + "="}},
		{"Sec-Websocket-Accept", []string{rfcAccept[:27]}},
		{"Sec-Websocket-Accept", []string{"s3pPLMBiTxaQ9kYGzzhZRbK+xA=="}}, // 19 bytes
		{"Sec-Websocket-Accept", []string{"s3pPLMBi TxaQ9kYGzzhZRbK+xOo="}},
		{"Sec-Websocket-Accept", []string{rfcAccept, "wrong"}},
		{"Sec-Websocket-Accept", []string{"wrong", rfcAccept}},
		{"Sec-Websocket-Accept", []string{rfcAccept, rfcAccept}},
		{"Sec-Websocket-Accept", []string{rfcAccept + ", " + rfcAccept}},
		{"Sec-Websocket-Protocol", []string{"evil"}},
		{"Sec-Websocket-Protocol", []string{"Chat"}},
		{"Sec-Websocket-Protocol", []string{""}},
		{"Sec-Websocket-Protocol", []string{"chat, superchat"}},
		{"Sec-Websocket-Protocol", []string{"chat,"}},
		{"Sec-Websocket-Protocol", []string{"chat", "superchat"}},
		{"Sec-Websocket-Protocol", []string{"chat", "chat"}},
		{"Sec-Websocket-Extensions", []string{"x-foo"}},
		{"Sec-Websocket-Extensions", []string{"permessage-deflate"}},
		{"Sec-Websocket-Extensions", []string{"X"}},
		{"Sec-Websocket-Extensions", []string{"x, w"}},
		{"Sec-Websocket-Extensions", []string{"x, x"}},
		{"Sec-Websocket-Extensions", []string{"x; y", "z", "x"}},
	} {
		o, r := accepting()
		if r.Header[tt.name] = tt.lines; tt.lines == nil {
			delete(r.Header, tt.name)
		}
		p, exts, err := o.Judge(r)
		if err == nil || p != "" || exts != nil {
			t.Errorf("%s %q: %q, %v, want an error", tt.name, tt.lines, p, exts)
		}
		checkStatus(t, err, 0)
	}
}

// Checklist: V8, X3
func TestJudgeRefusesMalformedExtensions(t *testing.T) {
	if len(malformedExtensions) < 30 {
		t.Errorf("only %d malformed strings", len(malformedExtensions))
	}
	for _, s := range malformedExtensions {
		o, r := accepting()
		o.Extensions = "a, b, c"
		r.Header["Sec-Websocket-Extensions"] = []string{s}
		_, exts, err := o.Judge(r)
		if err == nil {
			t.Errorf("%q: %v, want an error", s, exts)
		}
		checkStatus(t, err, 0)
	}
}

// Nothing was offered, so nothing may be agreed to.
//
// Checklist: V7, V9
func TestJudgeWithoutOffers(t *testing.T) {
	for name, value := range map[string]string{"Sec-Websocket-Protocol": "chat", "Sec-Websocket-Extensions": "permessage-deflate"} {
		_, r := accepting()
		r.Header[name] = []string{value}
		if _, _, err := (&Offer{Key: rfcKey}).Judge(r); err == nil || !strings.Contains(err.Error(), "not offered") {
			t.Errorf("%s %q: %v", name, value, err)
		}
	}
}

// Checklist: V11
func TestJudgeOfVersionsAndStatuses(t *testing.T) {
	for _, proto := range []string{"HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "", "http/1.1"} {
		o, r := accepting()
		r.Proto = proto
		if _, _, err := o.Judge(r); err == nil {
			t.Errorf("101 in %q is accepted", proto)
		}
	}
	for _, status := range []int{100, 103, 200, 204, 302, 401, 426, 500} {
		o, r := accepting()
		r.Status = status
		if _, _, err := o.Judge(r); err == nil {
			t.Errorf("status %d is accepted", status)
		}
	}
}

func TestJudgeOfABrokenOffer(t *testing.T) {
	o, r := accepting()
	o.Extensions = "x;"
	if _, _, err := o.Judge(r); err == nil {
		t.Error("a malformed offer is accepted")
	}
	// No key has no answer: an empty accept does not match it.
	o, r = accepting()
	o.Key, r.Header["Sec-Websocket-Accept"] = "", []string{""}
	if _, _, err := o.Judge(r); err == nil {
		t.Error("an offer without a key is accepted")
	}
}

// A whole handshake in text: each side accepts what the other wrote.
//
// Checklist: C7, C9, R1, R3
func TestHandshakeOfBothSides(t *testing.T) {
	u, err := ParseURL("ws://example.com/chat?x")
	if err != nil {
		t.Fatal(err)
	}
	o := &Offer{Key: rfcKey, Protocols: []string{"a", "b"}, Extensions: "x; y=1, x", Header: Header{"Origin": {"http://example.com"}}}
	b, err := AppendRequest(nil, u, o)
	if err != nil {
		t.Fatal(err)
	}
	req, n, err := ParseRequest(b)
	if err != nil || n != len(b) {
		t.Fatal(n, err)
	}
	if err := req.Check(); err != nil {
		t.Fatal(err)
	}
	if err := CheckOrigin(req.Header["Origin"], "http", req.Host, nil); err != nil {
		t.Fatal(err)
	}
	if req.Target != "/chat?x" || !slices.Equal(req.Protocols, o.Protocols) || len(req.Extensions) != 2 {
		t.Errorf("request is %+v", req)
	}
	b, err = AppendResponse(nil, req, Select(req.Protocols, []string{"b"}), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, _, err := ParseResponse(b)
	if err != nil {
		t.Fatal(err)
	}
	if p, exts, err := o.Judge(res); p != "b" || len(exts) != 1 || err != nil {
		t.Errorf("Judge = %q, %v, %v", p, exts, err)
	}
}
