package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// servedEndings are the ways in which a served connection ends: what the peer does with its
// socket, or our side from outside, or a handler with the message "end"; and what
// Closed is told in the words of endOf.
var servedEndings = []struct {
	name   string
	peer   func(far net.Conn) // bytes of an honest peer, or not; nil: one that answers
	ours   func(c *Conn)
	inside func(c *Conn)
	end    string // "!" and a part of it, or all
}{
	{name: "peer's Close", peer: func(far net.Conn) { far.Write(frameOf(Client, fin, frame.Close, closePayload(4000, "bye"))) }, end: `close 4000 "bye"`},
	{name: "peer's empty Close", peer: func(far net.Conn) { far.Write(frameOf(Client, fin, frame.Close, "")) }, end: `close 1005 ""`},
	{name: "Close", ours: func(c *Conn) { c.Close() }, end: `close 1000 ""`},
	{name: "CloseWith", ours: func(c *Conn) { c.CloseWith(context.Background(), 4001, "enough") }, end: `close 4001 ""`},
	{name: "CloseWith without patience", ours: func(c *Conn) { c.CloseWith(ended(), 4001, "enough") }, end: `close 4001 ""`},
	{name: "BeginClose", ours: func(c *Conn) { c.BeginClose(1001, "") }, end: `close 1001 ""`},
	{name: "BeginClose, then Close", ours: func(c *Conn) { c.BeginClose(1001, ""); c.Close() }, end: `close 1001 ""`},
	{name: "CloseNow", ours: func(c *Conn) { c.CloseNow() }, end: "!closed"},
	{name: "Close inside", inside: func(c *Conn) { c.Close() }, end: `close 1000 ""`},
	{name: "CloseWith inside", inside: func(c *Conn) { c.CloseWith(context.Background(), 4001, "enough") }, end: `close 4001 ""`},
	{name: "BeginClose inside", inside: func(c *Conn) { c.BeginClose(4001, "enough") }, end: `close 4001 ""`},
	{name: "CloseNow inside", inside: func(c *Conn) { c.CloseNow() }, end: "!closed"},
	{name: "panic inside", inside: func(c *Conn) { panic("handler") }, end: `close 1011 ""`},
	{name: "Goexit inside", inside: func(c *Conn) { runtime.Goexit() }, end: `close 1011 ""`},
	{name: "Close, then panic inside", inside: func(c *Conn) { c.BeginClose(4001, "enough"); panic("handler") }, end: `close 4001 ""`},
	{name: "CloseNow, then Goexit inside", inside: func(c *Conn) { c.CloseNow(); runtime.Goexit() }, end: "!closed"},
	{name: "broken rule", peer: func(far net.Conn) { far.Write([]byte{0x83, 0x80, 1, 2, 3, 4}) }, end: "rule 1002 5.2"},
	{name: "not UTF-8", peer: func(far net.Conn) { far.Write(frameOf(Client, fin, frame.Text, "\xff")) }, end: "rule 1007 8.1"},
	{name: "too large", peer: func(far net.Conn) { far.Write(frameOf(Client, fin, frame.Text, strings.Repeat("x", 3001))) }, end: "rule 1009 10.4"},
	{name: "EOF", peer: func(far net.Conn) { far.Close() }, end: "EOF"},
	{name: "EOF inside a message", peer: func(far net.Conn) { far.Write(frameOf(Client, !fin, frame.Text, "x")); far.Close() }, end: "unexpected EOF"},
	{name: "half-close", peer: func(far net.Conn) { closeHalf(far) }, end: "EOF"},
	{name: "reset", peer: func(far net.Conn) {
		if tcp, ok := far.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		far.Close()
	}, end: "reset"},
}

func closeHalf(nc net.Conn) {
	if h, ok := nc.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
	}
}

