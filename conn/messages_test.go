package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

func TestMessagesEndsSilentlyExactlyOnANormalEnd(t *testing.T) {
	for _, test := range []struct {
		name   string
		end    func(c *Conn, p *peer)
		silent bool
	}{
		{"1000", func(_ *Conn, p *peer) { p.message(frame.Close, closePayload(1000, "")) }, true},
		{"1001", func(_ *Conn, p *peer) { p.message(frame.Close, closePayload(1001, "gone")) }, true},
		{"1005", func(_ *Conn, p *peer) { p.message(frame.Close, "") }, true},
		{"1002", func(_ *Conn, p *peer) { p.message(frame.Close, closePayload(1002, "")) }, false},
		{"4000", func(_ *Conn, p *peer) { p.message(frame.Close, closePayload(4000, "")) }, false},
		{"EOF", func(_ *Conn, p *peer) { p.nc.CloseWrite() }, false},
		{"broken rule", func(_ *Conn, p *peer) { p.message(frame.Continuation, "") }, false},
		{"CloseNow", func(c *Conn, _ *peer) { c.CloseNow() }, false},
		{"our Close, answered", func(c *Conn, p *peer) {
			go c.CloseWith(context.Background(), 4001, "")
			p.next()
			p.message(frame.Close, closePayload(4001, ""))
			p.nc.CloseWrite()
		}, true},
		{"our Close, not answered", func(c *Conn, p *peer) { go c.Close() }, false},
	} {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				p.message(frame.Text, "one")
				var got []string
				for m, err := range c.Messages(t.Context()) {
					got = append(got, fmt.Sprintf("%v %s %t", m.Type, m.Data, err == nil))
					if err == nil {
						test.end(c, p)
					}
				}
				want := []string{"text one true", "message type 0  false"}
				if test.silent {
					want = want[:1]
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: steps %q, want %q", test.name, got, want)
				}
				p.nc.Close()
			})
		}
	}
}

func TestMessagesStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p.message(frame.Text, "one")
		p.send(p.frame(!fin, frame.Text, "tw"))
		steps := 0
		for m, err := range c.Messages(ctx) {
			switch steps++; {
			case steps == 1 && string(m.Data) == "one" && err == nil:
				go func() { synctest.Wait(); cancel() }()
			case steps == 2 && errors.Is(err, context.Canceled) && m.Data == nil:
			default:
				t.Errorf("step %d: %q, %v", steps, m.Data, err)
			}
		}
		if steps != 2 {
			t.Errorf("%d steps, want 2", steps)
		}
		p.send(p.frame(fin, frame.Continuation, "o"))
		wantMessage(t, c, Text, "two")
	})
}

func TestBreakEndsMessagesAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		messages := c.Messages(t.Context())
		for i := range 5 {
			want := fmt.Sprint(i)
			p.message(frame.Text, want)
			for m, err := range messages {
				if string(m.Data) != want || err != nil {
					t.Errorf("got %q, %v; want %q", m.Data, err, want)
				}
				break
			}
		}
		p.message(frame.Text, "and Read goes on")
		wantMessage(t, c, Text, "and Read goes on")
	})
}

// lentSizes are message sizes around every class of pooled memory.
var lentSizes = []int{1, 100, smallBuffer, smallBuffer + 1, midBuffer, midBuffer + 1, bigBuffer, bigBuffer + 1, 200_000}

// Checklist: G6
func TestLentMemoryIsPoisonedAfterItsStep(t *testing.T) {
	if !raced() {
		t.Skip("memory is poisoned under the race detector only")
	}
	for _, n := range lentSizes {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			go func() {
				p.nc.Write(p.frame(fin, frame.Binary, strings.Repeat("x", n)))
				p.nc.CloseWrite()
			}()
			var lent []byte
			for m, err := range c.Messages(t.Context()) {
				if err == nil {
					lent = m.Data
				}
			}
			if len(lent) != n || !bytes.Equal(lent, bytes.Repeat([]byte{0xDB}, n)) {
				t.Errorf("%d bytes lent hold %.20x after their step, want poison", n, lent)
			}
		})
	}
}

// What is lent does not change while the body runs, whatever runs inside the body
// or beside it: everything else takes other memory.
func TestLentMemoryStaysWhileTheBodyRuns(t *testing.T) {
	for _, n := range lentSizes {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) { lendAndRead(t, role, n) })
		}
	}
}

