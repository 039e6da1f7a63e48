package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// soon is the deadline of what happens at once if all is well.
const soon = 10 * time.Second

// tcpPeer is newPeer over loopback TCP.
func tcpPeer(t testing.TB, role Role, o *Options) (*Conn, *net.TCPConn) {
	t.Helper()
	near, far := loopback(t)
	far.SetDeadline(time.Now().Add(soon))
	c := New(near, Setup{Role: role}, o)
	t.Cleanup(func() { c.CloseNow() })
	return c, far
}

// waits spins until a read of c waits for the socket.
func waits(t testing.TB, c *Conn) {
	t.Helper()
	for start := time.Now(); c.readTurn.waiting.Load() == notWaiting; runtime.Gosched() {
		if time.Since(start) > soon {
			t.Fatal("no read waits")
		}
	}
}

type wrapped struct{ *net.TCPConn }

// Only exactly a TCP or unix connection is driven by its descriptor.
func TestOnlyPlainSocketsAreDrivenByDescriptor(t *testing.T) {
	tcp, _ := loopback(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for _, test := range []struct {
		nc   net.Conn
		want bool
	}{
		{tcp, runtime.GOOS != "windows" && runtime.GOOS != "plan9"},
		{wrapped{tcp}, false},
		{a, false},
		{wiretest.Split(tcp, wiretest.Fixed(1)), false},
	} {
		if got := newWire(test.nc, true).tries(); got != test.want {
			t.Errorf("%T: tries = %t, want %t", test.nc, got, test.want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" || runtime.GOOS == "js" {
		t.Skip("unix sockets are for unix")
	}
	a, b := unixPair(t)
	client, server := New(a, Setup{Role: Client}, nil), New(b, Setup{Role: Server}, nil)
	want := strings.Repeat("unix", 100_000)
	go func() {
		client.Write(context.Background(), Text, []byte(want))
		client.Close()
	}()
	n := 0
	for m, err := range server.Messages(context.Background()) {
		if err != nil || string(m.Data) != want {
			t.Errorf("%d bytes, %v", len(m.Data), err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

// The corpus again, where a kernel is between the two: over our poller and over Go's,
// in one piece and byte by byte, read and served.
func TestTalksOverTCP(t *testing.T) {
	for _, talk := range corpus() {
		for _, role := range both {
			in := bytes.Join(talk.in(1-role), nil)
			want := heard{got: talk.got, sent: talk.sent, end: talk.end}
			for _, keep := range []bool{false, true} {
				for _, hearing := range hearings {
					for _, step := range []int{len(in) + 1, 1} {
						if step == 1 && len(in) > 200 {
							continue
						}
						if got := talkOverTCP(t, role, keep, in, step, hearing.listen); !got.equal(want) {
							t.Errorf("%v/%s, %s, keep %t, step %d: got %.300q, want %.300q", role, talk.name, hearing.name, keep, step, got, want)
						}
					}
				}
			}
		}
	}
}

// talkOverTCP runs a talk over loopback TCP. A step is sent when the one before it has
// been read.
func talkOverTCP(t *testing.T, role Role, keep bool, in []byte, step int, listen func(context.Context, *Conn) heard) heard {
	t.Helper()
	o := corpusOptions()
	o.KeepNetConn = keep
	c, far := tcpPeer(t, role, o)
	defer far.Close()
	sent := make(chan []byte, 1)
	go func() {
		for n := 0; n < len(in); n += step {
			far.Write(in[n:min(n+step, len(in))])
			for c.Stats().WireIn < int64(n+step) && c.readErr() == nil && n+step < len(in) {
				runtime.Gosched()
			}
		}
		far.CloseWrite()
		b, _ := io.ReadAll(far)
		sent <- b
	}()
	got := listen(context.Background(), c)
	near, mem := wiretest.Pipe(1 << 20) // what arrived, to be parsed again
	near.Write(<-sent)
	near.CloseWrite()
	got.sent = overhear(&peer{t: t, nc: mem, role: 1 - role})
	<-c.Done()
	return got
}

func TestCanceledReadsOverTCP(t *testing.T) {
	for _, role := range both {
		for _, call := range readCalls {
			c, far := tcpPeer(t, role, quiet())
			in := torn(1 - role)
			gone, handed := false, false
			for i := range len(in) - 1 {
				ctx, cancel := context.WithCancel(context.Background())
				result := call.start(ctx, c)
				before := c.Stats().WireIn
				far.Write(in[i : i+1])
				for c.Stats().WireIn == before && call.name != "Ping" { // which stops before data
					runtime.Gosched()
				}
				gone = gone || handed
				cancel()
				r := <-result
				if !errors.Is(r.err, context.Canceled) || c.Err() != nil {
					t.Fatalf("%v %s, byte %d: %q, %v; Err %v", role, call.name, i, r.got, r.err, c.Err())
				}
				handed = handed || r.got != "" || call.name == "Discard" && i+1 >= openAt(1-role)
			}
			far.Write(in[len(in)-1:])
			far.Write(frameOf(1-role, fin, frame.Binary, "behind it"))
			if !gone && !handed {
				wantMessage(t, c, Text, tornText)
			}
			wantMessage(t, c, Binary, "behind it")
		}
	}
}

// Checklist: L13
func TestResetOverTCP(t *testing.T) {
	for _, call := range readCalls {
		c, far := tcpPeer(t, Server, quiet())
		result := call.start(context.Background(), c)
		waits(t, c)
		far.SetLinger(0)
		far.Close()
		r := <-result
		if e := closeError(t, r.err); !errors.Is(r.err, errReset) || e.Code != CloseAbnormal || e.Sent != 0 {
			t.Errorf("%s: %+v, %v; want a reset", call.name, e, r.err)
		}
		<-c.Done()
	}
}

// A connection that waits holds no buffer: it takes one when bytes are there.
func TestWaitingConnectionHoldsNoBuffer(t *testing.T) {
	const conns = 50
	cs := make([]*Conn, conns)
	fars := make([]*net.TCPConn, conns)
	results := make([]<-chan outcome, conns)
	for i := range cs {
		cs[i], fars[i] = tcpPeer(t, Server, quiet())
	}
	before := heapAlloc()
	for i, c := range cs {
		results[i] = readCalls[0].start(context.Background(), c)
		fars[i].Write(frameOf(Client, fin, frame.Ping, "x"))
		io.ReadFull(fars[i], make([]byte, 3)) // its Pong
		waits(t, c)
	}
	if each := (heapAlloc() - before) / conns; each >= 2<<10 {
		t.Errorf("a connection with a read that waits holds %d bytes more than one without, want less than 2 KiB", each)
	}
	for i, c := range cs {
		fars[i].Write(frameOf(Client, fin, frame.Text, "done"))
		if r := <-results[i]; r.got != "done" || r.err != nil {
			t.Fatalf("Read = %q, %v", r.got, r.err)
		}
		if c.rd.buf != nil || c.wr.out != nil {
			t.Error("a connection between two calls holds a buffer")
		}
	}
}

func TestTriesDoNotWait(t *testing.T) {
	near, far := loopback(t)
	w := newWire(near, true)
	tryReads(t, w, far)
	tryWrites(t, w, far)
	w.closeNow()
	p := make([]byte, 10)
	if _, err := w.read(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read behind closeNow: %v", err)
	}
	if _, err := w.tryRead(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("tryRead behind closeNow: %v", err)
	}
}

// tryReads reads where nothing is there, behind a deadline, and where something is.
func tryReads(t *testing.T, w wire, far *net.TCPConn) {
	t.Helper()
	p := make([]byte, 10)
	if n, err := w.tryRead(p); n != 0 || err != nil {
		t.Errorf("tryRead of nothing = %d, %v; want 0, nil", n, err)
	}
	w.setReadDeadline(past)
	if n, err := w.tryRead(p); n != 0 || err != nil {
		t.Errorf("tryRead behind a deadline = %d, %v; want 0, nil", n, err)
	}
	if n, err := w.read(p); n != 0 || !isTimeout(err) {
		t.Errorf("read behind a deadline = %d, %v; want a timeout", n, err)
	}
	if b, err := w.readPooled(smallBuffer); b != nil || !isTimeout(err) {
		t.Errorf("readPooled behind a deadline = %v, %v; want a timeout", b, err)
	}
	w.setReadDeadline(time.Time{})
	far.Write([]byte("there"))
	if b, err := w.readPooled(smallBuffer); err != nil || string(b.b) != "there" {
		t.Errorf("readPooled = %v, %v", b, err)
	}
}

// tryWrites writes into a socket that is full and takes nothing, then goes on, and then
// is shut on both sides.
func tryWrites(t *testing.T, w wire, far *net.TCPConn) {
	t.Helper()
	big := make([]byte, 1<<20)
	total := 0
	for {
		n, err := w.tryWrite(big)
		if total += n; n == 0 {
			if err != nil {
				t.Errorf("tryWrite into a full socket: %v, want nil", err)
			}
			break
		}
	}
	w.setWriteDeadline(past)
	if n, err := w.tryWrite(big); n != 0 || err != nil {
		t.Errorf("tryWrite behind a deadline = %d, %v; want 0, nil", n, err)
	}
	if n, err := w.write(big); n != 0 || !isTimeout(err) {
		t.Errorf("write behind a deadline = %d, %v; want a timeout", n, err)
	}
	go io.CopyN(io.Discard, far, int64(total))
	w.setWriteDeadline(time.Now().Add(soon))
	if n, err := w.writev([]byte("head"), []byte("body")); n == 0 || err != nil {
		t.Errorf("writev = %d, %v", n, err)
	}
	w.closeWrite()
	if _, err := w.tryWrite(big); !errors.Is(err, errBrokenPipe) {
		t.Errorf("tryWrite behind closeWrite: %v, want EPIPE", err)
	}
	far.CloseWrite()
	if _, err := w.read(big); err != io.EOF {
		t.Errorf("read at the end: %v, want io.EOF", err)
	}
}

func TestDrainTakesWhatIsThere(t *testing.T) {
	near, far := loopback(t)
	w := newWire(near, true)
	far.Write(make([]byte, 100_000))
	far.CloseWrite()
	first := make([]byte, 1)
	io.ReadFull(near, first)
	w.drain(50_000)
	if n, err := io.Copy(io.Discard, near); n == 0 || n > 50_000 || err != nil {
		t.Errorf("%d bytes behind drain(50,000), %v", n, err)
	}
	w.drain(1) // at the end of the stream
}

// A foreign connection does what it can.
func TestForeignWire(t *testing.T) {
	near, far := wiretest.Pipe(100_000)
	w := newAnyWire(near)
	if n, err := w.tryWrite([]byte("x")); n != 0 || err != nil || w.tries() || !w.resumes() {
		t.Errorf("tryWrite = %d, %v", n, err)
	}
	if n, err := w.tryRead(make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("tryRead = %d, %v", n, err)
	}
	// One piece at a time, so that the write timeout measures standing still.
	if n, err := w.write(make([]byte, 3*piece)); n != piece || err != nil {
		t.Errorf("write = %d, %v; want %d", n, err, piece)
	}
	if n, err := w.writev([]byte("head"), []byte("body!")); n != 4 || err != nil {
		t.Errorf("writev = %d, %v; want the head", n, err)
	}
	if n, err := w.writev(nil, []byte("body!")); n != 5 || err != nil {
		t.Errorf("writev = %d, %v; want the body", n, err)
	}
	w.drain(10) // cannot look
	w.closeWrite()
	if n, err := io.Copy(io.Discard, far); n != piece+9 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	w.close()
	a, _ := net.Pipe()
	newAnyWire(a).closeWrite() // has none: nothing happens
	a.Close()
}

// dead is what a lost network looks like: a timeout that is no deadline.
func TestETIMEDOUTIsNoDeadline(t *testing.T) {
	for err, want := range map[error]bool{
		os.ErrDeadlineExceeded:                                                       true,
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}:                        true,
		&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}: false,
		io.EOF:        false,
		net.ErrClosed: false,
	} {
		if got := isTimeout(err); got != want {
			t.Errorf("isTimeout(%v) = %t, want %t", err, got, want)
		}
	}
}

// What must not allocate does not: a message read into room, and a Write, with a
// context that cannot end and with one that is kept.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raced() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	kept, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, ctx := range map[string]context.Context{"background": context.Background(), "kept": kept} {
		for _, n := range []int{0, 16, 1000, 16_000} {
			t.Run(fmt.Sprintf("%s/%d bytes", name, n), func(t *testing.T) {
				client, server := tcpConns(t, quiet())
				go echo(ctx, server)
				p, buf := make([]byte, n), make([]byte, 0, n+1)
				roundTrip := func() {
					if err := client.Write(ctx, Binary, p); err != nil {
						t.Fatal(err)
					}
					if _, got, err := client.ReadAppend(ctx, buf); len(got) != n || err != nil {
						t.Fatalf("%d bytes, %v", len(got), err)
					}
				}
				for range 10 {
					roundTrip()
				}
				if allocs := testing.AllocsPerRun(200, roundTrip); allocs != 0 {
					t.Errorf("%v allocations in a Write, an echo and a ReadAppend, want 0", allocs)
				}
			})
		}
	}
}

// echo sends back what comes, and allocates nothing for it.
func echo(ctx context.Context, c *Conn) {
	buf := make([]byte, 0, 1<<20)
	for {
		typ, p, err := c.ReadAppend(ctx, buf)
		if err != nil || c.Write(ctx, typ, p) != nil {
			return
		}
	}
}

var benchSizes = []struct {
	name string
	n    int
}{{"16B", 16}, {"1KiB", 1 << 10}, {"16KiB", 16 << 10}, {"1MiB", 1 << 20}}

func BenchmarkReadAppend(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			c, far := tcpPeer(b, Server, quiet())
			far.SetDeadline(time.Time{})
			in := bytes.Repeat(frameOf(Client, fin, frame.Binary, strings.Repeat("x", size.n)), max(1, 1<<18/size.n))
			go func() {
				for {
					if _, err := far.Write(in); err != nil {
						return
					}
				}
			}()
			buf := make([]byte, 0, size.n)
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.ReadAppend(context.Background(), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			c, far := tcpPeer(b, Server, quiet())
			far.SetDeadline(time.Time{})
			go io.Copy(io.Discard, far)
			p := make([]byte, size.n)
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Write(context.Background(), Binary, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
