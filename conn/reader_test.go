package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// nextReader begins the next message.
func nextReader(t *testing.T, c *Conn, want MessageType) io.Reader {
	t.Helper()
	typ, r, err := c.Reader(t.Context())
	if typ != want || err != nil {
		t.Fatalf("Reader = %v, %v; want %v", typ, err, want)
	}
	return r
}

func TestReaderKeepsTheRulesOfReaders(t *testing.T) {
	content := strings.Repeat("all of this, once. ", 700)
	for _, role := range both {
		for _, size := range []int{1, 7, 5000} {
			synctest.Test(t, func(t *testing.T) {
				near, far := wiretest.Pipe(0)
				c := New(wiretest.Split(near, wiretest.Fixed(size)), Setup{Role: role}, quiet())
				defer c.CloseNow()
				from := 1 - role
				far.Write(frameOf(from, !fin, frame.Text, content[:1]))
				far.Write(frameOf(from, !fin, frame.Continuation, ""))
				far.Write(frameOf(from, fin, frame.Ping, "between"))
				far.Write(frameOf(from, !fin, frame.Continuation, content[1:5000]))
				far.Write(frameOf(from, fin, frame.Continuation, content[5000:]))
				if err := iotest.TestReader(nextReader(t, c, Text), []byte(content)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestReaderEndsOnceAndForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		p.message(frame.Binary, "")
		p.message(frame.Text, "next")
		r := nextReader(t, c, Binary)
		for range 3 {
			if n, err := r.Read(make([]byte, 9)); n != 0 || err != io.EOF {
				t.Errorf("Read of an empty message = %d, %v; want io.EOF", n, err)
			}
		}
		wantMessage(t, c, Text, "next")
		if n, err := r.Read(make([]byte, 9)); n != 0 || err != io.EOF {
			t.Errorf("Read behind the next message = %d, %v; want io.EOF still", n, err)
		}
	})
}

// A Reader that has handed out bytes gives its message up to the next call of any
// kind; the old one fails.
func TestReaderThatHandedOutBytesIsAbandoned(t *testing.T) {
	for _, role := range both {
		for _, call := range dataCalls() {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				p.send(p.frame(!fin, frame.Text, "old "), p.frame(fin, frame.Ping, ""), p.frame(fin, frame.Continuation, "message"))
				r := nextReader(t, c, Text)
				if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
					t.Fatalf("Read = %d, %v", n, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				result := call.start(ctx, c)
				p.message(frame.Binary, "new")
				synctest.Wait()
				cancel()
				if o := <-result; call.name != "Discard" && (o.got != "new" || o.err != nil) {
					t.Errorf("%s behind a Reader = %q, %v; want the next message", call.name, o.got, o.err)
				}
				for range 2 {
					if n, err := r.Read(make([]byte, 9)); n != 0 || err != ErrAbandoned {
						t.Errorf("the old reader: %d, %v; want ErrAbandoned", n, err)
					}
				}
				p.message(frame.Text, "and so on")
				wantMessage(t, c, Text, "and so on")
			})
		}
	}
}

// One that has handed out none gives it to the next call, whole.
func TestReaderThatHandedOutNothingGivesItsMessage(t *testing.T) {
	for _, role := range both {
		for _, call := range dataCalls() {
			for _, tried := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					c, p := newPeer(t, role, quiet())
					p.send(p.frame(!fin, frame.Text, ""))
					r := nextReader(t, c, Text)
					if tried { // a canceled Read of it costs nothing either
						ctx, cancel := context.WithCancel(t.Context())
						cancel()
						mr := r.(*messageReader)
						if n, err := mr.read(ctx, make([]byte, 9)); n != 0 || !errors.Is(err, context.Canceled) {
							t.Errorf("canceled Read = %d, %v", n, err)
						}
					}
					p.send(p.frame(fin, frame.Continuation, "whole"))
					ctx, cancel := context.WithCancel(t.Context())
					result := call.start(ctx, c)
					synctest.Wait()
					cancel()
					if o := <-result; call.name != "Discard" && (o.got != "whole" || !o.whole) {
						t.Errorf("%s behind a Reader = %q, %v; want its message", call.name, o.got, o.err)
					}
					if n, err := r.Read(make([]byte, 9)); n != 0 || err != ErrAbandoned {
						t.Errorf("the old reader: %d, %v; want ErrAbandoned", n, err)
					}
				})
			}
		}
	}
}

