package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

func TestEndOfServe(t *testing.T) {
	broken := errors.New("database password is hunter2")
	for _, test := range []struct {
		name   string
		serve  func(c *conn.Conn) error
		code   conn.CloseCode
		reason string
	}{
		{"nil", func(*conn.Conn) error { return nil }, 1000, ""},
		{"own code", ends(&conn.CloseError{Code: 4001, Reason: "kicked"}), 4001, "kicked"},
		{"wrapped", ends(fmt.Errorf("room: %w", &conn.CloseError{Code: 1013})), 1013, ""},
		{"no status", ends(&conn.CloseError{Code: 1005, Reason: "not sent"}), 1005, ""},
		{"abnormal", ends(&conn.CloseError{Code: 1006, Reason: "not sent"}), 1011, ""},
		{"reserved", ends(&conn.CloseError{Code: 1004}), 1011, ""},
		{"TLS", ends(&conn.CloseError{Code: 1015}), 1011, ""},
		{"no code", ends(&conn.CloseError{}), 1011, ""},
		{"out of range", ends(&conn.CloseError{Code: 5000}), 1011, ""},
		{"long reason", ends(&conn.CloseError{Code: 4000, Reason: strings.Repeat("é", 200)}), 4000, strings.Repeat("é", 61)},
		{"not UTF-8", ends(&conn.CloseError{Code: 4000, Reason: "a\xffb"}), 4000, "a\uFFFDb"},
		{"other error", ends(broken), 1011, ""},
		{"io.EOF", ends(io.EOF), 1011, ""},
		{"panic", func(*conn.Conn) error { panic("oh") }, 1011, ""},
		{"Goexit", func(*conn.Conn) error { runtime.Goexit(); return nil }, 1011, ""},
		{"open Writer", func(c *conn.Conn) error {
			c.Writer(context.Background(), conn.Text)
			return nil
		}, 1000, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Group
				l := serveHTTP(t, &http.Server{Handler: Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
					return test.serve(c)
				}, &Options{Group: &g})})
				p := l.dial().opens()
				p.endsWith(test.code, test.reason)
				if err := g.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown = %v: serve was not counted out", err)
				}
			})
		})
	}
}

func ends(err error) func(*conn.Conn) error { return func(*conn.Conn) error { return err } }

// Checklist: L3
func TestCodeOfAnotherConnectionIsForwarded(t *testing.T) {
	for _, test := range []struct {
		far  string // what ends the other connection
		code conn.CloseCode
	}{
		{masked(frame.Close, "\x0f\xa1bye"), 4001},
		{masked(frame.Close, ""), 1005}, // no status: an empty Close
		{"", 1011},                      // the stream just ends: 1006, which is never sent
	} {
		synctest.Test(t, func(t *testing.T) {
			far := make(chan *conn.Conn, 1)
			l := serveHTTP(t, &http.Server{Handler: Handler(func(ctx context.Context, c *conn.Conn, r *http.Request) error {
				if r.URL.Path == "/far" {
					far <- c
					<-ctx.Done()
					return nil
				}
				_, _, err := (<-far).Read(context.Background())
				return err
			}, nil)})
			p, q := l.dial(), l.dial()
			p.send(strings.Replace(request(), "/chat", "/far", 1) + test.far)
			p.head()
			q.opens()
			if test.far == "" {
				p.nc.Close()
			}
			reason := ""
			if test.code == 4001 {
				reason = "bye"
			}
			q.endsWith(test.code, reason)
			p.nc.Close()
		})
	}
}

func TestPanicIsReported(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{"oh", "websocket: panic serving pipe:client-1: oh\n"},
		{errors.New("an error"), "websocket: panic serving pipe:client-1: an error\n"},
		{http.ErrAbortHandler, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			l := serveHTTP(t, &http.Server{
				ErrorLog: log.New(&out, "", 0),
				Handler: Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
					panic(test.value)
				}, nil),
			})
			p := l.dial().opens()
			if test.want == "" {
				p.gone() // no Close frame
			} else {
				p.endsWith(1011, "")
			}
			synctest.Wait()
			if got := out.String(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("panic(%v): log = %.200q, want %q", test.value, got, test.want)
			}
			if stack := "TestPanicIsReported"; test.want != "" && !strings.Contains(out.String(), stack) {
				t.Errorf("panic(%v): log without the stack: %q", test.value, out.String())
			}
		})
	}
}

// A ServeHTTP that no http.Server has called has its panics in the log of the program.
func TestPanicIsReportedWithoutAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		defer log.SetOutput(log.Writer())
		log.SetOutput(&out)
		h := Handler(func(context.Context, *conn.Conn, *http.Request) error { panic("oh") }, nil)
		client, server := wiretest.Pipe(0)
		h.ServeHTTP(takeover{ResponseWriter: httptest.NewRecorder(), nc: server}, newRequest())
		p := newPeer(t, client)
		p.head()
		p.endsWith(1011, "")
		synctest.Wait()
		if !strings.Contains(out.String(), "panic serving pipe:a: oh") {
			t.Errorf("log = %q, want the panic", out.String())
		}
	})
}

