package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// sentMessage is a message as it stood on the wire.
type sentMessage struct {
	op     frame.Opcode
	packed bool // RSV1
	frames int
	p      []byte // the payloads of its frames
}

// outbox is the far end of a connection that sends.
type outbox struct {
	t    testing.TB
	far  *wiretest.Conn
	role Role // of the sender

	in    []byte        // arrived, and no whole message
	ready []sentMessage // arrived, and not asked for
	all   int           // bytes that have come
}

// sender returns a connection that has agreed on p, and what it sends. The stream
// holds all of that until it is read.
func sender(t testing.TB, role Role, p deflate.Params, o *Options) (*Conn, *outbox) {
	t.Helper()
	near, far := wiretest.Pipe(64 << 20)
	c := New(near, Setup{Role: role, Deflate: &p}, o)
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	return c, &outbox{t: t, far: far, role: role}
}

// messages waits for the next n messages, and holds every frame against the rules
// of RFC 6455, section 5, and of RFC 7692, section 6.
func (o *outbox) messages(n int) []sentMessage {
	o.t.Helper()
	for buf := make([]byte, 64<<10); len(o.ready) < n; {
		k, err := o.far.Read(buf)
		if err != nil {
			o.t.Fatalf("%d messages came, want %d, then %v", len(o.ready), n, err)
		}
		ms, rest, err := parseMessages(o.role, append(o.in, buf[:k]...))
		if err != nil {
			o.t.Fatal(err)
		}
		o.ready, o.in, o.all = append(o.ready, ms...), rest, o.all+k
	}
	ms := o.ready[:n]
	o.ready = o.ready[n:]
	return ms
}

// message waits for the next one.
func (o *outbox) message() sentMessage {
	o.t.Helper()
	return o.messages(1)[0]
}

// parseMessages cuts a stream into its messages. Control frames are judged and
// dropped, but for a Close, which is a message too and cuts an unfinished one. rest
// is an unfinished message or frame.
func parseMessages(role Role, b []byte) (ms []sentMessage, rest []byte, err error) {
	var m sentMessage
	for start := b; ; {
		h, err := frame.ParseHeader(b)
		if err == frame.ErrShort || err == nil && int64(len(b)-h.Len()) < h.Length {
			return ms, start, nil
		}
		if err != nil {
			return ms, start, err
		}
		p := bytes.Clone(b[h.Len():][:h.Length])
		b = b[h.Len()+len(p):]
		first := h.Opcode != frame.Continuation
		switch {
		case h.Masked != (role == Client):
			return ms, start, fmt.Errorf("frame of a %v, masked: %v", role, h.Masked)
		case h.RSV2 || h.RSV3:
			return ms, start, errors.New("RSV2 or RSV3")
		case h.Opcode.IsControl() && h.RSV1:
			// A control frame is never compressed (RFC 7692, section 6.1).
			return ms, start, errors.New("a control frame with RSV1")
		case h.Opcode == frame.Close && len(b) > 0:
			// Nothing follows a Close (RFC 6455, section 5.5.1).
			return ms, start, errors.New("bytes behind a Close")
		case h.Opcode == frame.Close:
			if h.Masked {
				frame.Mask(p, h.Key, 0)
			}
			return append(ms, sentMessage{op: frame.Close, frames: 1, p: p}), nil, nil
		case h.Opcode.IsControl():
			if m.frames == 0 {
				start = b
			}
			continue
		case first != (m.frames == 0):
			return ms, start, errors.New("messages are mixed")
		case first:
			m.op, m.packed = h.Opcode, h.RSV1
		case h.RSV1:
			// RSV1 is on the first frame only (RFC 7692, section 6).
			return ms, start, errors.New("a continuation with RSV1")
		}
		if h.Masked {
			frame.Mask(p, h.Key, 0)
		}
		m.frames, m.p = m.frames+1, append(m.p, p...)
		if h.Fin {
			ms, m, start = append(ms, m), sentMessage{}, b
		}
	}
}

