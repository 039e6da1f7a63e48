package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

func TestAFailedWriteDoesNotHideThePeersClose(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.message(frame.Text, "before")
		p.message(frame.Close, closePayload(4001, "gone"))
		p.nc.Close()
		err := c.Write(context.Background(), Text, []byte("into the void"))
		if e := closeError(t, err); e.Code != CloseAbnormal || !e.Remote {
			t.Errorf("Write returned %+v, want the broken pipe", *e)
		}
		if _, b, err := c.Read(context.Background()); string(b) != "before" || err != nil {
			t.Errorf("Read returned %q, %v; want what came before", b, err)
		}
		e := closeError(t, readOnce(context.Background(), c))
		if e.Code != 4001 || e.Sent != 0 || !e.Remote || e.Reason != "gone" {
			t.Errorf("Read returned %+v, want 4001", *e)
		}
		if e := closeError(t, c.Err()); e.Code != 4001 {
			t.Errorf("Err is %v, want the Close received", e)
		}
		// The other direction keeps its own error.
		if got := c.Write(context.Background(), Text, nil); got != err {
			t.Errorf("Write returned %v, want %v again", got, err)
		}
	})
}

func TestCloseAfterAFailedWriteIsStillThePeers(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		p.message(frame.Close, closePayload(4001, "gone"))
		p.nc.Close()
		if err := c.Write(context.Background(), Text, []byte("into the void")); err == nil {
			t.Fatal("Write returned nil, want the broken pipe")
		}
		err := c.Close() // which can send nothing any more
		if e := closeError(t, err); e.Code != 4001 || e.Sent != 0 || !e.Remote {
			t.Errorf("Close returned %+v, want the peer's 4001", *e)
		}
	})
}

func TestAFailedWriteEndsTheConnectionInTime(t *testing.T) {
	for _, reads := range []bool{false, true} {
		t.Run(fmt.Sprintf("reader %v", reads), func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				near, far := wiretest.Pipe(0)
				defer far.Close()
				fault := errors.New("cable cut")
				c := New(wiretest.FailAt(near, wiretest.OpWrite, 1, fault), Setup{Role: role}, quiet())
				read := make(chan result, 1)
				if reads {
					read = later(func() error { return readOnce(context.Background(), c) })
				}
				synctest.Wait()
				start := time.Now()
				err := c.Write(context.Background(), Text, nil)
				if !errors.Is(err, fault) {
					t.Errorf("Write returned %v, want %v", err, fault)
				}
				wantEnd(t, c, false)
				<-c.Done()
				if d := time.Since(start); d != defaultCloseTimeout {
					t.Errorf("the end came after %v, want %v", d, defaultCloseTimeout)
				}
				if c.Err() != err {
					t.Errorf("Err is %v, want the first failure %v", c.Err(), err)
				}
				if reads {
					if got := <-read; !errors.Is(got.err, fault) {
						t.Errorf("Read returned %v, want %v", got.err, fault)
					}
				}
			})
		})
	}
}

// writeWays are all the calls that write.
var writeWays = map[string]func(ctx context.Context, c *Conn) error{
	"Write small": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("x")) },
	"Write large": func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, text(100_000)) },
	"Writer": func(ctx context.Context, c *Conn) error {
		w, err := c.Writer(ctx, Text)
		if err == nil {
			err = w.Close()
		}
		return err
	},
	"Post": func(_ context.Context, c *Conn) error { return c.Post(Text, []byte("x")) },
	"WritePrepared": func(ctx context.Context, c *Conn) error {
		m, _ := Prepare(Text, []byte("x"))
		return c.WritePrepared(ctx, m)
	},
	"PostPrepared": func(_ context.Context, c *Conn) error {
		m, _ := Prepare(Text, []byte("x"))
		return c.PostPrepared(m)
	},
	"WriteJSON": func(ctx context.Context, c *Conn) error { return WriteJSON(ctx, c, 1) },
	"Ping":      func(ctx context.Context, c *Conn) error { _, err := c.Ping(ctx); return err },
}

