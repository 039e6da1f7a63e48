package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
)

const (
	pmd = "permessage-deflate"

	// What a server without takeover says to whoever offers.
	pmdAlone = pmd + "; server_no_context_takeover; client_no_context_takeover"
)

// compressing are options of connections that compress.
func compressing(k conn.Compression) *Options { return &Options{Conn: &conn.Options{Compression: &k}} }

// offers are header lines, one for each list.
func offers(lists ...string) (lines []string) {
	for _, list := range lists {
		lines = append(lines, "Sec-WebSocket-Extensions: "+list)
	}
	return lines
}

// extensions are the values of Sec-WebSocket-Extensions in a 101, joined; empty: there is no such line.
func extensions(t testing.TB, head string) string {
	t.Helper()
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("response = %q, want a 101", head)
	}
	var all []string
	for _, line := range strings.Split(head, "\r\n") {
		if value, ok := strings.CutPrefix(line, "Sec-WebSocket-Extensions: "); ok {
			all = append(all, value)
		}
	}
	return strings.Join(all, " | ")
}

// asked is what l answers to offers. The connection is dropped.
func (l listener) asked(lists ...string) string {
	l.t.Helper()
	p := l.dial()
	defer p.nc.Close()
	p.send(request(offers(lists...)...))
	return extensions(l.t, p.head())
}

// badOffers are elements that a server must not accept (RFC 7692, section 7): a parameter that is not defined, that has
// a value and must have none, or the other way round, or another one than it may have, or that comes twice.
var badOffers = []string{
	"x", "x=1", "constructor", "__proto__=1", "SERVER_NO_CONTEXT_TAKEOVER", "Client_max_window_bits",
	"server_no_context_takeover=true", "server_no_context_takeover=1", "client_no_context_takeover=0",
	"server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
	"server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits; client_max_window_bits",
	"client_max_window_bits=10; client_max_window_bits",
	"server_max_window_bits", "server_max_window_bits=0", "server_max_window_bits=7", "server_max_window_bits=16",
	"server_max_window_bits=08", "server_max_window_bits=1000", "server_max_window_bits=-9", "server_max_window_bits=0x9",
	"server_max_window_bits=18446744073709551626", // 10, if it were cut to 64 bits
	"client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=09", "client_max_window_bits=a",
	"client_no_context_takeover; server_max_window_bits=9; x",
}

// Each of them alone is declined, and with it compression; in front of a good one it is passed over, on one line or
// on two. Nobody is refused.
//
// Checklist: P1, P8, X4, X7, R3
func TestBadOffersArePassedOver(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			l := d.open(t, compressing(conn.Compression{}), echo, ignore)
			for _, bad := range badOffers {
				bad = pmd + "; " + bad
				good := pmd + "; server_max_window_bits=9"
				want := pmdAlone + "; server_max_window_bits=9"
				for _, test := range []struct {
					lists []string
					want  string
				}{
					{[]string{bad}, ""},
					{[]string{bad, bad}, ""},
					{[]string{bad + ", " + good}, want},
					{[]string{bad, good}, want},
					{[]string{good + ", " + bad}, want},
					{[]string{bad, good + ", " + pmd}, want},
				} {
					if got := l.asked(test.lists...); got != test.want {
						t.Errorf("%s: %q is answered with %q, want %q", d.name, test.lists, got, test.want)
					}
				}
			}
		})
	}
}

