package contest

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/server"
)

// tidewire reads and writes in blocking code; every message that Read returns is the
// program's own.
func tidewire() *Contestant {
	return ours("tidewire", "Read and Write", readWrite)
}

// tidewireMessages borrows the memory of each message.
func tidewireMessages() *Contestant {
	c := ours("tidewire-messages", "Messages and Write", messages)
	c.Groups = []string{"echo", "echo-2p", "paced", "text", "idle", "deflate", "deflate-idle", "slow"}
	return c
}

// tidewireServe has no goroutine for a connection.
func tidewireServe() *Contestant {
	return ours("tidewire-serve", "Serve, Write in Message", serve)
}

// tidewireNetConn leaves the socket to Go's own poller.
func tidewireNetConn() *Contestant {
	keep := func(o *conn.Options) { o.KeepNetConn = true }
	c := ours("tidewire-netconn", "Messages and Write with KeepNetConn", messages, keep)
	c.Groups = []string{"echo", "echo-2p", "paced", "idle", "slow"}
	return c
}

// tidewireAppend keeps one buffer for each connection, however large it has become.
func tidewireAppend() *Contestant {
	c := ours("tidewire-append", "ReadAppend into a buffer of the connection, and Write", readAppend)
	c.Variant, c.Groups = true, []string{"echo", "text"}
	return c
}

// tidewireTrust does not check that what it writes as text is UTF-8; what it reads is.
func tidewireTrust() *Contestant {
	trust := func(o *conn.Options) { o.TrustText = true }
	c := ours("tidewire-trust", "Messages and Write with TrustText", messages, trust)
	c.Groups = []string{"text"}
	return c
}

// tidewireBetter compresses at the better level.
func tidewireBetter() *Contestant {
	better := func(o *conn.Options) {
		if o.Compression != nil {
			o.Compression.Level = conn.BetterCompression
		}
	}
	c := ours("tidewire-better", "Messages and Write, BetterCompression", messages, better)
	c.Groups = []string{"deflate", "deflate-idle"}
	return c
}

// ours makes a contestant of a loop, which runs until the connection ends.
func ours(name, uses string, loop func(*Job, *conn.Conn), changes ...func(*conn.Options)) *Contestant {
	options := func(j *Job) *server.Options { return ourOptions(j, changes) }
	return &Contestant{
		Name: name,
		Uses: uses,
		Raw: func(j *Job) func(net.Conn) {
			o := options(j)
			return func(nc net.Conn) { upgradeConn(j, nc, o, loop) }
		},
		HTTP: func(j *Job) http.Handler {
			o := options(j)
			if j.Handshake {
				return upgradeAndClose(o)
			}
			return server.Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
				j.Join(ourPeer{c})
				loop(j, c)
				return nil
			}, o)
		},
		Prepare:     func(p []byte) (any, error) { return conn.Prepare(conn.Binary, p) },
		Compression: Takeover,
	}
}

// ourOptions have the connections in a Group, as a server with many of them would.
func ourOptions(j *Job, changes []func(*conn.Options)) *server.Options {
	o := &server.Options{Conn: &conn.Options{}, Group: &server.Group{}}
	if j.Flate {
		// Whatever its size, as most of the others do.
		o.Conn.Compression = &conn.Compression{Takeover: j.Takeover, Threshold: -1}
	}
	for _, change := range changes {
		change(o.Conn)
	}
	return o
}

// upgradeConn goes without net/http. The loop runs on a fresh goroutine, whose stack the
// handshake has not grown.
func upgradeConn(j *Job, nc net.Conn, o *server.Options, loop func(*Job, *conn.Conn)) {
	c, _, err := server.UpgradeConn(nc, o)
	switch {
	case err != nil:
		return
	case j.Handshake:
		c.CloseNow()
		return
	}
	j.Join(ourPeer{c})
	go func() {
		loop(j, c)
		if !c.Serving() {
			c.CloseNow()
		}
	}()
}

func upgradeAndClose(o *server.Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := server.Upgrade(w, r, o); err == nil {
			c.CloseNow()
		}
	})
}

func readWrite(j *Job, c *conn.Conn) {
	ctx := context.Background()
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		j.Work()
		if c.Write(ctx, t, p) != nil {
			return
		}
	}
}

func messages(j *Job, c *conn.Conn) {
	ctx := context.Background()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return
		}
		j.Work()
		if c.Write(ctx, m.Type, m.Data) != nil {
			return
		}
	}
}

func serve(j *Job, c *conn.Conn) { c.Serve((*echoer)(j)) }

// echoer is the Receiver of all connections of a Job.
type echoer Job

func (e *echoer) Message(c *conn.Conn, m conn.Message) {
	(*Job)(e).Work()
	c.Write(context.Background(), m.Type, m.Data) // if it fails, Closed follows
}

func (e *echoer) Closed(c *conn.Conn, _ error) { c.CloseNow() }

func readAppend(j *Job, c *conn.Conn) {
	ctx := context.Background()
	var buf []byte
	for {
		t, p, err := c.ReadAppend(ctx, buf[:0])
		if err != nil {
			return
		}
		buf = p
		j.Work()
		if c.Write(ctx, t, p) != nil {
			return
		}
	}
}

type ourPeer struct{ c *conn.Conn }

func (p ourPeer) Write(m []byte) error {
	return p.c.Write(context.Background(), conn.Binary, m)
}

func (p ourPeer) Deliver(prepared any) error {
	m, ok := prepared.(*conn.Prepared)
	if !ok {
		return errors.New("not prepared")
	}
	return p.c.WritePrepared(context.Background(), m)
}

func (p ourPeer) DeliverAll(prepared []any) error {
	var few [8]*conn.Prepared
	all := few[:0]
	for _, m := range prepared {
		m, ok := m.(*conn.Prepared)
		if !ok {
			return errors.New("not prepared")
		}
		all = append(all, m)
	}
	return p.c.WritePrepared(context.Background(), all...)
}
