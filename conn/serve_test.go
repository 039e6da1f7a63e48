package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// receiver calls functions; nil does nothing.
type receiver struct {
	message func(c *Conn, m Message)
	closed  func(c *Conn, err error)
}

func (r *receiver) Message(c *Conn, m Message) {
	if r.message != nil {
		r.message(c, m)
	}
}

func (r *receiver) Closed(c *Conn, err error) {
	if r.closed != nil {
		r.closed(c, err)
	}
}

// serveWays are the ways in which a connection is served: by a poller, where there is
// one, or by a goroutine of its own.
var serveWays = []struct {
	name string
	open func(t testing.TB) (near, far net.Conn)
	keep bool
}{
	{"poller", func(t testing.TB) (net.Conn, net.Conn) { return tcpEnds(t) }, false},
	{"net.Conn", func(t testing.TB) (net.Conn, net.Conn) { return tcpEnds(t) }, true},
	{"pipe", func(t testing.TB) (net.Conn, net.Conn) {
		near, far := wiretest.Pipe(0)
		t.Cleanup(func() { near.Close(); far.Close() })
		return near, far
	}, false},
	{"TLS", func(t testing.TB) (net.Conn, net.Conn) {
		far, near := tcpEnds(t)
		far, near = tlsPair(t, far, near)
		return near, far
	}, false},
}

func tcpEnds(t testing.TB) (near, far net.Conn) { return loopback(t) }

// overServeWays runs f with a connection that is to be served and the socket of its
// peer.
func overServeWays(t *testing.T, o *Options, f func(t *testing.T, c *Conn, far net.Conn)) {
	for _, way := range serveWays {
		t.Run(way.name, func(t *testing.T) {
			near, far := way.open(t)
			with := *o
			with.KeepNetConn = way.keep
			c := New(near, Setup{Role: Server}, &with)
			t.Cleanup(func() { c.CloseNow() })
			f(t, c, far)
		})
	}
}

// clientOver is a connection of the other role over far.
func clientOver(t testing.TB, far net.Conn) *Conn {
	d := New(far, Setup{Role: Client}, quiet())
	t.Cleanup(func() { d.CloseNow() })
	return d
}

// echoing sends back what it gets.
func echoing(t testing.TB) *receiver {
	return &receiver{message: func(c *Conn, m Message) {
		if err := c.Write(context.Background(), m.Type, m.Data); err != nil && c.Err() == nil {
			t.Errorf("Write inside Message: %v", err)
		}
	}}
}

// wantEcho sends a message and wants it back.
func wantEcho(t *testing.T, d *Conn, text string) {
	t.Helper()
	if err := d.Write(context.Background(), Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, d, Text, text)
}

func TestServeEchoes(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		over := make(chan error, 1)
		r := echoing(t)
		r.closed = func(_ *Conn, err error) { over <- err }
		if err := c.Serve(r); err != nil {
			t.Fatal(err)
		}
		d := clientOver(t, far)
		for n := 0; n < 300_000; n = n*2 + 1 {
			wantEcho(t, d, strings.Repeat("x", n))
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-over; !IsNormal(err) {
			t.Error(err)
		}
	})
}

