package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/tidewire/websocket"
	"github.com/tidewire/websocket/autobahn"
)

func main() {
	log.SetFlags(0)
	addr := flag.String("addr", "127.0.0.1:9001", "address to listen on; port 0 takes a free one")
	cert := flag.String("cert", "", "certificate file (PEM): serve wss")
	key := flag.String("key", "", "key file (PEM) of the certificate")
	mode := flag.String("mode", "blocking", "how connections are read: blocking, serve (a Receiver), netconn (blocking, with KeepNetConn)")
	flag.Parse()

	serve, o, err := modeOf(*mode)
	if err != nil {
		log.Fatal(err)
	}
	ln, scheme, err := listen(*addr, *cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s://%s\n", scheme, ln.Addr())
	log.Fatal(http.Serve(ln, websocket.Handler(serve, &websocket.ServerOptions{Conn: o})))
}

// A serveFunc is what a Handler runs for each connection.
type serveFunc func(ctx context.Context, c *websocket.Conn, r *http.Request) error

// modeOf is what -mode stands for.
func modeOf(name string) (serveFunc, *websocket.Options, error) {
	o := autobahn.Options()
	switch name {
	case "blocking":
		return echo, o, nil
	case "netconn":
		o.KeepNetConn = true
		return echo, o, nil
	case "serve":
		return served, o, nil
	}
	return nil, nil, fmt.Errorf("autobahn/server: -mode is %q, want blocking, serve or netconn", name)
}

// listen opens addr, behind our own TLS when there is a certificate.
func listen(addr, cert, key string) (ln net.Listener, scheme string, err error) {
	ln, err = net.Listen("tcp", addr)
	if err != nil || cert == "" && key == "" {
		return ln, "ws", err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, "", err
	}
	return tls.NewListener(ln, &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}), "wss", nil
}

// echo forgets how the connection ended: that is the suite's to judge.
func echo(ctx context.Context, c *websocket.Conn, _ *http.Request) error {
	autobahn.Echo(ctx, c)
	return nil
}

// served has the connection's messages answered by a Receiver.
func served(_ context.Context, c *websocket.Conn, _ *http.Request) error {
	return c.Serve(autobahn.Echoer{})
}
