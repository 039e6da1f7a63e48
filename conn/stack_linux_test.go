package conn

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// A goroutine that waits in Messages keeps the 2 KiB that it was born with, also when
// it has answered a message, a Ping of the peer's and had one of ours answered.
func TestWaitingLoopKeepsSmallStack(t *testing.T) {
	if raceDetector || runtime.GOARCH != "amd64" {
		t.Skip("the frames are those of an ordinary build on amd64")
	}
	// Goroutines of other tests have left stacks of all sizes behind.
	const alone = "TIDEWIRE_TEST_ALONE"
	if os.Getenv(alone) == "" {
		test := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		test.Env = append(os.Environ(), alone+"=1")
		if out, err := test.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const n = 500
	before := stackBytes()
	conns, peers := make([]*Conn, n), make([]net.Conn, n)
	for i := range n {
		near, far := loopback(t)
		c := New(near, Setup{Role: Server}, quiet())
		conns[i], peers[i] = c, far
		go echoMessages(c)
	}
	check := func(when string) {
		// Some meet an empty pool or a full span on the way, which goes deeper.
		if each := (stackBytes() - before) / n; each > 2<<10+512 {
			t.Errorf("%s: a loop that waits has a stack of %d bytes", when, each)
		}
	}
	awaitReads(t, conns)
	check("at first")
	for _, step := range []struct {
		name      string
		send, get []byte
	}{
		{"after a message", frameOf(Client, true, frame.Text, "hello"), frameOf(Server, true, frame.Text, "hello")},
		{"after a Ping", frameOf(Client, true, frame.Ping, "hello"), frameOf(Server, true, frame.Pong, "hello")},
	} {
		got := make([]byte, len(step.get))
		for _, nc := range peers {
			nc.SetDeadline(time.Now().Add(10 * time.Second))
			nc.Write(step.send)
			if _, err := io.ReadFull(nc, got); err != nil || string(got) != string(step.get) {
				t.Fatalf("%s: %x, %v; want %x", step.name, got, err, step.get)
			}
		}
		awaitReads(t, conns)
		check(step.name)
	}
	for i, c := range conns {
		c.keepalivePing()
		nc := peers[i]
		ping := make([]byte, 2+8)
		if _, err := io.ReadFull(nc, ping); err != nil {
			t.Fatal(err)
		}
		nc.Write(frameOf(Client, true, frame.Pong, string(ping[2:])))
	}
	for _, c := range conns {
		for c.Stats().RTT == 0 {
			runtime.Gosched()
		}
	}
	awaitReads(t, conns)
	check("after a Pong")
	for _, c := range conns {
		c.CloseNow()
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

func echoMessages(c *Conn) {
	ctx := context.Background()
	for m, err := range c.Messages(ctx) {
		if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
			return
		}
	}
}

func stackBytes() int {
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}
