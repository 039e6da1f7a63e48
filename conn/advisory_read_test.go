package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Known attacks on readers, end to end, by the number of the public advisory or,
// where there is none, of the report or commit that answered it.
//
// Checklist: F7, F11, F12, G10, Z3
func TestAdvisoryRead(t *testing.T) {
	t.Run("CVE-2020-27813", adviseLengthSum)
	for _, id := range []string{
		"CVE-2026-27889", "nats.go-2050", "gobwas-54", "fastws-11", "CVE-2026-1528", "CVE-2020-13935", "CVE-2017-2921",
	} {
		t.Run(id, adviseHugeLengths)
	}
	t.Run("CVE-2026-0716", adviseNoLimit)
	t.Run("CVE-2022-35922", adviseNoLimit)
	t.Run("CVE-2026-5740", adviseNoLimit)
	t.Run("CVE-2014-0193", adviseEndlessFragments)
	t.Run("c5ed78756", adviseEndlessFragments)
	t.Run("32dbf0b3d", adviseEndlessEmptyFragments)
	t.Run("b4c287b38", adviseSumOfFragments)
	t.Run("CVE-2018-21035", adviseDefaultLimits)
	t.Run("CVE-2021-21419", adviseDefaultLimits)
	t.Run("CVE-2026-48779", func(t *testing.T) { adviseTinyFragments(t, 5_000, 1) })
	t.Run("ws-2331", func(t *testing.T) { adviseTinyFragments(t, 20_000, 4096) })
	t.Run("CVE-2026-65623", adviseMillionFragments)
	t.Run("211fcb3ec", adviseCompressionNotAgreed)
	t.Run("409d394aa", adviseCompressionNotAgreed)
	t.Run("d1b647e3a", TestMessagesDoNotMixWithOtherConnections)
	t.Run("e59cd4487", TestLentMemoryStaysWhileTheBodyRuns)
	t.Run("CVE-2025-12689", adviseTextIsChecked)
	t.Run("CVE-2019-0564", adviseResetInEveryState)
}

// boundless are options in which only the rules of the RFC stop a peer.
func boundless() *Options {
	return &Options{ReadLimit: -1, StreamLimit: -1, MaxFragments: -1, PingInterval: -1, MinProgress: -1}
}

// Lengths whose sum is over 2^63, without any limit: nothing wraps, and the bytes
// that never come are waited for.
func adviseLengthSum(t *testing.T) {
	for _, role := range both {
		for _, call := range everyDataCall() {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, boundless())
				result := call.start(t.Context(), c)
				p.send(p.frame(!fin, frame.Binary, strings.Repeat("x", 5000)))
				p.send(header(frame.Continuation, 1<<63-1, 9)(p.role)...)
				p.send(bytes.Repeat([]byte("y"), 5000))
				synctest.Wait()
				select {
				case r := <-result:
					t.Errorf("%s = %d bytes, %v; want it to wait", call.name, len(r.got), r.err)
				default:
				}
				p.nc.CloseWrite()
				if r := <-result; !errors.Is(r.err, io.ErrUnexpectedEOF) || r.whole {
					t.Errorf("%s = %d bytes, %v; want io.ErrUnexpectedEOF", call.name, len(r.got), r.err)
				}
			})
		}
	}
}

// Lengths of 64 bits that are negative as an int64, or just not.
func adviseHugeLengths(t *testing.T) {
	for _, o := range []*Options{nil, boundless()} {
		for _, length := range []uint64{1 << 63, 1<<63 + 1, 1<<63 + 2, 1<<64 - 1, 1<<63 - 1, 1 << 62, 1 << 32, 1<<32 - 1, 1 << 31} {
			for _, op := range []frame.Opcode{frame.Text, frame.Binary, frame.Continuation, frame.Close, frame.Ping, frame.Pong} {
				for _, role := range both {
					synctest.Test(t, func(t *testing.T) { hugeLength(t, o, role, op, length) })
				}
			}
		}
	}
}

func hugeLength(t *testing.T, o *Options, role Role, op frame.Opcode, length uint64) {
	c, p := newPeer(t, role, o)
	if op == frame.Continuation {
		p.send(p.frame(!fin, frame.Binary, "some"))
	}
	p.send(header(op, length, 9)(p.role)...)
	want := CloseTooBig
	switch {
	case length>>63 == 1 || op.IsControl():
		want = CloseProtocolError
	case o != nil: // then nothing is wrong with it yet
		p.nc.CloseWrite()
		if _, _, err := c.Read(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v of %d bytes: %v, want io.ErrUnexpectedEOF", op, length, err)
		}
		return
	}
	if _, _, err := c.Read(t.Context()); brokenRule(err) != want {
		t.Errorf("%v of %d bytes: %v, want %v", op, length, err, want)
	}
	p.expectClose(want)
}

