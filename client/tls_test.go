package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An authority signs certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	c := a.sign(template, "authority")
	a.cert, a.key = c.Leaf, c.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// leaf makes a server's certificate for names and IPs, after change.
func (a *authority) leaf(change func(c *x509.Certificate), names ...string) tls.Certificate {
	template := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if change != nil {
		change(template)
	}
	return a.sign(template, "leaf")
}

// sign signs with the authority, or with the new key itself while there is none.
func (a *authority) sign(template *x509.Certificate, name string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	template.Subject = pkix.Name{CommonName: name}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}
}

// secure is the server's side of TLS over p; nil if the client does not like it.
func (p *peer) secure(c *tls.Config) *peer {
	s := tls.Server(p.Conn, c)
	if s.Handshake() != nil {
		return nil
	}
	return newPeer(p.t, s)
}

// Nothing of the handshake is sent to a server that cannot prove its name.
//
// Checklist: C4, Z4
func TestCertificates(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	selfSigned := (&authority{t: t}).sign(&x509.Certificate{DNSNames: []string{"example.com"}}, "self")
	for name, row := range map[string]struct {
		url  string
		cert tls.Certificate
		text string // of the error; empty: it is good
	}{
		"good":          {"wss://example.com/", ca.leaf(nil, "example.com"), ""},
		"upper case":    {"wss://EXAMPLE.com/", ca.leaf(nil, "example.com"), ""},
		"final dot":     {"wss://example.com./", ca.leaf(nil, "example.com"), ""},
		"wildcard":      {"wss://a.example.com/", ca.leaf(nil, "*.example.com"), ""},
		"IPv4":          {"wss://127.0.0.1/", ca.leaf(nil, "127.0.0.1"), ""},
		"IPv6":          {"wss://[::1]:444/", ca.leaf(nil, "::1"), ""},
		"IPv6 zone":     {"wss://[fe80::1%25eth0]/", ca.leaf(nil, "fe80::1"), ""},
		"wrong host":    {"wss://example.com/", ca.leaf(nil, "example.org"), "not example.com"},
		"deep wildcard": {"wss://a.b.example.com/", ca.leaf(nil, "*.example.com"), "not a.b.example.com"},
		"wrong IP":      {"wss://127.0.0.1/", ca.leaf(nil, "127.0.0.2"), "127.0.0.1"},
		"no name":       {"wss://example.com/", ca.leaf(nil), "not valid for any names"},
		"unknown CA":    {"wss://example.com/", stranger.leaf(nil, "example.com"), "unknown authority"},
		"self-signed":   {"wss://example.com/", selfSigned, "certificate"},
		"expired": {"wss://example.com/", ca.leaf(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}, "example.com"), "expired"},
		"not yet valid": {"wss://example.com/", ca.leaf(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
		}, "example.com"), "not yet valid"},
		"wrong key usage": {"wss://example.com/", ca.leaf(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}, "example.com"), "key usage"},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64
			w := newWorld(t, func(p *peer, _ int) {
				if s := p.secure(&tls.Config{Certificates: []tls.Certificate{row.cert}}); s != nil {
					n, _ := s.r.Peek(1)
					arrived.Add(int64(len(n)))
					s.accept(helloFrame)
				}
			})
			o := w.options()
			o.TLS = &tls.Config{RootCAs: ca.pool}
			if row.text == "" {
				mustRead(t, mustDial(t, t.Context(), row.url, o), "Hello")
			} else {
				e := mustFail(t, t.Context(), row.url, o, 0, row.text)
				var v *tls.CertificateVerificationError
				if !errors.As(e, &v) || !strings.HasPrefix(e.Error(), "websocket: TLS with ") {
					t.Errorf("%v does not unwrap to what was wrong with the certificate", e)
				}
				w.allClosed()
				w.l.Close()
				w.wait.Wait()
				if arrived.Load() != 0 {
					t.Error("the request was sent all the same")
				}
			}
			if o.TLS.ServerName != "" || o.TLS.NextProtos != nil || o.TLS.MinVersion != 0 {
				t.Errorf("Dial changed the caller's tls.Config: %+v", o.TLS)
			}
		})
	}
}

