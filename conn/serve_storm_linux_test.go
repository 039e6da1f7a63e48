package conn

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Everything at once, from everywhere: no call hangs, no message is mixed up or lost in
// front of another, and Closed comes once and last.
func TestStormOfCallsWhileServed(t *testing.T) {
	conns, rounds := 64, 12
	if testing.Short() {
		conns, rounds = 24, 4
	}
	d := newDialer(t)
	for range rounds {
		var all sync.WaitGroup
		for i := range conns {
			near, far, err := d.pair()
			if err != nil {
				t.Fatal(err)
			}
			o := patient()
			o.KeepNetConn = i%4 == 3
			o.FlushDelay = []time.Duration{0, -1}[i%2]
			all.Go(func() {
				s := &storm{t: t, over: make(chan error, 2), seed: rand.Uint64()}
				s.run(New(near, Setup{Role: Server}, o), New(far, Setup{Role: Client}, patient()))
			})
		}
		all.Wait()
	}
}

// patient leaves an ending time that it never takes, also on a machine that is busy.
func patient() *Options {
	o := quiet()
	o.CloseTimeout = 2 * soon
	return o
}

// storm is a connection in a storm, and its Receiver.
type storm struct {
	t    *testing.T
	over chan error
	seed uint64
	next byte // the first byte of the next message
	busy atomic.Bool
	gone atomic.Bool // Closed was called
}

func (s *storm) Message(c *Conn, m Message) {
	if !s.busy.CompareAndSwap(false, true) || s.gone.Load() {
		s.t.Error("Message beside or behind another call")
	}
	if len(m.Data) == 0 || m.Data[0] != s.next {
		s.t.Errorf("a message of %d bytes begins with %.1x, want %x", len(m.Data), m.Data, s.next)
	}
	s.next++
	s.act(c, int(m.Data[0])+len(m.Data))
	s.busy.Store(false)
}

func (s *storm) Closed(_ *Conn, err error) {
	if !s.busy.CompareAndSwap(false, true) {
		s.t.Error("Closed beside another call")
	}
	s.gone.Store(true)
	s.over <- err
	s.busy.Store(false)
}

// act calls one of the methods.
func (s *storm) act(c *Conn, which int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(which%7)*100*time.Microsecond)
	defer cancel()
	switch which % 10 {
	case 0, 1:
		c.Write(context.Background(), Text, []byte("a message"))
	case 2:
		c.Write(ctx, Binary, make([]byte, 40_000))
	case 3, 4:
		c.Post(Text, []byte("posted"))
	case 5:
		c.Ping(ctx)
	case 6:
		if w, err := c.Writer(context.Background(), Text); err == nil {
			io.WriteString(w, "a writer's")
			w.Close()
		}
	case 7:
		c.SetReadLimit(1 << 20)
		c.Stats()
	case 8:
		if _, _, err := c.Read(ctx); err == nil {
			s.t.Error("a Read of a served connection got something")
		}
	default:
		c.Err()
	}
}

func (s *storm) run(c, peer *Conn) {
	random := rand.New(rand.NewPCG(s.seed, 0))
	if err := c.Serve(s); err != nil {
		s.t.Error(err)
	}
	var callers sync.WaitGroup
	for range 3 {
		from := random.IntN(100)
		callers.Go(func() {
			for i := range 40 {
				s.act(c, from+i)
			}
		})
	}
	callers.Go(func() { peer.Discard(context.Background()) })
	stop := random.IntN(200)
	callers.Go(func() {
		for i := range 200 {
			p := make([]byte, 1+i*i%5000)
			p[0] = byte(i)
			if err := peer.Write(context.Background(), Binary, p); err != nil {
				return
			}
			if i == stop {
				go s.end(c, peer, stop)
			}
		}
	})
	select {
	case err := <-s.over:
		var e *CloseError
		if errors.Is(err, errNoClose) {
			s.t.Errorf("an ending took the whole close timeout: %v, peer %v, how %d", err, peer.Err(), stop%6)
		}
		if !errors.As(err, &e) {
			s.t.Errorf("Closed got %v", err)
		}
	case <-time.After(3 * soon):
		s.t.Errorf("no Closed; state %x, waiting %d, Err %v", c.serving.state.Load(), c.readTurn.waiting.Load(), c.Err())
		c.CloseNow()
		peer.CloseNow()
	}
	callers.Wait()
	<-c.Done()
	peer.CloseNow()
	if len(s.over) != 0 {
		s.t.Error("Closed was called twice")
	}
}

func (s *storm) end(c, peer *Conn, how int) {
	switch how % 6 {
	case 0:
		c.Close()
	case 1:
		c.BeginClose(1001, "")
		c.Close()
	case 2:
		c.CloseNow()
	case 3:
		peer.Close()
	case 4:
		peer.CloseNow()
	default:
		go c.Close()
		go peer.Close()
		c.BeginClose(4000, "both")
	}
}
