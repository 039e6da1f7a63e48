package handshake

import (
	"slices"
	"strconv"
)

// AppendResponse appends the 101 that accepts r, which Check has accepted (RFC 6455, section 4.2.2, step 5).
// protocol is one of r.Protocols, extensions a header value that lists only what r offered; either is left out if
// empty. h are further fields, sorted by name. A 101 has no Content-Length or Transfer-Encoding (RFC 9110,
// section 8.6). The error is an *Error with status 500, for it is a fault of ours: a protocol or extension that was
// not offered, a field in h that belongs to the handshake or would break the head. b is then returned unchanged.
func AppendResponse(b []byte, r *Request, protocol string, extensions string, h Header) ([]byte, error) {
	if len(r.Key) != keyLen {
		return b, refusef(500, "RFC 6455, section 4.2.2", "request has no key: it was not checked")
	}
	if protocol != "" && !slices.Contains(r.Protocols, protocol) {
		return b, refusef(500, "RFC 6455, section 4.2.2", "subprotocol %q was not offered", cut(protocol))
	}
	if err := checkAgreed(extensions, r.Extensions); err != nil {
		return b, err
	}
	if len(h) > 0 {
		if place, msg := checkHeader(h); msg != "" {
			return b, refusef(500, place, "%s", msg)
		}
	}
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(appendAccept(b, r.Key), '\r', '\n')
	if protocol != "" {
		b = appendField(b, "Sec-WebSocket-Protocol", protocol)
	}
	if extensions != "" {
		b = appendField(b, "Sec-WebSocket-Extensions", extensions)
	}
	if len(h) > 0 {
		b = appendHeader(b, h, "")
	}
	return append(b, "\r\n"...), nil
}

// checkAgreed: the server agrees only to what was offered (RFC 6455, section 4.2.2, /extensions/).
func checkAgreed(extensions string, offered []Extension) error {
	if extensions == "" {
		return nil
	}
	exts, err := ParseExtensions([]string{extensions})
	if err != nil {
		return refusef(500, "RFC 6455, section 9.1", "malformed extension list %q", cut(extensions))
	}
	if name, _ := undeclared(exts, offered); name != "" {
		return refusef(500, "RFC 6455, section 4.2.2", "extension %q was not offered, or is agreed to twice", cut(name))
	}
	return nil
}

// AppendRefusal appends a complete HTTP response that ends the connection: status line, Content-Type (text/plain
// unless h has one), X-Content-Type-Options, Content-Length, Connection: close, the fields of h sorted by name, body.
// A status outside 300 to 599, and 304, which cannot have a body, become 500. Fields of h that would break the head
// are left out; so are Connection, Content-Length and the other fields that frame a message. With Upgrade in h,
// Connection lists it too (RFC 9110, section 7.8).
func AppendRefusal(b []byte, status int, h Header, body string) []byte {
	if status < 300 || status > 599 || status == 304 {
		status = 500
	}
	b = append(strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10), ' ')
	b = append(append(b, reason(status)...), '\r', '\n')
	sound, kind, connection := make(Header, len(h)), "text/plain; charset=utf-8", "close"
	for name, values := range h {
		key := canonical(name)
		switch {
		case !IsToken(name) || !allValid(values) || len(values) == 0:
		case key == "Content-Type":
			kind = values[0]
		case key == "Upgrade":
			sound[name], connection = values, "close, Upgrade"
		case key == "Sec-Websocket-Version" || !reserved(key) && key != "X-Content-Type-Options":
			sound[name] = values
		}
	}
	b = appendField(b, "Content-Type", kind)
	b = appendField(b, "X-Content-Type-Options", "nosniff")
	b = appendField(b, "Content-Length", strconv.Itoa(len(body)))
	b = appendField(b, "Connection", connection)
	b = appendHeader(b, sound, "")
	return append(append(b, "\r\n"...), body...)
}

// reason is the reason phrase of a status (RFC 9110, section 15; RFC 6585).
func reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Refused"
}

var reasons = map[int]string{
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	413: "Content Too Large",
	414: "URI Too Long",
	421: "Misdirected Request",
	426: "Upgrade Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
}
