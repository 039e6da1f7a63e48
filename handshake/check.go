package handshake

import (
	"slices"
	"strings"
)

// Check judges whether r is an opening handshake that a server may accept (RFC 6455, section 4.2.1) and fills Key,
// Protocols, Extensions, Origin and HasOrigin; Target becomes origin-form. It is for requests of ParseRequest and for
// those of another HTTP parser alike. It judges neither the resource nor the origin: see [CheckOrigin].
//
// The error is an *Error with the status and headers of the refusal:
//
//	405  a method other than GET, with Allow: GET
//	505  HTTP/2 and up, or HTTP/0
//	426  no "websocket" in Upgrade (a plain HTTP request: RFC 9110, section 15.5.22), or a version other than 13,
//	     both with Sec-WebSocket-Version: 13 and Upgrade: websocket
//	400  everything else. A version that is no number, or with leading zeros, or in two lines, or in a list,
//	     breaks the grammar (RFC 6455, section 4.3) and is 400; 256 and above are 426.
func (r *Request) Check() error {
	for _, check := range []func(*Request) error{
		(*Request).checkLine, (*Request).checkHost, (*Request).checkTarget, (*Request).checkBody,
		(*Request).checkUpgrade, (*Request).checkVersion, (*Request).checkKey, (*Request).checkLists,
	} {
		if err := check(r); err != nil {
			return err
		}
	}
	origins := r.Header["Origin"]
	if r.HasOrigin = len(origins) > 0; r.HasOrigin {
		r.Origin = origins[0]
	}
	return nil
}

// checkLine: "An HTTP/1.1 or higher GET request" (RFC 6455, section 4.2.1, step 1).
func (r *Request) checkLine() error {
	if r.Method != "GET" {
		err := refusef(405, "RFC 6455, section 4.2.1", "method is %q, want GET", cut(r.Method))
		err.Header = Header{"Allow": {"GET"}}
		return err
	}
	major, minor, ok := version(r.Proto)
	switch {
	case ok && major != 1:
		return refusef(505, "RFC 9110, section 15.6.6", "HTTP version is %q, want HTTP/1.1", r.Proto)
	case !ok || minor == 0:
		return refusef(400, "RFC 6455, section 4.2.1", "HTTP version is %q, want HTTP/1.1", cut(r.Proto))
	}
	return nil
}

// checkHost: the Host header is well-formed, also where the target outranks it (RFC 9112, section 3.2). RFC 6455,
// section 4.2.1, step 2, wants the server's authority in it, so an empty one is refused too.
func (r *Request) checkHost() error {
	if _, ok := parseHost(r.Host); !ok {
		return refusef(400, "RFC 9112, section 3.2", "malformed Host header %q", cut(r.Host))
	}
	return nil
}

// checkTarget: origin-form or absolute-form, whose authority replaces the Host header (RFC 9112, section 3.2.2).
func (r *Request) checkTarget() error {
	authority, target, err := splitTarget(r.Target)
	if err != nil {
		return err
	}
	if r.Target = target; authority != "" {
		r.Host = authority
	}
	return nil
}

// checkBody: what follows the head is frames, so the request has no body. RFC 6455 does not say it; a body would be
// parsed as frames by one hop and as a body by another.
func (r *Request) checkBody() error {
	if v := r.Header["Content-Length"]; len(v) > 1 || len(v) == 1 && (v[0] == "" || strings.Trim(v[0], "0") != "") {
		return refusef(400, "RFC 9110, section 9.3.1", "Content-Length is %q in an opening handshake, want none", cut(strings.Join(v, ", ")))
	}
	_, coded := r.Header["Transfer-Encoding"]
	if r.ContentLength != 0 || coded || len(r.TransferEncoding) > 0 {
		return refusef(400, "RFC 9110, section 9.3.1", "opening handshake has a body")
	}
	return nil
}

