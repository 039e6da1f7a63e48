package handshake

import "strings"

// Request is an opening handshake as the server reads it. [ParseRequest] makes one; a server on another HTTP parser
// fills the first group of fields itself. [Request.Check] fills the second.
type Request struct {
	Method string // as sent, case-sensitive
	Target string // request-target: path and query as sent; absolute-form until Check
	Proto  string // "HTTP/1.1"
	Host   string // the Host header; Check puts the authority of an absolute-form target in its place
	Header Header // all lines but Host, canonical names

	// What net/http takes out of its header: the length of a body, -1 if it is not known, and the transfer codings.
	ContentLength    int64
	TransferEncoding []string

	Key        string      // Sec-WebSocket-Key as received, for AcceptKey
	Protocols  []string    // subprotocols offered, the client's favourite first; duplicates are kept
	Extensions []Extension // extensions offered, the client's favourite first
	Origin     string      // first Origin header; CheckOrigin judges all lines: Header["Origin"]
	HasOrigin  bool        // an Origin header was there. Its absence does not prove that the client is no browser
}

// ParseRequest parses the head of a request at the start of b and returns its length n, so that b[n:] is what the
// client sent behind it. The error is [ErrShort] if b ends before the head does, or an *Error with status 400, 414,
// 431 or 505 as soon as b shows it. Only the grammar and the caps are judged here; Check judges the handshake.
// Exactly one Host line is part of the grammar. Nothing in r refers to b.
//
// The grammar is RFC 9112 without the leniences it allows: lines end with CRLF, no empty line comes before the first,
// no line is folded, no space stands before a colon, no control byte anywhere. The request-target is visible ASCII in
// origin-form, or absolute-form with http or https, without "#" (RFC 6455, section 3).
func ParseRequest(b []byte) (r *Request, n int, err error) {
	var s HeadScanner
	if n, err = s.Scan(b); err != nil {
		return nil, 0, err
	}
	if r, err = s.Request(b); err != nil {
		return nil, 0, err
	}
	return r, n, nil
}

// Request is what [ParseRequest] makes of the head that Scan has found the end of, without scanning it again; b begins
// with that head. The error is an *Error with
// status 400, or [ErrShort] if Scan has not found it. Nothing in the result refers to b.
func (s *HeadScanner) Request(b []byte) (*Request, error) {
	if s.end == 0 {
		return nil, ErrShort
	}
	line, fields := cutLine(string(b[:s.end-len("\r\n")]))
	r := new(Request)
	r.Method, r.Target, r.Proto, _ = cutRequestLine(line) // Scan has judged it
	// One Host line, no more and no less (RFC 9112, section 3.2). As in net/http it is none of the other fields.
	r.Header = make(Header, max(s.lines-1, 0))
	var hosts int
	if r.Host, hosts = parseFields(r.Header, fields, s.lines, true); hosts != 1 {
		return nil, refusef(400, "RFC 9112, section 3.2", "request has %d Host headers, want 1", hosts)
	}
	return r, nil
}

// cutLine cuts off the first line of a head that a HeadScanner let through.
func cutLine(head string) (line, fields string) {
	end := strings.IndexByte(head, '\r') // only an LF may follow
	return head[:end], head[end+len("\r\n"):]
}

// cutRequestLine cuts method SP request-target SP HTTP-version (RFC 9112, section 3).
func cutRequestLine(line string) (method, target, proto string, ok bool) {
	method, rest, _ := strings.Cut(line, " ")
	target, proto, ok = strings.Cut(rest, " ")
	return method, target, proto, ok
}

// checkRequestLine judges the three parts.
func checkRequestLine(line string) error {
	method, target, proto, ok := cutRequestLine(line)
	if !ok || !IsToken(method) {
		return refusef(400, "RFC 9112, section 3", "malformed request line %q", cut(line))
	}
	major, _, ok := version(proto)
	if !ok {
		return refusef(400, "RFC 9112, section 2.3", "malformed HTTP version %q", cut(proto))
	}
	if major != 1 {
		return refusef(505, "RFC 9110, section 15.6.6", "HTTP version is %q, want HTTP/1.1", proto)
	}
	if isOrigin(target) { // as nearly all are
		return nil
	}
	_, _, err := splitTarget(target)
	return err
}

// splitTarget cuts a request-target into authority, empty in origin-form, and origin-form (RFC 9112, section 3.2).
// asterisk-form and authority-form ask for something else than a resource and are refused.
func splitTarget(target string) (authority, origin string, err error) {
	if isOrigin(target) {
		return "", target, nil
	}
	if strings.IndexByte(target, '#') >= 0 {
		return "", "", refusef(400, "RFC 6455, section 3", "fragment in the request-target %q", cut(target))
	}
	scheme, rest, ok := strings.Cut(target, "://")
	if ok && (equalFold(scheme, "http") || equalFold(scheme, "https")) {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		authority, origin = rest[:end], rest[end:]
		if _, ok := parseHost(authority); !ok {
			return "", "", refusef(400, "RFC 9112, section 3.2.2", "malformed authority in the request-target %q", cut(target))
		}
		if origin == "" || origin[0] == '?' {
			origin = "/" + origin
		}
	}
	if !isOrigin(origin) {
		return "", "", refusef(400, "RFC 9112, section 3.2", "malformed request-target %q", cut(target))
	}
	return authority, origin, nil
}

// isOrigin reports whether target is an origin-form.
func isOrigin(target string) bool {
	return target != "" && target[0] == '/' && every(target, classTarget) && escapesOK(target)
}

// escapesOK reports whether each "%" in the path begins two hex digits (RFC 3986, section 2.1). In the query browsers
// leave a lone "%" as it is, and so do we.
func escapesOK(target string) bool {
	if strings.IndexByte(target, '%') < 0 {
		return true
	}
	path, _, _ := strings.Cut(target, "?")
	for {
		var ok bool
		if _, path, ok = strings.Cut(path, "%"); !ok {
			return true
		}
		if len(path) < 2 || !isHex(path[0]) || !isHex(path[1]) {
			return false
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || lower(c) >= 'a' && lower(c) <= 'f'
}
