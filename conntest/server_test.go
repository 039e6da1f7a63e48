package conntest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/client"
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/server"
)

// hello greets with what it knows of the request, and waits for the end.
var hello = server.Handler(func(ctx context.Context, c *conn.Conn, r *http.Request) error {
	text := fmt.Sprintf("%s %s %s", r.Host, r.URL, r.Header.Get("X-Name"))
	if err := c.Write(ctx, conn.Text, []byte(text)); err != nil {
		return err
	}
	return c.Discard(ctx)
}, &server.Options{Subprotocols: []string{"chat"}})

// isReset knows a reset on systems without numbers for errors too.
func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), "connection reset by peer")
}

func wantText(t *testing.T, c *conn.Conn, want string) {
	t.Helper()
	if _, got, err := c.Read(t.Context()); string(got) != want || err != nil {
		t.Fatalf("Read: got %q, %v, want %q", got, err, want)
	}
}

func TestDialRunsAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Dial(t, hello)
		wantText(t, c, "conntest.example / ")
		if WireOf(c) == nil {
			t.Error("the client has no wire")
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestServerHasManyClients(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // is not asked
	s := NewServer(t, hello)
	for i := range 3 {
		c := s.Dial(t, fmt.Sprintf("/room?n=%d", i), &client.Options{
			Subprotocols: []string{"chat"},
			Header:       http.Header{"X-Name": {"Ann"}},
		})
		wantText(t, c, fmt.Sprintf("conntest.example /room?n=%d Ann", i))
		if c.Subprotocol() != "chat" {
			t.Errorf("Subprotocol: got %q, want chat", c.Subprotocol())
		}
	}
}

func TestServerHandlersHaveWires(t *testing.T) {
	resets := server.Handler(func(ctx context.Context, c *conn.Conn, r *http.Request) error {
		_, _, err := c.Read(ctx) // so the 101 has arrived
		WireOf(c).Reset()
		return err
	}, nil)
	c := Dial(t, resets)
	c.Write(t.Context(), conn.Text, nil)
	var e *conn.CloseError
	if _, _, err := c.Read(t.Context()); !errors.As(err, &e) || !isReset(err) {
		t.Errorf("Read: got %v, want the reset", err)
	}
}

func TestServerRefusals(t *testing.T) {
	s := NewServer(t, http.NotFoundHandler())
	_, err := client.Dial(t.Context(), URL+"/room", s.Options(nil))
	var refused *client.HandshakeError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("client.Dial: got %v, want status 404", err)
	}
	wantFailure(t, func(t testing.TB) { Dial(t, http.NotFoundHandler()) }, "dial ws://conntest.example/", "404")
	wantFailure(t, func(t testing.TB) { Dial(t, hello, nil, nil) }, "got 2 options, want one at most")
}

func TestServerEndsWithTheTest(t *testing.T) {
	ended := make(chan error, 1)
	var s *Server
	t.Run("inner", func(t *testing.T) {
		s = NewServer(t, server.Handler(func(ctx context.Context, c *conn.Conn, r *http.Request) error {
			err := c.Discard(ctx)
			ended <- err
			return err
		}, nil))
		// Not closed by anybody.
		if _, err := client.Dial(t.Context(), URL, s.Options(nil)); err != nil {
			t.Fatal(err)
		}
	})
	if err := <-ended; !isReset(err) {
		t.Errorf("the handler's connection: got %v, want the reset", err)
	}
	if _, err := s.DialContext(t.Context(), "tcp", "conntest.example:80"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("DialContext behind the end: got %v, want it refused", err)
	}
	if l := (wireListener{s}); l.Addr().Network() != "pipe" || l.Close() == nil {
		t.Errorf("the listener at %v is open", l.Addr())
	}
}

func TestServerLogsToTheTest(t *testing.T) {
	f := &failingT{TB: t}
	done := make(chan struct{})
	s := NewServer(f, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		defer close(done)
		panic("oops")
	}))
	if _, err := client.Dial(t.Context(), URL, s.Options(nil)); err == nil {
		t.Error("Dial: got a connection from a handler that panics")
	}
	<-done
	tlog := s.http.ErrorLog
	f.end()
	tlog.Print("too late")
	if got := f.logged.String(); !strings.Contains(got, "oops") || strings.Contains(got, "too late") {
		t.Errorf("the log has %q, want the panic and nothing behind the test's end", got)
	}
}
