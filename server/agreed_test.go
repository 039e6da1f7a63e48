package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// compressed is one compressed frame of a client: RSV1 is set (RFC 7692, section 6).
func compressed(payload []byte) string {
	return "\xc1" + masked(frame.Text, string(payload))[1:]
}

// tides are some messages of 800 bytes that are alike.
func tides() (all []string) {
	for i := range 4 {
		var b strings.Builder
		for j := range 10 {
			fmt.Fprintf(&b, `{"event":"tide","station":%d,"level":%d,"unit":"cm","rising":%t,"since":"%02d:%02d"},`, j*7919%100, 400+i+j*j, j%3 == 0, j, 7*j)
		}
		all = append(all, b.String())
	}
	return all
}

// What was agreed on is what the connection does, in all three doors: it understands what the client compresses on these
// terms, and compresses so that a client with exactly the agreed window, kept or not, understands it.
//
// Checklist: P3, P4, P5, P6, P8, D1
func TestAgreedTermsAreKept(t *testing.T) {
	alone, takeover := conn.Compression{}, conn.Compression{Takeover: true}
	large := conn.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15}
	for _, test := range []struct {
		k     conn.Compression
		offer string
	}{
		{alone, pmd},
		{alone, browserOffer + "; server_max_window_bits=8"},
		{takeover, browserOffer},
		{takeover, pmd},
		{takeover, browserOffer + "; server_no_context_takeover"},
		{takeover, browserOffer + "; server_max_window_bits=9"},
		{large, browserOffer},
		{large, pmd + "; server_max_window_bits=10"},
		{large, pmd + "; client_no_context_takeover"},
		{large, pmd + "; client_max_window_bits=8"},
		{large, pmd + "; server_max_window_bits=1000, " + pmd + "; server_max_window_bits=8; client_max_window_bits=9"},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				p, answer := d.open(t, compressing(test.k), echo, ignore).opensWith(test.offer)
				p.t = named{t, fmt.Sprintf("%s: %q for %q", d.name, answer, test.offer)}
				p.talks(test.offer, answer)
				p.send(byeFrame())
				p.closed(1000, "")
				p.gone()
			})
		}
	}
}

// talks sends messages on the terms of an answer, compressed and not, and wants them back compressed.
func (p *peer) talks(offer, answer string) {
	p.t.Helper()
	agreed, ok, err := deflate.Confirm(parsed(p.t, offer), parsed(p.t, answer))
	if !ok || err != nil {
		p.t.Fatalf("Confirm = %t, %v", ok, err)
	}
	ours, theirs := agreed.FromClient(), agreed.FromServer()
	z := deflate.NewCompressor(ours.WindowBits, ours.Takeover, deflate.Fast)
	d := deflate.NewDecompressor(theirs.WindowBits, theirs.Takeover)
	var sizes []int
	for i, message := range tides() {
		if i == 1 {
			p.send(masked(frame.Text, message)) // and a window that it is not in
		} else {
			p.send(compressed(z.Append(nil, []byte(message))))
		}
		h, payload := p.frame()
		got, err := d.Append(nil, payload, h.Fin, 1<<20)
		if !h.RSV1 || h.Opcode != frame.Text || err != nil || string(got) != message {
			p.t.Fatalf("message %d: RSV1 %t, %v, %d bytes, %v: %.40q; want %.40q", i, h.RSV1, h.Opcode, len(payload), err, got, message)
		}
		sizes = append(sizes, len(payload))
	}
	// With a window that is kept and holds a message, the next one is little more than references to it.
	if keeps := theirs.Takeover && theirs.WindowBits >= 10; keeps != (sizes[3] < sizes[0]/2) {
		p.t.Errorf("compressed to %d bytes, takeover %v, %d bits", sizes, theirs.Takeover, theirs.WindowBits)
	}
}

// A client that was told to forget and does not is corrupt, 1007; one that was not told is understood. The offer alone
// is a hint, and changes nothing.
//
// Checklist: P4
func TestWhoWasToldToForgetMustForget(t *testing.T) {
	for _, test := range []struct {
		k     conn.Compression
		offer string
		told  bool
	}{
		{conn.Compression{Takeover: true}, browserOffer, false},
		{conn.Compression{Takeover: true}, browserOffer + "; client_no_context_takeover", true},
		{conn.Compression{Takeover: true}, pmd, true},
		{conn.Compression{}, browserOffer, true},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				p, answer := d.open(t, compressing(test.k), echo, ignore).opensWith(test.offer)
				if got := strings.Contains(answer, "client_no_context_takeover"); got != test.told {
					t.Fatalf("%s: %q is answered with %q, want told %t", d.name, test.offer, answer, test.told)
				}
				p.send(compressed([]byte(helloDeflated)))
				p.text("Hello")
				p.send(compressed([]byte(helloAgain)))
				if !test.told {
					p.text("Hello")
					p.nc.Close()
					return
				}
				h, payload := p.frame()
				if code, _, err := frame.ParseClose(payload); h.Opcode != frame.Close || code != 1007 || err != nil {
					t.Errorf("%s: %q: got %v %v, %v; want a Close with 1007", d.name, answer, h.Opcode, code, err)
				}
				p.nc.Close()
			})
		}
	}
}

// A connection that came too late for takeover compresses all the same.
func TestCompressionWithoutRoomForTakeover(t *testing.T) {
	for _, d := range doors {
		synctest.Test(t, func(t *testing.T) {
			l := d.open(t, inGroup(&Group{TakeoverMemory: perConn}, conn.Compression{Takeover: true}), echo, ignore)
			for range 3 {
				p, answer := l.opensWith(browserOffer)
				p.t = named{t, fmt.Sprintf("%s: %q", d.name, answer)}
				p.talks(browserOffer, answer)
				defer p.nc.Close()
			}
		})
	}
}
