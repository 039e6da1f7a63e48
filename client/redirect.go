package client

import (
	"errors"
	"fmt"

	"github.com/tidewire/websocket/handshake"
)

// private are the headers that were meant for one origin. They do not go to another one.
var private = []string{"Authorization", "Cookie", "Cookie2", "Host", "Www-Authenticate"}

// isRedirect reports whether a status sends us elsewhere (RFC 9110, section 15.4). A handshake is a GET, so 303 and 307
// are the same to it.
func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// follow makes the location of a redirect the URL of the next attempt, which has a key and cookies of its own.
// Following is optional (RFC 6455, section 4.1: "the client MAY follow"); the limits are ours.
func (d *dialing) follow(r *handshake.Response) error {
	if limit := min(d.o.MaxRedirects, maxRedirects); d.redirects >= limit {
		return fmt.Errorf("websocket: redirected more than %d times", limit)
	}
	lines := r.Header["Location"]
	if len(lines) != 1 {
		return fmt.Errorf("websocket: redirect has %d Location headers, want 1 (RFC 9110, section 10.2.2)", len(lines))
	}
	next, err := d.url.Resolve(lines[0])
	if err != nil {
		return err
	}
	// What was to be secret stays secret.
	if d.url.Secure && !next.Secure {
		return errors.New("websocket: redirect from wss to ws (RFC 6455, section 10.6)")
	}
	if !handshake.SameOrigin(d.url, next) {
		d.forget()
	}
	d.url = next
	d.redirects++
	return nil
}

// forget drops what identifies us to the origin that we leave. It does not come back, although the way may lead there again.
func (d *dialing) forget() {
	for _, name := range private {
		take(d.header, name)
	}
	d.proxyAuth = ""
	d.tls = d.tls.Clone()
	d.tls.ServerName = ""
	d.tls.Certificates, d.tls.GetClientCertificate = nil, nil
	d.tls.EncryptedClientHelloConfigList = nil
}
