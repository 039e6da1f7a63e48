package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/handshake"
	"github.com/tidewire/websocket/internal/wiretest"
)

// certificate is for example.com, signed by itself, and valid in every year, also those of synctest.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "example.com"},
		DNSNames:     []string{"example.com"},
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate()}} }

func clientTLS() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(certificate().Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// Checklist: S18, Z4
func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, open := range tlsDoors(true) {
			p := open(t, nil)
			p.send(request() + masked(frame.Text, "secret") + byeFrame())
			if got := p.head(); got != accepted {
				t.Fatalf("door %d: response = %q, want %q", i, got, accepted)
			}
			p.text("secret")
			p.closed(1000, "")
			p.gone()
		}
	})
}

// Checklist: S18, R7
func TestPlaintextToTLSPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(0)
		p := newPeer(t, client)
		p.send(request())
		_, _, err := UpgradeConn(tls.Server(server, serverTLS()), nil)
		var broken *handshake.Error
		if !errors.As(err, &broken) || broken.Status != http.StatusBadRequest {
			t.Errorf("UpgradeConn = %v, want a *handshake.Error with status 400", err)
		}
		if _, body := p.refused(http.StatusBadRequest); !strings.Contains(body, "TLS") {
			t.Errorf("body = %q, want a word about TLS", body)
		}

		l := wiretest.Listen(0)
		s := &http.Server{Handler: Handler(nil, nil), ErrorLog: silent()}
		go s.Serve(tls.NewListener(l, serverTLS()))
		defer s.Close()
		p = listener{l, t}.dial()
		p.send(request())
		if r, err := http.ReadResponse(p.in, nil); err != nil || r.StatusCode != http.StatusBadRequest {
			t.Errorf("net/http answers %v, %v; want 400", r, err)
		}
		p.nc.Close()
	})
}

// Checklist: S18
func TestBytesThatAreNeitherTLSNorHTTP(t *testing.T) {
	for _, start := range []string{"\x80\x2e\x01\x00\x02", "     ", "\r\n\r\n\r", "ssh-2", "12345"} {
		synctest.Test(t, func(t *testing.T) {
			client, server := wiretest.Pipe(0)
			p := newPeer(t, client)
			p.send(start)
			_, _, err := UpgradeConn(tls.Server(server, serverTLS()), nil)
			var broken *handshake.Error
			if err == nil || errors.As(err, &broken) {
				t.Errorf("UpgradeConn after %q = %v, want an error of TLS", start, err)
			}
			if rest, _ := io.ReadAll(client); strings.Contains(string(rest), "HTTP") {
				t.Errorf("answer to %q is %q", start, rest)
			}
		})
	}
}

// Checklist: S17, S18
func TestSilentTLSClientIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wiretest.Pipe(0)
		start := time.Now()
		_, _, err := UpgradeConn(tls.Server(server, serverTLS()), nil)
		if got := time.Since(start); err == nil || got < 10*time.Second || got > 11*time.Second {
			t.Errorf("UpgradeConn = %v after %v, want an error after 10 s", err, got)
		}
		client.Close()
	})
}
