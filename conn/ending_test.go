package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// An ending is one way in which a connection ends, as the peer and we do it
// together, and what it must be called afterwards.
type ending struct {
	name string
	do   func(c *Conn, p *peer)

	code, sent CloseCode
	reason     string
	remote     bool
	normal     bool
	is         error // in the chain, if not nil
}

// readUntilEnd reads everything.
func readUntilEnd(c *Conn) {
	for c.readErr() == nil {
		c.Discard(context.Background())
	}
}

var endings = []ending{
	{name: "peer closes with a code and a reason", do: func(c *Conn, p *peer) {
		p.message(frame.Close, closePayload(4001, "why"))
		readUntilEnd(c)
	}, code: 4001, sent: 4001, reason: "why", remote: true},
	{name: "peer closes with 1000", do: func(c *Conn, p *peer) {
		p.message(frame.Close, closePayload(CloseNormal, ""))
		readUntilEnd(c)
	}, code: CloseNormal, sent: CloseNormal, remote: true, normal: true},
	{name: "peer closes with an empty Close", do: func(c *Conn, p *peer) {
		p.message(frame.Close, "")
		readUntilEnd(c)
	}, code: CloseNoStatus, sent: CloseNoStatus, remote: true, normal: true},
	{name: "we close and the peer answers", do: func(c *Conn, p *peer) {
		go p.answer()
		c.CloseWith(context.Background(), 4002, "")
	}, code: 4002, sent: 4002, normal: true},
	{name: "we close and the peer's Close crosses ours", do: func(c *Conn, p *peer) {
		c.BeginClose(4002, "")
		p.message(frame.Close, closePayload(4003, "me too"))
		readUntilEnd(c)
	}, code: 4003, sent: 4002, reason: "me too", normal: true},
	{name: "we close and the stream ends", do: func(c *Conn, p *peer) {
		c.BeginClose(4002, "")
		p.nc.CloseWrite()
		readUntilEnd(c)
	}, code: CloseAbnormal, sent: 4002, remote: true, is: io.EOF},
	{name: "we close and the peer is mute", do: func(c *Conn, p *peer) {
		c.BeginClose(4002, "")
	}, code: CloseAbnormal, sent: 4002, is: errNoClose},
	{name: "stream ends", do: func(c *Conn, p *peer) {
		p.nc.CloseWrite()
		readUntilEnd(c)
	}, code: CloseAbnormal, remote: true, is: io.EOF},
	{name: "stream ends inside a message", do: func(c *Conn, p *peer) {
		p.send(p.frame(false, frame.Text, "half"))
		p.nc.CloseWrite()
		readUntilEnd(c)
	}, code: CloseAbnormal, remote: true, is: io.ErrUnexpectedEOF},
	{name: "stream ends inside a header", do: func(c *Conn, p *peer) {
		p.send(p.frame(true, frame.Text, "half")[:1])
		p.nc.CloseWrite()
		readUntilEnd(c)
	}, code: CloseAbnormal, remote: true, is: io.ErrUnexpectedEOF},
	{name: "stream is reset", do: func(c *Conn, p *peer) {
		p.nc.Reset()
		readUntilEnd(c)
	}, code: CloseAbnormal, remote: true, is: errReset},
	{name: "peer breaks a rule", do: func(c *Conn, p *peer) {
		p.send([]byte{0x83, 0x00})
		readUntilEnd(c)
	}, code: CloseAbnormal, sent: CloseProtocolError, remote: true},
	{name: "CloseNow", do: func(c *Conn, p *peer) { c.CloseNow() },
		code: CloseAbnormal, is: ErrClosed},
	{name: "a write fails", do: func(c *Conn, p *peer) {
		p.nc.Close()
		c.Write(context.Background(), Text, nil)
	}, code: CloseAbnormal, remote: true, is: errBrokenPipe},
	{name: "a message is given up", do: func(c *Conn, p *peer) {
		ctx, cancel := context.WithCancel(context.Background())
		w, _ := c.Writer(ctx, Binary)
		w.Write(make([]byte, fragmentSize))
		cancel()
		w.Close()
	}, code: CloseAbnormal, sent: CloseInternalError, is: errHalfMessage},
	{name: "peer is dead", do: func(c *Conn, p *peer) { c.cut(errDead) },
		code: CloseAbnormal, is: errDead},
}

