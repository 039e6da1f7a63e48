package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// jammed is a connection that compresses with takeover, has sent a message that
// arrived, and whose stream can be filled up.
type jammed struct {
	t       *testing.T
	c       *Conn
	near    *wiretest.Conn
	out     *outbox
	in      strict
	role    Role
	filling int // bytes in the stream that no connection has sent
}

const jamSize = 80 << 10

func newJammed(t *testing.T, role Role, level CompressionLevel) *jammed {
	near, far := wiretest.Pipe(jamSize)
	p := deflate.Params{}
	c := New(near, Setup{Role: role, Deflate: &p}, packing(Compression{Takeover: true, Level: level, WindowBits: 15}))
	t.Cleanup(func() { c.CloseNow(); far.Close() })
	j := &jammed{t: t, c: c, near: near, role: role, out: &outbox{t: t, far: far, role: role}, in: judgedBy(role, p)}
	j.sent("the first message", c.Write(t.Context(), Text, records(1, 5000)))
	j.wants(true, records(1, 5000))
	return j
}

// jam leaves room for n bytes in the stream.
func (j *jammed) jam(n int) {
	j.filling = jamSize - n
	if _, err := j.near.Write(make([]byte, j.filling)); err != nil {
		j.t.Fatal(err)
	}
}

// free takes the filling off the stream.
func (j *jammed) free() {
	if _, err := io.ReadFull(j.out.far, make([]byte, j.filling)); err != nil {
		j.t.Fatal(err)
	}
}

func (j *jammed) sent(what string, err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatalf("%s: %v", what, err)
	}
}

func (j *jammed) wants(packed bool, p []byte) {
	j.t.Helper()
	j.in.wants(j.t, j.out.message(), packed, p)
}

// canceled runs a call until it waits, then posts what is like its message, then
// ends its context.
func (j *jammed) canceled(post []byte, send func(ctx context.Context) error) {
	j.t.Helper()
	ctx, cancel := context.WithCancel(j.t.Context())
	result := started(func() error { return send(ctx) })
	if post != nil {
		j.sent("Post", j.c.Post(Text, post))
	}
	cancel()
	if err := returned(j.t, "the canceled call", result); !errors.Is(err, context.Canceled) {
		j.t.Fatalf("the canceled call returned %v", err)
	}
}

// lostMessages are ways to lose a message before anything of it is sent. Each
// returns the messages that are sent in its place, plain ones first.
var lostMessages = []struct {
	name string
	do   func(j *jammed, msg, like []byte) (plain, packed [][]byte)
}{
	{"in line", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		w, err := j.c.Writer(j.t.Context(), Text)
		j.sent("Writer", err)
		j.canceled(like, func(ctx context.Context) error { return j.c.Write(ctx, Text, msg) })
		j.sent("Writer.Close", w.Close())
		return [][]byte{nil}, [][]byte{like}
	}},
	{"waiting for room", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		much := records(99, highWater)
		j.sent("Post", j.c.Post(Text.Uncompressed(), much))
		j.canceled(like, func(ctx context.Context) error { return j.c.Write(ctx, Text, msg) })
		return [][]byte{much}, [][]byte{like}
	}},
	{"in line for the socket", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		j.sent("Post", j.c.Post(Text.Uncompressed(), like))
		j.canceled(like, func(ctx context.Context) error { return j.c.Write(ctx, Text, msg) })
		return [][]byte{like}, [][]byte{like}
	}},
	{"at the socket", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		j.canceled(like, func(ctx context.Context) error { return j.c.Write(ctx, Text, msg) })
		return nil, [][]byte{like}
	}},
	{"at the socket, behind a control frame", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(3)
		j.canceled(like, func(ctx context.Context) error {
			j.c.mu.Lock()
			j.c.commitControl(frame.Ping, []byte("four"))
			j.c.mu.Unlock()
			return j.c.Write(ctx, Text, msg)
		})
		return nil, [][]byte{like}
	}},
	{"prepared, in line for the socket", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		m, err := Prepare(Text, msg)
		j.sent("Prepare", err)
		j.sent("Post", j.c.Post(Text.Uncompressed(), like))
		j.canceled(like, func(ctx context.Context) error { return j.c.WritePrepared(ctx, m) })
		return [][]byte{like}, [][]byte{like}
	}},
	{"prepared, at the socket", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		m, err := Prepare(Text, msg)
		j.sent("Prepare", err)
		j.canceled(like, func(ctx context.Context) error { return j.c.WritePrepared(ctx, m) })
		return nil, [][]byte{like}
	}},
	{"Stream", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		j.jam(0)
		much := records(98, highWater)
		j.sent("Post", j.c.Post(Text.Uncompressed(), much))
		j.canceled(like, func(ctx context.Context) error {
			_, err := j.c.sendMessage(ctx, &outgoing{op: frame.Text, p: msg[:copyMax]})
			return err
		})
		return [][]byte{much}, [][]byte{like}
	}},
	{"Writer, before its first frame", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		return j.lostWriter(like, func(w io.Writer) error { _, err := w.Write(msg); return err })
	}},
	{"Writer, in its only frame", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		return j.lostWriter(like, func(w io.Writer) error {
			_, err := w.Write(msg[:fragmentSize-1])
			return errors.Join(err, w.(io.Closer).Close())
		})
	}},
	{"Writer, with what was gathered", func(j *jammed, msg, like []byte) (_, packed [][]byte) {
		ctx, cancel := context.WithCancel(j.t.Context())
		w, err := j.c.Writer(ctx, Text)
		j.sent("Writer", err)
		w.Write(msg[:100])
		j.sent("Post", j.c.Post(Text, like))
		cancel()
		if err := w.Close(); !errors.Is(err, context.Canceled) {
			j.t.Errorf("Close = %v", err)
		}
		return nil, [][]byte{like}
	}},
}