// What the ClientHello says: the name, HTTP/1.1 only, TLS 1.2 at least.
//
// Checklist: C5, C6
func TestClientHello(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.leaf(nil, "example.com", "other.example", "127.0.0.1", "::1")
	hellos := make(chan *tls.ClientHelloInfo, 1)
	w := newWorld(t, func(p *peer, _ int) {
		s := p.secure(&tls.Config{
			Certificates: []tls.Certificate{cert},
			NextProtos:   []string{"h2", "http/1.1"}, // prefers h2
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				hellos <- h
				return nil, nil
			},
		})
		if s == nil {
			return
		}
		if p := s.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; p != "http/1.1" {
			t.Errorf("server speaks %q, want http/1.1", p)
		}
		s.accept(helloFrame)
	})
	for _, row := range []struct {
		url, serverName, sni string
	}{
		{"wss://example.com/", "", "example.com"},
		{"wss://Example.com.:8443/", "", "example.com"},
		{"wss://10.0.0.1/", "other.example", "other.example"},
		{"wss://127.0.0.1/", "", ""},
		{"wss://[::1]/", "", ""},
	} {
		o := w.options()
		o.TLS = &tls.Config{RootCAs: ca.pool, ServerName: row.serverName, NextProtos: []string{"h2"}}
		mustRead(t, mustDial(t, t.Context(), row.url, o), "Hello")
		h := <-hellos
		oldest := h.SupportedVersions[len(h.SupportedVersions)-1]
		if h.ServerName != row.sni || fmt.Sprint(h.SupportedProtos) != "[http/1.1]" || oldest != tls.VersionTLS12 {
			t.Errorf("%s: SNI %q, ALPN %v, oldest version %#x; want %q, http/1.1, TLS 1.2", row.url, h.ServerName, h.SupportedProtos, oldest, row.sni)
		}
	}
}

// A server that does not speak HTTP/1.1 is no server for us, whether it says so in TLS or afterwards.
//
// Checklist: C6
func TestServerThatSpeaksSomethingElse(t *testing.T) {
	ca := newAuthority(t)
	for proto, text := range map[string]string{"imap": "no application protocol", "h2": "in the head"} {
		w := newWorld(t, func(p *peer, _ int) {
			p = p.secure(&tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "h")}, NextProtos: []string{proto}})
			if p != nil {
				p.say("\x00\x00\x00\x04\x00\x00\x00\x00\x00 an empty SETTINGS frame\r\n")
				p.drain()
			}
		})
		o := w.options()
		o.TLS = &tls.Config{RootCAs: ca.pool}
		mustFail(t, t.Context(), "wss://h/", o, 0, text)
	}
}

// The versions that a caller allows are the caller's business.
func TestMinVersion(t *testing.T) {
	for version, want := range map[uint16]uint16{0: tls.VersionTLS12, tls.VersionTLS10: tls.VersionTLS10, tls.VersionTLS13: tls.VersionTLS13} {
		if got := tlsConfig(&tls.Config{MinVersion: version}, "h"); got.MinVersion != want || got.InsecureSkipVerify {
			t.Errorf("MinVersion %#x becomes %#x, want %#x", version, got.MinVersion, want)
		}
	}
}

// One side speaks TLS and the other does not.
//
// Checklist: S18, C4
func TestTLSOnOneSide(t *testing.T) {
	ca := newAuthority(t)
	w := newWorld(t, func(p *peer, _ int) {
		s := tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "h")}})
		var record tls.RecordHeaderError
		if err := s.Handshake(); !errors.As(err, &record) {
			t.Errorf("a plain request at a TLS port: %v", err)
			return
		}
		// As net/http answers it.
		p.say("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	})
	e := mustFail(t, t.Context(), "ws://h/", w.options(), 400, "status 400")
	if !strings.HasPrefix(string(e.Body), "Client sent an HTTP request") {
		t.Errorf("body is %q", e.Body)
	}
	plain := newWorld(t, func(p *peer, _ int) {
		p.say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		p.drain()
	})
	mustFail(t, t.Context(), "wss://h/", plain.options(), 0, "does not look like a TLS handshake")
}

// Text of the server's certificate comes out in quotes.
func TestCertificateTextIsQuoted(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.leaf(nil, "\x1b[31m"+strings.Repeat("x", 300)+".example")
	w := newWorld(t, func(p *peer, _ int) {
		p.secure(&tls.Config{Certificates: []tls.Certificate{cert}})
	})
	o := w.options()
	o.TLS = &tls.Config{RootCAs: ca.pool}
	e := mustFail(t, t.Context(), "wss://h/", o, 0, "TLS with")
	if text := e.Error(); strings.Contains(text, "\x1b") || len(text) > 300 {
		t.Errorf("error is %q", text)
	}
}

// A client certificate is the caller's, as everything else in Options.TLS.
func TestClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	own := ca.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "me")
	w := newWorld(t, func(p *peer, _ int) {
		s := p.secure(&tls.Config{
			Certificates: []tls.Certificate{ca.leaf(nil, "h")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool,
		})
		if s != nil {
			s.accept(helloFrame)
		}
	})
	o := w.options()
	o.TLS = &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{own}}
	mustRead(t, mustDial(t, t.Context(), "wss://h/", o), "Hello")
}
