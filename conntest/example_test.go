package conntest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/conntest"
	"github.com/tidewire/websocket/server"
)

// t is what a test function gets. TestExamples runs the examples with it.
var t *testing.T

// A server of yours, here an echo, tested without a network: as in
// func TestEcho(t *testing.T).
func ExampleDial() {
	echo := server.Handler(func(ctx context.Context, c *conn.Conn, r *http.Request) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, nil)

	ctx := context.Background()
	c := conntest.Dial(t, echo)
	if err := c.Write(ctx, conn.Text, []byte("Hello")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); err != nil || string(got) != "Hello" {
		t.Fatalf("got %q, %v, want the echo", got, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// Two ends, and the network between them on command, inside testing/synctest, where
// the 30 seconds take no time.
func ExamplePair() {
	synctest.Test(t, func(t *testing.T) {
		client, server := conntest.Pair(t)
		conntest.WireOf(server).Stall(true) // nothing reaches the server any more

		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		go server.Read(ctx)
		if _, err := client.Ping(ctx); err == nil {
			t.Fatal("a ping came through a stalled network")
		}
	})
}

// A peer that breaks a rule, and what it is told.
func ExampleNewPeer() {
	peer, c := conntest.NewPeer(t, conn.Client)
	peer.Send(conntest.TextFrame("Hel").More(), conntest.PingFrame(nil), conntest.TextFrame("lo"))

	if _, _, err := c.Read(context.Background()); err == nil {
		t.Fatal("a new message inside another one was accepted")
	}
	peer.Expect(conntest.PongFrame(nil))
	peer.ExpectClose(conn.CloseProtocolError)
	peer.ExpectEOF()
}

func TestExamples(tt *testing.T) {
	for name, example := range map[string]func(){
		"Dial": ExampleDial, "Pair": ExamplePair, "NewPeer": ExampleNewPeer,
	} {
		tt.Run(name, func(tt *testing.T) {
			t = tt
			example()
		})
	}
}
