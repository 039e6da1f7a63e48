package handshake

import (
	"encoding/binary"
	"strings"
)

// Caps on a head, a defence that RFC 6455, section 10.4, asks for. A browser's request is about 600 bytes with 15
// lines; cookies are what makes it long, and 8 KiB a line is what common HTTP servers allow.
const (
	MaxHeaders = 100      // header lines
	MaxLine    = 8 << 10  // bytes in one line, the first one too, without its CRLF
	MaxHead    = 32 << 10 // bytes in all, up to and including the empty line
)

// HeadScanner finds the end of a request's or response's head while its bytes arrive. It looks at each byte once,
// however they are cut, and reports what breaks RFC 9112 or a cap at the first byte that shows it (the first line is
// judged at its end). The verdict does not depend on how the bytes were cut.
// The zero value is ready for a request. One goroutine at a time.
type HeadScanner struct {
	// Response says that the head is a response's, so that errors have status 0. Set it before the first Scan.
	Response bool

	// b[:line]     lines that are complete
	// b[line:pos]  the line being read, looked at up to pos        line <= pos <= len(b)
	pos, line int
	lines     int // header lines begun
	state     headState
	end       int
	err       error
}

// headState says what the next byte of a head belongs to.
type headState uint8

const (
	inFirstLine headState = iota // request-line or status-line, up to its CR
	atLineStart                  // a field name's first byte, or the CR of the empty line
	inName                       // up to the colon
	inValue                      // up to the CR
	atLF                         // CR seen: LF must follow
	atLastLF                     // CR of the empty line seen: LF ends the head
)

// Scan looks at the bytes of b that it has not seen; b is all that arrived so far, from the head's first byte on.
// It returns [ErrShort] while the head goes on, and then end, the number of bytes in the head with its empty line:
// b[:end] is for [HeadScanner.Request] or [ParseResponse], b[end:] belongs to the frames. Any other error is an *Error
// with status 400, 414, 431 or 505; it and the end are repeated on every later call.
func (s *HeadScanner) Scan(b []byte) (end int, err error) {
	for s.end == 0 && s.err == nil {
		if s.state == atLineStart {
			s.wholeLines(b)
		}
		if s.pos >= MaxHead {
			s.err = s.fault(431, "RFC 6455, section 10.4", "head is longer than %d bytes", MaxHead)
		} else if s.pos >= len(b) {
			return 0, ErrShort
		} else {
			s.err = s.step(b)
		}
	}
	return s.end, s.err
}

// wholeLines consumes the header lines that are there to their ends and have nothing wrong. It is what step does, but
// without a state in between: most heads come in one piece.
func (s *HeadScanner) wholeLines(b []byte) {
	b = b[:min(len(b), MaxHead)]
	for s.lines < MaxHeaders && s.pos < len(b) {
		line := b[s.pos:min(len(b), s.pos+MaxLine+len("\r\n"))]
		n := 0
		for n < len(line) && class[line[n]]&classToken != 0 {
			n++
		}
		if n == 0 || n == len(line) || line[n] != ':' {
			return
		}
		n++
		n += textLen(line[n:])
		if n+1 >= len(line) || line[n] != '\r' || line[n+1] != '\n' {
			return
		}
		s.lines++
		s.pos += n + len("\r\n")
		s.line = s.pos
	}
}

// textLen is how many bytes at the start of b a value may hold, up to the first other one. It looks at eight at a time.
func textLen(b []byte) int {
	n := 0
	for n+8 <= len(b) && !hasControl(binary.LittleEndian.Uint64(b[n:])) {
		n += 8
	}
	for n < len(b) && class[b[n]]&classText != 0 {
		n++
	}
	return n
}

// hasControl reports whether one of the eight bytes of x is below 0x20 or is 0x7f: what borrows in a subtraction of each
// byte by itself, and had no high bit before.
func hasControl(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	del := x ^ 0x7f*ones
	return ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0
}

