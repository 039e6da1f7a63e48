package conn

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/alone"
)

// A goroutine that waits in Messages or in Read keeps the 2 KiB that it was born with,
// also when it has answered a message, a Ping of the peer's and had one of ours answered.
func TestMessagesKeepSmallStack(t *testing.T) { loopOnSmallStack(t, echoMessages) }
func TestReadKeepsSmallStack(t *testing.T)    { loopOnSmallStack(t, echoReads) }

func loopOnSmallStack(t *testing.T, loop func(c *Conn)) {
	t.Helper()
	if raceDetector || runtime.GOARCH != "amd64" {
		t.Skip("the frames are those of an ordinary build on amd64")
	}
	// Goroutines of other tests have left stacks of all sizes behind.
	if !alone.Run(t) {
		return
	}
	const n = 500
	before := alone.StackBytes()
	conns, peers := make([]*Conn, n), make([]net.Conn, n)
	for i := range n {
		near, far := loopback(t)
		far.SetDeadline(time.Now().Add(20 * time.Second))
		conns[i], peers[i] = New(near, Setup{Role: Server}, quiet()), far
		go loop(conns[i])
	}
	check := func(when string) {
		t.Helper()
		awaitReads(t, conns)
		// Some meet an empty pool or a full span on the way, which goes deeper.
		if each := (alone.StackBytes() - before) / n; each > 2<<10+512 {
			t.Errorf("%s: a loop that waits has a stack of %d bytes", when, each)
		}
	}
	check("at first")
	askEach(t, peers, frameOf(Client, true, frame.Text, "hello"), frameOf(Server, true, frame.Text, "hello"))
	check("after a message")
	askEach(t, peers, frameOf(Client, true, frame.Ping, "hello"), frameOf(Server, true, frame.Pong, "hello"))
	check("after a Ping")
	pingEach(t, conns, peers)
	check("after a Pong")
	for _, c := range conns {
		c.CloseNow()
	}
}

// askEach has each peer send a frame and get the answer.
func askEach(t *testing.T, peers []net.Conn, send, answer []byte) {
	t.Helper()
	got := make([]byte, len(answer))
	for _, nc := range peers {
		nc.Write(send)
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != string(answer) {
			t.Fatalf("to %x: %x, %v; want %x", send, got, err, answer)
		}
	}
}

// pingEach has each connection send a Ping, and waits until all have their Pongs.
func pingEach(t *testing.T, conns []*Conn, peers []net.Conn) {
	t.Helper()
	ping := make([]byte, 2+8)
	for i, c := range conns {
		c.keepalivePing()
		if _, err := io.ReadFull(peers[i], ping); err != nil {
			t.Fatal(err)
		}
		peers[i].Write(frameOf(Client, true, frame.Pong, string(ping[2:])))
	}
	for _, c := range conns {
		spinUntil(t, func() bool { return c.Stats().RTT != 0 })
	}
}

// awaitReads waits until a read of each waits for the socket.
func awaitReads(t *testing.T, conns []*Conn) {
	t.Helper()
	for _, c := range conns {
		for c.readTurn.waiting.Load() != betweenMessages {
			if err := c.Err(); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
	}
}

func echoReads(c *Conn) {
	ctx := context.Background()
	for {
		typ, p, err := c.Read(ctx)
		if err != nil || c.Write(ctx, typ, p) != nil {
			return
		}
	}
}

func echoMessages(c *Conn) {
	ctx := context.Background()
	for m, err := range c.Messages(ctx) {
		if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
			return
		}
	}
}