// What the answer is, for offers and for what we want. The Conn is told what a client understands.
//
// Checklist: P3, P4, P5, P6, P8, P9, X1, X2, X4, X6
func TestOffersAreAnswered(t *testing.T) {
	alone, takeover := conn.Compression{}, conn.Compression{Takeover: true}
	small := conn.Compression{Takeover: true, WindowBits: 9, PeerWindowBits: 10}
	large := conn.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15}
	for _, test := range []struct {
		want   conn.Compression
		offer  string
		answer string // "" if it is declined
	}{
		{alone, "", ""},
		{alone, pmd, pmdAlone},
		{alone, pmd + "; client_max_window_bits", pmdAlone}, // what browsers send
		{takeover, pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=12; client_max_window_bits=12"},
		{large, pmd + "; client_max_window_bits", pmd},
		{small, pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=9; client_max_window_bits=10"},
		// A client that does not offer a smaller window is told to forget, and never to use a smaller one.
		{takeover, pmd, pmd + "; client_no_context_takeover; server_max_window_bits=12"},
		{large, pmd, pmd},
		// Demands are met and said, whatever we want.
		{large, pmd + "; server_no_context_takeover", pmd + "; server_no_context_takeover"},
		{large, pmd + "; server_max_window_bits=8", pmd + "; server_max_window_bits=8"},
		{large, pmd + "; server_max_window_bits=15", pmd + "; server_max_window_bits=15"},
		{small, pmd + "; server_max_window_bits=8; client_max_window_bits", pmd + "; server_max_window_bits=8; client_max_window_bits=10"},
		{small, pmd + "; server_max_window_bits=15; client_max_window_bits", pmd + "; server_max_window_bits=9; client_max_window_bits=10"},
		// Hints are made binding; what is above our wish is brought down to it.
		{large, pmd + "; client_no_context_takeover", pmd + "; client_no_context_takeover"},
		{large, pmd + "; client_max_window_bits=11", pmd + "; client_max_window_bits=11"},
		{small, pmd + "; client_max_window_bits=11", pmd + "; server_max_window_bits=9; client_max_window_bits=10"},
		{small, pmd + "; client_max_window_bits=8", pmd + "; server_max_window_bits=9; client_max_window_bits=8"},
		// The first that will do, of three (RFC 7692, section 5.1).
		{large, pmd + "; server_max_window_bits=9, " + pmd + "; server_max_window_bits=10, " + pmd, pmd + "; server_max_window_bits=9"},
		{large, pmd + ", " + pmd + "; server_max_window_bits=10", pmd},
		{large, pmd + "; server_max_window_bits=99, " + pmd + "; use_snappy, " + pmd + "; server_no_context_takeover",
			pmd + "; server_no_context_takeover"},
		// Others are declined, and never combined with it.
		{large, "x-webkit-deflate-frame, " + pmd + ", permessage-bzip2; a=b", pmd},
		{large, "x-webkit-deflate-frame, permessage-bzip2; a=b", ""},
		{large, "permessage-deflate2, permessage, x; " + pmd, ""},
		// Names are compared as they are (the registry has small letters), values without their quotes.
		{large, "PerMessage-Deflate", ""},
		{large, ` , ` + pmd + ` ;server_max_window_bits="10" ; client_max_window_bits = "1\1",`, pmd + "; server_max_window_bits=10; client_max_window_bits=11"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := compressing(test.want)
			var lists []string
			if test.offer != "" {
				lists = append(lists, test.offer)
			}
			for _, d := range doors {
				if got := d.open(t, o, echo, ignore).asked(lists...); got != test.answer {
					t.Errorf("%s: %q is answered with %q, want %q", d.name, test.offer, got, test.answer)
				}
			}
		})
		offered := parsed(t, test.offer)
		_, agreed := compressing(test.want).agree(offered, &place{})
		understood, ok, err := deflate.Confirm(offered, parsed(t, test.answer))
		if err != nil || ok != (agreed != nil) || ok && *agreed != understood {
			t.Errorf("%q: our Conn is told %+v, the client understands %+v, %t, %v", test.offer, agreed, understood, ok, err)
		}
	}
}

func parsed(t testing.TB, list string) []handshake.Extension {
	if list == "" {
		return nil
	}
	exts, err := handshake.ParseExtensions([]string{list})
	if err != nil {
		t.Fatal(err)
	}
	return exts
}

// Off by default: no offer is answered.
//
// Checklist: D15, X7
func TestCompressionIsOffByDefault(t *testing.T) {
	for _, o := range []*Options{nil, {}, {Conn: &conn.Options{}}} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				if got := d.open(t, o, echo, ignore).asked(pmd+"; client_max_window_bits", pmd); got != "" {
					t.Errorf("%s: answered with %q, want nothing", d.name, got)
				}
			})
		}
	}
}

// What breaks the grammar is refused, good offers beside it or not.
//
// Checklist: X1, X2, X3
func TestMalformedOffersAreRefused(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			l := d.open(t, compressing(conn.Compression{}), never(t), ignore)
			for _, list := range []string{
				"", ",", ";", pmd + ";", pmd + "; ;x", pmd + "; =9", pmd + "; server_max_window_bits=", pmd + " x", pmd + "/1",
				pmd + `; server_max_window_bits=""`, pmd + `; server_max_window_bits="1 0"`, pmd + `; server_max_window_bits="10`,
				pmd + `; server_max_window_bits="10"0`, pmd + `; server_max_window_bits=10=10`, `"` + pmd + `"`, pmd + "; (x)", pmd + "; \x80",
				pmd + `; server_max_window_bits='10', ` + pmd + `; x="a, b"`,
			} {
				for _, lists := range [][]string{{list}, {pmd, list, pmd}} {
					if list == "" && len(lists) > 1 || list == "," && len(lists) > 1 {
						continue // an empty line among others is an empty element, which is legal
					}
					p := l.dial()
					p.t = named{t, fmt.Sprintf("%s: %q", d.name, lists)}
					p.send(request(offers(lists...)...))
					p.refused(http.StatusBadRequest)
				}
			}
		})
	}
}

// Whoever was declined must not compress, and an RSV1 is a broken rule.
//
// Checklist: P10, X7
func TestDeclinedMeansNoCompression(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			l := d.open(t, compressing(conn.Compression{}), echo, ignore)
			for _, lists := range [][]string{nil, {pmd + "; server_max_window_bits=7"}, {"x-webkit-deflate-frame"}} {
				p := l.dial().opens(offers(lists...)...)
				p.send("\xc1" + masked(frame.Text, helloDeflated)[1:])
				h, payload := p.frame()
				if code, _, err := frame.ParseClose(payload); h.Opcode != frame.Close || code != 1002 || err != nil {
					t.Errorf("%s: %q: got %v %v, %v; want a Close with 1002", d.name, lists, h.Opcode, code, err)
				}
				p.nc.Close()
			}
		})
	}
}

// helloDeflated is "Hello" (RFC 7692, section 7.2.3.1), helloAgain refers to the one before it (section 7.2.3.2).
const (
	helloDeflated = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	helloAgain    = "\xf2\x00\x11\x00\x00"
)