// step consumes a run of bytes of one state, at least one.
func (s *HeadScanner) step(b []byte) error {
	switch s.state {
	case inFirstLine, inValue:
		s.run(b, classText)
		if s.pos < len(b) && s.pos < MaxHead {
			return s.textEnds(b)
		}
	case atLineStart:
		return s.lineStarts(b[s.pos])
	case inName:
		s.run(b, classToken)
		if s.pos < len(b) && s.pos < MaxHead {
			return s.nameEnds(b[s.pos])
		}
	case atLF, atLastLF:
		return s.lineEnds(b)
	default:
		panic("websocket: internal error: head state")
	}
	return nil
}

// run consumes bytes of a class within the caps.
func (s *HeadScanner) run(b []byte, bit byte) {
	b = b[s.pos:max(s.pos, min(len(b), MaxHead, s.line+MaxLine))]
	n := 0
	if bit == classText {
		n = textLen(b)
	}
	for n < len(b) && class[b[n]]&bit != 0 {
		n++
	}
	s.pos += n
}

// textEnds judges the byte behind a first line or a value: only CR may follow.
func (s *HeadScanner) textEnds(b []byte) error {
	switch c := b[s.pos]; {
	case c == '\r':
		s.pos++
		s.state = atLF
		return nil
	case s.pos == s.line+MaxLine:
		return s.tooLong()
	case c == '\n':
		return s.fault(400, "RFC 9112, section 2.2", "line ends with a bare LF")
	default:
		return s.fault(400, "RFC 9110, section 5.5", "control byte %#02x in the head", c)
	}
}

func (s *HeadScanner) lineStarts(c byte) error {
	switch {
	case c == '\r':
		s.pos++
		s.state = atLastLF
		return nil
	case s.lines == MaxHeaders:
		return s.fault(431, "RFC 6455, section 10.4", "more than %d header lines", MaxHeaders)
	case c == ' ' || c == '\t':
		return s.fault(400, "RFC 9112, section 5.2", "folded header line")
	case class[c]&classToken == 0:
		return s.fault(400, "RFC 9112, section 5.1", "header name starts with byte %#02x", c)
	}
	s.lines++
	s.state = inName
	return nil
}

func (s *HeadScanner) nameEnds(c byte) error {
	switch {
	case c == ':' && s.pos < s.line+MaxLine:
		s.pos++
		s.state = inValue
		return nil
	case s.pos == s.line+MaxLine:
		return s.tooLong()
	case c == ' ' || c == '\t':
		return s.fault(400, "RFC 9112, section 5.1", "white space between header name and colon")
	default:
		return s.fault(400, "RFC 9112, section 5.1", "header name with byte %#02x", c)
	}
}

// lineEnds takes the LF behind a CR.
func (s *HeadScanner) lineEnds(b []byte) error {
	if b[s.pos] != '\n' {
		return s.fault(400, "RFC 9112, section 2.2", "bare CR")
	}
	s.pos++
	if s.state == atLastLF {
		s.end = s.pos
		return nil
	}
	first := s.line == 0
	line := b[s.line : s.pos-2]
	s.line, s.state = s.pos, atLineStart
	if !first {
		return nil
	}
	if s.Response {
		_, err := parseStatusLine(string(line))
		return err
	}
	return checkRequestLine(string(line))
}

func (s *HeadScanner) tooLong() error {
	if s.line == 0 {
		return s.fault(414, "RFC 6455, section 10.4", "first line is longer than %d bytes", MaxLine)
	}
	return s.fault(431, "RFC 6455, section 10.4", "header line is longer than %d bytes", MaxLine)
}

func (s *HeadScanner) fault(status int, place, format string, args ...any) error {
	if s.Response {
		status = 0
	}
	return refusef(status, place, format, args...)
}

// version reads "HTTP/1.1" (RFC 9112, section 2.3): the name is case-sensitive, each number is one digit.
func version(proto string) (major, minor int, ok bool) {
	if proto == "HTTP/1.1" {
		return 1, 1, true
	}
	n, ok := strings.CutPrefix(proto, "HTTP/")
	if !ok || len(n) != 3 || n[1] != '.' || !digits(n[:1]) || !digits(n[2:]) {
		return 0, 0, false
	}
	return int(n[0] - '0'), int(n[2] - '0'), true
}
