package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// raced reports whether the race detector runs: then lent memory is poisoned,
// pools forget at random, and everything is ten times slower.
func raced() bool {
	p := []byte{0}
	poison(p)
	return p[0] != 0
}

// dataCalls are the readCalls that take data off the stream.
func dataCalls() []readCall { return readCalls[:5] }

// Checklist: T4, T1
func TestTextFailsAtItsFirstImpossibleByte(t *testing.T) {
	for _, bad := range []string{"\xff", "ok \xc0", "\xe2\x28", "\xed\xa0", "\xf4\x90", "κόσμε\xf5"} {
		for _, role := range both {
			for _, call := range everyDataCall() {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, quiet())
					start := time.Now()
					b := p.frame(fin, frame.Text, bad+strings.Repeat("x", 1000))
					result := call.start(t.Context(), c)
					p.send(b[:len(b)-1000]) // and the rest never comes
					p.expectClose(CloseInvalidPayload)
					if r := <-result; brokenRule(r.err) != CloseInvalidPayload || r.whole {
						t.Errorf("%s of %q, stalled: %q, %v; want 1007", call.name, bad, r.got, r.err)
					}
					if d := time.Since(start); d != 0 {
						t.Errorf("%s of %q took %v, want no waiting", call.name, bad, d)
					}
					p.expectEnd()
				})
			}
		}
	}
}

// What a header shows is judged before its payload is waited for.
//
// Checklist: F6, N1, F12
func TestHeadersAreJudgedWithoutTheirPayload(t *testing.T) {
	for _, test := range []struct {
		name string
		in   func(Role) [][]byte
		want CloseCode
	}{
		{"opcode 3", header(3, 1<<40, 9), CloseProtocolError},
		{"opcode 15", header(15, 1<<62, 9), CloseProtocolError},
		{"ping of 64 KiB", header(frame.Ping, 1<<16, 9), CloseProtocolError},
		{"close of 126 bytes", header(frame.Close, 126, 3), CloseProtocolError},
		{"2^40 bytes", header(frame.Binary, 1<<40, 9), CloseTooBig},
		{"2^63-1 bytes of text", header(frame.Text, 1<<63-1, 9), CloseTooBig},
	} {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				p.send(test.in(p.role)...)
				_, _, err := c.Read(t.Context())
				if brokenRule(err) != test.want {
					t.Errorf("%s: Read = %v, want the code %v", test.name, err, test.want)
				}
				p.expectClose(test.want)
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		result := readCalls[0].start(t.Context(), c)
		p.send([]byte{0x83}, []byte{0x80}) // opcode 3: two bytes are enough
		if r := <-result; brokenRule(r.err) != CloseProtocolError {
			t.Errorf("Read = %v, want 1002 after two bytes", r.err)
		}
	})
}

// Checklist: G4, N3, K3
func TestPingIsAnsweredInTheMiddleOfAMessage(t *testing.T) {
	for _, role := range both {
		for _, call := range everyDataCall() {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				result := call.start(t.Context(), c)
				p.send(p.frame(!fin, frame.Text, "Hel"))
				for i := range 20 {
					payload := strings.Repeat("\xfe", i*6)
					p.message(frame.Ping, payload)
					p.expect(frame.Pong, payload)
					p.send(p.frame(!fin, frame.Continuation, ""))
				}
				p.send(p.frame(fin, frame.Continuation, "lo"))
				synctest.Wait()
				if call.name == "Discard" {
					return
				}
				if r := <-result; r.got != "Hello" || r.err != nil {
					t.Errorf("%s = %q, %v; want Hello", call.name, r.got, r.err)
				}
			})
		}
	}
}

// Checklist: N5
func TestForeignPongsAreNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		ping := readCalls[5].start(t.Context(), c)
		for _, payload := range []string{"", "x", "1234567", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x02", "123456789"} {
			p.message(frame.Pong, payload)
		}
		synctest.Wait()
		select {
		case r := <-ping:
			t.Fatalf("Ping = %v without its Pong", r.err)
		default:
		}
		_, payload, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		p.message(frame.Pong, payload)
		if r := <-ping; r.err != nil {
			t.Errorf("Ping = %v", r.err)
		}
		p.expectNothing()
	})
}