// Closed is called once and last, with what Read would return, however the connection
// ends.
//
// Checklist: L13, T1, Z3
func TestClosedIsCalledOnceAndLast(t *testing.T) {
	quietLog(t)
	for _, e := range servedEndings {
		t.Run(e.name, func(t *testing.T) {
			o := quiet()
			o.ReadLimit = 3000
			overServeWays(t, o, func(t *testing.T, c *Conn, far net.Conn) {
				want := e.end
				if _, tcp := far.(*net.TCPConn); !tcp && want == "reset" {
					want = "EOF"
				}
				b := &ends{inner: newMailbox(), inside: e.inside}
				if err := c.Serve(b); err != nil {
					t.Fatal(err)
				}
				far.Write(frameOf(Client, fin, frame.Text, "before"))
				if l := b.inner.next(); l.text != "before" {
					t.Fatalf("got %q, %v", l.text, l.err)
				}
				switch {
				case e.peer != nil:
					e.peer(far)
				case e.ours != nil:
					go New(far, Setup{Role: Client}, quiet()).Discard(context.Background())
					e.ours(c)
				default:
					d := New(far, Setup{Role: Client}, quiet())
					go func() {
						d.Write(context.Background(), Text, []byte("end"))
						d.Discard(context.Background())
					}()
				}
				end := b.inner.next().err
				if part, ok := strings.CutPrefix(want, "!"); ok && !strings.Contains(endOf(end), part) || !ok && endOf(end) != want {
					t.Errorf("Closed got %q (%v), want %q", endOf(end), end, want)
				}
				if _, _, err := c.Read(context.Background()); err != end {
					t.Errorf("Read behind it = %v, want %v", err, end)
				}
				far.SetDeadline(time.Now().Add(soon))
				io.Copy(io.Discard, far)
				far.Close()
				select {
				case <-c.Done():
				case <-time.After(soon):
					t.Error("the connection does not end")
				}
				c.Close()
				c.CloseNow()
				wantNoneOfOurs(t) // who would call Closed again
				if l := b.inner.next(); l.err != end {
					t.Errorf("behind Closed: %v", l.err)
				}
			})
		})
	}
}

// ends is a mailbox that ends its connection when it is told to.
type ends struct {
	inner  *mailbox
	inside func(c *Conn)
}

func (e *ends) Message(c *Conn, m Message) {
	if string(m.Data) == "end" && e.inside != nil {
		e.inside(c)
		return
	}
	e.inner.Message(c, m)
}

func (e *ends) Closed(c *Conn, err error) { e.inner.Closed(c, err) }

// A panic in Closed is its own; other connections go on.
func TestPanicInClosed(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("closed") }, "Goexit": func() { runtime.Goexit() }} {
		t.Run(name, func(t *testing.T) {
			quietLog(t)
			others := make([]*Conn, 10)
			for i := range others {
				near, far := tcpEnds(t)
				c := New(near, Setup{Role: Server}, quiet())
				defer c.CloseNow()
				c.Serve(echoing(t))
				others[i] = clientOver(t, far)
			}
			overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
				called := make(chan error, 2)
				c.Serve(&receiver{closed: func(_ *Conn, err error) { called <- err; fail() }})
				d := clientOver(t, far)
				if err := d.Close(); err != nil {
					t.Errorf("Close = %v", err)
				}
				if err := <-called; !IsNormal(err) {
					t.Errorf("Closed got %v", err)
				}
				<-c.Done()
				for _, d := range others {
					wantEcho(t, d, "still here")
				}
				if len(called) != 0 {
					t.Error("Closed was called twice")
				}
			})
		})
	}
}

// A peer that a handler's panic ends is told 1011 and nothing of the reason.
func TestPanicInMessageTellsThePeer(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("secret") }, "Goexit": func() { runtime.Goexit() }} {
		t.Run(name, func(t *testing.T) {
			said := heardLog(t)
			overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
				closed := make(chan error, 1)
				c.Serve(&receiver{message: func(*Conn, Message) { fail() }, closed: func(_ *Conn, err error) { closed <- err }})
				d := clientOver(t, far)
				for range 3 { // only the first is handed out
					d.Write(t.Context(), Text, []byte("x"))
				}
				_, _, err := d.Read(t.Context())
				if e := closeError(t, err); e.Code != CloseInternalError || e.Reason != "" {
					t.Errorf("the peer got %v", err)
				}
				<-closed
			})
			if n := strings.Count(said(), "panic in the Receiver"); n != len(serveWays) && name == "panic" {
				t.Errorf("%d panics were logged, want %d:\n%s", n, len(serveWays), said())
			}
		})
	}
}

