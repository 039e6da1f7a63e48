package handshake

import (
	"strconv"
	"strings"
)

// MaxInterim is how many interim responses a client lets pass before the final one.
const MaxInterim = 5

// Response is the head of an HTTP response as a client reads it.
type Response struct {
	Status int    // 100 to 999
	Proto  string // "HTTP/1.1"
	Reason string // as sent: text from the peer
	Header Header // all lines, canonical names; Connection too, which http.ReadResponse may delete
}

// ParseResponse parses the head of a response at the start of b and returns its length n, so that b[n:] is what came
// behind it: the body, or frames after a 101. The error is [ErrShort] if b ends before the head does, or an *Error as
// soon as b shows it. The grammar is that of [ParseRequest], but for the space that some servers leave out behind
// a status without a reason. Nothing in r refers to b.
func ParseResponse(b []byte) (r *Response, n int, err error) {
	s := HeadScanner{Response: true}
	if n, err = s.Scan(b); err != nil {
		return nil, 0, err
	}
	line, fields := cutLine(string(b[:n-len("\r\n")]))
	first, _ := parseStatusLine(line) // the scanner has judged it
	r = &first
	r.Header = make(Header, s.lines)
	parseFields(r.Header, fields, s.lines, false)
	return r, n, nil
}

// parseStatusLine reads HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112, section 4).
func parseStatusLine(line string) (r Response, err error) {
	proto, rest, _ := strings.Cut(line, " ")
	code, phrase, _ := strings.Cut(rest, " ")
	if _, _, ok := version(proto); !ok || len(code) != 3 || !digits(code) || code[0] == '0' {
		return r, failf("RFC 9112, section 4", "malformed status line %q", cut(line))
	}
	status, _ := strconv.Atoi(code)
	return Response{Status: status, Proto: proto, Reason: phrase}, nil
}

// Interim reports whether another response follows r on the connection: a 1xx other than 101, which a client skips
// (RFC 9110, section 15.2), at most [MaxInterim] of them.
func (r *Response) Interim() bool {
	return r.Status >= 100 && r.Status <= 199 && r.Status != 101
}
