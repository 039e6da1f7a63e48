package client

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

const pmd = "permessage-deflate"

// compressing makes o one whose connections compress.
func compressing(o *Options, k conn.Compression) *Options {
	o.Conn = &conn.Options{Compression: &k}
	return o
}

var (
	alone    = conn.Compression{}                                                   // demands server_no_context_takeover
	takeover = conn.Compression{Takeover: true}                                     // demands a window of 12 bits, or that
	large    = conn.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15} // demands nothing
)

// What is offered, the favourite first. A window that we demand of the server never is the only way.
//
// Checklist: P4, P5, P6, P8, X4
func TestOffers(t *testing.T) {
	for _, row := range []struct {
		k    conn.Compression
		want string
	}{
		{alone, pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{large, pmd + "; client_max_window_bits"},
		{takeover, pmd + "; server_max_window_bits=12; client_max_window_bits=12, " +
			pmd + "; server_no_context_takeover; client_max_window_bits=12"},
		{conn.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 8}, pmd + "; server_max_window_bits=8; client_max_window_bits, " +
			pmd + "; server_no_context_takeover; client_max_window_bits"},
		{conn.Compression{Takeover: true, WindowBits: 9, PeerWindowBits: 15}, pmd + "; client_max_window_bits=9"},
		{conn.Compression{PeerWindowBits: 10}, pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits, " +
			pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		// What is no window is the default.
		{conn.Compression{WindowBits: 7, PeerWindowBits: 16}, pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
	} {
		got := make(chan []string, 1)
		w := newWorld(t, func(p *peer, _ int) {
			r := p.request()
			got <- r.Header["Sec-Websocket-Extensions"]
			p.say(switching(r.Key, ""))
			p.drain()
		})
		mustDial(t, t.Context(), "ws://h/", compressing(w.options(), row.k))
		if got := <-got; len(got) != 1 || got[0] != row.want {
			t.Errorf("%+v offers %q, want %q", row.k, got, row.want)
		}
	}
}

// Every attempt offers, not only the first.
func TestRedirectedHandshakeOffersAgain(t *testing.T) {
	w, heads := chain(t, 307, "/next")
	o := compressing(w.options(), takeover)
	o.MaxRedirects = 1
	mustDial(t, t.Context(), "ws://h/", o)
	if n := len(heads()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	for _, head := range heads() {
		if !strings.Contains(head, "\r\nSec-WebSocket-Extensions: "+pmd+"; server_max_window_bits=12; ") {
			t.Errorf("request %q does not offer", head)
		}
	}
}

// Nothing is offered by default, and then nothing can be agreed to.
//
// Checklist: D15, X7, V7
func TestNothingIsOfferedByDefault(t *testing.T) {
	for _, o := range []*conn.Options{nil, {}} {
		w := newWorld(t, func(p *peer, _ int) {
			r := p.request()
			if lines := r.Header["Sec-Websocket-Extensions"]; lines != nil {
				t.Errorf("offered %q", lines)
			}
			p.say(switching(r.Key, "Sec-WebSocket-Extensions: "+pmd+"\r\n"))
			p.drain()
		})
		options := w.options()
		options.Conn = o
		mustFail(t, t.Context(), "ws://h/", options, 101, `agrees to extension "permessage-deflate", which was not offered`)
		w.allClosed()
	}
}

// answeredWith dials a server that answers with these header lines, cut into pieces.
func answeredWith(t *testing.T, k conn.Compression, piece int, lines ...string) (*world, *Options) {
	w := newWorld(t, func(p *peer, _ int) {
		all := ""
		for _, line := range lines {
			all += "Sec-WebSocket-Extensions: " + line + "\r\n"
		}
		p.say(switching(p.request().Key, all))
		p.drain()
	})
	return w, compressing(&Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := w.DialContext(ctx, network, addr)
		return wiretest.Split(nc, wiretest.Fixed(piece)), err
	}}, k)
}

// What a server must not agree to fails the connection, with the text in the error and the socket closed.
//
// Checklist: P2, P6, P8, P9, V7, V8, X1, X2, X3, X5, X6
func TestBadAgreementsFail(t *testing.T) {
	const malformed, notOffered = "which is malformed (RFC 7692, section 7)", "which was not offered (RFC 7692, section 7)"
	for _, row := range []struct {
		k    conn.Compression
		list string // " | " divides lines
		text string
	}{
		// Parameters that do not exist, that have a value and may not or the other way round, a wrong one, or come twice.
		{large, pmd + "; x", malformed},
		{large, pmd + "; x=1", malformed},
		{large, pmd + "; constructor", malformed},
		{large, pmd + "; Server_No_Context_Takeover", malformed},
		{large, pmd + "; server_no_context_takeover=true", malformed},
		{large, pmd + "; client_no_context_takeover=1", malformed},
		{large, pmd + "; server_no_context_takeover; server_no_context_takeover", malformed},
		{large, pmd + "; client_no_context_takeover; client_no_context_takeover", malformed},
		{large, pmd + "; server_max_window_bits=10; server_max_window_bits=10", malformed},
		{large, pmd + "; client_max_window_bits=10; client_max_window_bits=11", malformed},
		{large, pmd + "; server_max_window_bits", malformed},
		{large, pmd + "; client_max_window_bits", malformed}, // only an offer may have it without a value
		{large, pmd + "; server_max_window_bits=7", malformed},
		{large, pmd + "; server_max_window_bits=16", malformed},
		{large, pmd + "; server_max_window_bits=08", malformed},
		{large, pmd + "; server_max_window_bits=1000", malformed},
		{large, pmd + "; server_max_window_bits=18446744073709551626", malformed}, // 10, if it were cut to 64 bits
		{large, pmd + "; client_max_window_bits=0", malformed},
		{large, pmd + "; client_max_window_bits=-9", malformed},
		{large, pmd + "; client_max_window_bits=1e1", malformed},
		{large, pmd + `; client_max_window_bits="016"`, malformed},
		// Sound, and no answer to what was offered.
		{takeover, pmd, notOffered}, // neither the window nor the other way
		{takeover, pmd + "; client_max_window_bits=12", notOffered},
		{takeover, pmd + "; server_max_window_bits=13", notOffered},
		{takeover, pmd + "; server_max_window_bits=12; client_max_window_bits=13", notOffered},
		{takeover, pmd + "; server_no_context_takeover; client_max_window_bits=15", notOffered},
		{alone, pmd, notOffered},
		{alone, pmd + "; client_no_context_takeover", notOffered},
		// It comes once and alone.
		{large, pmd + ", " + pmd, `agrees to extension "permessage-deflate" twice`},
		{large, pmd + " | " + pmd, `agrees to extension "permessage-deflate" twice`},
		{large, pmd + "; server_max_window_bits=99, " + pmd, `agrees to extension "permessage-deflate" twice`},
		{large, pmd + ", x-webkit-deflate-frame", `"x-webkit-deflate-frame", which was not offered`},
		{large, "permessage-bzip2 | " + pmd, `"permessage-bzip2", which was not offered`},
		{large, "x-webkit-deflate-frame", `"x-webkit-deflate-frame", which was not offered`},
		{large, "PerMessage-Deflate", `"PerMessage-Deflate", which was not offered`},
		// No list of extensions.
		{large, "", "malformed Sec-WebSocket-Extensions"},
		{large, " , ", "malformed Sec-WebSocket-Extensions"},
		{large, pmd + ";", "malformed Sec-WebSocket-Extensions"},
		{large, pmd + "; server_max_window_bits=", "malformed Sec-WebSocket-Extensions"},
		{large, pmd + `; server_max_window_bits=""`, "malformed Sec-WebSocket-Extensions"},
		{large, pmd + `; server_max_window_bits="10`, "malformed Sec-WebSocket-Extensions"},
		{large, pmd + `; server_max_window_bits="1 0"`, "malformed Sec-WebSocket-Extensions"},
		{large, pmd + " | \x80", "malformed Sec-WebSocket-Extensions"},
	} {
		for _, piece := range []int{1, 1 << 20} {
			w, o := answeredWith(t, row.k, piece, strings.Split(row.list, " | ")...)
			mustFail(t, t.Context(), "ws://h/", o, 101, row.text)
			w.allClosed()
		}
	}
}

// What a server may agree to, whatever was offered, and what it means. Hints that it does not answer are not agreed on.
//
// Checklist: P2, P3, P4, P5, P6, P7, P8, P10, X1, X2
func TestAgreements(t *testing.T) {
	on := func(serverBits int, serverForgets bool, clientBits int, clientForgets bool) *deflate.Params {
		return &deflate.Params{ServerNoContextTakeover: serverForgets, ClientNoContextTakeover: clientForgets,
			ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits}
	}
	const forgets = true
	for _, row := range []struct {
		k      conn.Compression
		list   string // "": no line
		agreed *deflate.Params
	}{
		{large, "", nil},
		{takeover, "", nil},
		{large, pmd, on(15, !forgets, 15, !forgets)},
		{large, "  ,  " + pmd + " , ", on(15, !forgets, 15, !forgets)},
		// All but the client's window may come unasked.
		{large, pmd + "; server_no_context_takeover", on(15, forgets, 15, !forgets)},
		{large, pmd + "; client_no_context_takeover", on(15, !forgets, 15, forgets)},
		{large, pmd + "; server_max_window_bits=8", on(8, !forgets, 15, !forgets)},
		{large, pmd + "; server_max_window_bits=15", on(15, !forgets, 15, !forgets)},
		{large, pmd + `;client_max_window_bits="1\1"`, on(15, !forgets, 11, !forgets)},
		{large, pmd + "; client_max_window_bits=8; server_no_context_takeover; server_max_window_bits=9; client_no_context_takeover", on(9, forgets, 8, forgets)},
		// The first way, with what it demands or less.
		{takeover, pmd + "; server_max_window_bits=12", on(12, !forgets, 15, !forgets)},
		{takeover, pmd + "; server_max_window_bits=12; client_max_window_bits=12", on(12, !forgets, 12, !forgets)},
		{takeover, pmd + "; server_max_window_bits=8; client_max_window_bits=9; client_no_context_takeover", on(8, !forgets, 9, forgets)},
		// The other way: a server that knows no windows forgets.
		{takeover, pmd + "; server_no_context_takeover", on(15, forgets, 15, !forgets)},
		{takeover, pmd + "; server_no_context_takeover; client_max_window_bits=10", on(15, forgets, 10, !forgets)},
		{takeover, pmd + "; server_no_context_takeover; client_no_context_takeover", on(15, forgets, 15, forgets)},
		{takeover, pmd + "; server_no_context_takeover; server_max_window_bits=15", on(15, forgets, 15, !forgets)},
		// That we forget is a hint, which this server does not take.
		{alone, pmd + "; server_no_context_takeover", on(15, forgets, 15, !forgets)},
		{alone, pmd + "; server_no_context_takeover; client_no_context_takeover", on(15, forgets, 15, forgets)},
	} {
		var lines []string
		if row.list != "" {
			lines = append(lines, row.list)
		}
		_, o := answeredWith(t, row.k, 1<<20, lines...)
		mustDial(t, t.Context(), "ws://h/", o)

		d, err := newDialing("ws://h/", o)
		if err != nil {
			t.Fatal(err)
		}
		offer, _, err := d.request()
		if err != nil {
			t.Fatal(err)
		}
		r := &handshake.Response{Status: 101, Proto: "HTTP/1.1", Header: handshake.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {handshake.AcceptKey(offer.Key)},
		}}
		if lines != nil {
			r.Header["Sec-Websocket-Extensions"] = lines
		}
		_, agreed, err := d.verdict(offer, r)
		if err != nil || (agreed == nil) != (row.agreed == nil) || agreed != nil && *agreed != *row.agreed {
			t.Errorf("%+v is answered with %q: agreed on %+v, %v; want %+v", row.k, row.list, agreed, err, row.agreed)
		}
	}
}
