package handshake

import (
	"slices"
	"strings"
)

// Judge decides whether r accepts the offer (RFC 6455, section 4.1, the list behind "the client MUST validate the
// server's response"). It returns the agreed subprotocol, which may be empty although some were offered, and the
// agreed extensions, whose parameters are theirs to judge. The error is an *Error with status 0.
// Content-Length and Transfer-Encoding mean nothing in a 101: what follows the head is frames (RFC 9110, section 8.6).
func (o *Offer) Judge(r *Response) (protocol string, extensions []Extension, err error) {
	if err := judgeLine(r); err != nil {
		return "", nil, err
	}
	if err := o.judgeUpgrade(r.Header); err != nil {
		return "", nil, err
	}
	if protocol, err = o.judgeProtocol(r.Header["Sec-Websocket-Protocol"]); err != nil {
		return "", nil, err
	}
	if extensions, err = o.judgeExtensions(r.Header["Sec-Websocket-Extensions"]); err != nil {
		return "", nil, err
	}
	return protocol, extensions, nil
}

// judgeLine: status 101 in HTTP/1.1 or a later 1.x. HTTP/1.0 has no 101 (RFC 9110, section 15.2).
func judgeLine(r *Response) error {
	if r.Status != 101 {
		return failf("RFC 6455, section 4.1", "server answered with status %d, want 101", r.Status)
	}
	if major, minor, ok := version(r.Proto); !ok || major != 1 || minor == 0 {
		return failf("RFC 9110, section 15.2", "server switches protocols in %q, want HTTP/1.1", cut(r.Proto))
	}
	return nil
}

// judgeUpgrade: the Upgrade, Connection and Sec-WebSocket-Accept headers (RFC 6455, section 4.1, steps 2 to 4).
func (o *Offer) judgeUpgrade(h Header) error {
	// Upgrade is one value and not a list: "contains a value that is not an ASCII case-insensitive match for
	// the value websocket" fails.
	if v := h["Upgrade"]; len(v) != 1 || !equalFold(trim(v[0]), "websocket") {
		return failf("RFC 6455, section 4.1", "Upgrade header is %q, want websocket", cut(strings.Join(v, ", ")))
	}
	if v := h["Connection"]; !HasToken(v, "upgrade") {
		return failf("RFC 6455, section 4.1", "Connection header is %q, want Upgrade in it", cut(strings.Join(v, ", ")))
	}
	accept := h["Sec-Websocket-Accept"]
	if len(accept) != 1 {
		return failf("RFC 6455, section 11.3.3", "response has %d Sec-WebSocket-Accept headers, want 1", len(accept))
	}
	// Exact bytes: base64 tells upper case from lower. White space around the value is not part of it.
	if want := AcceptKey(o.Key); want == "" || trim(accept[0]) != want {
		return failf("RFC 6455, section 4.1", "Sec-WebSocket-Accept is %q, want %q", cut(accept[0]), want)
	}
	return nil
}

// judgeProtocol: at most one header with one of the subprotocols offered (RFC 6455, sections 4.1, step 6, and 11.3.4).
func (o *Offer) judgeProtocol(lines []string) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", failf("RFC 6455, section 11.3.4", "response has %d Sec-WebSocket-Protocol headers, want 1", len(lines))
	}
	p := trim(lines[0])
	if p == "" || !slices.Contains(o.Protocols, p) {
		return "", failf("RFC 6455, section 4.1", "server chose subprotocol %q, which was not offered", cut(p))
	}
	return p, nil
}

// judgeExtensions: well-formed, all offered, none twice (RFC 6455, sections 4.1, step 5, and 9.1). The header may come
// in several lines (RFC 6455, erratum 3433).
func (o *Offer) judgeExtensions(lines []string) ([]Extension, error) {
	offered, err := o.extensions()
	if err != nil {
		return nil, err
	}
	exts, err := ParseExtensions(lines)
	if err != nil {
		return nil, failf("RFC 6455, section 9.1", "malformed Sec-WebSocket-Extensions %q", cut(strings.Join(lines, ", ")))
	}
	switch name, twice := undeclared(exts, offered); {
	case twice:
		return nil, failf("RFC 6455, section 9.1", "server agrees to extension %q twice", cut(name))
	case name != "":
		return nil, failf("RFC 6455, section 4.1", "server agrees to extension %q, which was not offered", cut(name))
	}
	return exts, nil
}
