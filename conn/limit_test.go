package conn

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

// Checklist: Z3, G10
func TestReadLimitIsExact(t *testing.T) {
	const limit = 10_000
	o := quiet()
	o.ReadLimit = limit
	half := strings.Repeat("x", limit/2)
	for _, test := range []struct {
		name string
		in   func(Role) [][]byte
		ok   bool
	}{
		{"exactly", one(fin, frame.Binary, half+half), true},
		{"one more", one(fin, frame.Binary, half+half+"x"), false},
		{"exactly in fragments", seq(one(!fin, frame.Text, half), one(!fin, frame.Continuation, ""), one(fin, frame.Continuation, half)), true},
		{"one more in a fragment of its own", seq(one(!fin, frame.Text, half), one(!fin, frame.Continuation, half), one(fin, frame.Continuation, "x")), false},
		{"declared behind half of it", seq(one(!fin, frame.Text, half), header(frame.Continuation, limit/2+1, 3)), false},
		{"declared at once", header(frame.Binary, limit+1, 3), false},
	} {
		for _, role := range both {
			for _, call := range everyDataCall() {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, o)
					// The limit is for one message, and every one.
					p.message(frame.Binary, half+half)
					p.send(test.in(p.role)...)
					if call.name == "Discard" || call.name == "Reader" {
						return // hold nothing in memory
					}
					_, _, err := call.do(t.Context(), c)
					if err != nil {
						t.Fatalf("%s of %d bytes: %v", call.name, limit, err)
					}
					if _, _, err = call.do(t.Context(), c); (err == nil) != test.ok {
						t.Errorf("%s, %s: %v, want ok %t", call.name, test.name, err, test.ok)
					}
					if !test.ok {
						p.expectClose(CloseTooBig)
					}
				})
			}
		}
	}
}

func TestSetReadLimitHoldsFromTheNextFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		large := strings.Repeat("x", 2*defaultReadLimit)
		for _, n := range []int64{-1, 2 * defaultReadLimit} {
			c.SetReadLimit(n)
			go p.nc.Write(p.frame(fin, frame.Binary, large))
			if _, got, err := c.Read(t.Context()); len(got) != len(large) || err != nil {
				t.Fatalf("limit %d: Read = %d bytes, %v; want %d", n, len(got), err, len(large))
			}
		}
		c.SetReadLimit(0) // the default
		go p.nc.Write(p.frame(fin, frame.Binary, large))
		if _, _, err := c.Read(t.Context()); brokenRule(err) != CloseTooBig {
			t.Errorf("default limit: Read = %v, want 1009", err)
		}
	})
}

// A limit that sinks in the middle of a frame lets that frame pass.
func TestLimitLoweredInsideAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		b := p.frame(!fin, frame.Binary, strings.Repeat("x", 500_000))
		result := readCalls[0].start(t.Context(), c)
		p.send(b[:10_000])
		synctest.Wait()
		c.SetReadLimit(1000)
		go func() { p.nc.Write(b[10_000:]); p.nc.Write(p.frame(fin, frame.Continuation, "")) }()
		if r := <-result; brokenRule(r.err) != CloseTooBig {
			t.Errorf("Read = %d bytes, %v; want 1009 at the next frame", len(r.got), r.err)
		}
		if n := c.Stats().FramesIn; n != 2 {
			t.Errorf("%d frames were read, want 2: the limit is judged at headers", n)
		}
	})
}

// Checklist: G1, G10
func TestFragmentsAreCounted(t *testing.T) {
	for _, test := range []struct {
		name        string
		max, frames int
		ok          bool
	}{
		{"the most", 100, 100, true},
		{"one more", 100, 101, false},
		{"off", -1, defaultMaxFragments + 1, true},
		{"the default's most", 0, defaultMaxFragments, true},
		{"one more than the default", 0, defaultMaxFragments + 1, false},
	} {
		if testing.Short() && test.frames > 1000 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.MaxFragments = test.max
			c, p := newPeer(t, Client, o)
			go func() {
				p.nc.Write(fragments(p.role, test.frames, "y"))
			}()
			_, got, err := c.Read(t.Context())
			if (err == nil) != test.ok || test.ok && len(got) != test.frames {
				t.Errorf("%s: %d frames: Read = %d bytes, %v; want ok %t", test.name, test.frames, len(got), err, test.ok)
			}
			if !test.ok && brokenRule(err) != CloseTooBig {
				t.Errorf("%s: Read = %v, want 1009", test.name, err)
			}
		})
	}
}

// fragments is a binary message of n frames with the same payload in each.
func fragments(from Role, n int, payload string) []byte {
	b := frameOf(from, n == 1, frame.Binary, payload)
	if n > 1 {
		b = append(b, bytes.Repeat(frameOf(from, false, frame.Continuation, payload), n-2)...)
		b = append(b, frameOf(from, true, frame.Continuation, payload)...)
	}
	return b
}

// Checklist: G1
func TestManySmallFragments(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.ReadLimit = 4 << 20
			c, p := newPeer(t, role, o)
			piece := strings.Repeat("0123456789abcdef", 4)
			go func() { p.nc.Write(fragments(p.role, 65_536, piece)) }()
			_, got, err := c.Read(t.Context())
			if want := strings.Repeat(piece, 65_536); string(got) != want || err != nil {
				t.Errorf("65,536 fragments of 64 bytes: Read = %d bytes, %v; want %d", len(got), err, len(want))
			}
		})
	}
}
