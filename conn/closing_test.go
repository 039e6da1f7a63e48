package conn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// inBothRoles runs f in a bubble of virtual time, as a server and as a client.
func inBothRoles(t *testing.T, f func(t *testing.T, role Role)) {
	t.Helper()
	for _, role := range both {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, role) })
		})
	}
}

// result is what a call in a goroutine of its own came to, and when.
type result struct {
	err   error
	after time.Duration
}

// later calls f in a goroutine and returns where its result will be.
func later(f func() error) chan result {
	start, ch := time.Now(), make(chan result, 1)
	go func() {
		err := f()
		ch <- result{err: err, after: time.Since(start)}
	}()
	return ch
}

// readOnce is a Read of which only the error matters.
func readOnce(ctx context.Context, c *Conn) error {
	_, _, err := c.Read(ctx)
	return err
}

// wantEnd wants c to have ended just now.
func wantEnd(t *testing.T, c *Conn, ended bool) {
	t.Helper()
	synctest.Wait()
	select {
	case <-c.Done():
		if !ended {
			t.Fatalf("connection has ended with %v, want it to go on", c.Err())
		}
	default:
		if ended {
			t.Fatal("connection goes on, want it to have ended")
		}
	}
}

// answer reads up to our Close and answers it.
func (p *peer) answer() {
	for {
		h, body, err := p.next()
		if err != nil {
			return
		}
		if h.Opcode == frame.Close {
			p.nc.Write(p.frame(true, frame.Close, body))
			return
		}
	}
}

// Checklist: L7, L8, L10
func TestCloseShakesHands(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		closed := later(c.Close)
		p.expectClose(CloseNormal)
		p.expectNothing() // a second goes by, and our end of TCP stays open
		wantEnd(t, c, false)
		p.message(frame.Close, closePayload(CloseNormal, ""))
		// A server closes TCP at once, a client waits for it.
		wantEnd(t, c, role == Server)
		if role == Client {
			p.expectNothing()
			p.nc.Close()
		} else {
			p.expectEnd()
		}
		if got := <-closed; got.err != nil {
			t.Errorf("Close returned %v, want nil", got.err)
		}
		e := closeError(t, c.Err())
		if e.Code != CloseNormal || e.Sent != CloseNormal || e.Remote {
			t.Errorf("Err is %+v, want our 1000, answered", *e)
		}
	})
}

// Checklist: L7, L8, L10
func TestPeersCloseIsEchoedAtOnce(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		read := later(func() error { return readOnce(context.Background(), c) })
		p.message(frame.Close, closePayload(4001, "enough"))
		p.expect(frame.Close, closePayload(4001, ""))
		if got := <-read; got.after != 0 || closeError(t, got.err).Reason != "enough" {
			t.Errorf("Read returned %v after %v, want 4001 at once", got.err, got.after)
		}
		wantEnd(t, c, role == Server)
		if role == Client { // whom the server keeps waiting
			time.Sleep(defaultCloseTimeout)
			wantEnd(t, c, true)
		}
		if e := closeError(t, c.Err()); e.Code != 4001 || e.Sent != 4001 || !e.Remote {
			t.Errorf("Err is %+v, want the peer's 4001", *e)
		}
	})
}

