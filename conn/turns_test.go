package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// smallTCP returns both ends of a loopback connection whose sockets hold little.
func smallTCP(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	a, b = loopback(t)
	for _, nc := range []*net.TCPConn{a, b} {
		nc.SetReadBuffer(32 << 10)
		nc.SetWriteBuffer(32 << 10)
	}
	return a, b
}

// eachStream runs f in both roles over a pipe in fake time and over loopback TCP,
// each of which holds little.
func eachStream(t *testing.T, f func(t *testing.T, role Role, near, far net.Conn)) {
	for _, role := range both {
		t.Run(fmt.Sprint(role, " pipe"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(700)
				t.Cleanup(func() { near.Close(); far.Close() })
				f(t, role, near, far)
			})
		})
		t.Run(fmt.Sprint(role, " tcp"), func(t *testing.T) {
			near, far := smallTCP(t)
			f(t, role, near, far)
		})
	}
}

// A crowd writes to one connection from many goroutines, by every call there is.
// Message n of writer i reads "i:n:" and some filling.
type crowd struct {
	c     *Conn
	until int // messages of each writer
	wg    sync.WaitGroup
	sent  [64]int // messages that a call took with nil
}

func (c *crowd) start() {
	for i := range c.sent {
		c.wg.Go(func() {
			for c.sent[i] < c.until && c.write(i, c.sent[i]) == nil {
				c.sent[i]++
			}
		})
	}
}

// write sends message n of writer i.
func (c *crowd) write(i, n int) error {
	ctx := context.Background()
	p := fmt.Appendf(nil, "%d:%d:", i, n)
	if p = append(p, text(3)...); n%5 == i%5 {
		p = append(p, text(copyMax+100*i)...)
	}
	switch i % 4 {
	case 0:
		if err := c.c.Post(Binary, p); err != ErrQueueFull {
			return err
		}
	case 1:
		m, _ := Prepare(Text, p)
		return c.c.WritePrepared(ctx, m)
	case 2:
		w, err := c.c.Writer(ctx, Text)
		if err != nil {
			return err
		}
		_, err = w.Write(p)
		return errors.Join(err, w.Close())
	}
	return c.c.Write(ctx, Text, p)
}

// pester sends pings and empty messages, and tries to send with an ended context.
func (c *crowd) pester(stop context.Context) {
	over, cancel := context.WithCancel(stop)
	cancel()
	for {
		c.c.Write(over, Text, []byte("never"))
		_, number, err := c.c.sendPing(stop)
		if err != nil || c.c.Write(stop, Text, nil) != nil {
			return
		}
		c.c.forgetPing(number)
	}
}

// judge reads what the crowd sends to its end and holds every frame against the
// rules. It answers the Close.
func (c *crowd) judge(role Role, far net.Conn) (got [64]int, err error) {
	in := framesOf(far)
	var msg []byte
	inside, closed := false, false
	for {
		h, p, err := in.next()
		switch {
		case err == io.EOF && closed:
			return got, nil
		case err != nil:
			return got, err
		case closed:
			// Nothing follows a Close (RFC 6455, section 5.5.1).
			return got, fmt.Errorf("%v frame behind the Close", h.Opcode)
		case h.Masked != (role == Client):
			return got, fmt.Errorf("%v frame of a %v: masked %v", h.Opcode, role, h.Masked)
		case h.Opcode == frame.Close:
			closed = true
			far.Write(frameOf(1-role, true, frame.Close, string(p)))
			far.(interface{ CloseWrite() error }).CloseWrite()
		case h.Opcode.IsControl():
		case inside != (h.Opcode == frame.Continuation):
			return got, fmt.Errorf("%v frame; inside a message: %v", h.Opcode, inside)
		default:
			msg, inside = append(msg, p...), !h.Fin
			if inside || len(msg) == 0 {
				continue
			}
			if err := judgeMessage(msg, &got); err != nil {
				return got, err
			}
			msg = msg[:0]
		}
	}
}

