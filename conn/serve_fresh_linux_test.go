package conn

import (
	"context"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// A socket that the poller begins to watch with Serve needs no goroutine that looks what
// has come: the poller tells of that. These are the cases in which somebody must look.

// What came while the poller watched the socket for another reason was told to nobody.
func TestServeBehindAnEdgeThatNobodyHeard(t *testing.T) {
	near, far := loopback(t)
	c := New(near, Setup{Role: Server}, quiet())
	t.Cleanup(func() { c.CloseNow() })
	w := c.wire.(*fdWire)
	w.watch() // as a Write does that has to wait
	w.flags.And(^uint32(fdEdge))
	d := clientOver(t, far)
	if err := d.Write(context.Background(), Text, []byte("early")); err != nil {
		t.Fatal(err)
	}
	spinUntil(t, w.mayRead)
	c.Serve(echoing(t))
	wantMessage(t, d, Text, "early")
}

// A connection that is over before it is served has its Receiver told.
func TestServeBehindTheEnd(t *testing.T) {
	near, _ := loopback(t)
	c := New(near, Setup{Role: Server}, quiet())
	c.CloseNow()
	closed := make(chan error, 1)
	c.Serve(&receiver{closed: func(_ *Conn, err error) { closed <- err }})
	if err := <-closed; err == nil {
		t.Error("Closed got no error")
	}
}

// Who never sends anything is pinged all the same (RFC 6455, section 5.5.2).
func TestServedConnectionPingsWhoNeverSpoke(t *testing.T) {
	near, far := loopback(t)
	o := &Options{PingInterval: ticksPerInterval * wheelTick, PingTimeout: -1} // the shortest that a wheel knows
	c := New(near, Setup{Role: Server, Wheel: new(Wheel)}, o)
	t.Cleanup(func() { c.CloseNow() })
	c.Serve(echoing(t))
	far.SetDeadline(time.Now().Add(20 * time.Second))
	if h, _, err := framesOf(far).next(); err != nil || h.Opcode != frame.Ping {
		t.Errorf("peer got %+v, %v; want a Ping", h, err)
	}
}