// Checklist: L6
func TestCloseIsOrderedBehindWrites(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.nc.Stall(true)
		const n = 20
		for i := range n {
			if err := c.Post(Text, fmt.Appendf(nil, "%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		large := strings.Repeat("x", 200<<10) // does not fit into the pipe
		written := later(func() error { return c.Write(context.Background(), Binary, []byte(large)) })
		synctest.Wait()
		closed := later(func() error { return c.CloseWith(context.Background(), 4000, "bye") })
		synctest.Wait()
		p.nc.Stall(false)
		for i := range n {
			p.expect(frame.Text, fmt.Sprint(i))
		}
		p.expect(frame.Binary, large)
		p.expect(frame.Close, closePayload(4000, "bye"))
		p.message(frame.Close, closePayload(4000, ""))
		if role == Server {
			p.expectEnd()
		}
		p.nc.Close()
		if w, c := <-written, <-closed; w.err != nil || c.err != nil {
			t.Errorf("Write returned %v, Close %v; want nil", w.err, c.err)
		}
	})
}

// Checklist: L9
func TestCloseReachesAPeerThatIsSending(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		sent := later(func() error {
			for range 16 {
				p.message(frame.Binary, strings.Repeat("x", 64<<10))
			}
			p.expectClose(4000)
			p.message(frame.Close, closePayload(4000, ""))
			if role == Server {
				p.expectEnd()
			}
			return p.nc.Close()
		})
		synctest.Wait() // the pipe is full
		if err := c.CloseWith(context.Background(), 4000, ""); err != nil {
			t.Errorf("CloseWith returned %v, want nil", err)
		}
		if got := <-sent; got.err != nil {
			t.Errorf("peer: %v", got.err)
		}
	})
}

// Every way to end a connection whose peer does nothing for it is over after the
// close timeout, whoever reads here.
//
// Checklist: L15
func TestClosingIsBoundedInTime(t *testing.T) {
	readers := map[string]func(c *Conn) error{
		"nobody reads":    nil,
		"a Read waits":    func(c *Conn) error { return readOnce(context.Background(), c) },
		"a Discard waits": func(c *Conn) error { return c.Discard(context.Background()) },
		"a loop runs": func(c *Conn) error {
			for _, err := range c.Messages(context.Background()) {
				return err
			}
			return nil
		},
	}
	peers := map[string]func(c *Conn, p *peer){
		"mute":   func(c *Conn, p *peer) {},
		"deaf":   func(c *Conn, p *peer) { fillSocket(c, p) },
		"chatty": func(c *Conn, p *peer) { go chatter(c, p) },
	}
	for rname, read := range readers {
		for pname, prepare := range peers {
			t.Run(rname+", peer is "+pname, func(t *testing.T) {
				inBothRoles(t, func(t *testing.T, role Role) {
					c, p := newPeer(t, role, quiet())
					prepare(c, p)
					wantCut(t, c, read)
				})
			})
		}
	}
}

// chatter sends a message every millisecond and looks at nothing.
func chatter(c *Conn, p *peer) {
	for {
		p.nc.Write(p.frame(true, frame.Text, "x"))
		select {
		case <-c.Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// wantCut wants that Close ends a connection whose peer does not answer in
// CloseTimeout, and with it a loop around read, if that is not nil.
func wantCut(t *testing.T, c *Conn, read func(c *Conn) error) {
	t.Helper()
	reading := make(chan result, 1)
	if read != nil {
		reading = later(func() error {
			for {
				if err := read(c); err != nil || c.readErr() != nil {
					return err
				}
			}
		})
	}
	synctest.Wait()
	start := time.Now()
	if err := c.Close(); err == nil || IsNormal(err) {
		t.Errorf("Close returned %v, want that the peer did not answer", err)
	}
	if d := time.Since(start); d != defaultCloseTimeout {
		t.Errorf("Close returned after %v, want %v", d, defaultCloseTimeout)
	}
	wantEnd(t, c, true)
	if read != nil {
		if got := <-reading; !errors.Is(got.err, errNoClose) {
			t.Errorf("the reader returned %v, want %v", got.err, errNoClose)
		}
	}
	if got := closeError(t, c.Err()); got.Code != CloseAbnormal || got.Sent != CloseNormal || got.Remote {
		t.Errorf("Err is %+v, want ours without an answer", *got)
	}
}

// fillSocket makes the peer stop reading and the socket so full that nothing more
// leaves c.
func fillSocket(c *Conn, p *peer) {
	p.nc.Stall(true)
	c.Post(Binary, make([]byte, 64<<10))
	c.Post(Binary, make([]byte, 64<<10))
	synctest.Wait()
}

// Checklist: L15
func TestBeginCloseNeverWaits(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		fillSocket(c, p)
		start := time.Now()
		c.BeginClose(CloseGoingAway, "")
		if d := time.Since(start); d != 0 {
			t.Errorf("BeginClose took %v, want nothing", d)
		}
		<-c.Done() // though nobody reads
		if d := time.Since(start); d != defaultCloseTimeout {
			t.Errorf("the end came after %v, want %v", d, defaultCloseTimeout)
		}
	})
}

func TestBeginCloseLetsReadsGoOn(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		waiting := later(func() error { return readOnce(context.Background(), c) })
		synctest.Wait()
		c.BeginClose(CloseServiceRestart, "back soon")
		p.expect(frame.Close, closePayload(CloseServiceRestart, "back soon"))
		if err := c.Write(context.Background(), Text, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Write behind BeginClose returned %v, want ErrClosed", err)
		}
		p.message(frame.Text, "one")
		p.message(frame.Text, "two")
		p.message(frame.Close, closePayload(CloseServiceRestart, ""))
		if got := <-waiting; got.err != nil {
			t.Errorf("the waiting Read returned %v, want the message", got.err)
		}
		if _, b, err := c.Read(context.Background()); string(b) != "two" || err != nil {
			t.Errorf("Read returned %q, %v; want the other message", b, err)
		}
		err := readOnce(context.Background(), c)
		if e := closeError(t, err); e.Code != CloseServiceRestart || e.Remote || !IsNormal(err) {
			t.Errorf("Read returned %+v, want our Close, answered", *e)
		}
		// Who said goodbye first stays for nobody.
		if role == Client {
			p.nc.Close()
		}
		wantEnd(t, c, true)
	})
}

