package client

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
)

// frame reads one frame of a client, which masks (RFC 6455, section 5.1); ok is false if it goes.
func (p *peer) frame() (h frame.Header, payload []byte, ok bool) {
	var b []byte
	for {
		h, err := frame.ParseHeader(b)
		if err == nil {
			payload = make([]byte, h.Length)
			_, err = io.ReadFull(p.r, payload)
			frame.Mask(payload, h.Key, 0)
			return h, payload, err == nil && h.Masked
		}
		c, err := p.r.ReadByte()
		if err != nil {
			return h, nil, false
		}
		b = append(b, c)
	}
}

// compressed is one compressed frame of a server: RSV1 is set (RFC 7692, section 6).
func compressed(payload []byte) string {
	h := frame.Header{Fin: true, RSV1: true, Opcode: frame.Text, Length: int64(len(payload))}
	return string(append(h.Append(nil), payload...))
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

// What the response says is what the connection does, whatever was offered: it understands what the server compresses on
// these terms, and compresses so that a server with exactly the agreed window, kept or not, understands it. A server that
// took no hint keeps 32 KiB of us, which fits all that we do.
//
// Checklist: P3, P4, P5, P6, P7, P8, D1
func TestAgreedTermsAreKept(t *testing.T) {
	for _, row := range []struct {
		k    conn.Compression
		list string
		from deflate.Direction // what the server may do
		to   deflate.Direction // what it keeps of us
		keep bool              // we refer to messages before
	}{
		{alone, pmd + "; server_no_context_takeover; client_no_context_takeover", deflate.Direction{WindowBits: 15}, deflate.Direction{WindowBits: 15}, false},
		{alone, pmd + "; server_no_context_takeover", deflate.Direction{WindowBits: 15}, deflate.Direction{WindowBits: 15, Takeover: true}, false},
		{large, pmd, deflate.Direction{WindowBits: 15, Takeover: true}, deflate.Direction{WindowBits: 15, Takeover: true}, true},
		{large, pmd + "; client_no_context_takeover", deflate.Direction{WindowBits: 15, Takeover: true}, deflate.Direction{WindowBits: 15}, false},
		{large, pmd + "; server_no_context_takeover", deflate.Direction{WindowBits: 15}, deflate.Direction{WindowBits: 15, Takeover: true}, true},
		{large, pmd + "; server_max_window_bits=8; client_max_window_bits=8", deflate.Direction{WindowBits: 8, Takeover: true}, deflate.Direction{WindowBits: 8, Takeover: true}, false},
		{large, pmd + "; client_max_window_bits=10", deflate.Direction{WindowBits: 15, Takeover: true}, deflate.Direction{WindowBits: 10, Takeover: true}, true},
		{takeover, pmd + "; server_max_window_bits=12; client_max_window_bits=12", deflate.Direction{WindowBits: 12, Takeover: true}, deflate.Direction{WindowBits: 12, Takeover: true}, true},
		{takeover, pmd + "; server_max_window_bits=9", deflate.Direction{WindowBits: 9, Takeover: true}, deflate.Direction{WindowBits: 12, Takeover: true}, true},
		{takeover, pmd + "; server_no_context_takeover", deflate.Direction{WindowBits: 15}, deflate.Direction{WindowBits: 12, Takeover: true}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.say(switching(p.request().Key, "Sec-WebSocket-Extensions: "+row.list+"\r\n"))
				p.echoes(row.list, row.from, row.to, row.keep)
			})
			c := mustDial(t, t.Context(), "ws://h/", compressing(w.options(), row.k))
			for i, message := range tides() {
				if err := c.Write(t.Context(), conn.Text, []byte(message)); err != nil {
					t.Fatalf("%q: message %d: Write = %v", row.list, i, err)
				}
				mustRead(t, c, message)
			}
			if err := c.Close(); err != nil {
				t.Errorf("%q: Close = %v", row.list, err)
			}
		})
	}
}

// echoes inflates what comes with one window, and sends it back with another. One message goes back plain, and is in no
// window then.
func (p *peer) echoes(list string, from, to deflate.Direction, keep bool) {
	z := deflate.NewCompressor(from.WindowBits, from.Takeover, deflate.Fast)
	d := deflate.NewDecompressor(to.WindowBits, to.Takeover)
	var sizes []int
	for {
		h, payload, ok := p.frame()
		switch {
		case !ok:
			p.t.Errorf("%q: no whole, masked frame behind %d messages", list, len(sizes))
			return
		case h.Opcode == frame.Close:
			if len(sizes) != len(tides()) || keep != (sizes[3] < sizes[0]/2) {
				p.t.Errorf("%q: compressed to %d bytes, want references to earlier messages %t", list, sizes, keep)
			}
			p.say("\x88\x02\x03\xe8")
			return
		}
		got, err := d.Append(nil, payload, h.Fin, 1<<20)
		if !h.RSV1 || err != nil {
			p.t.Errorf("%q: RSV1 %t, %d bytes, %v", list, h.RSV1, len(payload), err)
			return
		}
		sizes = append(sizes, len(payload))
		if len(sizes) == 2 {
			p.say(string(frame.Header{Fin: true, Opcode: frame.Text, Length: int64(len(got))}.Append(nil)) + string(got))
			continue
		}
		p.say(compressed(z.Append(nil, got)))
	}
}

// A server that says that it forgets and does not is corrupt, 1007. One that did not say so is understood.
//
// Checklist: P3, P8
func TestServerThatDoesNotForget(t *testing.T) {
	for _, list := range []string{pmd, pmd + "; server_no_context_takeover"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.say(switching(p.request().Key, "Sec-WebSocket-Extensions: "+list+"\r\n") +
					compressed([]byte(helloDeflated)) + compressed([]byte(helloAgain)))
				p.drain()
			})
			c := mustDial(t, t.Context(), "ws://h/", compressing(w.options(), large))
			mustRead(t, c, "Hello")
			if list == pmd {
				mustRead(t, c, "Hello")
			} else if _, m, err := c.Read(t.Context()); !sentClose(err, conn.CloseInvalidPayload) {
				t.Errorf("%q: Read = %q, %v; want a Close with 1007", list, m, err)
			}
			c.CloseNow()
		})
	}
}

func sentClose(err error, code conn.CloseCode) bool {
	var e *conn.CloseError
	return errors.As(err, &e) && e.Sent == code
}

// "Hello" (RFC 7692, section 7.2.3.1), and once more, as a reference to the message before (section 7.2.3.2).
const (
	helloDeflated = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	helloAgain    = "\xf2\x00\x11\x00\x00"
)
