package handshake

import (
	"slices"
	"strings"
)

// Offer is what a client asks for in its opening handshake.
type Offer struct {
	Key        string   // from NewKey, new for each request
	Protocols  []string // subprotocols, the favourite first: tokens, each once
	Extensions string   // value of Sec-WebSocket-Extensions, already serialised; empty for none
	Header     Header   // further fields: Origin, Cookie, Authorization; Host replaces that of the URL
}

// AppendRequest appends the opening handshake for u: GET with the target in origin-form, Host, Upgrade, Connection,
// Sec-WebSocket-Key, Sec-WebSocket-Version, what o offers, and then o.Header sorted by name (RFC 6455, section 4.1).
// The error is an *Error that says which part of o or u would break the head or the handshake: a name that is no
// token, a value with a control byte, a field that belongs to the handshake, a key that is not base64 of 16 bytes, two
// Host headers, a subprotocol that is no token or comes twice. b is then returned unchanged.
func AppendRequest(b []byte, u *URL, o *Offer) ([]byte, error) {
	host, err := o.host(u)
	if err != nil {
		return b, err
	}
	if err := o.check(); err != nil {
		return b, err
	}
	if _, origin, err := splitTarget(u.Target); err != nil || origin != u.Target {
		return b, failf("RFC 9112, section 3.2", "malformed request-target %q", cut(u.Target))
	}
	b = append(append(append(b, "GET "...), u.Target...), " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", host)
	b = append(b, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...)
	b = appendField(b, "Sec-WebSocket-Key", o.Key)
	b = appendField(b, "Sec-WebSocket-Version", "13")
	if len(o.Protocols) > 0 {
		b = appendField(b, "Sec-WebSocket-Protocol", strings.Join(o.Protocols, ", "))
	}
	if o.Extensions != "" {
		b = appendField(b, "Sec-WebSocket-Extensions", o.Extensions)
	}
	b = appendHeader(b, o.Header, "Host")
	return append(b, "\r\n"...), nil
}

// host is the Host header to send: the caller's, which may come once, or that of the URL.
func (o *Offer) host(u *URL) (string, error) {
	var hosts []string
	for name, values := range o.Header {
		if canonical(name) == "Host" {
			hosts = append(hosts, values...)
		}
	}
	if len(hosts) == 0 {
		hosts = append(hosts, u.Host)
	}
	if len(hosts) > 1 {
		return "", failf("RFC 9112, section 3.2", "%d Host headers, want 1", len(hosts))
	}
	if _, ok := parseHost(hosts[0]); !ok {
		return "", failf("RFC 9112, section 3.2", "malformed Host header %q", cut(hosts[0]))
	}
	return hosts[0], nil
}

// check judges the parts of an offer before they are written.
func (o *Offer) check() error {
	if !validKey(o.Key) {
		return failf("RFC 6455, section 4.1", "key is not base64 of 16 bytes")
	}
	for i, p := range o.Protocols {
		if !IsToken(p) {
			return failf("RFC 6455, section 4.1", "subprotocol %q is not a token", cut(p))
		}
		if slices.Contains(o.Protocols[:i], p) {
			return failf("RFC 6455, section 4.1", "subprotocol %q is offered twice", cut(p))
		}
	}
	if _, err := o.extensions(); err != nil {
		return err
	}
	if place, msg := checkHeader(o.Header); msg != "" {
		return failf(place, "%s", msg)
	}
	return nil
}

// extensions parses what o offers.
func (o *Offer) extensions() ([]Extension, error) {
	if o.Extensions == "" {
		return nil, nil
	}
	exts, err := ParseExtensions([]string{o.Extensions})
	if err != nil {
		return nil, failf("RFC 6455, section 9.1", "malformed extension offer %q", cut(o.Extensions))
	}
	return exts, nil
}