func TestCloseInterruptsAWaitingRead(t *testing.T) {
	for _, call := range readCalls {
		t.Run(call.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				patient := later(func() error { _, _, err := call.do(context.Background(), c); return err })
				synctest.Wait() // it has the read turn
				hasty := later(func() error { _, _, err := call.do(ctx, c); return err })
				synctest.Wait()
				closed := later(c.Close)
				// A Read's own context still ends it.
				if got := <-hasty; !errors.Is(got.err, context.DeadlineExceeded) || got.after != 2*time.Second {
					t.Errorf("Read with a context returned %v after %v, want its deadline", got.err, got.after)
				}
				p.message(frame.Text, "too late") // is discarded
				p.answer()
				p.nc.Close()
				got := <-patient
				if call.name == "Messages" && got.err.Error() == "Messages ended" {
					got.err = c.Err() // which is how a loop says so
				}
				if e := closeError(t, got.err); e.Code != CloseNormal || e.Remote {
					t.Errorf("the waiting read returned %v, want our Close, answered", got.err)
				}
				if got := <-closed; got.err != nil {
					t.Errorf("Close returned %v, want nil", got.err)
				}
			})
		})
	}
}

func TestEndingGoesOnWithoutCloseWithsCaller(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		read := later(func() error { return readOnce(context.Background(), c) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		closed := later(func() error { return c.CloseWith(ctx, CloseGoingAway, "") })
		if got := <-closed; !errors.Is(got.err, context.DeadlineExceeded) || got.after != time.Second {
			t.Errorf("CloseWith returned %v after %v, want its deadline", got.err, got.after)
		}
		wantEnd(t, c, false)
		p.message(frame.Text, "discarded")
		p.answer()
		p.nc.Close()
		if e := closeError(t, (<-read).err); e.Code != CloseGoingAway || e.Remote {
			t.Errorf("Read returned %+v, want our Close, answered", *e)
		}
		wantEnd(t, c, true)
	})
}

func TestCloseWithAnEndedContextStillCloses(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.CloseWith(ctx, CloseNormal, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("CloseWith returned %v, want its context's error", err)
		}
		p.answer()
		p.nc.Close()
		<-c.Done()
		if err := c.Err(); !IsNormal(err) || errors.Is(err, context.Canceled) {
			t.Errorf("Err is %v, want a normal end", err)
		}
	})
}