// A served connection is a server's or a client's.
func TestServedClient(t *testing.T) {
	for _, keep := range []bool{false, true} {
		near, far := tcpEnds(t)
		o := quiet()
		o.KeepNetConn = keep
		c := New(near, Setup{Role: Client}, o)
		b := mailboxOn(c)
		d := New(far, Setup{Role: Server}, quiet())
		for i := range 100 {
			if err := d.Write(t.Context(), Binary, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		go d.Close()
		for i := range 100 {
			if l := b.next(); l.err != nil || l.text != string([]byte{byte(i)}) {
				t.Fatalf("message %d is %q, %v", i, l.text, l.err)
			}
		}
		if l := b.next(); !IsNormal(l.err) {
			t.Errorf("the end is %v", l.err)
		}
		<-c.Done()
	}
}

func TestServedConnectionRefusesReads(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		if err := c.Serve(nil); err == nil || c.Serving() {
			t.Fatalf("Serve(nil) = %v", err)
		}
		b := mailboxOn(c)
		if err := c.Serve(newMailbox()); err != ErrServing || !c.Serving() {
			t.Errorf("Serve a second time = %v, want ErrServing", err)
		}
		for _, call := range dataCalls() {
			if got, _, err := call.do(t.Context(), c); err != ErrServing || got != "" {
				t.Errorf("%s = %q, %v; want ErrServing", call.name, got, err)
			}
		}
		if _, err := ReadJSON[int](t.Context(), c); !errors.Is(err, ErrServing) {
			t.Errorf("ReadJSON = %v, want ErrServing", err)
		}
		if n, err := Stream(c, Binary).Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrServing) {
			t.Errorf("Read of a Stream = %d, %v; want ErrServing", n, err)
		}
		d := clientOver(t, far)
		d.Write(t.Context(), Text, []byte("for the Receiver"))
		if l := b.next(); l.text != "for the Receiver" {
			t.Errorf("the Receiver got %q, %v", l.text, l.err)
		}
		d.CloseNow()
		end := b.next().err
		if _, _, err := c.Read(t.Context()); err != end { // the connection's end goes first
			t.Errorf("Read behind the end = %v, want %v", err, end)
		}
		if err := c.Serve(newMailbox()); err != ErrServing {
			t.Errorf("Serve behind the end = %v, want ErrServing", err)
		}
	})
}

// A read call that waits when Serve is called takes its message; the next is the
// Receiver's.
func TestServeWhileAReadWaits(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		result := readCalls[0].start(t.Context(), c)
		waits(t, c)
		b := mailboxOn(c)
		d := clientOver(t, far)
		for _, s := range []string{"first", "second", "third"} {
			d.Write(t.Context(), Text, []byte(s))
		}
		if r := <-result; r.got != "first" || r.err != nil {
			t.Errorf("Read = %q, %v; want the first message", r.got, r.err)
		}
		for _, s := range []string{"second", "third"} {
			if l := b.next(); l.text != s {
				t.Errorf("the Receiver got %q, %v; want %s", l.text, l.err, s)
			}
		}
	})
}

// What a canceled Read left goes to the Receiver, whole, wherever it was canceled.
func TestServeBehindACanceledRead(t *testing.T) {
	in := torn(Client)
	for at := 0; at <= len(in); at += 3 {
		overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
			far.Write(in[:at])
			ctx, cancel := context.WithCancel(t.Context())
			result := readCalls[0].start(ctx, c)
			spinUntil(t, func() bool { return c.Stats().WireIn == int64(at) })
			cancel()
			r := <-result
			b := mailboxOn(c)
			far.Write(in[at:])
			far.Write(frameOf(Client, fin, frame.Binary, "behind it"))
			if r.err == nil {
				if r.got != tornText || at < len(in) {
					t.Fatalf("Read = %q", r.got)
				}
			} else if l := b.next(); l.text != tornText || l.typ != Text {
				t.Errorf("canceled at byte %d: got %q, %v", at, l.text, l.err)
			}
			if l := b.next(); l.text != "behind it" || l.typ != Binary {
				t.Errorf("canceled at byte %d: then %q, %v", at, l.text, l.err)
			}
		})
	}
}

// A Reader that handed out bytes has given up its message.
func TestServeBehindAReader(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		far.Write(frameOf(Client, !fin, frame.Text, "half"))
		r := nextReader(t, c, Text)
		if _, err := io.ReadFull(r, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		b := mailboxOn(c)
		if _, err := r.Read(make([]byte, 9)); err != ErrServing && err != ErrAbandoned {
			t.Errorf("the Reader: %v", err)
		}
		far.Write(frameOf(Client, fin, frame.Continuation, "rest"))
		far.Write(frameOf(Client, fin, frame.Text, "next"))
		if l := b.next(); l.text != "next" {
			t.Errorf("got %q, %v; want the next message", l.text, l.err)
		}
	})
}