// lostWriter gives a message to a Writer whose first frame waits for room.
func (j *jammed) lostWriter(like []byte, give func(w io.Writer) error) (plain, packed [][]byte) {
	j.jam(0)
	before := records(97, fragmentSize)
	j.sent("Post", j.c.Post(Text.Uncompressed(), before))
	j.canceled(like, func(ctx context.Context) error {
		w, err := j.c.Writer(ctx, Text)
		j.sent("Writer", err)
		return give(w)
	})
	return [][]byte{before}, [][]byte{like}
}

// A message that is lost before anything of it is sent was never there: neither
// what was posted behind it nor what is sent afterwards, by whatever call, refers
// to it, and all refers still to what was sent before.
//
// Checklist: D8, D13
func TestLostMessageIsInNoWindow(t *testing.T) {
	for _, lost := range lostMessages {
		for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
			for _, role := range both {
				t.Run(fmt.Sprintf("%s/%v/%v", lost.name, level, role), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						// Over 16 KiB compressed, so that it goes from where it lies; and over a
						// window, or half of one.
						for _, size := range []int{40_000, 100_000} {
							j := newJammed(t, role, level)
							j.loses(lost.do, hexOf(newRand(uint64(size)), size))
						}
					})
				})
			}
		}
	}
}

func (j *jammed) loses(lose func(j *jammed, msg, like []byte) (plain, packed [][]byte), msg []byte) {
	before := j.c.Stats()
	like := bytes.Clone(msg[len(msg)/2:][:4000])
	plain, packed := lose(j, msg, like)
	j.free()
	total := 0
	for _, p := range plain {
		j.wants(false, p)
		total += len(p)
	}
	for _, p := range packed {
		j.wants(true, p)
		total += len(p)
	}
	after := j.c.Stats()
	if got := after.BytesOut - before.BytesOut; got != int64(total) {
		j.t.Errorf("%d bytes were sent, BytesOut grew by %d", total, got)
	}
	for _, send := range waysToSend(j.t, j.c) {
		for _, p := range [][]byte{msg[:3000], msg[len(msg)-3000:], records(1, 5000)} {
			j.in.wantsSent(j.t, j.out, send, true, p)
		}
	}
	if n := j.c.Stats().WireOut; n != int64(j.out.all) {
		j.t.Errorf("%d bytes came, WireOut is %d", j.out.all, n)
	}
}

// What was sent before a lost message still serves those behind it.
func TestLostMessageTakesNothingWithIt(t *testing.T) {
	for _, lost := range lostMessages {
		synctest.Test(t, func(t *testing.T) {
			j := newJammed(t, Server, FastCompression)
			r := newRand(6)
			msg := make([]byte, 24_000) // with the first message, less than a window
			for i := range msg {
				msg[i] = ' ' + byte(r.Uint32()&63)
			}
			lost.do(j, msg, records(3, 1000))
			j.free()
			j.sent("Write", j.c.Write(t.Context(), Text, records(1, 5000)))
			for {
				m := j.out.message()
				p, err := j.in.read(m)
				if err != nil {
					t.Fatalf("%s: %v", lost.name, err)
				}
				if !bytes.Equal(p, records(1, 5000)) {
					continue
				}
				if len(m.p) > 100 {
					t.Errorf("%s: what was sent before takes %d bytes again", lost.name, len(m.p))
				}
				return
			}
		})
	}
}

// A compressed message that stops at any byte but its first ends writing, and
// reading not: nothing follows half a frame.
//
// Checklist: D13
func TestLargeCompressedWriteCanceledAtEveryByte(t *testing.T) {
	msg := hexOf(newRand(5), 150_000) // over 70,000 compressed
	for _, role := range both {
		for _, n := range places(70_000) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(n + 1)
				near.Write([]byte{0})
				c := New(near, Setup{Role: role, Deflate: new(deflate.Params)}, packing(Compression{Takeover: true, WindowBits: 15}))
				p := &peer{t: t, nc: far, role: 1 - role}
				defer far.Close()
				defer c.CloseNow()
				ctx, cancel := context.WithCancel(t.Context())
				before := c.Stats()
				result := started(func() error { return c.Write(ctx, Text, msg) })
				cancel()
				if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v, room for %d bytes: Write = %v", role, n, err)
				}
				if n > 0 {
					wantHalf(t, c, p, n)
					return
				}
				if after := c.Stats(); after != before {
					t.Errorf("a message that has never been counts: %+v", after)
				}
				wantGoesOn(t, c, p)
			})
		}
	}
}