func TestConcurrentClosesSendOneClose(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				if err := c.CloseWith(context.Background(), CloseCode(4000+i), ""); err != nil {
					t.Errorf("CloseWith returned %v, want nil", err)
				}
			})
		}
		for i := range 4 {
			all.Go(func() { c.BeginClose(CloseCode(4100+i), "") })
		}
		h, body, err := p.next()
		if err != nil || h.Opcode != frame.Close {
			t.Fatalf("peer got %+v, %v; want a Close", h, err)
		}
		p.expectNothing()
		p.message(frame.Close, body)
		if role == Server {
			p.expectEnd()
		}
		p.nc.Close()
		all.Wait()
	})
}

func TestCloseInsideAMessagesBody(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		go func() {
			p.message(frame.Text, "one")
			p.message(frame.Text, "two")
			p.answer()
			p.nc.Close()
		}()
		n := 0
		for m, err := range c.Messages(context.Background()) {
			n++
			if err != nil || string(m.Data) != "one" {
				t.Errorf("step %d is %q, %v; want only the first message", n, m.Data, err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("Close returned %v, want nil", err)
			}
		}
		if n != 1 {
			t.Errorf("the loop made %d steps, want 1", n)
		}
	})
}

func TestCloseDoesNotWaitForAnOpenWriter(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		w, err := c.Writer(context.Background(), Binary)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, fragmentSize)); err != nil {
			t.Fatal(err)
		}
		closed := later(c.Close)
		if h, _, err := p.next(); err != nil || h.Fin || h.Opcode != frame.Binary {
			t.Fatalf("peer got %+v, %v; want a first fragment", h, err)
		}
		p.expectClose(CloseNormal) // between two fragments
		if _, err := w.Write(make([]byte, fragmentSize)); !errors.Is(err, ErrClosed) {
			t.Errorf("the writer returned %v, want ErrClosed", err)
		}
		if err := w.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("the writer's Close returned %v, want ErrClosed", err)
		}
		p.message(frame.Close, closePayload(CloseNormal, ""))
		p.nc.Close()
		if got := <-closed; got.err != nil {
			t.Errorf("Close returned %v, want nil", got.err)
		}
	})
}

// Checklist: L16
func TestNothingBehindTheCloseCounts(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.send(
			p.frame(true, frame.Close, closePayload(4001, "first")),
			p.frame(true, frame.Ping, "are you there?"),
			p.frame(true, frame.Text, "data"),
			[]byte{0xff, 0xff, 0xff}, // and what no frame begins with
			p.frame(true, frame.Close, closePayload(4002, "second")),
		)
		for range 3 {
			if e := closeError(t, readOnce(context.Background(), c)); e.Code != 4001 || e.Reason != "first" {
				t.Errorf("Read returned %v, want the first Close", e)
			}
		}
		p.expect(frame.Close, closePayload(4001, ""))
		if role == Client {
			p.expectNothing()
		}
		p.nc.Close()
		wantEnd(t, c, true)
		if e := closeError(t, c.Err()); e.Code != 4001 {
			t.Errorf("Err is %v, want the first Close", e)
		}
	})
}

// Checklist: L17
func TestCloseInsideAMessageIsAnswered(t *testing.T) {
	for _, call := range readCalls {
		if call.name == "Ping" {
			continue // stops before data
		}
		t.Run(call.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				const fin = true
				p.send(p.frame(!fin, frame.Text, "half a "), p.frame(fin, frame.Close, closePayload(4001, "")))
				got, whole, err := call.do(context.Background(), c)
				if whole || (got != "" && call.name != "Reader") {
					t.Errorf("%s delivered %q, %v; want no part of the message", call.name, got, whole)
				}
				if e := closeError(t, err); e.Code != 4001 || e.Sent != 4001 || !e.Remote {
					t.Errorf("%s returned %+v, want 4001 and its echo", call.name, *e)
				}
				p.expect(frame.Close, closePayload(4001, ""))
			})
		})
	}
}
