package client

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
)

// secure makes TLS over nc with a server of that name. The handshake is complete, and the name verified, before it
// returns: nothing is sent to somebody else (RFC 6455, section 4.1, step 5).
func secure(ctx context.Context, nc net.Conn, base *tls.Config, name string) (net.Conn, error) {
	c := tls.Client(nc, tlsConfig(base, name))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, during(ctx, quoted{err}, "TLS with %q", name)
	}
	return c, nil
}

// tlsConfig fills in what a WebSocket needs. It never touches whether certificates are verified.
func tlsConfig(base *tls.Config, name string) *tls.Config {
	c := base.Clone()
	// "Clients MUST use the Server Name Indication extension" (RFC 6455, section 4.1, step 5); crypto/tls leaves it
	// out for an IP literal (RFC 6066, section 3), which it still verifies.
	if c.ServerName == "" {
		c.ServerName = name
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	// An Upgrade exists in HTTP/1.1 only. A server that hears h2 would speak it (RFC 7301, section 3.2).
	c.NextProtos = []string{"http/1.1"}
	return c
}

// certName is the name that a certificate must have. For an IP that is without the zone; crypto/tls takes the final dot
// of a name off.
func certName(host string) string {
	name, _, _ := strings.Cut(host, "%")
	return name
}