// strict inflates messages with exactly one window: a distance beyond it is an
// error. It gets them byte by byte, so that only its history can serve.
type strict struct{ z *deflate.Decompressor }

func newStrict(d deflate.Direction) strict {
	return strict{deflate.NewDecompressor(d.WindowBits, d.Takeover)}
}

func (s strict) message(p []byte) (msg []byte, err error) {
	const noLimit = -1
	for i := range p {
		if msg, err = s.z.Append(msg, p[i:i+1], i == len(p)-1, noLimit); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// read is what a receiver with that window makes of m.
func (s strict) read(m sentMessage) ([]byte, error) {
	if !m.packed {
		return m.p, nil
	}
	return s.message(m.p)
}

// zlibScript inflates messages with the real zlib, byte by byte: only so does it
// check distances against the window. Its input are records, a letter and the
// length of what follows: n, bits and takeover, begins a connection; m is a
// message, answered by its length and bytes, or by ff ff ff ff.
const zlibScript = `
import sys, zlib
i, o = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = i.read(5)
    if len(head) < 5: break
    body = i.read(int.from_bytes(head[1:], 'little'))
    if head[:1] == b'n':
        bits, takeover = body
        d = zlib.decompressobj(-bits)
        continue
    if not takeover: d = zlib.decompressobj(-bits)
    try:
        out = b''.join([d.decompress(b'%c' % c) for c in body + b'\0\0\xff\xff'])
        o.write(len(out).to_bytes(4, 'little') + out)
    except zlib.error:
        o.write(b'\xff\xff\xff\xff')
    o.flush()
`

// realZlib is a running zlibScript.
type realZlib struct {
	in  io.WriteCloser
	out io.Reader
}

func startZlib(t *testing.T) *realZlib {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("no python3: zlib does not judge, only our own inflater")
		return nil
	}
	cmd := exec.Command(python, "-c", zlibScript)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("python3: %v: %s", err, &stderr)
		}
	})
	return &realZlib{in, out}
}

func (z *realZlib) record(letter byte, body []byte) error {
	_, err := z.in.Write(append(binary.LittleEndian.AppendUint32([]byte{letter}, uint32(len(body))), body...))
	return err
}

// begin begins a connection.
func (z *realZlib) begin(d deflate.Direction) error {
	body := []byte{byte(d.WindowBits), 0}
	if d.Takeover {
		body[1] = 1
	}
	return z.record('n', body)
}

func (z *realZlib) message(p []byte) ([]byte, error) {
	if err := z.record('m', p); err != nil {
		return nil, err
	}
	var n [4]byte
	if _, err := io.ReadFull(z.out, n[:]); err != nil {
		return nil, err
	}
	if n == [4]byte{0xff, 0xff, 0xff, 0xff} {
		return nil, errors.New("zlib does not take it")
	}
	msg := make([]byte, binary.LittleEndian.Uint32(n[:]))
	_, err := io.ReadFull(z.out, msg)
	return msg, err
}

// windowCorpus are messages to be sent over a window: each kind of data, in sizes round
// every border, and what comes again from just inside a window and just outside.
func windowCorpus(r *rand.Rand, bits int) (ms [][]byte) {
	sizes := []int{0, 1, 300, 1000, 5000, 20_000}
	if !raced() {
		sizes = append(sizes, 65_536)
	}
	for _, size := range sizes {
		for _, kind := range kindsOfData {
			ms = append(ms, kind(r, size))
		}
	}
	for _, off := range []int{-300, -1, 0, 1, 300} {
		again := hexOf(r, 200)
		gap := make([]byte, max(1, 1<<bits+off-len(again)))
		ms = append(ms, bytes.Join([][]byte{again, gap, again}, nil), again, gap, again)
	}
	r.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
	return ms
}

