package conntest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
)

func TestPairTalksBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		client, server := Pair(t, &Options{Subprotocol: "chat", Size: 100})
		for _, way := range []struct{ from, to *conn.Conn }{{client, server}, {server, client}} {
			go way.from.Write(ctx, conn.Binary, make([]byte, 1000)) // more than the pipe holds
			if typ, got, err := way.to.Read(ctx); typ != conn.Binary || len(got) != 1000 || err != nil {
				t.Errorf("Read: got %v, %d bytes, %v", typ, len(got), err)
			}
			if got := way.from.Subprotocol(); got != "chat" {
				t.Errorf("Subprotocol: got %q, want chat", got)
			}
		}
		go server.Discard(ctx)
		if _, err := client.Ping(ctx); err != nil {
			t.Errorf("Ping: %v", err)
		}
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := server.Err(); !conn.IsNormal(err) {
			t.Errorf("the server's end: got %v, want a normal one", err)
		}
	})
}

func TestPairHasDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := Pair(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := client.Read(ctx); !errors.Is(err, context.DeadlineExceeded) || client.Err() != nil {
			t.Errorf("Read: got %v and ended with %v, want the call's end alone", err, client.Err())
		}
	})
}

func TestPairHasItsOptions(t *testing.T) {
	client, server := Pair(t, &Options{Server: &conn.Options{ReadLimit: 4}, Client: &conn.Options{ReadLimit: 5}})
	ctx := t.Context()
	server.Write(ctx, conn.Text, []byte("Hello"))
	if _, got, err := client.Read(ctx); string(got) != "Hello" || err != nil {
		t.Errorf("the client's Read: got %q, %v", got, err)
	}
	client.Write(ctx, conn.Text, []byte("Hello"))
	var e *conn.CloseError
	if _, _, err := server.Read(ctx); !errors.As(err, &e) || e.Sent != conn.CloseTooBig {
		t.Errorf("the server's Read: got %v, want it over the limit", err)
	}
}

func TestPairEndsWithTheTest(t *testing.T) {
	var client, server *conn.Conn
	t.Run("inner", func(t *testing.T) { client, server = Pair(t) })
	for _, c := range []*conn.Conn{client, server} {
		select {
		case <-c.Done():
		default:
			t.Errorf("%v is open behind the end of its test", c.LocalAddr())
		}
	}
}

func TestPairTakesOneOptions(t *testing.T) {
	wantFailure(t, func(t testing.TB) { Pair(t, nil, &Options{}) }, "got 2 options, want one at most")
}