// A Ping beside a Reader reads on between two fragments and leaves their message
// alone.
func TestPingBesideReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		go func() {
			for {
				h, b, err := p.next()
				if err != nil {
					return
				}
				if h.Opcode == frame.Ping {
					p.nc.Write(p.frame(fin, frame.Pong, b))
				}
			}
		}()
		p.send(p.frame(!fin, frame.Text, "one "))
		r := nextReader(t, c, Text)
		got := make([]byte, 4)
		if _, err := io.ReadFull(r, got); err != nil || string(got) != "one " {
			t.Fatalf("%q, %v", got, err)
		}
		ping := readCalls[5].start(t.Context(), c)
		if o := <-ping; o.err != nil {
			t.Errorf("Ping between two fragments = %v, want its Pong", o.err)
		}
		p.send(p.frame(fin, frame.Continuation, "message"))
		if rest, err := io.ReadAll(r); string(rest) != "message" || err != nil {
			t.Errorf("the rest is %q, %v", rest, err)
		}
	})
}

// A Read of a Reader that its context ends goes on afterwards with the next bytes.
func TestReaderGoesOnAfterCanceledRead(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			in := p.frame(!fin, frame.Text, "é€😀")
			in = append(in, p.frame(fin, frame.Ping, "x")...)
			in = append(in, p.frame(fin, frame.Continuation, "!")...)
			var r *messageReader
			var got []byte
			for i := range in {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() {
					var err error
					if r == nil {
						next := &messageReader{c: c}
						if _, err = next.begin(ctx); err != nil {
							done <- err
							return
						}
						r = next
					}
					for err == nil {
						var n int
						p := make([]byte, 3)
						n, err = r.read(ctx, p)
						got = append(got, p[:n]...)
					}
					done <- err
				}()
				p.send(in[i : i+1])
				synctest.Wait()
				cancel()
				err := <-done
				if last := i == len(in)-1; last && err != io.EOF || !last && !errors.Is(err, context.Canceled) {
					t.Fatalf("byte %d: %v", i, err)
				}
			}
			if string(got) != "é€😀!" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Bytes that a canceled Read had collected are the Reader's first.
func TestReaderBeginsWithKeptBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		result := readCalls[1].start(ctx, c)
		p.send(p.frame(!fin, frame.Text, "kept "))
		synctest.Wait()
		cancel()
		<-result
		// It may begin at once: the message is known.
		r := nextReader(t, c, Text)
		got := make([]byte, 3)
		if n, err := r.Read(got); n != 3 || string(got) != "kep" || err != nil {
			t.Fatalf("Read = %q, %v", got[:n], err)
		}
		p.send(p.frame(fin, frame.Continuation, "bytes"))
		if rest, err := io.ReadAll(r); string(rest) != "t bytes" || err != nil {
			t.Errorf("the rest is %q, %v", rest, err)
		}
	})
}

// A message that is given up leaves nothing to the next one: neither bytes that a
// canceled Read had collected nor its size.
func TestAbandonedMessageLeavesNothing(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			o := quiet()
			o.ReadLimit = 1000
			c, p := newPeer(t, role, o)
			ctx, cancel := context.WithCancel(t.Context())
			result := readCalls[0].start(ctx, c)
			p.send(p.frame(!fin, frame.Binary, strings.Repeat("kept", 200)))
			synctest.Wait()
			cancel()
			<-result
			if n, err := nextReader(t, c, Binary).Read(make([]byte, 3)); n != 3 || err != nil {
				t.Fatalf("Read = %d, %v", n, err)
			}
			p.send(p.frame(fin, frame.Continuation, "rest"))
			for range 2 {
				want := strings.Repeat("x", 1000)
				p.message(frame.Text, want)
				wantMessage(t, c, Text, want)
			}
		})
	}
}