// Checklist: L11
func TestErrorSaysHowItEnded(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(p *peer)
		want   CloseError
		normal bool
		is     error
		text   string
	}{
		{"normal", func(p *peer) { p.message(frame.Close, closePayload(1000, "done")) },
			CloseError{Code: 1000, Sent: 1000, Reason: "done", Remote: true}, true, nil, `websocket: closed by peer: 1000 (normal closure): "done"`},
		{"going away", func(p *peer) { p.message(frame.Close, closePayload(1001, "")) },
			CloseError{Code: 1001, Sent: 1001, Remote: true}, true, nil, "websocket: closed by peer: 1001 (going away)"},
		{"no code", func(p *peer) { p.message(frame.Close, "") },
			CloseError{Code: 1005, Sent: 1005, Remote: true}, true, nil, "websocket: closed by peer: 1005 (no status received)"},
		{"private code", func(p *peer) { p.message(frame.Close, closePayload(4000, "go")) },
			CloseError{Code: 4000, Sent: 4000, Reason: "go", Remote: true}, false, nil, ""},
		{"end of the stream", func(p *peer) { p.nc.CloseWrite() },
			CloseError{Code: 1006, Remote: true}, false, io.EOF, "websocket: read: EOF"},
		{"reset", func(p *peer) { p.nc.Reset() },
			CloseError{Code: 1006, Remote: true}, false, errReset, ""},
		{"broken rule", func(p *peer) { p.message(frame.Opcode(7), "") },
			CloseError{Code: 1006, Sent: 1002, Remote: true}, false, nil, ""},
	} {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				test.do(p)
				_, _, err := c.Read(t.Context())
				e := *closeError(t, err)
				cause := e.cause
				e.cause = nil
				if e != test.want || IsNormal(err) != test.normal || test.is != nil && !errors.Is(cause, test.is) {
					t.Errorf("%s: got %+v (%v), normal %t; want %+v, %t", test.name, e, err, IsNormal(err), test.want, test.normal)
				}
				if test.text != "" && err.Error() != test.text {
					t.Errorf("%s: got text %s, want %s", test.name, err, test.text)
				}
			})
		}
	}
}

// A stranger's text is shown quoted, so that it cannot speak to a terminal.
//
// Checklist: L18
func TestReasonIsQuotedInErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		p.message(frame.Close, closePayload(4001, "\x1b]0;pwned\a\r\nlog: \u202efake\u2028"))
		_, _, err := c.Read(t.Context())
		want := `"\x1b]0;pwned\a\r\nlog: \u202efake\u2028"`
		if s := err.Error(); !strings.HasSuffix(s, want) || strings.ContainsAny(s, "\x1b\a\r\n\u202e\u2028") {
			t.Errorf("got error %q, want the reason as %s", s, want)
		}
	})
}

// Checklist: L13
func TestLossOfTheStreamSendsNoClose(t *testing.T) {
	for _, role := range both {
		for name, lose := range map[string]func(p *peer){
			"FIN inside a frame":   func(p *peer) { p.send([]byte{0x81}); p.nc.CloseWrite() },
			"FIN inside a message": func(p *peer) { p.send(p.frame(!fin, frame.Text, "x")); p.nc.CloseWrite() },
			"FIN":                  func(p *peer) { p.nc.CloseWrite() },
			"RST":                  func(p *peer) { p.nc.Reset() },
		} {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				lose(p)
				_, _, err := c.Read(t.Context())
				e := closeError(t, err)
				if e.Code != CloseAbnormal || e.Sent != 0 || !e.Remote {
					t.Errorf("%s: got %+v, want 1006 and nothing sent", name, e)
				}
				if inside := strings.Contains(name, "inside"); inside != errors.Is(err, io.ErrUnexpectedEOF) || inside && errors.Is(err, io.EOF) {
					t.Errorf("%s: Read = %v", name, err)
				}
				<-c.Done()
				if _, got, err := p.next(); err == nil {
					t.Errorf("%s: peer got %q, want nothing", name, got)
				}
			})
		}
	}
}

