package handshake

import (
	"strings"
	"testing"
)

// Checklist: C7, C8, C9, C13
func TestAppendRequestGolden(t *testing.T) {
	const tail = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + rfcKey + "\r\nSec-WebSocket-Version: 13\r\n"
	for _, tt := range []struct {
		url   string
		offer Offer
		want  string
	}{
		{"ws://example.com", Offer{}, "GET / HTTP/1.1\r\nHost: example.com\r\n" + tail + "\r\n"},
		{"ws://example.com:80/a?b", Offer{}, "GET /a?b HTTP/1.1\r\nHost: example.com\r\n" + tail + "\r\n"},
		{"ws://example.com:8080", Offer{}, "GET / HTTP/1.1\r\nHost: example.com:8080\r\n" + tail + "\r\n"},
		{"wss://[::1]:443/%2F", Offer{}, "GET /%2F HTTP/1.1\r\nHost: [::1]\r\n" + tail + "\r\n"},
		{"ws://h", Offer{Protocols: []string{"a", "b"}, Extensions: "x; y, z",
			Header: Header{"Origin": {"http://h"}, "Cookie": {"a=1", "b=2"}, "X-API-Key": {" k\t"}}},
			"GET / HTTP/1.1\r\nHost: h\r\n" + tail + "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x; y, z\r\n" +
				"Cookie: a=1\r\nCookie: b=2\r\nOrigin: http://h\r\nX-API-Key: k\r\n\r\n"},
		{"ws://h", Offer{Header: Header{"Host": {"other:81"}}}, "GET / HTTP/1.1\r\nHost: other:81\r\n" + tail + "\r\n"},
		{"ws://h", Offer{Header: Header{"host": {"other"}}}, "GET / HTTP/1.1\r\nHost: other\r\n" + tail + "\r\n"},
	} {
		u, err := ParseURL(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		tt.offer.Key = rfcKey
		got, err := AppendRequest([]byte("before"), u, &tt.offer)
		if err != nil || string(got) != "before"+tt.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", tt.url, err, got, tt.want)
		}
	}
}

// Checklist: C8, C9, C12, C13, C15
func TestAppendRequestRefusesToBreakTheHead(t *testing.T) {
	offers := []Offer{
		{Key: ""}, {Key: "short"}, {Key: strings.Repeat("!", 24)}, {Key: rfcKey[:22] + "\r\n"},
		{Protocols: []string{""}}, {Protocols: []string{"a", "b", "a"}}, {Protocols: []string{"a b"}},
		{Protocols: []string{"a\r\nX: y"}}, {Protocols: []string{"a,b"}}, {Protocols: []string{"é"}}, {Protocols: []string{`"a"`}},
		{Extensions: "x;"}, {Extensions: " "}, {Extensions: "x\r\nX: y"}, {Extensions: `x; y="a b"`},
		{Header: Header{"Host": {"a", "b"}}}, {Header: Header{"Host": {"a"}, "host": {"a"}}},
		{Header: Header{"Host": {""}}}, {Header: Header{"Host": {"a b"}}}, {Header: Header{"Host": {"a\r\nX: y"}}},
	}
	for _, name := range reservedNames {
		offers = append(offers, Offer{Header: Header{name: {"a"}}})
	}
	for _, h := range badFields {
		offers = append(offers, Offer{Header: h})
	}
	u := &URL{Host: "h", Target: "/"}
	for i, o := range offers {
		if i >= 4 {
			o.Key = rfcKey
		}
		got, err := AppendRequest([]byte("before"), u, &o)
		if err == nil || string(got) != "before" {
			t.Errorf("%+v: %q, want an error", o, got)
		}
		checkStatus(t, err, 0)
	}
}

// A URL that did not come from ParseURL cannot break the head either.
//
// Checklist: U9, C7
func TestAppendRequestJudgesTheURL(t *testing.T) {
	for _, u := range []URL{
		{Host: "", Target: "/"}, {Host: "a\r\nX: y", Target: "/"}, {Host: "u@h", Target: "/"},
		{Host: "h", Target: ""}, {Host: "h", Target: "a"}, {Host: "h", Target: "/ HTTP/1.1\r\nX: y"}, {Host: "h", Target: "/#"},
		{Host: "h", Target: "http://h/"}, {Host: "h", Target: "/\x00"}, {Host: "h", Target: "/é"}, {Host: "h", Target: "*"},
	} {
		if got, err := AppendRequest(nil, &u, &Offer{Key: rfcKey}); err == nil {
			t.Errorf("%+v: %q, want an error", u, got)
		}
	}
}
