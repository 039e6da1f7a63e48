package client

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidewire/websocket/handshake"
)

// A proxy is a proxy's URL taken apart. Its user never leaves it but towards the proxy.
type proxy struct {
	scheme string
	host   string // for the dialer, and with certName for TLS
	port   string
	user   *url.Userinfo // for socks5
	auth   string        // Proxy-Authorization, for http and https
}

// chooseProxy asks the caller, or the environment; nil means none.
//
// The environment is read by net/http, so that a program's WebSockets go where its HTTP requests go: the same rules of
// NO_PROXY, the same exceptions for localhost and CGI. It knows http and https only, and would let a ws URL pass by
// the proxy (RFC 6455, section 4.1, step 3, wants it used).
func (d *dialing) chooseProxy() (*proxy, error) {
	choose := d.o.Proxy
	if choose == nil {
		choose = func(target *url.URL) (*url.URL, error) {
			return http.ProxyFromEnvironment(&http.Request{URL: target})
		}
	}
	u, err := choose(httpURL(d.url))
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err // the text around it shows the URL, and with it a password
		}
		return nil, fmt.Errorf("websocket: choosing a proxy: %w", err)
	}
	if u == nil {
		return nil, nil
	}
	return parseProxy(u, d.proxyAuth)
}

// proxyPorts are the schemes that we speak, with their default ports.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// parseProxy judges the URL of a proxy. auth is used if the URL has no user.
func parseProxy(u *url.URL, auth string) (*proxy, error) {
	p := &proxy{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), port: u.Port(), user: u.User, auth: auth}
	defaultPort, ok := proxyPorts[p.scheme]
	if !ok {
		return nil, fmt.Errorf("websocket: proxy scheme is %q, want http, https, socks5 or socks5h", p.scheme)
	}
	if p.host == "" {
		return nil, errors.New("websocket: proxy URL has no host")
	}
	if p.port == "" {
		p.port = defaultPort
	}
	if p.socks() {
		return p, checkSocksUser(p.user)
	}
	if p.user != nil {
		// RFC 7617, section 2. base64 lets nothing out of the line.
		password, _ := p.user.Password()
		p.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user.Username()+":"+password))
	}
	return p, nil
}

func (p *proxy) socks() bool { return strings.HasPrefix(p.scheme, "socks5") }

// String is the proxy without its user, for errors.
func (p *proxy) String() string { return p.scheme + "://" + p.addr() }

func (p *proxy) addr() string { return net.JoinHostPort(p.host, p.port) }

// tunnel asks the proxy behind nc for a connection to the server of u (RFC 6455, section 4.1, step 3). It returns the
// way through, and the bytes that came out of it already.
func (p *proxy) tunnel(ctx context.Context, nc net.Conn, base *tls.Config, u *handshake.URL) (net.Conn, []byte, error) {
	host, _, _ := strings.Cut(u.DialHost, "%") // a zone means something on this machine only (RFC 4007, section 11.2)
	if p.socks() {
		if err := socksConnect(nc, host, u.Port, p.user); err != nil {
			return nil, nil, during(ctx, err, "proxy %q", p)
		}
		return nc, nil, nil
	}
	if p.scheme == "https" {
		// The proxy is verified under its own name, whatever name the caller set for the server.
		base = base.Clone()
		base.ServerName, base.EncryptedClientHelloConfigList = "", nil
		var err error
		if nc, err = secure(ctx, nc, base, certName(p.host)); err != nil {
			return nil, nil, err
		}
	}
	early, err := p.connect(ctx, nc, net.JoinHostPort(host, u.Port))
	return nc, early, err
}

// connect is the CONNECT method (RFC 9110, section 9.3.6).
func (p *proxy) connect(ctx context.Context, nc net.Conn, addr string) (early []byte, err error) {
	b := fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", addr, addr)
	if p.auth != "" {
		b = fmt.Appendf(b, "Proxy-Authorization: %s\r\n", p.auth)
	}
	if _, err := nc.Write(append(b, "\r\n"...)); err != nil {
		return nil, during(ctx, err, "proxy %q", p)
	}
	in := inbox{src: nc, from: "proxy"}
	r, err := in.response(ctx)
	if err != nil {
		return nil, err
	}
	// "Any 2xx response indicates that the sender will switch to tunnel mode"; its length headers mean nothing. With
	// anything else there is no tunnel, and the connection is not kept (RFC 9110, section 9.3.6).
	if r.Status/100 != 2 {
		e := refused(&in, nc, r)
		e.Proxy = true
		e.Err = fmt.Errorf("websocket: proxy %q answered with status %d, want 2xx (RFC 9110, section 9.3.6)", p, r.Status)
		return nil, e
	}
	return in.buf, nil
}

// ahead is a connection of which some bytes were read before.
type ahead struct {
	net.Conn
	early []byte
}

func (a *ahead) Read(p []byte) (int, error) {
	if len(a.early) == 0 {
		return a.Conn.Read(p)
	}
	n := copy(p, a.early)
	a.early = a.early[n:]
	return n, nil
}
