package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/tidewire/websocket"
)

// dial connects to a server of an example.
func dial(s *httptest.Server) *websocket.Conn {
	c, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A server that echoes, and a client.
func Example() {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, nil))
	defer s.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", p)
	// Output: hello
}

// What serve returns ends the connection, and the client sees the code.
func ExampleHandler() {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		_, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if string(p) != "open sesame" {
			return &websocket.CloseError{Code: 4001, Reason: "wrong word"}
		}
		return nil
	}, nil))
	defer s.Close()

	for _, word := range []string{"abracadabra", "open sesame"} {
		c := dial(s)
		if err := c.Write(context.Background(), websocket.Text, []byte(word)); err != nil {
			log.Fatal(err)
		}
		_, _, err := c.Read(context.Background())
		var end *websocket.CloseError
		if errors.As(err, &end) {
			fmt.Println(end.Code, end.Reason, websocket.IsNormal(err))
		}
		c.Close()
	}
	// Output:
	// 4001 (private use) wrong word false
	// 1000 (normal closure)  true
}

// A handler of one's own that serves the connection itself.
func ExampleUpgrade() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "seen=1") // goes out with the 101
		c, err := websocket.Upgrade(w, r, &websocket.ServerOptions{Subprotocols: []string{"chat.v2", "chat.v1"}})
		if err != nil {
			return // the client has been told
		}
		defer c.Close()
		c.Write(r.Context(), websocket.Text, []byte("we speak "+c.Subprotocol()))
	}))
	defer s.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.URL, "http"), &websocket.ClientOptions{
		Subprotocols: []string{"chat.v1", "chat.v2"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	_, p, err := c.Read(ctx)
	fmt.Printf("%s, %v\n", p, err)
	// Output: we speak chat.v2, <nil>
}

// A client that may read for a second, and then goes on reading: nothing is lost.
func ExampleDial() {
	start := make(chan struct{})
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		<-start
		return c.Write(ctx, websocket.Text, []byte("late, and whole"))
	}, nil))
	defer s.Close()

	c, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, _, err = c.Read(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	close(start)
	_, p, err := c.Read(context.Background())
	fmt.Printf("%s, %v\n", p, err)
	// Output:
	// true
	// late, and whole, <nil>
}

// The application decides before the connection opens, and the client learns why it was refused.
func ExampleRefusal() {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		return c.Write(ctx, websocket.Text, []byte("welcome"))
	}, &websocket.ServerOptions{
		Authorize: func(r *http.Request, h http.Header) error {
			if _, password, _ := r.BasicAuth(); password != "secret" {
				return &websocket.Refusal{
					Status: http.StatusUnauthorized,
					Header: http.Header{"Www-Authenticate": {`Basic realm="room"`}},
					Body:   "who are you?",
				}
			}
			return nil
		},
	}))
	defer s.Close()

	_, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
	var refused *websocket.HandshakeError
	if errors.As(err, &refused) {
		fmt.Printf("%d %s: %s\n", refused.Status, refused.Header.Get("WWW-Authenticate"), refused.Body)
	}
	// Output: 401 Basic realm="room": who are you?
}

// A message of any size, streamed from one reader and into another: neither side holds it.
func Example_streaming() {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		_, message, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, message)
		if err != nil {
			return err
		}
		return c.Write(ctx, websocket.Text, fmt.Appendf(nil, "got %d bytes", n))
	}, nil))
	defer s.Close()

	ctx := context.Background()
	c := dial(s)
	defer c.Close()
	w, err := c.Writer(ctx, websocket.Binary)
	if err != nil {
		log.Fatal(err)
	}
	upload := io.LimitReader(strings.NewReader(strings.Repeat("tide ", 1<<20)), 5_000_000)
	if _, err := io.Copy(w, upload); err != nil {
		c.CloseNow() // half a message must not look like a whole one
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	fmt.Printf("%s, %v\n", p, err)
	// Output: got 5000000 bytes, <nil>
}

// Values as JSON.
func ExampleReadJSON() {
	type sum struct{ A, B, Sum int }
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		for {
			v, err := websocket.ReadJSON[sum](ctx, c)
			if err != nil {
				return err
			}
			v.Sum = v.A + v.B
			if err := websocket.WriteJSON(ctx, c, v); err != nil {
				return err
			}
		}
	}, nil))
	defer s.Close()

	ctx := context.Background()
	c := dial(s)
	defer c.Close()
	if err := websocket.WriteJSON(ctx, c, sum{A: 2, B: 3}); err != nil {
		log.Fatal(err)
	}
	v, err := websocket.ReadJSON[sum](ctx, c)
	fmt.Println(v.Sum, err)
	// Output: 5 <nil>
}