func lendAndRead(t *testing.T, role Role, n int) {
	near, far := wiretest.Pipe(4 << 20)
	c := New(near, Setup{Role: role}, quiet())
	defer c.CloseNow()
	p := &peer{t: t, nc: far, role: 1 - role}
	want := strings.Repeat("lent", n)[:n]
	other := strings.Repeat("OTHER", n)[:n]
	p.message(frame.Text, want)
	for range 4 {
		p.message(frame.Text, other)
	}
	for m, err := range c.Messages(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		same := func(after string) {
			t.Helper()
			if string(m.Data) != want {
				t.Errorf("%d bytes lent: changed by %s to %.40q", n, after, m.Data)
			}
		}
		same("nothing")
		if _, got, err := c.Read(t.Context()); string(got) != other || err != nil {
			t.Errorf("Read inside the body: %d bytes, %v", len(got), err)
		}
		same("a Read")
		for m2, err := range c.Messages(t.Context()) {
			if string(m2.Data) != other || err != nil {
				t.Errorf("Messages inside the body: %d bytes, %v", len(m2.Data), err)
			}
			same("a second loop")
			break
		}
		same("the end of a second loop")
		if got, err := io.ReadAll(nextReader(t, c, Text)); string(got) != other || err != nil {
			t.Errorf("Reader inside the body: %d bytes, %v", len(got), err)
		}
		same("a Reader")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		c.Ping(ctx) // sees data, and waits
		cancel()
		same("a Ping")
		if err := c.Write(t.Context(), Text, m.Data); err != nil {
			t.Error(err)
		}
		same("a Write of it")
		go c.Close()
		synctest.Wait()
		same("a Close that discards")
		p.message(frame.Close, closePayload(1000, ""))
		far.CloseWrite()
		<-c.Done()
		same("the end of the connection")
		break
	}
}

// Read hands its memory away, Messages lends the pool's: a loop of either never
// sees the other's bytes.
func TestMessagesDoNotMixWithOtherConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns, rounds = 8, 30
		done := make(chan error, conns)
		for i := range conns {
			c, p := newPeer(t, both[i%2], quiet())
			go func() {
				for k := range rounds {
					b := strings.Repeat(fmt.Sprintf("connection %d, message %d. ", i, k), 1+k*k)
					if _, err := p.nc.Write(p.frame(fin, frame.Text, b)); err != nil {
						return
					}
				}
				p.nc.CloseWrite()
			}()
			go func() {
				k := 0
				for m, err := range c.Messages(context.Background()) {
					if err != nil {
						break
					}
					if want := strings.Repeat(fmt.Sprintf("connection %d, message %d. ", i, k), 1+k*k); string(m.Data) != want {
						done <- fmt.Errorf("connection %d, message %d: got %.60q", i, k, m.Data)
						return
					}
					k++
				}
				if k != rounds {
					done <- fmt.Errorf("connection %d: %d messages, want %d", i, k, rounds)
					return
				}
				done <- nil
			}()
		}
		for range conns {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// A message that is lent where it lies stays when the rest of the frame behind it comes:
// what has come of that frame moves to other memory.
func TestLentMemoryStaysWhileTheNextFrameComes(t *testing.T) {
	one, two := strings.Repeat("lent", 100), strings.Repeat("next", 100)
	for _, role := range both {
		second := frameOf(1-role, fin, frame.Text, two)
		for at := 1; at < len(second); at += 1 + at/8 {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				p.send(p.frame(fin, frame.Text, one), second[:at])
				for m, err := range c.Messages(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					p.send(second[at:])
					if _, got, err := c.Read(t.Context()); string(got) != two || err != nil {
						t.Errorf("%v, cut at %d: Read inside the body: %.20q, %v", role, at, got, err)
					}
					if string(m.Data) != one {
						t.Errorf("%v, cut at %d: what is lent is %.20q now", role, at, m.Data)
					}
					break
				}
			})
		}
	}
}

// Text that is lent where it lies is judged as all other is.
// Checklist: T1
func TestLentTextIsJudged(t *testing.T) {
	bad := strings.Repeat("x", 2*lendInside) + "\xff"
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.message(frame.Text, bad)
		for m, err := range c.Messages(context.Background()) {
			if e := closeError(t, err); e.Sent != CloseInvalidPayload || m.Data != nil {
				t.Errorf("got %d bytes, %+v; want close code 1007", len(m.Data), e)
			}
		}
		p.expectClose(CloseInvalidPayload)
	})
}
