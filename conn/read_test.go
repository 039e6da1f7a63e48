package conn

import (
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