// A program may ask for a panic(nil) that recover does not tell from runtime.Goexit. Only
// one goroutine serves on all the same, and Closed is called once.
func TestPanicOfNilEndsServingOnce(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	said := heardLog(t)
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		b := &ends{inner: newMailbox(), inside: func(*Conn) { panic(nil) }}
		c.Serve(b)
		d := New(far, Setup{Role: Client}, quiet())
		go d.Discard(context.Background())
		d.Write(context.Background(), Text, []byte("end"))
		end := b.inner.next().err
		if got := endOf(end); got != `close 1011 ""` {
			t.Errorf("Closed got %q", got)
		}
		<-c.Done()
		d.CloseNow()
		wantNoneOfOurs(t) // who would call Closed again
		if l := b.inner.next(); l.err != end {
			t.Errorf("behind Closed: %v", l.err)
		}
	})
	if said() != "" {
		t.Errorf("logged: %s", said())
	}
}

// quietLog keeps expected panics out of the test's output.
func quietLog(t *testing.T) {
	before := log.Writer()
	t.Cleanup(func() { log.SetOutput(before) })
	log.SetOutput(io.Discard)
}

// heardLog keeps what is logged out of the test's output, and tells it.
func heardLog(t *testing.T) (said func() string) {
	var b bytes.Buffer
	var mu sync.Mutex
	quietLog(t)
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}))
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Every method keeps its meaning inside Message.
func TestMethodsInsideMessage(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		prepared, err := Prepare(Text, []byte("prepared"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, returned := context.Background(), make(chan struct{})
		c.Serve(&receiver{message: func(c *Conn, m Message) {
			defer func() { returned <- struct{}{} }()
			if _, err := c.Ping(ctx); err != nil {
				t.Errorf("Ping = %v", err)
			}
			if err := c.Write(ctx, Text, []byte("write")); err != nil {
				t.Errorf("Write = %v", err)
			}
			if err := c.Post(Text, []byte("post")); err != nil {
				t.Errorf("Post = %v", err)
			}
			if err := c.WritePrepared(ctx, prepared); err != nil {
				t.Errorf("WritePrepared = %v", err)
			}
			w, err := c.Writer(ctx, Text)
			if err != nil {
				t.Errorf("Writer = %v", err)
				return
			}
			w.Write([]byte("written"))
			if err := w.Close(); err != nil {
				t.Errorf("Close of a Writer = %v", err)
			}
			if _, _, err := c.Read(ctx); err != ErrServing {
				t.Errorf("Read = %v, want ErrServing", err)
			}
			if string(m.Data) != "go" {
				t.Errorf("Data has become %q", m.Data)
			}
		}})
		d := clientOver(t, far)
		for range 20 {
			if err := d.Write(ctx, Text, []byte("go")); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"write", "post", "prepared", "written"} {
				wantMessage(t, d, Text, want)
			}
			<-returned
		}
	})
}

// A Ping from outside is answered while the connection is served, idle and busy.
func TestPingWhileServed(t *testing.T) {
	overServeWays(t, quiet(), func(t *testing.T, c *Conn, far net.Conn) {
		c.Serve(echoing(t))
		d := clientOver(t, far)
		stop := make(chan struct{})
		var pings sync.WaitGroup
		for range 4 {
			pings.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					ctx, cancel := context.WithTimeout(context.Background(), soon)
					if _, err := c.Ping(ctx); err != nil {
						t.Errorf("Ping = %v", err)
					}
					ctx2, cancel2 := context.WithCancel(ctx)
					cancel2()
					if _, err := c.Ping(ctx2); !errors.Is(err, context.Canceled) {
						t.Errorf("a canceled Ping = %v", err)
					}
					cancel()
				}
			})
		}
		for i := range 200 {
			wantEcho(t, d, strings.Repeat("x", i*50))
		}
		close(stop)
		done := make(chan struct{})
		go func() { pings.Wait(); close(done) }()
		for going := true; going; { // the client answers only while it reads
			select {
			case <-done:
				going = false
			default:
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				d.Discard(ctx)
				cancel()
			}
		}
		wantEcho(t, d, "and after that")
	})
}