// Without a limit memory follows the bytes that came all the same.
func adviseNoLimit(t *testing.T) {
	for _, call := range everyDataCall() {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, boundless())
			result := call.start(t.Context(), c)
			p.send(p.frame(fin, frame.Ping, "warm"))
			p.expect(frame.Pong, "warm")
			before := heapAlloc()
			p.send(header(frame.Text, 1<<40, 9)(Client)...)
			p.send([]byte("some"))
			synctest.Wait()
			if grown := heapAlloc() - before; grown > 64<<10 {
				t.Errorf("%s: %d bytes on the heap for 18 received", call.name, grown)
			}
			p.nc.CloseWrite()
			<-result
		})
	}
}

// endless reads a message whose fragments do not end.
func endless(t *testing.T, payload string, o *Options) error {
	t.Helper()
	var got error
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, o)
		go func() {
			p.nc.Write(p.frame(!fin, frame.Binary, payload))
			next := bytes.Repeat(p.frame(!fin, frame.Continuation, payload), 1+100_000/(1+len(payload)))
			for {
				if _, err := p.nc.Write(next); err != nil {
					return
				}
			}
		}()
		_, _, got = c.Read(t.Context())
		if n := c.Stats().FramesIn; n > defaultMaxFragments+1 {
			t.Errorf("%d frames were read", n)
		}
		c.CloseNow()
	})
	return got
}

func adviseEndlessFragments(t *testing.T) {
	if err := endless(t, strings.Repeat("x", 100), quiet()); brokenRule(err) != CloseTooBig {
		t.Errorf("fragments of 100 bytes: %v, want 1009", err)
	}
	o := quiet()
	o.ReadLimit = -1 // then their number is bounded
	if err := endless(t, "x", o); brokenRule(err) != CloseTooBig {
		t.Errorf("fragments of one byte: %v, want 1009", err)
	}
}

func adviseEndlessEmptyFragments(t *testing.T) {
	if err := endless(t, "", quiet()); brokenRule(err) != CloseTooBig {
		t.Errorf("empty fragments: %v, want 1009", err)
	}
}

// Each frame is small enough, their sum is not.
func adviseSumOfFragments(t *testing.T) {
	if err := endless(t, strings.Repeat("x", defaultReadLimit), quiet()); brokenRule(err) != CloseTooBig {
		t.Errorf("fragments of the whole limit: %v, want 1009", err)
	}
}

// A program that sets nothing is protected.
func adviseDefaultLimits(t *testing.T) {
	for name, o := range map[string]*Options{"nil": nil, "zero": {}} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, o)
			p.send(header(frame.Binary, 1<<20+1, 9)(Client)...)
			if _, _, err := c.Read(t.Context()); brokenRule(err) != CloseTooBig {
				t.Errorf("%s options: 1 MiB and a byte: %v, want 1009", name, err)
			}
		})
	}
}

