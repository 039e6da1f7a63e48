package conn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// tlsConfigs are a client's and a server's that trust each other. Without tickets
// nothing is left to read after the handshake.
var tlsConfigs = sync.OnceValues(func() (client, server *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, _ = x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"},
		&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true}
})

// tlsPair puts TLS on both ends of a stream.
func tlsPair(t testing.TB, a, b net.Conn) (client, server net.Conn) {
	t.Helper()
	cc, sc := tlsConfigs()
	x, y := tls.Client(a, cc), tls.Server(b, sc)
	result := make(chan error, 1)
	go func() { result <- y.Handshake() }()
	if err := errors.Join(x.Handshake(), <-result); err != nil {
		t.Fatal(err)
	}
	return x, y
}

// Checklist: F1, Z4
func TestMessagesOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipes(0)
		a, b := tlsPair(t, near, far)
		client, server := New(a, Setup{Role: Client}, quiet()), New(b, Setup{Role: Server}, quiet())
		for _, c := range []*Conn{client, server} {
			other := client
			if c == client {
				other = server
			}
			result := started(func() error { return writeMuch(c) })
			if err := readMuch(other); err != nil {
				t.Fatal(err)
			}
			if err := returned(t, "Write", result); err != nil {
				t.Fatal(err)
			}
		}
		result := started(func() error { return client.Close() })
		if _, _, err := server.Read(t.Context()); !IsNormal(err) {
			t.Errorf("server's Read = %v, want the client's Close", err)
		}
		if err := <-result; err != nil {
			t.Errorf("Close = %v", err)
		}
		<-server.Done()
	})
}

// Half a record cannot be taken back nor finished by another: over TLS every
// interrupted write ends writing.
func TestInterruptedWriteOverTLSEndsWriting(t *testing.T) {
	for _, size := range []int{5, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			near, far := wiretest.Pipe(0)
			a, b := tlsPair(t, near, far)
			c := New(a, Setup{Role: Client}, quiet())
			defer b.Close()
			near.Write(make([]byte, wiretest.DefaultSize)) // full, and no peer will ever understand it
			ctx, cancel := context.WithCancel(t.Context())
			result := started(func() error { return c.Write(ctx, Text, text(size)) })
			cancel()
			if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
				t.Errorf("canceled Write of %d bytes = %v", size, err)
			}
			err := c.Write(t.Context(), Text, nil)
			if e := closeError(t, err); !errors.Is(e, errHalfWritten) || errors.Is(err, context.Canceled) || e.Remote {
				t.Errorf("next Write = %v (remote %v), want %v", err, e.Remote, errHalfWritten)
			}
			// Reading goes on: what the peer sends still arrives.
			b.Write(frameOf(Server, true, frame.Text, "still read"))
			if _, got, err := c.Read(t.Context()); string(got) != "still read" || err != nil {
				t.Errorf("Read = %q, %v", got, err)
			}
			<-c.Done() // by the close timeout, on a full socket
			if err := c.Err(); !errors.Is(err, errHalfWritten) {
				t.Errorf("Err = %v, want the first failure", err)
			}
		})
	}
}

// A canceled Write that waits for its turn has touched nothing, over TLS too.
func TestWriteInLineOverTLSLeavesForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipes(0)
		a, b := tlsPair(t, near, far)
		c := New(a, Setup{Role: Client}, quiet())
		defer c.CloseNow()
		w, _ := c.Writer(t.Context(), Text)
		ctx, cancel := context.WithCancel(t.Context())
		result := started(func() error { return c.Write(ctx, Text, text(100_000)) })
		cancel()
		if err := returned(t, "Write", result); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled Write = %v", err)
		}
		w.Close()
		if err := c.Write(t.Context(), Text, []byte("on")); err != nil {
			t.Errorf("next Write = %v", err)
		}
		in := framesOf(b)
		for _, want := range []string{"", "on"} {
			if _, p, err := in.next(); string(p) != want || err != nil {
				t.Errorf("peer got %q, %v; want %q", p, err, want)
			}
		}
	})
}

// CloseNow does not wait for a full socket as tls.Conn.Close would.
func TestCloseNowOverTLSWithAFullSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wiretest.Pipe(0)
		a, b := tlsPair(t, near, far)
		c := New(a, Setup{Role: Client}, quiet())
		defer b.Close()
		near.Write(make([]byte, wiretest.DefaultSize))
		result := started(func() error { return c.Write(t.Context(), Text, text(100_000)) })
		begun := time.Now()
		c.CloseNow()
		if took := time.Since(begun); took != 0 {
			t.Errorf("CloseNow took %v", took)
		}
		if err := returned(t, "Write", result); !errors.Is(err, ErrClosed) {
			t.Errorf("Write = %v, want %v", err, ErrClosed)
		}
		if _, err := io.ReadAll(far); err != nil {
			t.Errorf("peer's stream ends with %v", err)
		}
	})
}