// Checklist: T6
func TestOutgoingTextMustBeUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			c, p := newPeer(t, role, quiet())
			for _, bad := range []string{"\xff", "ok\xed\xa0\x80", "half \xe2\x82"} {
				if err := c.Write(t.Context(), Text, []byte(bad)); err == nil {
					t.Errorf("Write(Text, %q) = nil, want an error", bad)
				}
				if err := c.Post(Text, []byte(bad)); err == nil {
					t.Errorf("Post(Text, %q) = nil, want an error", bad)
				}
				if _, err := Prepare(Text, []byte(bad)); err == nil {
					t.Errorf("Prepare(Text, %q) = nil, want an error", bad)
				}
			}
			p.expectNothing()
			if err := c.Write(t.Context(), Binary, []byte("\xff")); err != nil {
				t.Errorf("Write(Binary, ff) = %v", err)
			}
			p.expect(frame.Binary, "\xff")
		}
		trusting := quiet()
		trusting.TrustText = true
		c, p := newPeer(t, Server, trusting)
		if err := c.Write(t.Context(), Text, []byte("\xff")); err != nil {
			t.Errorf("Write(Text, ff) with TrustText = %v", err)
		}
		p.expect(frame.Text, "\xff")
	})
}

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

// Checklist: G6
func TestNumberedMessagesArriveInOrder(t *testing.T) {
	n := 1_000_000
	switch {
	case testing.Short():
		n = 10_000
	case raced():
		n = 100_000
	}
	client, server := tcpConns(t, quiet())
	go func() {
		var p [8]byte
		for i := range n {
			binary.BigEndian.PutUint64(p[:], uint64(i))
			typ := Binary
			if i%3 == 0 {
				typ = Text
				copy(p[:], fmt.Sprintf("%08d", i))
			}
			if server.Write(context.Background(), typ, p[:]) != nil {
				return
			}
		}
		server.Close()
	}()
	i := 0
	for m, err := range client.Messages(context.Background()) {
		want := fmt.Sprintf("%08d", i)
		if i%3 != 0 {
			want = string(binary.BigEndian.AppendUint64(nil, uint64(i)))
		}
		if err != nil || string(m.Data) != want || (m.Type == Text) != (i%3 == 0) {
			t.Fatalf("message %d: %v %q, %v", i, m.Type, m.Data, err)
		}
		i++
	}
	if i != n {
		t.Errorf("%d messages came, want %d", i, n)
	}
}

func TestConcurrentReadsTakeTurnsByMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers, each = 8, 50
		c, p := newPeer(t, Server, quiet())
		seen := make(chan string, readers*each)
		var wg sync.WaitGroup
		for i := range readers {
			wg.Go(func() {
				call := readCalls[[]int{0, 1, 3}[i%3]]
				for range each {
					got, _, err := call.do(t.Context(), c)
					if err != nil {
						t.Errorf("%s: %v", call.name, err)
					}
					seen <- got
				}
			})
		}
		for i := range readers * each {
			s := fmt.Sprintf("message %d ", i)
			p.send(p.frame(!fin, frame.Text, s), p.frame(fin, frame.Ping, s))
			p.send(p.frame(!fin, frame.Continuation, s))
			p.send(p.frame(fin, frame.Continuation, s))
		}
		wg.Wait()
		close(seen)
		got := map[string]bool{}
		for s := range seen {
			got[s] = true
		}
		for i := range readers * each {
			if want := strings.Repeat(fmt.Sprintf("message %d ", i), 3); !got[want] {
				t.Errorf("%q did not arrive whole and once", want)
			}
		}
	})
}

