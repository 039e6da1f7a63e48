package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/tidewire/websocket/client"
	"github.com/tidewire/websocket/conn"
)

func ExampleDial() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, "wss://example.com/chat", &client.Options{
		Header:       http.Header{"Authorization": {"Bearer " + os.Getenv("TOKEN")}},
		Subprotocols: []string{"chat.v2", "chat.v1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Write(ctx, conn.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	_, answer, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer)
}

// What the server said is in the error.
func ExampleHandshakeError() {
	server := http.NotFoundHandler()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, server)
	defer l.Close()

	_, err = client.Dial(context.Background(), "ws://"+l.Addr().String()+"/nowhere", nil)
	var refused *client.HandshakeError
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Header.Get("Content-Type"))
		fmt.Printf("%s", refused.Body)
	}
	fmt.Println(err)
	// Output:
	// 404 text/plain; charset=utf-8
	// 404 page not found
	// websocket: server answered with status 404, want 101 (RFC 6455, section 4.1)
}

// A unix socket, or anything else that carries bytes, is a dialer that ignores the address. The URL's host goes into
// the Host header only.
func ExampleDial_unixSocket() {
	c, err := client.Dial(context.Background(), "ws://localhost/events", &client.Options{
		Proxy: client.NoProxy,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", "/run/example.sock")
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// A proxy with user and password, whatever the environment says. SOCKS5 differs in the scheme only.
func ExampleDial_proxy() {
	proxy := &url.URL{Scheme: "https", Host: "proxy.example:3128", User: url.UserPassword("me", os.Getenv("PROXY_PASSWORD"))}
	c, err := client.Dial(context.Background(), "wss://example.com/", &client.Options{
		Proxy: func(*url.URL) (*url.URL, error) { return proxy, nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// A server with a certificate of one's own authority. Verification stays on.
func ExampleDial_tls() {
	pem, err := os.ReadFile("authority.pem")
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c, err := client.Dial(context.Background(), "wss://internal.example/", &client.Options{
		TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// One Gate for the whole program lets a thousand clients come back one at a time.
func ExampleGate() {
	gate := new(client.Gate)
	for range 1000 {
		go func() {
			c, err := client.Dial(context.Background(), "wss://example.com/", &client.Options{Gate: gate})
			if err != nil {
				log.Print(err)
				return
			}
			defer c.Close()
		}()
	}
}