func judgeMessage(msg []byte, got *[64]int) error {
	var i, n int
	if _, err := fmt.Sscanf(string(msg[:min(len(msg), 20)]), "%d:%d:", &i, &n); err != nil || n != got[i] {
		return fmt.Errorf("message %.20q, %v; want number %d of that writer", msg, err, got[i])
	}
	want := append(fmt.Appendf(nil, "%d:%d:", i, n), text(3)...)
	if len(msg) > len(want) {
		want = append(want, text(len(msg)-len(want))...)
	}
	if got[i]++; !bytes.Equal(msg, want) {
		return fmt.Errorf("message %.20q is mixed with another", msg)
	}
	return nil
}

// Checklist: G5, G6, G8, F1, F3
func TestCrowdOfWritersDoesNotMix(t *testing.T) {
	eachStream(t, func(t *testing.T, role Role, near, far net.Conn) {
		c := &crowd{c: New(near, Setup{Role: role}, quiet()), until: 10}
		defer c.c.CloseNow()
		discarded := make(chan error, 1)
		go func() { discarded <- c.c.Discard(context.Background()) }()
		c.start()
		go func() {
			c.wg.Wait()
			c.c.BeginClose(CloseNormal, "")
		}()
		got, err := c.judge(role, far)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range got {
			if n != c.until {
				t.Errorf("%d messages of writer %d arrived, want %d", n, i, c.until)
			}
		}
		if err := <-discarded; !IsNormal(err) {
			t.Errorf("Discard = %v, want a normal end", err)
		}
	})
}

// What a call took with nil goes out before the Close, everything else not at all.
//
// Checklist: G7, L6
func TestCrowdOfWritersStopsAtTheClose(t *testing.T) {
	eachStream(t, func(t *testing.T, role Role, near, far net.Conn) {
		c := &crowd{c: New(near, Setup{Role: role}, quiet()), until: 1 << 30}
		defer c.c.CloseNow()
		go c.c.Discard(context.Background())
		for range 4 {
			c.wg.Go(func() { c.pester(context.Background()) })
		}
		c.start()
		got, err := c.judge(role, wiretest.After(far, wiretest.OpRead, 300_000, func() { c.c.BeginClose(CloseGoingAway, "") }))
		if err != nil {
			t.Fatal(err)
		}
		c.wg.Wait()
		for i := range got {
			// What was posted behind a message that the Close cut cannot be sent.
			cut := i%4 == 0 && got[i] < c.sent[i]
			if got[i] != c.sent[i] && !cut {
				t.Errorf("%d messages of writer %d arrived, %d were accepted", got[i], i, c.sent[i])
			}
		}
	})
}