// Checklist: L11, L13, V17
func TestErrSaysHowItEnded(t *testing.T) {
	behindEveryEnding(t, func(t *testing.T, c *Conn, e ending) {
		err := c.Err()
		got := closeError(t, err)
		if got.Code != e.code || got.Sent != e.sent || got.Reason != e.reason || got.Remote != e.remote {
			t.Errorf("Err is %+v, want code %d, sent %d, reason %q, remote %v", *got, e.code, e.sent, e.reason, e.remote)
		}
		if IsNormal(err) != e.normal {
			t.Errorf("IsNormal(%v) is %v, want %v", err, !e.normal, e.normal)
		}
		if e.is != nil && !errors.Is(err, e.is) {
			t.Errorf("Err is %v, want it to match %v", err, e.is)
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err is %v, which matches a context's error", err)
		}
		if got.Code == CloseAbnormal && got.Unwrap() == nil {
			t.Errorf("Err is %+v, want a cause", *got)
		}
	})
}

// behindEveryEnding runs f with a connection that has ended, in every way there is.
func behindEveryEnding(t *testing.T, f func(t *testing.T, c *Conn, e ending)) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				e.do(c, p)
				<-c.Done()
				f(t, c, e)
			})
		})
	}
}

// everyMethod calls what may be called on a connection and returns the errors of
// those that must fail once reading (first) or writing (second) has ended.
func everyMethod(c *Conn) (reads, writes map[string]error) {
	ctx := context.Background()
	reads, writes = map[string]error{}, map[string]error{}

	_, _, reads["Read"] = c.Read(ctx)
	_, _, reads["ReadAppend"] = c.ReadAppend(ctx, make([]byte, 0, 8))
	_, _, reads["Reader"] = c.Reader(ctx)
	reads["Discard"] = c.Discard(ctx)
	_, reads["ReadJSON"] = ReadJSON[any](ctx, c)
	_, reads["Ping"] = c.Ping(ctx)
	reads["Messages"] = reads["Read"]
	for _, err := range c.Messages(ctx) {
		reads["Messages"] = err
	}

	prepared, err := Prepare(Text, []byte("x"))
	if err != nil {
		panic(err)
	}
	writes["Write"] = c.Write(ctx, Text, []byte("x"))
	writes["Write, large"] = c.Write(ctx, Binary, make([]byte, copyMax+1))
	writes["WritePrepared"] = c.WritePrepared(ctx, prepared)
	writes["Post"] = c.Post(Binary, nil)
	writes["PostPrepared"] = c.PostPrepared(prepared)
	writes["WriteJSON"] = WriteJSON(ctx, c, 1)
	_, writes["Writer"] = c.Writer(ctx, Text)

	c.Close()
	c.CloseWith(ctx, 4000, "again")
	c.BeginClose(4000, "again")
	c.CloseNow()
	c.SetReadLimit(1)
	c.Subprotocol()
	c.LocalAddr()
	c.RemoteAddr()
	c.NetConn()
	c.Stats()
	c.tick()
	s := Stream(c, Binary)
	s.Read(make([]byte, 1))
	s.Write([]byte("x"))
	s.SetDeadline(time.Now())
	s.Close()
	return reads, writes
}

func TestEveryMethodAfterEveryEnding(t *testing.T) {
	behindEveryEnding(t, func(t *testing.T, c *Conn, e ending) {
		end := c.Err()
		reads, writes := everyMethod(c)
		for range 2 { // for ever
			again, alsoAgain := everyMethod(c)
			for name, err := range again {
				if err == nil || err != reads[name] || err != reads["Read"] {
					t.Errorf("%s returned %v, then %v; want the error of reading, %v", name, reads[name], err, reads["Read"])
				}
			}
			for name, err := range alsoAgain {
				if err == nil || err != writes[name] || err != writes["Write"] {
					t.Errorf("%s returned %v, then %v; want the error of writing, %v", name, writes[name], err, writes["Write"])
				}
			}
		}
		if c.Err() != end {
			t.Errorf("Err became %v, want %v for ever", c.Err(), end)
		}
		if err := c.Close(); e.normal != (err == nil) {
			t.Errorf("Close returned %v, want nil only after a normal end", err)
		}
	})
}