// Bytes that came behind the handshake are looked at though nothing else comes.
func TestServeTakesWhatTheHandshakeRead(t *testing.T) {
	in := append(frameOf(Client, fin, frame.Text, "early"), frameOf(Client, fin, frame.Text, "bird")...)
	for n := 0; n <= len(in); n++ {
		for _, keep := range []bool{false, true} {
			near, far := tcpEnds(t)
			o := quiet()
			o.KeepNetConn = keep
			c := New(near, Setup{Role: Server, Buffered: in[:n]}, o)
			b := mailboxOn(c)
			if n < len(in) {
				far.Write(in[n:])
			}
			for _, want := range []string{"early", "bird"} {
				if l := b.next(); l.text != want {
					t.Errorf("%d bytes behind the handshake: got %q, %v; want %q", n, l.text, l.err, want)
				}
			}
			c.CloseNow()
			b.next()
		}
	}
}

// Calls for one connection come in order and never overlap, though handlers wait, and
// nothing of another connection comes among them.
func TestServeKeepsOrder(t *testing.T) {
	conns, messages := 200, 1000
	if testing.Short() {
		conns, messages = 50, 200
	}
	late := make(chan chan struct{}, conns)
	defer close(late)
	go func() { // who wakes handlers that wait, later
		for wait := range late {
			runtime.Gosched()
			close(wait)
		}
	}()
	d := newDialer(t)
	var all sync.WaitGroup
	for i := range conns {
		near, far, err := d.pair()
		if err != nil {
			t.Fatal(err)
		}
		o := quiet()
		o.KeepNetConn = i%4 == 3
		c := New(near, Setup{Role: Server}, o)
		all.Add(1)
		if err := c.Serve(&ordered{t: t, id: i, want: messages, late: late, done: all.Done}); err != nil {
			t.Fatal(err)
		}
		o = quiet()
		o.CloseTimeout = time.Minute // for all that is on its way to slow handlers
		all.Go(func() { sendNumbers(t, New(far, Setup{Role: Client}, o), i, messages) })
	}
	all.Wait()
}

// sendNumbers sends numbered messages of a connection with that id, in frames and
// pieces of random sizes.
func sendNumbers(t *testing.T, d *Conn, id, n int) {
	var out []byte
	random := rand.New(rand.NewPCG(uint64(id), 1))
	for i := range n {
		out = binary.BigEndian.AppendUint64(out[:0], uint64(id)<<32|uint64(i))
		out = append(out, bytes.Repeat(out, random.IntN(1+random.IntN(200)))...)
		if err := d.Write(context.Background(), Binary, out); err != nil {
			t.Errorf("connection %d, message %d: %v", id, i, err)
			return
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("connection %d: Close = %v", id, err)
	}
}

// ordered is a Receiver that wants the messages of sendNumbers.
type ordered struct {
	t              *testing.T
	id, want, next int
	late           chan chan struct{}
	done           func()
	busy           atomic.Bool
}

func (r *ordered) Message(_ *Conn, m Message) {
	if !r.busy.CompareAndSwap(false, true) {
		r.t.Errorf("connection %d: two calls at once", r.id)
	}
	number := binary.BigEndian.AppendUint64(nil, uint64(r.id)<<32|uint64(r.next))
	if len(m.Data)%8 != 0 || !bytes.Equal(m.Data, bytes.Repeat(number, len(m.Data)/8)) || len(m.Data) == 0 {
		r.t.Errorf("connection %d, message %d is %x", r.id, r.next, m.Data[:min(len(m.Data), 16)])
	}
	r.next++
	if rand.IntN(100) == 0 {
		wait := make(chan struct{})
		r.late <- wait
		<-wait
	}
	r.busy.Store(false)
}

func (r *ordered) Closed(_ *Conn, err error) {
	if !r.busy.CompareAndSwap(false, true) || r.next != r.want || !IsNormal(err) {
		r.t.Errorf("connection %d: Closed behind %d messages of %d: %v", r.id, r.next, r.want, err)
	}
	r.done()
}

// Data is lent: it is overwritten behind the call when somebody watches.
func TestServedDataIsPoisoned(t *testing.T) {
	if !raced() {
		t.Skip("only the race detector's builds overwrite memory that was lent")
	}
	// So large that no pool takes its memory: what is smaller is somebody else's by then.
	one := strings.Repeat("1", bigBuffer+1)
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		var kept []byte
		same := make(chan bool, 2)
		c.Serve(&receiver{message: func(_ *Conn, m Message) {
			same <- string(kept) == one
			kept = m.Data
		}})
		d := clientOver(t, far)
		d.Write(t.Context(), Text, []byte(one))
		<-same
		d.Write(t.Context(), Text, []byte("2"))
		if <-same {
			t.Error("lent memory is as it was")
		}
	})
}