// Two connections that both write more than the stream between them holds, while
// both read, do not stall each other.
func TestTwoThatWriteMuchDoNotStall(t *testing.T) {
	for name, streams := range map[string]func(t *testing.T) (net.Conn, net.Conn){
		"pipe":          func(t *testing.T) (net.Conn, net.Conn) { return pipes(100) },
		"tcp":           func(t *testing.T) (net.Conn, net.Conn) { return smallTCP(t) },
		"tls over pipe": func(t *testing.T) (net.Conn, net.Conn) { a, b := pipes(100); return tlsPair(t, a, b) },
		"tls over tcp":  func(t *testing.T) (net.Conn, net.Conn) { a, b := smallTCP(t); return tlsPair(t, a, b) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := streams(t)
			client, server := New(a, Setup{Role: Client}, quiet()), New(b, Setup{Role: Server}, quiet())
			defer client.CloseNow()
			defer server.CloseNow()
			result := make(chan error, 4)
			for _, c := range []*Conn{client, server} {
				go func() { result <- writeMuch(c) }()
				go func() { result <- readMuch(c) }()
			}
			for range cap(result) {
				if err := within(t, "one of four", result); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func pipes(size int) (a, b net.Conn) {
	x, y := wiretest.Pipe(size)
	return x, y
}

var muchSizes = []int{0, 10, 5000, copyMax, 100_000, 300_000}

func writeMuch(c *Conn) error {
	for _, n := range muchSizes {
		if err := c.Write(context.Background(), Binary, text(n)); err != nil {
			return err
		}
		if _, _, err := c.sendPing(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

func readMuch(c *Conn) error {
	for _, n := range muchSizes {
		_, p, err := c.Read(context.Background())
		if err == nil && !bytes.Equal(p, text(n)) {
			err = fmt.Errorf("message of %d bytes, want other %d", len(p), n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Only a Write waits for the socket: with one that takes nothing, every other call
// returns at once. The time is fake and stands still unless somebody waits.
//
// Checklist: N3
func TestNothingButAWriteWaitsForTheSocket(t *testing.T) {
	small, _ := Prepare(Text, []byte("prepared"))
	calls := []struct {
		name string
		call func(ctx context.Context, c *Conn, p *peer) error
	}{
		{"Post", func(_ context.Context, c *Conn, _ *peer) error { return c.Post(Text, []byte("posted")) }},
		{"PostPrepared", func(_ context.Context, c *Conn, _ *peer) error { return c.PostPrepared(small) }},
		{"pong and Read", func(ctx context.Context, c *Conn, p *peer) error {
			p.message(frame.Ping, "ping")
			p.message(frame.Text, "read")
			_, got, err := c.Read(ctx)
			return errors.Join(err, same(string(got), "read"))
		}},
		{"Ping", func(ctx context.Context, c *Conn, p *peer) error {
			go func() {
				synctest.Wait()
				p.message(frame.Pong, "\x00\x00\x00\x00\x00\x00\x00\x01")
			}()
			_, err := c.Ping(ctx)
			return err
		}},
		{"Stats", func(_ context.Context, c *Conn, _ *peer) error { c.Stats(); return c.Err() }},
		{"BeginClose", func(_ context.Context, c *Conn, _ *peer) error { c.BeginClose(CloseNormal, ""); return nil }},
		{"Read of the Close", func(ctx context.Context, c *Conn, p *peer) error {
			p.message(frame.Close, closePayload(4001, ""))
			_, _, err := c.Read(ctx)
			return same(closeError(p.t, err).Code, CloseCode(4001))
		}},
		{"CloseNow", func(_ context.Context, c *Conn, _ *peer) error { return c.CloseNow() }},
	}
	for _, role := range both {
		for _, size := range []int{5, 100_000} {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(0)
				near.Write(make([]byte, wiretest.DefaultSize))
				c, p := New(near, Setup{Role: role}, quiet()), &peer{t: t, nc: far, role: 1 - role}
				defer far.Close()
				begun := time.Now()
				stuck := started(func() error { return c.Write(context.Background(), Binary, text(size)) })
				for _, tt := range calls {
					if err := tt.call(t.Context(), c, p); err != nil || time.Since(begun) != 0 {
						t.Errorf("%v, Write of %d bytes is stuck: %s = %v after %v; want nil at once",
							role, size, tt.name, err, time.Since(begun))
					}
				}
				if err := returned(t, "Write", stuck); !errors.Is(err, ErrClosed) && closeError(t, err).Code != 4001 {
					t.Errorf("stuck Write = %v", err)
				}
			})
		}
	}
}

func same[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// The turn that comes to a writer whose context has ended goes on to the next in
// line, and what was posted meanwhile does not stay behind.
func TestTurnThatComesTooLateGoesOn(t *testing.T) {
	for _, others := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			w, _ := c.Writer(t.Context(), Text)
			ctx, cancel := context.WithCancel(t.Context())
			late := started(func() error { return c.Write(ctx, Text, []byte("late")) })
			var next chan error
			for range others {
				next = started(func() error { return c.Write(t.Context(), Text, []byte("next")) })
			}
			// The writer in line is awake because its context ended, and before it gets the
			// mutex the turn comes.
			c.mu.Lock()
			cancel()
			mw := w.(*messageWriter)
			c.commit(&body{op: mw.op}, true)
			c.endMessage()
			if !c.wr.message.held() {
				t.Fatal("the turn did not go to the one in line")
			}
			c.postLater(outgoing{op: frame.Text, p: []byte("posted")}, 6)
			c.offer()
			if err := returned(t, "Write", late); !errors.Is(err, context.Canceled) {
				t.Fatalf("late Write = %v, want %v", err, context.Canceled)
			}
			p.expect(frame.Text, "")
			for range others {
				p.expect(frame.Text, "next")
				if err := returned(t, "Write", next); err != nil {
					t.Errorf("next Write = %v", err)
				}
			}
			p.expect(frame.Text, "posted")
			p.expectNothing()
		})
	}
}