// The calls of a program that ends at the same time meet the ending anywhere.
func TestEveryMethodWhileItEnds(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				ctx, cancel := context.WithCancel(context.Background())
				var all sync.WaitGroup
				all.Go(func() { readUntilEnd(c) })
				all.Go(func() { c.Ping(ctx) })
				all.Go(func() {
					for c.Write(ctx, Text, []byte("x")) == nil {
					}
				})
				all.Go(func() {
					for c.Post(Text, []byte("x")) == nil {
					}
				})
				go io.Copy(io.Discard, struct{ io.Reader }{p.nc})
				if strings.Contains(e.name, "we close") || strings.Contains(e.name, "message") {
					p.message(frame.Close, "") // the peer's reading is taken
				} else {
					e.do(c, p)
				}
				<-c.Done()
				cancel()
				all.Wait()
				everyMethod(c)
			})
		})
	}
}

func TestOnEndRunsOnceWithEveryLockFree(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				var mu sync.Mutex
				var order []string
				hook := func(name string) func(*Conn, error) {
					return func(c *Conn, err error) {
						select {
						case <-c.Done():
						default:
							t.Error("OnEnd runs before Done is closed")
						}
						if err != c.Err() {
							t.Errorf("OnEnd got %v, want Err, %v", err, c.Err())
						}
						everyMethod(c)
						mu.Lock()
						defer mu.Unlock()
						order = append(order, name)
					}
				}
				near, far := wiretest.Pipe(0)
				o := quiet()
				o.OnEnd = hook("user's")
				c := New(near, Setup{Role: role, OnEnd: hook("owner's")}, o)
				p := &peer{t: t, nc: far, role: 1 - role}
				e.do(c, p)
				<-c.Done()
				if !near.Closed() {
					t.Error("Done is closed before the socket")
				}
				c.CloseNow()
				synctest.Wait()
				if got := fmt.Sprint(order); got != "[owner's user's]" {
					t.Errorf("hooks ran: %v, want the owner's and then the user's, once", got)
				}
				far.Close()
			})
		})
	}
}

func TestCloseNowWakesEverybody(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		fillSocket(c, p)
		ctx := context.Background()
		calls := map[string]chan result{
			"Read":        later(func() error { return readOnce(ctx, c) }),
			"second Read": later(func() error { return readOnce(ctx, c) }),
			"Ping":        later(func() error { _, err := c.Ping(ctx); return err }),
			"large Write": later(func() error { return c.Write(ctx, Binary, make([]byte, 1<<20)) }),
			"Write":       later(func() error { return c.Write(ctx, Text, []byte("x")) }),
			"Writer":      later(func() error { _, err := c.Writer(ctx, Text); return err }),
		}
		synctest.Wait()
		calls["Close"] = later(func() error { return c.Close() })
		synctest.Wait()
		c.CloseNow()
		for name, ch := range calls {
			got := <-ch
			if got.after != 0 || !errors.Is(got.err, ErrClosed) {
				t.Errorf("%s returned %v after %v, want ErrClosed at once", name, got.err, got.after)
			}
		}
		wantEnd(t, c, true)
	})
}

// What others waited for when the connection was cut is not their failure.
func TestCloseNowIsWhatEverybodyIsTold(t *testing.T) {
	for range 50 {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			p.nc.Stall(true)
			read := later(func() error { return readOnce(context.Background(), c) })
			write := later(func() error { return c.Write(context.Background(), Binary, make([]byte, 1<<20)) })
			synctest.Wait()
			c.CloseNow()
			r, w := <-read, <-write
			for _, err := range []error{r.err, w.err, c.Err()} {
				if e := closeError(t, err); e.Remote || e.cause != ErrClosed {
					t.Errorf("got %+v, want that this side closed", *e)
				}
			}
		})
	}
}