// A dead peer is found while the connection is served, and one that answers is not
// taken for dead.
func TestKeepaliveWhileServed(t *testing.T) {
	o := &Options{PingInterval: 10 * time.Millisecond, PingTimeout: 10 * time.Second, MinProgress: -1}
	overServeWays(t, o, func(t *testing.T, c *Conn, far net.Conn) {
		b := mailboxOn(c)
		d := clientOver(t, far)
		go d.Discard(context.Background())
		before := c.Stats().WireIn
		spinUntil(t, func() bool { return c.Stats().WireIn >= before+5*14 }) // five Pongs
		if c.Err() != nil {
			t.Errorf("Err = %v", c.Err())
		}
		c.CloseNow()
		b.next()
	})
	o.PingTimeout = 20 * time.Millisecond
	overServeWays(t, o, func(t *testing.T, c *Conn, far net.Conn) {
		b := mailboxOn(c)
		go io.Copy(io.Discard, far) // mute
		if l := b.next(); !errors.Is(l.err, errDead) || closeError(t, l.err).Code != CloseAbnormal {
			t.Errorf("Closed got %v, want errDead", l.err)
		}
		<-c.Done()
	})
}

// A peer that drips a message is cut off while the connection is served.
//
// Checklist: Z3
func TestProgressWhileServed(t *testing.T) {
	o := &Options{PingInterval: -1}
	overServeWays(t, o, func(t *testing.T, c *Conn, far net.Conn) {
		b := mailboxOn(c)
		ticks := int(progressWindow/c.tickPeriod()) + 1
		drip := func(p []byte) {
			t.Helper()
			far.Write(p)
			spinUntil(t, func() bool { return c.readTurn.waiting.Load() == insideMessage })
		}
		out := frameOf(Client, fin, frame.Binary, strings.Repeat("x", 100_000))
		drip(out[:20])
		for i := range 3 * ticks { // which gains enough
			c.tick()
			n := c.Stats().WireIn
			far.Write(out[20+i*2000:][:2000])
			spinUntil(t, func() bool { return c.Stats().WireIn >= n+2000 && c.readTurn.waiting.Load() == insideMessage })
		}
		if c.Err() != nil {
			t.Fatalf("a peer that sends enough: %v", c.Err())
		}
		for range ticks + 1 {
			c.tick()
		}
		if l := b.next(); !errors.Is(l.err, errNoProgress) {
			t.Errorf("Closed got %v, want errNoProgress", l.err)
		}
	})
}

// Compressed messages with takeover, byte by byte: what has come of one is inflated on
// when more comes.
func TestServeCompressed(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, keep := range []bool{false, true} {
			near, far := tcpEnds(t)
			o := quiet()
			o.KeepNetConn = keep
			o.Compression = &Compression{Takeover: takeover}
			c := New(near, Setup{Role: Server, Deflate: deflating(15, takeover)}, o)
			b := mailboxOn(c)
			p := newPacker(15, takeover)
			for i := range 40 {
				text := strings.Repeat(noise(uint64(i%3), 50), 1+i%4)
				in := packedIn(Client, frame.Text, p.pack(text))
				if i%5 == 0 { // some in one piece
					far.Write(in)
				} else {
					for at := range in {
						n := c.Stats().WireIn
						far.Write(in[at : at+1])
						spinUntil(t, func() bool { return c.Stats().WireIn > n })
					}
				}
				if l := b.next(); l.text != text || l.err != nil {
					t.Fatalf("takeover %t, keep %t, message %d: got %d bytes %.40q, %v; want %d bytes %.40q", takeover, keep, i, len(l.text), l.text, l.err, len(text), text)
				}
			}
			big := noise(9, 200_000)
			go far.Write(packedIn(Client, frame.Text, p.pack(big)))
			if l := b.next(); l.text != big {
				t.Errorf("a large message: %d bytes, %v", len(l.text), l.err)
			}
			c.CloseNow()
			b.next()
		}
	}
}