// Messages that are alike, compressed on both sides. What holds a secret beside a stranger's text is not compressed.
func Example_compression() {
	options := &websocket.Options{Compression: &websocket.Compression{
		Takeover:  true, // messages refer to those before them
		Threshold: 64,   // bytes: smaller ones are not worth it
	}}
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		for i := range 3 {
			tide := fmt.Sprintf(`[{"station":"Cuxhaven","cm":%d,"rising":true},{"station":"Helgoland","cm":%d,"rising":true}]`, 410+i, 287+i)
			if err := c.Write(ctx, websocket.Text, []byte(tide)); err != nil {
				return err
			}
		}
		secret := []byte(`{"token":"0123456789abcdef","you searched for":"what a stranger typed"}`)
		return c.Write(ctx, websocket.Text.Uncompressed(), secret)
	}, &websocket.ServerOptions{
		Conn:  options,
		Group: &websocket.Group{TakeoverMemory: 64 << 20}, // for all connections together
	}))
	defer s.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.URL, "http"), &websocket.ClientOptions{Conn: options})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.Extensions())
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output:
	// permessage-deflate; server_max_window_bits=12; client_max_window_bits=12
	// [{"station":"Cuxhaven","cm":410,"rising":true},{"station":"Helgoland","cm":287,"rising":true}]
	// [{"station":"Cuxhaven","cm":411,"rising":true},{"station":"Helgoland","cm":288,"rising":true}]
	// [{"station":"Cuxhaven","cm":412,"rising":true},{"station":"Helgoland","cm":289,"rising":true}]
	// {"token":"0123456789abcdef","you searched for":"what a stranger typed"}
}

// A connection that only sends. Discard reads for it: it answers pings and sees the client go, which ends ctx.
func Example_push() {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		go c.Discard(ctx)
		for i := range 3 {
			if err := c.Write(ctx, websocket.Text, fmt.Appendf(nil, "event %d", i)); err != nil {
				return err
			}
		}
		<-ctx.Done() // until the client has enough
		return nil
	}, nil))
	defer s.Close()

	c := dial(s)
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
		if string(m.Data) == "event 2" {
			break
		}
	}
	fmt.Println(c.Close())
	// Output:
	// event 0
	// event 1
	// event 2
	// <nil>
}

// One message for all members of a group, made once. Post does not wait for the slow ones.
func ExampleGroup_All() {
	var group websocket.Group
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		if err := c.Write(ctx, websocket.Text, []byte("welcome")); err != nil {
			return err
		}
		return c.Discard(ctx)
	}, &websocket.ServerOptions{Group: &group}))
	defer s.Close()

	ctx := context.Background()
	var clients []*websocket.Conn
	for range 3 {
		c := dial(s)
		defer c.Close()
		c.Read(ctx) // welcome: this one is a member now
		clients = append(clients, c)
	}

	news, err := websocket.Prepare(websocket.Text, []byte("high tide"))
	if err != nil {
		log.Fatal(err)
	}
	for c := range group.All() {
		if err := c.PostPrepared(news); err != nil {
			c.CloseNow() // too slow
		}
	}
	for _, c := range clients {
		_, p, err := c.Read(ctx)
		fmt.Printf("%s, %v\n", p, err)
	}
	// Output:
	// high tide, <nil>
	// high tide, <nil>
	// high tide, <nil>
}

// A server that ends in good order: nobody new, everybody is told, and nobody is waited for longer than ten seconds.
func ExampleGroup_Shutdown() {
	group := websocket.Group{Limit: 10_000}
	served := make(chan error, 2)
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		if err := c.Write(ctx, websocket.Text, []byte("welcome")); err != nil {
			return err
		}
		err := c.Discard(ctx)
		served <- err
		return err
	}, &websocket.ServerOptions{Group: &group}))
	defer s.Close()

	var clients sync.WaitGroup
	for range 2 {
		c := dial(s)
		c.Read(context.Background()) // welcome
		clients.Go(func() {
			_, _, err := c.Read(context.Background())
			var end *websocket.CloseError
			fmt.Println("client:", errors.As(err, &end) && end.Code == websocket.CloseGoingAway)
		})
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println("shutdown:", group.Shutdown(ctx))
	if err := s.Config.Shutdown(ctx); err != nil { // http.Server's own: the listening, and requests that are no WebSocket
		log.Fatal(err)
	}
	clients.Wait()
	fmt.Println("served:", len(served), "left:", group.Len())
	// Unordered output:
	// client: true
	// client: true
	// shutdown: <nil>
	// served: 2 left: 0
}