// States of a connection that a test can bring about, for faults in each of them.
var states = []struct {
	name string
	do   func(t *testing.T, c *Conn, p *peer)
}{
	{"idle", func(*testing.T, *Conn, *peer) {}},
	{"a Read waits", func(t *testing.T, c *Conn, p *peer) { go readUntilEnd(c) }},
	{"inside a header", func(t *testing.T, c *Conn, p *peer) {
		go readUntilEnd(c)
		p.send(p.frame(true, frame.Text, strings.Repeat("x", 200))[:3])
	}},
	{"inside a frame", func(t *testing.T, c *Conn, p *peer) {
		go readUntilEnd(c)
		p.send(p.frame(true, frame.Text, strings.Repeat("x", 200))[:100])
	}},
	{"between fragments", func(t *testing.T, c *Conn, p *peer) {
		go readUntilEnd(c)
		p.send(p.frame(false, frame.Text, "x"))
	}},
	{"inside a ping", func(t *testing.T, c *Conn, p *peer) {
		go readUntilEnd(c)
		p.send(p.frame(true, frame.Ping, "hello")[:5])
	}},
	{"a Reader is half read", func(t *testing.T, c *Conn, p *peer) {
		p.send(p.frame(false, frame.Text, "xyz"))
		_, r, err := c.Reader(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(r, make([]byte, 2))
		go io.Copy(io.Discard, r)
	}},
	{"a Ping waits", func(t *testing.T, c *Conn, p *peer) { go c.Ping(context.Background()) }},
	{"a Write waits", func(t *testing.T, c *Conn, p *peer) {
		fillSocket(c, p)
		go c.Write(context.Background(), Binary, make([]byte, 1<<20))
	}},
	{"a Writer is open", func(t *testing.T, c *Conn, p *peer) {
		w, err := c.Writer(context.Background(), Binary)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, fragmentSize))
	}},
	{"the socket is full", func(t *testing.T, c *Conn, p *peer) { fillSocket(c, p) }},
	{"our Close is sent", func(t *testing.T, c *Conn, p *peer) { c.BeginClose(4000, "") }},
	{"our Close is stuck", func(t *testing.T, c *Conn, p *peer) { fillSocket(c, p); c.BeginClose(4000, "") }},
	{"Close waits", func(t *testing.T, c *Conn, p *peer) { go c.Close() }},
	{"the peer's Close is unread", func(t *testing.T, c *Conn, p *peer) {
		p.message(frame.Close, closePayload(4001, ""))
	}},
	{"both Closes are exchanged", func(t *testing.T, c *Conn, p *peer) {
		p.message(frame.Close, closePayload(4001, ""))
		readUntilEnd(c)
	}},
	{"a rule is broken", func(t *testing.T, c *Conn, p *peer) {
		p.send([]byte{0x83, 0x00})
		readUntilEnd(c)
	}},
	{"it has ended", func(t *testing.T, c *Conn, p *peer) { c.CloseNow() }},
}

// faults are what the peer may do at any time.
var faults = map[string]func(p *peer){
	"reset":      func(p *peer) { p.nc.Reset(); p.nc.Close() },
	"end":        func(p *peer) { p.nc.CloseWrite() },
	"close":      func(p *peer) { p.nc.Close() },
	"close deaf": func(p *peer) { p.nc.CloseRead(); p.nc.Close() },
}

// Whatever happens to the socket in whatever state, one read call is enough to see
// it, and everything of ours is gone within the close timeout.
//
// Checklist: L13
func TestEveryFaultInEveryState(t *testing.T) {
	for _, state := range states {
		for name, fault := range faults {
			t.Run(state.name+", "+name, func(t *testing.T) {
				inBothRoles(t, func(t *testing.T, role Role) {
					c, p := newPeer(t, role, quiet())
					state.do(t, c, p)
					synctest.Wait()
					start := time.Now()
					fault(p)
					readUntilEnd(c)
					<-c.Done()
					if d := time.Since(start); d > defaultCloseTimeout {
						t.Errorf("the end came after %v, want at most %v", d, defaultCloseTimeout)
					}
					if closeError(t, c.Err()); c.readErr() == nil || c.Write(context.Background(), Text, nil) == nil {
						t.Error("a direction has no error, want both to have one")
					}
				})
			})
		}
	}
}

// CloseNow in every state ends everything at once.
func TestCloseNowInEveryState(t *testing.T) {
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				state.do(t, c, p)
				synctest.Wait()
				c.CloseNow()
				wantEnd(t, c, true)
				p.nc.Stall(false)
				for {
					if _, _, err := p.next(); err != nil {
						break
					}
				}
			})
		})
	}
}

