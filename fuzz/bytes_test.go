package fuzz

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Property: whatever bytes a server's connection receives, however they are cut and
// however they end (FIN, RST, silence), while it reads and writes itself: it ends
// within its timeouts with a documented error, nothing panics, and what it sent is
// frames that a server may send, none behind a Close.
// Checklist: T2
func FuzzServerBytes(f *testing.F) { fuzzBytes(f, conn.Server) }

// Property: that of FuzzServerBytes, for a client's connection.
// Checklist: T2
func FuzzClientBytes(f *testing.F) { fuzzBytes(f, conn.Client) }

func fuzzBytes(f *testing.F, role conn.Role) {
	for i, stream := range streams(1 - role) {
		f.Add(byte(i), stream, []byte{byte(i), 5})
		f.Add(byte(17*i+64), stream, []byte{0})
	}
	f.Fuzz(func(t *testing.T, how byte, stream, cuts []byte) {
		synctest.Test(t, func(t *testing.T) { hostile(t, role, how, stream, cuts) })
	})
}

// hostile plays a peer that sends the stream in pieces, a moment apart, and then
// ends as how says.
func hostile(t *testing.T, role conn.Role, how byte, stream, cuts []byte) {
	a, b := wiretest.Pipe(4 << 10)
	buffered := stream[:min(len(stream), int(how>>2&7))] // came behind the handshake
	c := conn.New(b, conn.Setup{Role: role, Buffered: buffered}, &conn.Options{
		ReadLimit: readLimit, StreamLimit: readLimit, MaxFragments: maxFragments,
	})
	start := time.Now()

	// 1. The peer takes what we send, and sends.
	taken := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(a)
		taken <- b
	}()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		send(a, stream[len(buffered):], cuts)
		switch how & 3 {
		case 0:
			a.CloseWrite()
		case 1:
			a.Reset()
		case 2:
			time.Sleep(2 * time.Hour) // the keepalive or MinProgress must see it
			a.Close()
		case 3:
			a.CloseWrite()
			time.Sleep(time.Second)
			a.Close()
		}
	}()

	// 2. We send too, and read to the end.
	written := make(chan struct{})
	go func() {
		defer close(written)
		talk(t, c)
	}()
	_, err := readAll(context.Background(), c, way(how>>5)%ways)
	var e *conn.CloseError
	if !errors.As(err, &e) {
		t.Errorf("reading ended with %v, want a *CloseError", err)
	}
	<-c.Done()
	if waited := time.Since(start); waited > time.Hour {
		t.Errorf("the connection went on for %v", waited)
	}
	<-written
	ended(t, c)
	<-gone

	// 3. What we said is legal, up to where we were cut.
	const whole = false
	legal(t, role, <-taken, whole)
}

// send writes the stream in the pieces that cuts name, with a moment between them
// as long as there are few.
func send(nc net.Conn, stream, cuts []byte) {
	size := pieces(cuts)
	for i := 0; len(stream) > 0; i++ {
		n := min(size(), len(stream))
		if _, err := nc.Write(stream[:n]); err != nil {
			return
		}
		stream = stream[n:]
		if i < 50 {
			time.Sleep(time.Millisecond)
		}
	}
}

// talk uses every way of writing until one fails.
func talk(t *testing.T, c *conn.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"Write", func() error { return c.Write(ctx, conn.Text, []byte("Hello")) }},
		{"Write", func() error { return c.Write(ctx, conn.Binary, make([]byte, 20_000)) }},
		{"Post", func() error { return c.Post(conn.Binary, make([]byte, 3)) }},
		{"Writer", func() error {
			return writeParts(ctx, c, conn.Text, []string{"Hel", "lo", string(make([]byte, 40_000))})
		}},
		{"Ping", func() error { _, err := c.Ping(ctx); return err }},
	} {
		if err := step.do(); err != nil {
			documented(t, ctx, step.name, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}
