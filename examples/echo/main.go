package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/tidewire/websocket"
)

// shutdownTimeout is how long the pages have to answer our Close.
const shutdownTimeout = 5 * time.Second

//go:embed index.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends, and then ends all connections in good order.
func run(ctx context.Context, addr string, out io.Writer) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var group websocket.Group
	srv := &http.Server{Handler: handler(&group), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Fprintf(out, "open http://%s/\n", ln.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	// http.Server forgets a connection once it is a WebSocket; the Group knows them
	// all. What is left after it is a browser's idle connections, not worth waiting for.
	return errors.Join(group.Shutdown(ctx), srv.Close())
}

// handler serves the page at / and the echo at /echo.
func handler(group *websocket.Group) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.Handle("/echo", websocket.Handler(echo, &websocket.ServerOptions{Group: group}))
	return mux
}

// echo sends every message back until the connection ends.
func echo(ctx context.Context, c *websocket.Conn, r *http.Request) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}