// A round trip of a served connection allocates nothing.
func TestServedEchoAllocatesNothing(t *testing.T) {
	if raced() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	for _, keep := range []bool{false, true} {
		for _, n := range []int{0, 16, 1000, 16_000} {
			t.Run(fmt.Sprintf("keep %t/%d bytes", keep, n), func(t *testing.T) {
				near, far := tcpEnds(t)
				o := quiet()
				o.KeepNetConn = keep
				c := New(near, Setup{Role: Server}, o)
				defer c.CloseNow()
				c.Serve(echoing(t))
				d := clientOver(t, far)
				p, buf := make([]byte, n), make([]byte, 0, n+1)
				roundTrip := func() {
					if err := d.Write(context.Background(), Binary, p); err != nil {
						t.Fatal(err)
					}
					if _, got, err := d.ReadAppend(context.Background(), buf); len(got) != n || err != nil {
						t.Fatalf("%d bytes, %v", len(got), err)
					}
				}
				for range 20 {
					roundTrip()
				}
				if allocs := testing.AllocsPerRun(200, roundTrip); allocs != 0 {
					t.Errorf("%v allocations in a round trip, want 0", allocs)
				}
			})
		}
	}
}

// A served connection that waits has no goroutine and no buffer, before a message and
// after it; what has come of one is all that it holds.
func TestServedConnectionHoldsNothingWhileItWaits(t *testing.T) {
	const conns = 100
	cs, fars := make([]*Conn, conns), make([]net.Conn, conns)
	for i := range cs {
		var near net.Conn
		near, fars[i] = tcpEnds(t)
		cs[i] = New(near, Setup{Role: Server}, nil)
		defer cs[i].CloseNow()
		cs[i].Serve(echoing(t))
	}
	idle := func(what string) int64 {
		t.Helper()
		for _, c := range cs {
			spinUntil(t, func() bool { return c.serving.state.Load() == served && c.readTurn.waiting.Load() != notWaiting })
		}
		wantNoneOfOurs(t)
		return heapAlloc()
	}
	before := idle("before a message")
	for i, far := range fars {
		out := frameOf(Client, fin, frame.Binary, strings.Repeat("x", 1000+i))
		far.Write(out)
		io.ReadFull(far, make([]byte, 4+1000+i))
		far.Write(frameOf(Client, fin, frame.Ping, "ping"))
		io.ReadFull(far, make([]byte, 6))
	}
	after := idle("after a message")
	if each := (after - before) / conns; each > 200 {
		t.Errorf("a connection holds %d bytes more after a message than before", each)
	}
	for i, c := range cs {
		far := fars[i]
		out := frameOf(Client, fin, frame.Binary, strings.Repeat("x", 100_000))
		far.Write(out[:50])
		spinUntil(t, func() bool { return c.readTurn.waiting.Load() == insideMessage })
	}
	if each := (idle("inside a message") - after) / conns; each > 8<<10 && !raced() {
		t.Errorf("a connection holds %d bytes for the first 50 of a message", each)
	}
	for i, far := range fars {
		out := frameOf(Client, fin, frame.Binary, strings.Repeat("x", 100_000))
		far.Write(out[50:])
		if _, err := io.CopyN(io.Discard, far, 10+100_000); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if each := (idle("after a large message") - before) / conns; each > 600 && !raced() { // where its Write waited is kept
		t.Errorf("a connection holds %d bytes more after a large message than before", each)
	}
}