// script is a connection of which the peer has said everything already.
type script struct {
	net.Conn // nil: nothing else is called
	in       io.Reader
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// A message of n fragments of one byte, in small chunks: what it pins is judged by
// what was received, not by how it was cut.
func adviseTinyFragments(t *testing.T, n, chunk int) {
	const conns = 2
	for _, call := range everyDelivery() {
		synctest.Test(t, func(t *testing.T) {
			cs := make([]*Conn, conns)
			ends := make([]*wiretest.Conn, conns)
			results := make([]<-chan outcome, conns)
			in := fragments(Client, n, "x")
			for i := range cs {
				var near *wiretest.Conn
				near, ends[i] = wiretest.Pipe(4096)
				cs[i] = New(wiretest.Split(near, wiretest.Fixed(chunk)), Setup{Role: Server}, quiet())
				results[i] = call.start(context.Background(), cs[i])
				ends[i].Write(in[:1])
			}
			synctest.Wait()
			before := heapAlloc()
			for _, far := range ends {
				far.Write(in[1 : len(in)-1])
			}
			synctest.Wait()
			if pinned := (heapAlloc() - before) / conns; pinned >= int64(2*n+8<<10) {
				t.Errorf("%s, chunks of %d: %d bytes pinned by %d received", call.name, chunk, pinned, n)
			}
			for i, far := range ends {
				far.Write(in[len(in)-1:])
				if r := <-results[i]; len(r.got) != n || r.err != nil {
					t.Errorf("%s: %d bytes, %v; want %d", call.name, len(r.got), r.err, n)
				}
				cs[i].CloseNow()
			}
		})
	}
}

// The work for a fragment does not depend on how many came before: all that is
// allocated, ever, stays below a few times the message.
func adviseMillionFragments(t *testing.T) {
	n := 1_000_000
	if raced() || testing.Short() {
		n = 100_000
	}
	in := fragments(Client, n, "x")
	for _, call := range everyDelivery() {
		c := New(&script{in: bytes.NewReader(in)}, Setup{Role: Server}, boundless())
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _, err := call.do(context.Background(), c)
		runtime.ReadMemStats(&after)
		c.CloseNow()
		if len(got) != n || err != nil {
			t.Fatalf("%s: %d bytes, %v; want %d", call.name, len(got), err, n)
		}
		if all := after.TotalAlloc - before.TotalAlloc; all > 12*uint64(n) {
			t.Errorf("%s: %d bytes allocated in all for %d fragments of one byte", call.name, all, n)
		}
		// In a test under the race detector pools forget, once in four times.
		if m := after.Mallocs - before.Mallocs; m > 1000 && !raced() {
			t.Errorf("%s: %d allocations for %d fragments", call.name, m, n)
		}
	}
}

// RSV1 without an agreement: with bytes and without, on every kind of frame.
func adviseCompressionNotAgreed(t *testing.T) {
	for _, op := range []frame.Opcode{frame.Text, frame.Binary, frame.Ping, frame.Close} {
		for _, payload := range []string{"", "\xf2\x48\xcd\xc9\xc9\x07\x00", "\x00"} {
			for _, role := range both {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, quiet())
					p.send(setBits(0x40, one(fin, op, payload))(p.role)...)
					if _, got, err := c.Read(t.Context()); brokenRule(err) != CloseProtocolError {
						t.Errorf("%v with RSV1 and %x: %q, %v; want 1002", op, payload, got, err)
					}
					p.expectClose(CloseProtocolError)
				})
			}
		}
	}
}

// Nobody behind us sees text that is none.
func adviseTextIsChecked(t *testing.T) {
	for _, bad := range []string{"\xff", "ok\xc0\x80", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "half \xe2\x82"} {
		for _, call := range everyDataCall() {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, Server, nil)
				p.message(frame.Text, bad)
				got, whole, err := call.do(t.Context(), c)
				if whole || brokenRule(err) != CloseInvalidPayload {
					t.Errorf("%s of %q = %q, %v; want 1007", call.name, bad, got, err)
				}
				if call.name != "Reader" && got != "" {
					t.Errorf("%s of %q delivered %q", call.name, bad, got)
				}
				p.expectClose(CloseInvalidPayload)
			})
		}
	}
}

// A reset in every state, whoever waits for what.
func adviseResetInEveryState(t *testing.T) {
	states := map[string]func(c *Conn, p *peer){
		"open":             func(*Conn, *peer) {},
		"inside a header":  func(_ *Conn, p *peer) { p.send([]byte{0x81}) },
		"inside a message": func(_ *Conn, p *peer) { p.send(p.frame(!fin, frame.Text, "x")) },
		"closing":          func(c *Conn, _ *peer) { c.BeginClose(CloseNormal, "") },
		"being closed":     func(_ *Conn, p *peer) { p.message(frame.Close, "") },
		"broken":           func(_ *Conn, p *peer) { p.message(frame.Continuation, "") },
	}
	for name, enter := range states {
		for _, call := range readCalls {
			if call.name == "Ping" && name == "inside a message" {
				continue // it stops there, and then nobody reads who could see a reset
			}
			for _, role := range both {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, nil)
					result := call.start(t.Context(), c)
					synctest.Wait()
					enter(c, p)
					synctest.Wait()
					start := time.Now()
					p.nc.Reset()
					if r := <-result; r.err != errSilent {
						closeError(t, r.err)
					}
					<-c.Done()
					if d := time.Since(start); d > 0 {
						t.Errorf("%s, %s: the end took %v", name, call.name, d)
					}
				})
			}
		}
	}
}