// kindsOfData are JSON, text, binary, random bytes and zeros.
var kindsOfData = []func(r *rand.Rand, size int) []byte{
	jsonOf,
	func(r *rand.Rand, size int) (p []byte) {
		words := strings.Fields("the tide comes in and the wire goes out over the water to where no one waits for a message of 65,536 bytes")
		for len(p) < size {
			p = append(append(p, words[r.IntN(len(words))]...), ' ')
		}
		return p[:size]
	},
	func(r *rand.Rand, size int) (p []byte) {
		for i := uint32(0); len(p) < size; i++ {
			p = binary.BigEndian.AppendUint32(p, i<<8|r.Uint32N(9))
		}
		return p[:size]
	},
	func(r *rand.Rand, size int) (p []byte) {
		for len(p) < size {
			p = binary.BigEndian.AppendUint64(p, r.Uint64())
		}
		return p[:size]
	},
	func(_ *rand.Rand, size int) []byte { return make([]byte, size) },
}

// jsonOf is a list of records that are alike.
func jsonOf(r *rand.Rand, size int) (p []byte) {
	for len(p) < size {
		p = fmt.Appendf(p, `{"id":%d,"name":"user-%d","tags":["a","b","c"],"score":%.3f},`, r.IntN(1000), r.IntN(50), r.Float64())
	}
	return p[:size]
}

// hexOf is data in which little comes again and all can be compressed.
func hexOf(r *rand.Rand, n int) (p []byte) {
	for len(p) < n {
		p = fmt.Appendf(p, "%016x", r.Uint64())
	}
	return p[:n]
}

// windowCase is a connection that sends, and the window it has to keep to.
type windowCase struct {
	role   Role
	agreed deflate.Params
	opt    *Options
	want   deflate.Direction
}

// judge sends a corpus by every call there is and has it inflated. It returns the
// bytes of the messages and of the wire.
func (w windowCase) judge(t *testing.T, z *realZlib) (plain, wire int) {
	t.Helper()
	c, out := sender(t, w.role, w.agreed, w.opt)
	ours := newStrict(w.want)
	if z != nil {
		if err := z.begin(w.want); err != nil {
			t.Fatal(err)
		}
	}
	r := newRand(uint64(w.want.WindowBits))
	packed := 0
	for i, p := range windowCorpus(r, w.want.WindowBits) {
		if err := sendByAnyCall(t.Context(), c, i, p, r); err != nil {
			t.Fatal(err)
		}
		m := out.message()
		plain += len(p)
		if got, err := ours.read(m); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("message %d of %d bytes, compressed %v: inflated to %d, %v", i, len(p), m.packed, len(got), err)
		}
		if !m.packed {
			continue
		}
		packed++
		if z == nil {
			continue
		}
		if got, err := z.message(m.p); err != nil || !bytes.Equal(got, p) {
			t.Fatalf("message %d of %d bytes: zlib inflates %d, %v", i, len(p), len(got), err)
		}
	}
	if packed < 20 {
		t.Errorf("%d messages were compressed", packed)
	}
	return plain, out.all
}

// sendByAnyCall sends p by one call or the other.
func sendByAnyCall(ctx context.Context, c *Conn, i int, p []byte, r *rand.Rand) error {
	switch i % 7 {
	case 0:
		return c.Post(Binary, p)
	case 1, 2:
		m, err := Prepare(Binary, p)
		if err != nil || i%7 == 1 {
			return errors.Join(err, c.WritePrepared(ctx, m))
		}
		return c.PostPrepared(m)
	case 3, 4:
		w, err := c.Writer(ctx, Binary)
		for err == nil && len(p) > 0 {
			n := 1 + r.IntN(len(p))
			_, err = w.Write(p[:n])
			p = p[n:]
		}
		if err == nil {
			err = w.Close()
		}
		return err
	}
	return c.Write(ctx, Binary, p)
}

// direction is what p says of the side in that role.
func direction(role Role, p deflate.Params) deflate.Direction {
	if role == Client {
		return p.FromClient()
	}
	return p.FromServer()
}

// oneWay are parameters that bind the side in that role alone; the other one may do
// as it likes.
func oneWay(role Role, bits int, takeover bool) deflate.Params {
	if role == Client {
		return deflate.Params{ClientMaxWindowBits: bits, ClientNoContextTakeover: !takeover}
	}
	return deflate.Params{ServerMaxWindowBits: bits, ServerNoContextTakeover: !takeover}
}