func TestContextOfServe(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		var c *conn.Conn
		var req, orig *http.Request
		h := Handler(func(serveCtx context.Context, serveConn *conn.Conn, r *http.Request) error {
			ctx, c, req = serveCtx, serveConn, r
			<-ctx.Done()
			return nil
		}, nil)
		mux := http.NewServeMux()
		mux.HandleFunc("/{room}", func(w http.ResponseWriter, r *http.Request) {
			orig = r.WithContext(context.WithValue(r.Context(), key{}, "value"))
			h.ServeHTTP(w, orig)
		})
		p := serveHTTP(t, &http.Server{Handler: mux}).dial().opens()
		synctest.Wait()
		if ctx.Value(key{}) != "value" || ctx.Err() != nil || req.Context() != ctx {
			t.Errorf("context = %v, value %v; want one that goes on with the request's values", ctx.Err(), ctx.Value(key{}))
		}
		if req == orig || req.PathValue("room") != "chat" || req.Body != http.NoBody || req.Host != "example.com" {
			t.Errorf("request = %v, want a copy without body", req)
		}
		p.send(masked(frame.Text, "nobody reads this"))
		p.nc.Close()
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("the context ended while the connection goes on unread")
		}
		c.CloseNow()
		synctest.Wait()
		if !errors.Is(ctx.Err(), context.Canceled) || context.Cause(ctx) != c.Err() || c.Err() == nil {
			t.Errorf("context = %v because of %v, want Canceled because of %v", ctx.Err(), context.Cause(ctx), c.Err())
		}
	})
}

// The context of serve ends with its connection, so a Read with it may meet both; the answer is the connection's.
func TestReadWithTheContextOfServeTellsTheConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second error
		done := make(chan struct{})
		l := serveHTTP(t, &http.Server{Handler: Handler(func(ctx context.Context, c *conn.Conn, _ *http.Request) error {
			defer close(done)
			_, _, first = c.Read(ctx)
			<-ctx.Done()
			_, _, second = c.Read(ctx)
			return first
		}, nil)})
		p := l.dial().opens()
		p.send(masked(frame.Close, "\x0f\xa1bye"))
		p.closed(4001, "")
		p.gone()
		<-done
		for _, err := range []error{first, second} {
			var ce *conn.CloseError
			if !errors.As(err, &ce) || ce.Code != 4001 || errors.Is(err, context.Canceled) {
				t.Errorf("Read = %v, want the Close 4001", err)
			}
		}
	})
}

func TestMiddlewareHasFinishedBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false // under the race detector this is enough: serve starts behind the write
		h := Handler(func(context.Context, *conn.Conn, *http.Request) error {
			if !finished {
				t.Error("serve runs before middleware has finished")
			}
			return nil
		}, nil)
		l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			for range 100 {
				runtime.Gosched()
			}
			finished = true
			panic("at the end of middleware") // is no concern of the connection
		})})
		l.dial().opens().endsWith(1000, "")
	})
}

// A middleware may give the request a context that outlives it. serve starts all the same, once.
func TestMiddlewareReplacesTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, stop := context.WithCancel(context.Background())
		defer stop()
		var count atomic.Int32
		h := Handler(func(context.Context, *conn.Conn, *http.Request) error {
			count.Add(1)
			return nil
		}, nil)
		l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
			context.AfterFunc(app, cancel)
			h.ServeHTTP(w, r.WithContext(ctx))
		})})
		start := time.Now()
		l.dial().opens().endsWith(1000, "")
		if got := time.Since(start); got != middlewarePatience {
			t.Errorf("serve started after %v, want %v", got, middlewarePatience)
		}
		stop()
		synctest.Wait()
		if count.Load() != 1 {
			t.Errorf("serve ran %d times, want once", count.Load())
		}
	})
}

func TestServeRunsOnAGoroutineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stack string
		l := serveHTTP(t, &http.Server{Handler: Handler(func(context.Context, *conn.Conn, *http.Request) error {
			b := make([]byte, 16<<10)
			stack = string(b[:runtime.Stack(b, false)])
			return nil
		}, nil)})
		l.dial().opens().endsWith(1000, "")
		if strings.Contains(stack, "net/http.(*conn).serve(") {
			t.Errorf("serve runs on the goroutine of net/http:\n%s", stack)
		}
	})
}

func TestClientGoneBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveHTTP(t, &http.Server{Handler: Handler(func(ctx context.Context, c *conn.Conn, _ *http.Request) error {
			_, _, err := c.Read(ctx)
			var ce *conn.CloseError
			if !errors.As(err, &ce) || ce.Code != 1006 {
				t.Errorf("Read = %v, want 1006", err)
			}
			return err
		}, nil)})
		p := l.dial()
		p.send(request())
		p.nc.(interface{ CloseWrite() error }).CloseWrite()
		p.head()
		p.nc.Close()
	})
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("x", 121)
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"short", "short"},
		{long + "yz", long + "yz"},  // 123 bytes
		{long + "yzz", long + "yz"}, // 124
		{long + "é", long + "é"},    // 123
		{long + "€", long},          // 124, three bytes of them one character
		{long + "y\U0001F600", long + "y"},
		{"a\xff", "a\uFFFD"},
	} {
		if got := shorten(test.in); got != test.want {
			t.Errorf("shorten(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}
