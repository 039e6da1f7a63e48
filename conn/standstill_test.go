package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A connection without deadlines cannot end writing alone, so all of it ends.
func TestWriteTimeoutWithoutDeadlinesCutsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := wiretest.Pipe(1000)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		start := time.Now()
		err := c.Write(t.Context(), Binary, make([]byte, 2000))
		if !errors.Is(err, errStuck) || time.Since(start) != defaultWriteTimeout {
			t.Errorf("Write: got %v after %v, want %v after %v", err, time.Since(start), errStuck, defaultWriteTimeout)
		}
		<-c.Done()
	})
}

// It is time in which nothing is taken, not the length of a call.
func TestWriteTimeoutWithoutDeadlinesLetsASlowPeerGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(1 << 10)
		c := New(wiretest.NoDeadlines(near), Setup{Role: Server}, quiet())
		defer c.CloseNow()
		const size = 100 << 10
		written := later(func() error { return c.Write(t.Context(), Binary, make([]byte, size)) })
		got := 0
		for buf := make([]byte, piece); got < size; {
			time.Sleep(defaultWriteTimeout / 20) // of the bubble's time
			n, err := far.Read(buf)
			if err != nil {
				t.Fatalf("peer: %v after %d bytes", err, got)
			}
			got += n
		}
		if r := <-written; r.err != nil {
			t.Errorf("Write to a slow peer: %v", r.err)
		}
	})
}

func TestPanicInOnEndIsReported(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		near, _ := wiretest.Pipe(0)
		c := New(near, Setup{}, &Options{OnEnd: func(*Conn, error) { panic("of the user's") }})
		c.CloseNow()
	})
	if got := out.String(); !strings.Contains(got, "panic in OnEnd") || !strings.Contains(got, "of the user's") {
		t.Errorf("log: got %q, want the panic", got)
	}
}

func TestWritePreparedOfNothingFailsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newPeer(t, Server, quiet())
		if err := c.WritePrepared(t.Context()); err != nil {
			t.Errorf("WritePrepared of nothing: %v", err)
		}
		c.CloseNow()
		if err := c.WritePrepared(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("WritePrepared of nothing after the end: got %v, want %v", err, ErrClosed)
		}
	})
}

// take reads n bytes of the stream every pause, until all bytes are there.
func (p *peer) take(all, n int, pause time.Duration) {
	for b := make([]byte, n); all > 0; all -= n {
		<-time.After(pause) // fake time
		io.ReadFull(p.nc, b[:min(n, all)])
	}
}

func TestWriteTimeoutIsTimeInWhichNothingIsTaken(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := narrow(t, role, 1<<10, quiet())
			taken := started(func() error { p.take(10+4*int(role)+1<<20, 1<<10, 5*time.Second); return nil })
			begun := time.Now()
			if err := c.Write(t.Context(), Binary, text(1<<20)); err != nil {
				t.Errorf("Write = %v after %v; 1 KiB every 5 s is not standing still", err, time.Since(begun))
			}
			if took := time.Since(begun); took < time.Hour {
				t.Errorf("Write of 1 MiB took %v of fake time, want over an hour", took)
			}
			<-taken
		})
	}
}

func TestSocketThatTakesNothingEndsWriting(t *testing.T) {
	for _, role := range both {
		for name, send := range map[string]func(c *Conn) error{
			"small": func(c *Conn) error { return c.Write(context.Background(), Text, []byte("small")) },
			"large": func(c *Conn) error { return c.Write(context.Background(), Text, text(100_000)) },
			"post": func(c *Conn) error {
				if err := c.Post(Text, []byte("posted")); err != nil {
					return err
				}
				<-time.After(defaultWriteTimeout) // the flusher's business
				synctest.Wait()
				return c.Write(context.Background(), Text, nil)
			},
		} {
			t.Run(fmt.Sprint(role, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { wantStuck(t, role, send) })
			})
		}
	}
}

func wantStuck(t *testing.T, role Role, send func(c *Conn) error) {
	c, p := room(t, role, 0, quiet())
	begun := time.Now()
	err := send(c)
	if e := closeError(t, err); !errors.Is(e, errStuck) || e.Remote || e.Code != CloseAbnormal {
		t.Fatalf("error %v (%+v), want %v", err, e, errStuck)
	}
	if took := time.Since(begun); took != defaultWriteTimeout {
		t.Errorf("writing ended after %v, want %v", took, defaultWriteTimeout)
	}
	if again := c.Write(t.Context(), Text, nil); again != err {
		t.Errorf("next Write = %v, want the same %v", again, err)
	}
	// What the peer sent before still arrives, above all its Close.
	go p.send(p.frame(true, frame.Text, "bye"), p.frame(true, frame.Close, closePayload(CloseGoingAway, "reason")))
	if _, got, err := c.Read(t.Context()); string(got) != "bye" || err != nil {
		t.Errorf("Read = %q, %v; want what came before", got, err)
	}
	_, _, err = c.Read(t.Context())
	if e := closeError(t, err); e.Code != CloseGoingAway || e.Reason != "reason" || !e.Remote || e.Sent != 0 {
		t.Errorf("Read = %+v, want the peer's Close", e)
	}
	if role == Client {
		p.nc.CloseWrite() // a client waits for the server's end
	}
	<-c.Done()
	if took := time.Since(begun); took != defaultWriteTimeout {
		t.Errorf("ended %v after the beginning, want %v: nobody is there to wait for", took, defaultWriteTimeout)
	}
}

// With WriteTimeout off, a Write waits as long as its context lets it.
func TestWriteTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.WriteTimeout = -1
		c, p := room(t, Client, 0, o)
		result := started(func() error { return c.Write(t.Context(), Text, []byte("patience")) })
		<-time.After(24 * time.Hour) // fake time
		p.roomByte()
		p.expect(frame.Text, "patience")
		if err := returned(t, "Write", result); err != nil {
			t.Errorf("Write = %v", err)
		}
	})
}