// Checklist: Z3, G10
func TestStreamLimitIsExact(t *testing.T) {
	const limit = 10_000
	half := strings.Repeat("x", limit/2)
	for _, test := range []struct {
		name string
		in   func(Role) [][]byte
		ok   bool
	}{
		{"exactly", seq(one(!fin, frame.Text, half), one(fin, frame.Continuation, half)), true},
		{"one more", seq(one(!fin, frame.Text, half), one(!fin, frame.Continuation, half), one(fin, frame.Continuation, "x")), false},
		{"declared", header(frame.Binary, limit+1, 3), false},
		{"2^63-1 behind one", seq(one(!fin, frame.Binary, "x"), header(frame.Continuation, 1<<63-1, 9)), false},
	} {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) {
				o := quiet()
				o.StreamLimit, o.ReadLimit = limit, 10 // ReadLimit is not for a Reader
				c, p := newPeer(t, role, o)
				for range 2 {
					p.message(frame.Binary, half)
					if n, err := io.Copy(io.Discard, nextReader(t, c, Binary)); n != limit/2 || err != nil {
						t.Fatalf("%d bytes, %v", n, err)
					}
				}
				p.send(test.in(p.role)...)
				_, r, err := c.Reader(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r)
				if (err == nil) != test.ok || n > limit || !test.ok && brokenRule(err) != CloseTooBig {
					t.Errorf("%s: %d bytes, %v; want ok %t", test.name, n, err, test.ok)
				}
			})
		}
	}
}

// Without a StreamLimit a message of any size passes, and holds no memory.
func TestReaderHoldsOneBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 8 << 20
		c, p := newPeer(t, Client, quiet())
		go p.nc.Write(p.frame(fin, frame.Binary, strings.Repeat("x", size)))
		r := nextReader(t, c, Binary)
		got := make([]byte, 1000)
		for n := 0; n < size; {
			k, err := r.Read(got)
			if err != nil || !bytes.Equal(got[:k], bytes.Repeat([]byte("x"), k)) {
				t.Fatalf("at %d: %d, %v", n, k, err)
			}
			n += k
			if b := c.rd.buf; c.rd.kept != nil || b != nil && cap(b.b) > bigBuffer {
				t.Fatalf("at %d: more than one buffer is held", n)
			}
		}
		if n, err := r.Read(got); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	})
}

func TestReaderOfABrokenMessage(t *testing.T) {
	for name, test := range map[string]struct {
		rest func(p *peer)
		want func(err error) bool
	}{
		"text that ends inside a code point": {
			func(p *peer) { p.send(p.frame(fin, frame.Continuation, "ok\xe2")) },
			func(err error) bool { return brokenRule(err) == CloseInvalidPayload }},
		"end of the stream": {
			func(p *peer) { p.nc.CloseWrite() },
			func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) }},
		"close": {
			func(p *peer) { p.message(frame.Close, "") },
			func(err error) bool { return IsNormal(err) && !errors.Is(err, io.EOF) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			p.send(p.frame(!fin, frame.Text, "begun "))
			r := nextReader(t, c, Text)
			test.rest(p)
			_, err := io.ReadAll(r)
			if err == nil || !test.want(err) {
				t.Errorf("%s: ReadAll = %v", name, err)
			}
			if n, again := r.Read(make([]byte, 9)); n != 0 || again != err {
				t.Errorf("%s: then %d, %v; want the same error", name, n, again)
			}
		})
	}
}

// Close interrupts a Read that waits inside a message; it returns the outcome.
func TestReaderInterruptedByClose(t *testing.T) {
	for _, role := range both {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, role, quiet())
			p.send(p.frame(!fin, frame.Text, "half"))
			r := nextReader(t, c, Text)
			result := make(chan error, 1)
			go func() { _, err := io.ReadAll(r); result <- err }()
			synctest.Wait()
			go c.Close()
			p.expectClose(CloseNormal)
			synctest.Wait() // the Close is out before the Read is interrupted
			p.send(p.frame(fin, frame.Continuation, " a message"))
			synctest.Wait()
			select {
			case err := <-result:
				t.Fatalf("ReadAll = %v before the outcome is known", err)
			default:
			}
			p.message(frame.Close, closePayload(CloseNormal, "me too"))
			p.nc.CloseWrite()
			if err := <-result; !IsNormal(err) || closeError(t, err).Reason != "me too" {
				t.Errorf("ReadAll = %v, want the outcome of Close", err)
			}
		})
	}
}

func TestReaderWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		p.send(p.frame(!fin, frame.Text, ""))
		r := nextReader(t, c, Text)
		if n, err := r.Read(nil); n != 0 || err != nil {
			t.Errorf("Read without room = %d, %v; want 0, nil at once", n, err)
		}
	})
}