var writeEndings = map[string]struct {
	end  func(t *testing.T, c *Conn, p *peer)
	want func(err error) bool
}{
	"our BeginClose": {
		func(t *testing.T, c *Conn, p *peer) { c.BeginClose(CloseNormal, "") },
		func(err error) bool { return errors.Is(err, ErrClosed) },
	},
	"the peer's Close": {
		func(t *testing.T, c *Conn, p *peer) {
			p.message(frame.Close, closePayload(4000, "enough"))
			c.Read(t.Context())
		},
		func(err error) bool { var e *CloseError; return errors.As(err, &e) && e.Code == 4000 && e.Remote },
	},
	"a broken rule": {
		func(t *testing.T, c *Conn, p *peer) { p.send([]byte{0x83, 0x80, 0, 0, 0, 0}); c.Read(t.Context()) },
		func(err error) bool { return brokenRule(err) == CloseProtocolError },
	},
	"the peer's end": {
		func(t *testing.T, c *Conn, p *peer) { p.nc.Close(); c.Read(t.Context()) },
		func(err error) bool { return errors.Is(err, io.EOF) },
	},
	"CloseNow": {
		func(t *testing.T, c *Conn, p *peer) { c.CloseNow() },
		func(err error) bool { return errors.Is(err, ErrClosed) && errors.Is(err, net.ErrClosed) },
	},
	"a reset": {
		func(t *testing.T, c *Conn, p *peer) { p.nc.Reset(); c.pong(nil) },
		func(err error) bool {
			var e *CloseError
			return errors.As(err, &e) && e.Code == CloseAbnormal && e.Remote
		},
	},
}

// Checklist: G7
func TestEveryWriteCallReturnsTheSameErrorForEver(t *testing.T) {
	for _, role := range both {
		for name, ending := range writeEndings {
			t.Run(fmt.Sprint(role, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, quiet())
					open, _ := c.Writer(t.Context(), Text)
					ending.end(t, c, p)
					synctest.Wait()
					out := p.nc.Buffered()
					want := c.Write(t.Context(), Text, nil)
					if want == nil || !ending.want(want) {
						t.Fatalf("Write = %v", want)
					}
					for range 3 {
						for way, call := range writeWays {
							if err := call(t.Context(), c); err != want && way != "Ping" || err == nil {
								t.Errorf("%s = %v, want %v", way, err, want)
							}
						}
						if _, err := open.Write(text(fragmentSize)); err != want {
							t.Errorf("Write to a Writer = %v, want %v", err, want)
						}
						if err := open.Close(); err != want {
							t.Errorf("Close of a Writer = %v, want %v", err, want)
						}
					}
					if p.nc.Buffered() > out {
						t.Errorf("%d bytes were sent behind the end", p.nc.Buffered()-out)
					}
				})
			})
		}
	}
}

// Each call that waits in the line of writers returns when writing ends.
func TestEndWakesEveryWriter(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"CloseNow":   func(c *Conn) { c.CloseNow() },
		"BeginClose": func(c *Conn) { c.BeginClose(CloseNormal, "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := room(t, Client, 0, quiet())
				stuck := started(func() error { return c.Write(t.Context(), Text, text(copyMax)) })
				var line []chan error
				for range 6 { // committed until there is no room, then in line
					line = append(line, started(func() error { return c.Write(t.Context(), Text, text(copyMax)) }))
				}
				large := started(func() error { return c.Write(t.Context(), Text, text(copyMax+1)) })
				end(c)
				failed := 0
				for _, result := range line {
					if err := returned(t, "Write", result); errors.Is(err, ErrClosed) {
						failed++
					} else if err != nil {
						t.Errorf("Write = %v, want nil or %v", err, ErrClosed)
					}
				}
				if err := returned(t, "large Write", large); !errors.Is(err, ErrClosed) || failed != 3 {
					t.Errorf("large Write = %v, %d others in line failed; want %v, 3", err, failed, ErrClosed)
				}
				<-c.Done()
				if err := returned(t, "Write", stuck); !errors.Is(err, ErrClosed) {
					t.Errorf("stuck Write = %v, want %v", err, ErrClosed)
				}
			})
		})
	}
}

// CloseNow and the write that it wakes tell one story, also if that write is first
// to speak.
func TestErrorOfACutIsNotThatOfTheWriteItWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1)
		defer far.Close()
		woken := make(chan struct{})
		c := New(&slowToClose{Conn: near, after: woken}, Setup{Role: Server}, quiet())
		result := started(func() error {
			defer close(woken)
			return c.Write(t.Context(), Text, nil)
		})
		c.CloseNow()
		if e := closeError(t, c.Err()); !errors.Is(e, ErrClosed) || e.Remote {
			t.Errorf("Err = %v (remote %v), want %v", e, e.Remote, ErrClosed)
		}
		if err := returned(t, "Write", result); !errors.Is(err, ErrClosed) {
			t.Errorf("Write = %v, want %v", err, ErrClosed)
		}
	})
}

// slowToClose is closed at once, but Close returns only after something else.
type slowToClose struct {
	net.Conn
	after chan struct{}
}

func (s *slowToClose) Close() error {
	err := s.Conn.Close()
	<-s.after
	return err
}