// What was agreed binds what we send, however large a window the program wants and
// although it wants takeover: whatever call sends it, no distance is beyond the
// window, and none goes back to a message before where there is no takeover.
//
// Checklist: P3, P4, P5, P7, P11, D8, D9
func TestWireKeepsToTheAgreedWindow(t *testing.T) {
	z := startZlib(t)
	var smaller [16]int // what a window brings
	for bits := 8; bits <= 15; bits++ {
		for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
			for _, takeover := range []bool{false, true} {
				for _, role := range both {
					name := fmt.Sprintf("bits=%d/%v/takeover=%v/%v", bits, level, takeover, role)
					t.Run(name, func(t *testing.T) {
						want := deflate.Direction{WindowBits: bits, Takeover: takeover}
						w := windowCase{
							role: role, agreed: oneWay(role, bits, takeover), want: want,
							opt: packing(Compression{Takeover: true, Level: level, WindowBits: 15, PeerWindowBits: 15}),
						}
						plain, wire := w.judge(t, z)
						if wire > plain*8/10 {
							t.Errorf("%d bytes were sent as %d: hardly compressed", plain, wire)
						}
						smaller[bits] += plain - wire
					})
				}
			}
		}
	}
	if smaller[8] >= smaller[15] && smaller[15] > 0 { // 0: -run has left it out
		t.Errorf("a window of 256 bytes saves %d bytes, one of 32 KiB %d", smaller[8], smaller[15])
	}
}

// What the program wants is kept too: a smaller window than was agreed, and no
// takeover (which a response may leave out, RFC 7692, section 7.1.1.2).
//
// Checklist: P4, P7, P8
func TestWireKeepsToOurOwnSmallerWindow(t *testing.T) {
	z := startZlib(t)
	for _, bits := range []int{8, 11, 14} {
		for _, takeover := range []bool{false, true} {
			for _, role := range both {
				t.Run(fmt.Sprintf("bits=%d/takeover=%v/%v", bits, takeover, role), func(t *testing.T) {
					w := windowCase{
						role: role, agreed: deflate.Params{}, want: deflate.Direction{WindowBits: bits, Takeover: takeover},
						opt: packing(Compression{Takeover: takeover, WindowBits: bits, PeerWindowBits: 15}),
					}
					w.judge(t, z)
				})
			}
		}
	}
}

// The judges are judges: messages that refer further back than the window, or to a
// message before, are not for them.
func TestWindowJudgesAreStrict(t *testing.T) {
	z := startZlib(t)
	r := newRand(1)
	again := hexOf(r, 100)
	for bits := 8; bits < 15; bits++ {
		far := bytes.Join([][]byte{again, make([]byte, 1<<bits), again}, nil)
		for _, test := range []struct {
			what string
			ms   [][]byte
			want deflate.Direction
		}{
			{"a distance beyond the window", [][]byte{far}, deflate.Direction{WindowBits: bits, Takeover: true}},
			{"a message before", [][]byte{again, again}, deflate.Direction{WindowBits: 15}},
		} {
			c, out := sender(t, Server, deflate.Params{}, packing(Compression{Takeover: true, WindowBits: 15}))
			for _, p := range test.ms {
				if err := c.Write(t.Context(), Text, p); err != nil {
					t.Fatal(err)
				}
			}
			ms := out.messages(len(test.ms))
			if err := judgeAll(newStrict(test.want).message, ms); err == nil {
				t.Errorf("%d bits: our inflater takes %s", bits, test.what)
			}
			if z == nil {
				continue
			}
			if err := z.begin(test.want); err != nil {
				t.Fatal(err)
			}
			if err := judgeAll(z.message, ms); err == nil {
				t.Errorf("%d bits: zlib takes %s", bits, test.what)
			}
		}
	}
}

func judgeAll(inflate func([]byte) ([]byte, error), ms []sentMessage) error {
	for _, m := range ms {
		if _, err := inflate(m.p); err != nil {
			return err
		}
	}
	return nil
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }
