package conn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// deflating is an agreement that is the same in both directions.
func deflating(bits int, takeover bool) *deflate.Params {
	return &deflate.Params{
		ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover,
		ServerMaxWindowBits: bits, ClientMaxWindowBits: bits,
	}
}

// newPackedPeer is newPeer where compression was agreed on.
func newPackedPeer(t testing.TB, role Role, d *deflate.Params, o *Options) (*Conn, *peer) {
	t.Helper()
	near, far := wiretest.Pipe(1 << 20)
	c := New(near, Setup{Role: role, Deflate: d}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &peer{t: t, nc: far, role: 1 - role}
}

// compressed marks a frame as the first of a compressed message.
func compressed(f []byte) []byte {
	f[0] |= 0x40 // RSV1 (RFC 7692, section 6)
	return f
}

// packedIn is a compressed message of that payload, cut into frames where cuts say,
// with a Ping behind each frame but the last.
func packedIn(role Role, op frame.Opcode, payload string, cuts ...int) []byte {
	var b []byte
	at := 0
	for i, cut := range append(cuts, len(payload)) {
		f := frameOf(role, i == len(cuts), op, payload[at:cut])
		if i == 0 {
			f = compressed(f)
		}
		b = append(b, f...)
		if i < len(cuts) {
			b = append(b, frameOf(role, fin, frame.Ping, "between")...)
		}
		op, at = frame.Continuation, cut
	}
	return b
}

// everyByte cuts a payload behind each of its bytes, with empty frames around.
func everyByte(payload string) []int {
	cuts := []int{0}
	for i := range len(payload) + 1 {
		cuts = append(cuts, i)
	}
	return cuts
}

// packedCuts are ways to cut a payload into frames.
func packedCuts(payload string) (all [][]int) {
	all = append(all, nil, everyByte(payload))
	for i := range len(payload) + 1 {
		all = append(all, []int{i})
	}
	return all
}

// a packer compresses as a peer does, message by message.
type packer struct{ z *deflate.Compressor }

func newPacker(bits int, takeover bool) packer {
	return packer{deflate.NewCompressor(bits, takeover, deflate.Fast)}
}

func (p packer) pack(msg string) string { return string(p.z.Append(nil, []byte(msg))) }

// A readWay reads message after message of a connection. n is how long the next one
// will be, for the way that sees no borders.
type readWay struct {
	name  string
	begin func(c *Conn) func(ctx context.Context, n int) (string, error)
}

var errMine = errors.New("ReadAppend changed what it appends to")

func appendTo(buf []byte) func(*Conn) func(context.Context, int) (string, error) {
	mine := bytes.Clone(buf)
	return func(c *Conn) func(context.Context, int) (string, error) {
		return func(ctx context.Context, _ int) (string, error) {
			_, p, err := c.ReadAppend(ctx, buf)
			got, ok := bytes.CutPrefix(p, mine)
			if !ok || err != nil && len(got) > 0 {
				return "", errMine
			}
			return string(got), err
		}
	}
}

func readerOf(size int) func(*Conn) func(context.Context, int) (string, error) {
	return func(c *Conn) func(context.Context, int) (string, error) {
		return func(ctx context.Context, _ int) (string, error) {
			_, r, err := c.Reader(ctx)
			if err != nil {
				return "", err
			}
			var all []byte
			p := make([]byte, size)
			for err == nil {
				var n int
				n, err = r.Read(p)
				all = append(all, p[:n]...)
			}
			if err == io.EOF {
				err = nil
			}
			return string(all), err
		}
	}
}

// collecting are the ways that give a message whole or not at all, streaming the
// others.
var (
	collecting = []readWay{
		{"Read", func(c *Conn) func(context.Context, int) (string, error) {
			return func(ctx context.Context, _ int) (string, error) {
				_, p, err := c.Read(ctx)
				return string(p), err
			}
		}},
		{"ReadAppend/nil", appendTo(nil)},
		{"ReadAppend/no room", appendTo([]byte("mine")[:4:4])},
		{"ReadAppend/little room", appendTo(append(make([]byte, 0, 40), "mine"...))},
		{"ReadAppend/all", appendTo(append(make([]byte, 0, 200<<10), "mine"...))},
		{"Messages", func(c *Conn) func(context.Context, int) (string, error) {
			return func(ctx context.Context, _ int) (string, error) {
				for m, err := range c.Messages(ctx) {
					return string(m.Data), err
				}
				return "", errSilent
			}
		}},
		{"ReadJSON", func(c *Conn) func(context.Context, int) (string, error) {
			return func(ctx context.Context, _ int) (string, error) {
				var raw rawMessage
				raw, err := ReadJSON[rawMessage](ctx, c)
				var no *json.SyntaxError
				if errors.As(err, &no) { // no JSON: the message is gone, the connection goes on
					return notJSON, nil
				}
				return string(raw), err
			}
		}},
		{"Serve", func(c *Conn) func(context.Context, int) (string, error) {
			b := mailboxOn(c)
			return func(context.Context, int) (string, error) {
				l := b.next()
				return l.text, l.err
			}
		}},
	}
	streaming = []readWay{
		{"Reader/1", readerOf(1)},
		{"Reader/7", readerOf(7)},
		{"Reader/64K", readerOf(64 << 10)},
		{"Stream", func(c *Conn) func(context.Context, int) (string, error) {
			s := Stream(c, Binary)
			return func(ctx context.Context, n int) (string, error) {
				p := make([]byte, n)
				k, err := io.ReadFull(s, p)
				return string(p[:k]), err
			}
		}},
	}
)

// rawMessage is a JSON value as it came.
type rawMessage = json.RawMessage

// notJSON stands for a message that ReadJSON could not take.
const notJSON = "\x00no JSON"

func allWays() []readWay { return append(collecting[:len(collecting):len(collecting)], streaming...) }

// wantRead reads the next message and wants this one.
func wantRead(t *testing.T, what string, read func(context.Context, int) (string, error), want string) {
	t.Helper()
	got, err := read(t.Context(), len(want))
	if got == notJSON && !json.Valid([]byte(want)) {
		got = want
	}
	if got != want || err != nil {
		t.Fatalf("%s: got %d bytes %.60q, %v; want %d bytes %.60q", what, len(got), got, err, len(want), want)
	}
}

// wantRefused gives a stream to new connections and wants each way of reading to end
// with that code, and those that collect to give nothing of it. before are messages
// that come first.
func wantRefused(t *testing.T, d *deflate.Params, code CloseCode, what string, stream func(Role) []byte, before ...string) {
	t.Helper()
	for _, role := range both {
		for i, way := range allWays() {
			o := quiet()
			c := New(&script{in: bytes.NewReader(stream(1 - role))}, Setup{Role: role, Deflate: d}, o)
			read := way.begin(c)
			for _, m := range before {
				wantRead(t, what, read, m)
			}
			got, err := read(t.Context(), 1<<20)
			if refusedWith(err) != code || i < len(collecting) && got != "" {
				t.Errorf("%v, %s, %s: %.40q, %v; want %v", role, way.name, what, got, err, code)
			}
			if e := closeError(t, err); e.Sent != code || !e.Remote {
				t.Errorf("%v, %s, %s: %+v", role, way.name, what, e)
			}
			if got, again := read(t.Context(), 1<<20); again != err || got != "" {
				t.Errorf("%v, %s, %s: then %q, %v", role, way.name, what, got, again)
			}
			c.CloseNow()
		}
	}
}

// refusedWith is the close code that err stands for, 0 if it is no broken rule.
func refusedWith(err error) CloseCode {
	if errors.Is(err, deflate.ErrCorrupt) {
		return CloseInvalidPayload
	}
	return brokenRule(err)
}

// bitsOf writes DEFLATE by hand, the lowest bit first (RFC 1951, section 3.1.1).
type bitsOf struct {
	b    []byte
	hold uint64
	n    uint
}

func (w *bitsOf) put(v uint64, n uint) {
	w.hold |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b = append(w.b, byte(w.hold))
		w.hold >>= 8
	}
}

