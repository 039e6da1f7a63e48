package conntest

import (
	"testing"

	"github.com/tidewire/websocket/conn"
)

// Options change what Pair and NewPeer make. All fields may be zero.
type Options struct {
	// Client and Server are the options of the two ends; a Peer has none.
	Client, Server *conn.Options

	// Subprotocol is the one that both ends agreed on. Default: none.
	Subprotocol string

	// Size is how many bytes the stream holds in each direction before a Write
	// waits. Default 64 KiB.
	Size int
}

// of returns the options of one end.
func (o *Options) of(role conn.Role) *conn.Options {
	if role == conn.Client {
		return o.Client
	}
	return o.Server
}

// Pair returns the two ends of a WebSocket connection in memory, as they are behind
// the opening handshake. The end of the test cuts both. No more than one *Options
// may be given; nil is fine.
func Pair(t testing.TB, o ...*Options) (client, server *conn.Conn) {
	t.Helper()
	opt := one(t, o)
	a, b := Pipe(opt.Size)
	return opt.end(t, conn.Client, a), opt.end(t, conn.Server, b)
}

// end makes a connection of a wire.
func (o *Options) end(t testing.TB, role conn.Role, w *Wire) *conn.Conn {
	c := conn.New(w, conn.Setup{Role: role, Subprotocol: o.Subprotocol}, o.of(role))
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// one returns the only element of o, or an empty one.
func one[T any](t testing.TB, o []*T) *T {
	t.Helper()
	switch {
	case len(o) > 1:
		t.Fatalf("conntest: got %d options, want one at most", len(o))
	case len(o) == 1 && o[0] != nil:
		return o[0]
	}
	return new(T)
}