// A Writer that is canceled behind its first frame ends the connection with 1011
// between two frames, and what came is the beginning of its message.
//
// Checklist: D4, D13
func TestCompressedWriterCanceledInItsMessage(t *testing.T) {
	msg := hexOf(newRand(5), 4*fragmentSize)
	for _, role := range both {
		for _, n := range []int{1, 100, 9_000, 10_000, 12_000, 20_000, 25_000, 30_000} {
			synctest.Test(t, func(t *testing.T) {
				j := newJammed(t, role, FastCompression)
				j.jam(n)
				begun := false
				j.canceled(nil, func(ctx context.Context) error {
					w, err := j.c.Writer(ctx, Text)
					j.sent("Writer", err)
					_, err = w.Write(msg)
					begun = w.(*messageWriter).begun
					return errors.Join(err, w.Close())
				})
				if !begun {
					t.Fatal("the Writer has not begun")
				}
				if err := j.c.Write(t.Context(), Text, nil); !errors.Is(err, errHalfMessage) {
					t.Errorf("next Write = %v, want %v", err, errHalfMessage)
				}
				j.free()
				j.wantsBeginning(msg)
			})
		}
	}
}

// wantsBeginning wants some frames of msg and then a Close with 1011.
func (j *jammed) wantsBeginning(msg []byte) {
	p := &peer{t: j.t, nc: j.out.far, role: 1 - j.role}
	var got []byte
	for n := 0; ; n++ {
		h, payload, err := p.next()
		if err != nil {
			j.t.Fatal(err)
		}
		if h.Opcode == frame.Close {
			if code, _, _ := frame.ParseClose([]byte(payload)); code != CloseInternalError || n == 0 {
				j.t.Errorf("a Close with %v behind %d frames, want 1011", code, n)
			}
			break
		}
		if h.Fin || h.RSV1 != (n == 0) {
			j.t.Errorf("frame %d is %+v", n, h)
		}
		if got, err = j.in.z.Append(got, []byte(payload), false, -1); err != nil {
			j.t.Fatalf("frame %d: %v", n, err)
		}
	}
	if len(got) < fragmentSize/2 || !bytes.HasPrefix(msg, got) {
		j.t.Errorf("%d bytes came that are not the beginning of the message", len(got))
	}
}

// The socket fails at every call there is, whole or in the middle of what it was
// given: what came before are whole messages, and nothing is sent afterwards.
//
// Checklist: D13
func TestWriteErrorAtEveryCall(t *testing.T) {
	failure := errors.New("the cable is cut")
	msgs := [][]byte{records(1, 700), hexOf(newRand(1), 40_000), records(2, 700)}
	for _, level := range []CompressionLevel{FastCompression, BetterCompression} {
		for _, role := range both {
			for _, fault := range []struct {
				op      wiretest.Op
				partial int
			}{{wiretest.OpWrite, 0}, {wiretest.OpWrite, 5000}, {wiretest.OpDeadline, 0}} {
				calls := 0
				for failed := true; failed; calls++ {
					synctest.Test(t, func(t *testing.T) {
						near, far := wiretest.Pipe(1 << 20)
						f := wiretest.FailAt(near, fault.op, calls+1, failure).Partial(fault.partial)
						sendOver(t, f, far, role, level, msgs)
						failed = f.Failed()
					})
				}
				if fault.op == wiretest.OpWrite && calls < 3*6 {
					t.Errorf("%d calls of %v were made to fail", calls, fault.op)
				}
			}
		}
	}
}

// sendOver sends every message by every call over f, and judges what comes.
func sendOver(t *testing.T, f *wiretest.Failer, far *wiretest.Conn, role Role, level CompressionLevel, msgs [][]byte) {
	p := deflate.Params{}
	c := New(f, Setup{Role: role, Deflate: &p}, packing(Compression{Takeover: true, Level: level, WindowBits: 15}))
	defer far.Close()
	defer c.CloseNow()
	var want [][]byte
	dead := false
	for _, msg := range msgs {
		for _, send := range waysToSend(t, c) {
			want = append(want, msg)
			err := send.do(Text, msg)
			if err == nil && dead {
				t.Fatalf("%s works although writing has failed", send.name)
			}
			dead = dead || err != nil
		}
	}
	synctest.Wait()
	b := make([]byte, far.Buffered())
	io.ReadFull(far, b)
	ms, _, err := parseMessages(role, b)
	if err != nil || len(ms) > len(want) {
		t.Fatalf("%d messages came, %d were sent, %v", len(ms), len(want), err)
	}
	in := deflate.NewDecompressor(15, true)
	for i, m := range ms {
		got, err := in.Append(nil, m.p, true, -1)
		if !m.packed || err != nil || !bytes.Equal(got, want[i]) {
			t.Fatalf("message %d, compressed %v, came as %d bytes, %v", i, m.packed, len(got), err)
		}
	}
	if !f.Failed() && len(ms) != len(want) {
		t.Errorf("nothing failed, and %d of %d messages came", len(ms), len(want))
	}
}