func TestReadErrorIsForEverAndForEveryCall(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *peer){
		"EOF":         func(c *Conn, p *peer) { p.nc.CloseWrite() },
		"broken rule": func(c *Conn, p *peer) { p.message(frame.Continuation, "") },
		"their Close": func(c *Conn, p *peer) { p.message(frame.Close, closePayload(4000, "")) },
		"CloseNow":    func(c *Conn, p *peer) { c.CloseNow() },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Client, quiet())
			// Everyone who waits gets the same error, and so does everyone who comes later.
			var waiting []<-chan outcome
			for _, call := range readCalls {
				waiting = append(waiting, call.start(t.Context(), c))
				synctest.Wait()
			}
			end(c, p)
			p.nc.Write(p.frame(fin, frame.Text, "too late"))
			first := (<-waiting[0]).err
			for i, w := range waiting[1:] {
				if r := <-w; r.err != first {
					t.Errorf("%s: waiting %s = %v, want %v", name, readCalls[i+1].name, r.err, first)
				}
			}
			for range 3 {
				for _, call := range readCalls {
					if got, _, err := call.do(t.Context(), c); err != first || got != "" {
						t.Errorf("%s: %s = %q, %v; want %v", name, call.name, got, err, first)
					}
				}
			}
			closeError(t, first)
			p.nc.Close()
			<-c.Done()
			if err := c.Err(); err != first {
				t.Errorf("%s: Err = %v, want %v", name, err, first)
			}
		})
	}
}

// Checklist: L12
func TestNothingIsDeliveredBehindABrokenRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			c, p := newPeer(t, role, quiet())
			bad := p.frame(fin, frame.Continuation, "")
			good := p.frame(fin, frame.Text, "valid")
			ping := p.frame(fin, frame.Ping, "valid")
			p.send(bytes.Join([][]byte{good, bad, good, ping, p.frame(fin, frame.Close, "")}, nil))
			wantMessage(t, c, Text, "valid")
			for range 3 {
				if _, got, err := c.Read(t.Context()); brokenRule(err) != CloseProtocolError {
					t.Errorf("Read = %q, %v; want 1002", got, err)
				}
			}
			p.expectClose(CloseProtocolError)
			p.expectEnd() // neither a Pong nor another Close
			p.nc.Close()
			<-c.Done()
			if e := closeError(t, c.Err()); e.Code != CloseAbnormal || e.Sent != CloseProtocolError {
				t.Errorf("Err = %+v, want 1006 received and 1002 sent", e)
			}
		}
	})
}

func TestReadAppendAppends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		room := append(make([]byte, 0, 32), "log: "...)
		other := make([]byte, 0, 32)
		for _, test := range []struct {
			buf  []byte
			in   string
			want string
			same bool // memory
		}{
			{room, "fits", "log: fits", true},
			{room, strings.Repeat("x", 27), "log: " + strings.Repeat("x", 27), true},
			{room, strings.Repeat("x", 28), "log: " + strings.Repeat("x", 28), false},
			{room, "", "log: ", true},
			{other, "over", "over", true},
			{nil, "new", "new", false},
			{[]byte{}, "", "", false},
			{room[:5:5], "full", "log: full", false},
		} {
			p.message(frame.Text, test.in)
			typ, got, err := c.ReadAppend(t.Context(), test.buf)
			if typ != Text || string(got) != test.want || err != nil {
				t.Errorf("ReadAppend(%q) of %q = %v, %q, %v; want %q", test.buf, test.in, typ, got, err, test.want)
			}
			if same := len(got) > 0 && cap(test.buf) > 0 && &got[:1][0] == &test.buf[:1][0]; same != test.same {
				t.Errorf("ReadAppend(%q) of %q: in the caller's memory %t, want %t", test.buf, test.in, same, test.same)
			}
		}
		p.nc.Close()
		if typ, got, err := c.ReadAppend(t.Context(), room); typ != 0 || string(got) != "log: " || err == nil {
			t.Errorf("ReadAppend at the end = %v, %q, %v; want buf as it was and an error", typ, got, err)
		}
	})
}

// What Read returns is the caller's for ever.
func TestReadGivesItsMemoryAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		var all [][]byte
		for i := range 50 {
			p.message(frame.Binary, strings.Repeat(string(rune('a'+i%26)), 1+i*200))
			_, got, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, got)
		}
		for i, got := range all {
			if want := strings.Repeat(string(rune('a'+i%26)), 1+i*200); string(got) != want {
				t.Errorf("message %d changed behind the Read: %.40q", i, got)
			}
		}
	})
}

func TestDiscardDropsMessagesAndAnswersPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			o := quiet()
			o.ReadLimit = 10
			c, p := newPeer(t, role, o)
			result := readCalls[4].start(t.Context(), c)
			for range 3 {
				p.message(frame.Text, strings.Repeat("longer than the limit of memory", 1000))
				p.send(p.frame(!fin, frame.Binary, "x"))
				p.message(frame.Ping, "ping")
				p.expect(frame.Pong, "ping")
				p.send(p.frame(fin, frame.Continuation, ""))
			}
			synctest.Wait()
			if s := c.Stats(); s.FramesIn != 12 {
				t.Errorf("%d frames were read, want 12", s.FramesIn)
			}
			if c.rd.buf != nil || c.rd.kept != nil {
				t.Error("Discard holds memory while it waits")
			}
			p.message(frame.Close, closePayload(1001, ""))
			p.expectClose(CloseGoingAway)
			if r := <-result; !IsNormal(r.err) {
				t.Errorf("Discard = %v, want the Close", r.err)
			}
		}
	})
}

// A message that Discard had begun to drop when it was canceled stays dropped, and
// is judged to its end.
func TestDiscardCanceledInsideAMessage(t *testing.T) {
	for _, bad := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			ctx, cancel := context.WithCancel(t.Context())
			result := readCalls[4].start(ctx, c)
			p.send(p.frame(!fin, frame.Text, "dropped \xe2"))
			synctest.Wait()
			cancel()
			if r := <-result; !errors.Is(r.err, context.Canceled) {
				t.Fatalf("Discard = %v, want context.Canceled", r.err)
			}
			rest := "\x82\xac"
			if bad {
				rest = "\x82"
			}
			p.send(p.frame(fin, frame.Continuation, rest))
			p.message(frame.Text, "next")
			_, got, err := c.Read(t.Context())
			if bad {
				if brokenRule(err) != CloseInvalidPayload {
					t.Errorf("Read = %q, %v; want 1007", got, err)
				}
				return
			}
			if string(got) != "next" || err != nil {
				t.Errorf("Read = %q, %v; want the next message", got, err)
			}
		})
	}
}

// Every frame that leaves is masked by a client and bare from a server, and has
// its length in the shortest form.
//
// Checklist: F1, F3, F9, G8
func TestFramesWeSendKeepTheLayout(t *testing.T) {
	sizes := []int{0, 1, 124, 125, 126, 127, 65_535, 65_536, 70_000}
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			go func() {
				for _, n := range sizes {
					c.Write(t.Context(), Binary, make([]byte, n))
				}
				w, _ := c.Writer(t.Context(), Text)
				w.Write(make([]byte, fragmentSize+1))
				w.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				c.Ping(ctx)
				c.Close()
			}()
			p.message(frame.Ping, "ping")
			for _, n := range sizes {
				p.expectAmongPongs(t, frame.Binary, true, n)
			}
			p.expectAmongPongs(t, frame.Text, false, fragmentSize)
			p.expectAmongPongs(t, frame.Continuation, true, 1)
			p.expectAmongPongs(t, frame.Ping, true, 8)
			p.expectAmongPongs(t, frame.Close, true, 2)
		})
	}
}

// expectAmongPongs wants this frame next; parsing it wants the shortest length.
func (p *peer) expectAmongPongs(t *testing.T, op frame.Opcode, fin bool, n int) {
	t.Helper()
	h, _, err := p.next()
	for err == nil && h.Opcode == frame.Pong {
		if h.Masked != (p.role == Server) {
			t.Errorf("Pong masked %t", h.Masked)
		}
		h, _, err = p.next()
	}
	if err != nil || h.Opcode != op || h.Fin != fin || h.Length != int64(n) || h.Masked != (p.role == Server) || h.RSV1 || h.RSV2 || h.RSV3 {
		t.Fatalf("peer got %+v, %v; want %v, fin %t, %d bytes", h, err, op, fin, n)
	}
}