// code writes a Huffman code, its highest bit first.
func (w *bitsOf) code(v uint64, n uint) {
	for i := range n {
		w.put(v>>(n-1-i)&1, 1)
	}
}

// stored writes a stored block.
func (w *bitsOf) stored(p string) {
	w.put(0, 3)
	w.align()
	n := len(p)
	w.b = append(w.b, byte(n), byte(n>>8), byte(^n), byte(^n>>8))
	w.b = append(w.b, p...)
}

func (w *bitsOf) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// match writes a fixed block of one match of 3 bytes at a distance.
func (w *bitsOf) match(dist int) {
	w.put(0b010, 3)
	w.code(1, 7) // 257: a length of 3
	code, base, extra := uint64(0), 1, uint(0)
	for c := uint64(0); c < 30; c++ { // RFC 1951, section 3.2.5
		e := uint(0)
		if c >= 4 {
			e = uint(c/2 - 1)
		}
		if dist >= base {
			code, extra = c, e
			if dist < base+1<<e {
				break
			}
		}
		base += 1 << e
	}
	w.code(code, 5)
	w.put(uint64(dist-base), extra)
	w.code(0, 7)
}

// end ends a message as a sender does: an empty stored block without its last four
// bytes (RFC 7692, section 7.2.1).
func (w *bitsOf) end() string {
	w.put(0, 3)
	w.align()
	return string(w.b)
}

// noise is text of n characters that does not shrink by much: 64 kinds of them.
func noise(seed uint64, n int) string {
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ{}"[seed>>58]
	}
	return string(b)
}

// jsonList is JSON that shrinks well, of about n bytes.
func jsonList(seed, n int) string {
	b := []byte{'['}
	for i := seed; len(b) < n; i++ {
		b = fmt.Appendf(b, `{"id":%d,"name":"user-%d","score":%d.%d,"tags":["a","b"]},`, i*7919%1000, i*31%50, i%97, i%10)
	}
	b[len(b)-1] = ']'
	return string(b)
}
