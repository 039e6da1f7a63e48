package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// packing are quiet options with compression of every message.
func packing(k Compression) *Options {
	o := quiet()
	k.Threshold, o.QueueBytes = -1, -1
	o.Compression = &k
	return o
}

// agreed is what two sides with o agree on.
func agreed(t testing.TB, o *Options) *deflate.Params {
	t.Helper()
	offer := deflate.Offer(o.Compression.Params(Client))
	accept, p, ok := deflate.Answer(offer, o.Compression.Params(Server))
	if !ok {
		t.Fatal("no agreement")
	}
	if q, _, err := deflate.Confirm(offer, []handshake.Extension{accept}); err != nil || q != p {
		t.Fatalf("client takes %v for %v: %v", q, p, err)
	}
	return &p
}

// packedPair is pair with compression.
func packedPair(t testing.TB, o *Options) (client, server *Conn) {
	t.Helper()
	a, b := wiretest.Pipe(0)
	return packedOn(t, a, b, o)
}

func packedOn(t testing.TB, a, b net.Conn, o *Options) (client, server *Conn) {
	t.Helper()
	p := agreed(t, o)
	client, server = New(a, Setup{Role: Client, Deflate: p}, o), New(b, Setup{Role: Server, Deflate: p}, o)
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return client, server
}

// everyCompression calls f for the ways in which windows can be agreed on.
func everyCompression(t *testing.T, f func(t *testing.T, k Compression)) {
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, takeover := range []bool{false, true} {
			for bits := 8; bits <= 15; bits++ {
				k := Compression{Takeover: takeover, Level: level, WindowBits: bits, PeerWindowBits: 23 - bits}
				t.Run(fmt.Sprintf("%v/takeover=%v/bits=%d", level, takeover, bits), func(t *testing.T) { f(t, k) })
			}
		}
	}
}

// someMessage is one of many: similar to others or not, that shrink or do not.
func someMessage(r *rand.Rand) []byte {
	switch n := 1 << r.IntN(17); r.IntN(8) {
	case 0:
		return bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(n))
	case 1:
		p := make([]byte, r.IntN(n))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		return p
	case 2:
		return nil
	case 3, 4, 5, 6:
		n = min(n, 1<<10)
		fallthrough
	default:
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, `{"id":%d,"name":"user-%d","tags":["a","b","c"],"score":%.3f},`, r.IntN(1000), r.IntN(50), r.Float64())
		}
		return []byte(b.String()[:r.IntN(b.Len())])
	}
}

// Messages of all ways to send reach all ways to read, in their order.
func TestCompressedConversation(t *testing.T) {
	everyCompression(t, func(t *testing.T, k Compression) {
		for _, from := range both {
			client, server := packedPair(t, packing(k))
			src, dst := client, server
			if from == Server {
				src, dst = server, client
			}
			const n = 60
			var want [][]byte
			r := rand.New(rand.NewPCG(1, uint64(from)))
			for range n {
				want = append(want, someMessage(r))
			}
			sent := make(chan error, 1)
			go func() { sent <- sendAll(t.Context(), src, want, r) }()
			for i := range n {
				got, err := readSomehow(t.Context(), dst, i)
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if got != nil && !bytes.Equal(got, want[i]) {
					t.Fatalf("message %d of %d bytes came as %d other bytes", i, len(want[i]), len(got))
				}
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			out, in := src.Stats(), dst.Stats()
			if out.WireOut != in.WireIn || out.FramesOut != in.FramesIn {
				t.Errorf("sender counts %+v, receiver %+v", out, in)
			}
			if out.WireOut > out.BytesOut*9/10 {
				t.Errorf("%d bytes became %d on the wire", out.BytesOut, out.WireOut)
			}
		}
	})
}

func sendAll(ctx context.Context, c *Conn, ps [][]byte, r *rand.Rand) error {
	for i, p := range ps {
		if err := sendSomehow(ctx, c, i, p, r); err != nil {
			return err
		}
	}
	return nil
}

func sendSomehow(ctx context.Context, c *Conn, i int, p []byte, r *rand.Rand) error {
	switch i % 6 {
	case 0:
		return c.Post(Binary, p)
	case 1:
		m, err := Prepare(Binary, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(ctx, m)
	case 2:
		w, err := c.Writer(ctx, Binary)
		if err != nil {
			return err
		}
		for len(p) > 0 {
			n := 1 + r.IntN(len(p))
			if _, err := w.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		return w.Close()
	case 3:
		return c.Write(ctx, Binary.Uncompressed(), p)
	}
	return c.Write(ctx, Binary, p)
}

// readSomehow returns nil for a message that it dropped.
func readSomehow(ctx context.Context, c *Conn, i int) ([]byte, error) {
	switch i % 7 {
	case 0:
		_, r, err := c.Reader(ctx)
		if err != nil {
			return nil, err
		}
		p, err := io.ReadAll(r)
		return append([]byte{}, p...), err
	case 1: // a part of it, the rest is dropped
		_, r, err := c.Reader(ctx)
		if err == nil {
			_, err = r.Read(make([]byte, 10))
		}
		if err == io.EOF {
			err = nil
		}
		return nil, err
	case 2:
		for m, err := range c.Messages(ctx) {
			return append([]byte{}, m.Data...), err
		}
	case 3:
		_, p, err := c.ReadAppend(ctx, make([]byte, 3, 4000))
		if err != nil {
			return nil, err
		}
		return p[3:], err
	}
	_, p, err := c.Read(ctx)
	return append([]byte{}, p...), err
}