// Every call on the socket fails once, at each index, over a whole conversation:
// nothing hangs, and there is one clear error.
func TestEachCallOnTheSocketFailsOnce(t *testing.T) {
	fault := errors.New("fault")
	for _, op := range []wiretest.Op{wiretest.OpRead, wiretest.OpWrite, wiretest.OpDeadline, wiretest.OpCloseWrite, wiretest.OpClose} {
		t.Run(string(op), func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				for call := 1; ; call++ {
					near, far := wiretest.Pipe(0)
					f := wiretest.FailAt(near, op, call, fault)
					converse(t, New(f, Setup{Role: role}, quiet()), &peer{t: t, nc: far, role: 1 - role})
					if !f.Failed() {
						return
					}
					if call > 200 {
						t.Fatalf("more than %d calls, want the conversation to be short", call)
					}
				}
			})
		})
	}
}

// converse lets both sides talk and end, whatever happens.
func converse(t *testing.T, c *Conn, p *peer) {
	go func() {
		defer p.nc.Close()
		p.nc.Write(p.frame(true, frame.Ping, "ping"))
		p.nc.Write(p.frame(true, frame.Text, "one"))
		p.nc.Write(p.frame(false, frame.Binary, strings.Repeat("x", 20<<10)))
		p.nc.Write(p.frame(true, frame.Continuation, "end"))
		p.answer()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.Write(ctx, Text, []byte("hello"))
	c.Read(ctx)
	c.Write(ctx, Binary, make([]byte, 100<<10))
	c.Read(ctx)
	start := time.Now()
	c.Close()
	<-c.Done()
	if d := time.Since(start); d > defaultCloseTimeout {
		t.Errorf("Close took %v, want at most %v", d, defaultCloseTimeout)
	}
	if err := c.Err(); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Err is %v, which matches a context's error", err)
	}
}

// overTLS returns a server's connection over TLS, the client's end of it and the
// socket below that.
func overTLS(t *testing.T, o *Options) (*Conn, net.Conn, *wiretest.Conn) {
	near, far := wiretest.Pipe(0)
	client, server := tlsPair(t, far, near)
	return New(server, Setup{Role: Server}, o), client, far
}

// tls.Conn's own Close waits up to 5 s for a full socket.
func TestCloseNowBelowTLSDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, far := overTLS(t, quiet())
		far.Stall(true)
		written := later(func() error { return c.Write(context.Background(), Binary, make([]byte, 1<<20)) })
		read := later(func() error { return readOnce(context.Background(), c) })
		synctest.Wait()
		start := time.Now()
		c.CloseNow()
		w, r := <-written, <-read
		<-c.Done()
		if d := time.Since(start); d != 0 {
			t.Errorf("CloseNow took %v, want nothing", d)
		}
		if !errors.Is(w.err, net.ErrClosed) || !errors.Is(r.err, net.ErrClosed) {
			t.Errorf("Write returned %v, Read %v; want net.ErrClosed", w.err, r.err)
		}
	})
}

// Checklist: L9, L15
func TestCloseOverTLS(t *testing.T) {
	t.Run("in good order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, client, _ := overTLS(t, quiet())
			closed := later(c.Close)
			want := "\x88\x02\x03\xe8" // FIN+Close, unmasked, 2 bytes: 1000
			got := make([]byte, len(want))
			if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
				t.Fatalf("peer got %x, %v; want %x", got, err, want)
			}
			client.Write(frameOf(Client, true, frame.Close, closePayload(CloseNormal, "")))
			// A close_notify, not a cut (RFC 8446, section 6.1).
			if n, err := client.Read(got); n != 0 || err != io.EOF {
				t.Errorf("peer got %x, %v; want io.EOF", got[:n], err)
			}
			client.Close()
			if got := <-closed; got.err != nil {
				t.Errorf("Close returned %v, want nil", got.err)
			}
		})
	})
	t.Run("with a full socket", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, far := overTLS(t, quiet())
			far.Stall(true)
			go c.Write(context.Background(), Binary, make([]byte, 1<<20))
			synctest.Wait()
			start := time.Now()
			if err := c.Close(); err == nil {
				t.Error("Close returned nil, want that the peer did not answer")
			}
			if d := time.Since(start); d != defaultCloseTimeout {
				t.Errorf("Close took %v, want %v", d, defaultCloseTimeout)
			}
			far.Close()
		})
	})
}