// checkUpgrade: Upgrade lists "websocket" and Connection lists "upgrade", both ASCII case-insensitive
// (RFC 6455, section 4.2.1, steps 3 and 4).
func (r *Request) checkUpgrade() error {
	if lines := r.Header["Upgrade"]; !HasToken(lines, "websocket") {
		return needUpgrade("RFC 6455, section 4.2.1", "Upgrade header is %q, want websocket", cut(strings.Join(lines, ", ")))
	}
	if lines := r.Header["Connection"]; !HasToken(lines, "upgrade") {
		return refusef(400, "RFC 6455, section 4.2.1", "Connection header is %q, want Upgrade in it", cut(strings.Join(lines, ", ")))
	}
	return nil
}

// needUpgrade makes a 426, which carries the versions that we speak (RFC 6455, section 4.4) and Upgrade
// (RFC 9110, section 15.5.22).
func needUpgrade(place, format string, args ...any) *Error {
	err := refusef(426, place, format, args...)
	err.Header = Header{"Sec-Websocket-Version": {"13"}, "Upgrade": {"websocket"}}
	return err
}

// checkVersion: one Sec-WebSocket-Version with the value 13 (RFC 6455, section 4.2.1, step 6). The drafts before
// RFC 6455 had other framings and are not spoken.
func (r *Request) checkVersion() error {
	lines := r.Header["Sec-Websocket-Version"]
	if len(lines) == 1 && lines[0] == "13" {
		return nil
	}
	if len(lines) == 0 {
		return needUpgrade("RFC 6455, section 4.4", "Sec-WebSocket-Version is missing, want 13")
	}
	v := trim(lines[0])
	// The header is one number without leading zeros in a request, and not a list (RFC 6455, sections 4.3 and 11.3.5).
	if len(lines) > 1 || !digits(v) || len(v) > 1 && v[0] == '0' {
		return refusef(400, "RFC 6455, section 4.3", "malformed Sec-WebSocket-Version %q", cut(strings.Join(lines, ", ")))
	}
	if v != "13" {
		return needUpgrade("RFC 6455, section 4.4", "Sec-WebSocket-Version is %s, want 13", cut(v))
	}
	return nil
}

// checkKey: one Sec-WebSocket-Key that decodes to 16 bytes (RFC 6455, sections 4.2.1, step 5, and 11.3.1).
func (r *Request) checkKey() error {
	lines := r.Header["Sec-Websocket-Key"]
	if len(lines) != 1 {
		return refusef(400, "RFC 6455, section 11.3.1", "request has %d Sec-WebSocket-Key headers, want 1", len(lines))
	}
	r.Key = trim(lines[0])
	if !validKey(r.Key) {
		return refusef(400, "RFC 6455, section 4.2.1", "Sec-WebSocket-Key %q is not base64 of 16 bytes", cut(r.Key))
	}
	return nil
}

// checkLists: subprotocols and extensions follow their grammar (RFC 6455, section 4.2.1, steps 8 and 9; section 9.1).
// Section 4.1 wants a client's subprotocols to be unique; a double one is harmless here and let through.
func (r *Request) checkLists() (err error) {
	r.Protocols, r.Extensions = nil, nil
	if lines := r.Header["Sec-Websocket-Protocol"]; len(lines) > 0 {
		if r.Protocols, err = ParseTokens(lines); err != nil {
			return err
		}
	}
	if lines := r.Header["Sec-Websocket-Extensions"]; len(lines) > 0 {
		r.Extensions, err = ParseExtensions(lines)
	}
	return err
}

// Select chooses the subprotocol: the first of supported, the server's order of preference, that the client offered;
// empty if there is none. Names are compared case-sensitively (RFC 6455, section 4.2.2, /subprotocol/). The RFC lets
// the server choose freely; the server's order is taken because it knows which of its protocols is the newest.
func Select(offered, supported []string) string {
	for _, s := range supported {
		if slices.Contains(offered, s) {
			return s
		}
	}
	return ""
}
