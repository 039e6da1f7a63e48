package handshake

// MaxElements is how many tokens, or extensions and parameters together, one header may list. RFC 6455 sets no limit;
// without one a header of 1 MiB (net/http's default) would become a slice of 20 MiB. Empty elements do not count.
const MaxElements = 128

// list walks the elements of a header that is a comma list, 1#element of RFC 2616, section 2.1. Several lines are the
// same as one joined with commas, but a quoted string ends where its line ends. Each byte is looked at once.
//
//	for l.next() { read the element with token, eat, quoted; then l.done() must be true }
type list struct {
	lines []string // lines not begun
	s     string   // the line being read
	i     int      // s[:i] is consumed
}

// next goes to the first byte of the next element. Empty elements and white space around them are legal and skipped
// (RFC 2616, section 2.1).
func (l *list) next() bool {
	for {
		for l.i < len(l.s) && (l.s[l.i] == ',' || l.s[l.i] == ' ' || l.s[l.i] == '\t') {
			l.i++
		}
		if l.i < len(l.s) {
			return true
		}
		if len(l.lines) == 0 {
			return false
		}
		l.s, l.i, l.lines = l.lines[0], 0, l.lines[1:]
	}
}

// done reports whether the element ends here: at a comma or the end of the line.
func (l *list) done() bool {
	l.space()
	return l.i == len(l.s) || l.s[l.i] == ','
}

func (l *list) space() {
	for l.i < len(l.s) && (l.s[l.i] == ' ' || l.s[l.i] == '\t') {
		l.i++
	}
}

// token reads a token; empty if there is none.
func (l *list) token() string {
	from := l.i
	for l.i < len(l.s) && class[l.s[l.i]]&classToken != 0 {
		l.i++
	}
	return l.s[from:l.i]
}

// eat consumes c and the white space around it, if c comes next.
func (l *list) eat(c byte) bool {
	l.space()
	if l.i == len(l.s) || l.s[l.i] != c {
		return false
	}
	l.i++
	l.space()
	return true
}

// quoted reads a quoted-string and undoes its escapes (RFC 9110, section 5.6.4). The result must be a token
// (RFC 6455, section 9.1); anything else, and a string that does not end, is not ok.
func (l *list) quoted() (value string, ok bool) {
	if l.i == len(l.s) || l.s[l.i] != '"' {
		return "", false
	}
	l.i++
	from := l.i
	var escaped []byte // nil while the value is l.s[from:l.i]
	for l.i < len(l.s) && l.s[l.i] != '"' {
		if l.s[l.i] == '\\' {
			if escaped == nil {
				escaped = append(make([]byte, 0, 16), l.s[from:l.i]...)
			}
			if l.i++; l.i == len(l.s) {
				return "", false
			}
		}
		if class[l.s[l.i]]&classToken == 0 {
			return "", false
		}
		if escaped != nil {
			escaped = append(escaped, l.s[l.i])
		}
		l.i++
	}
	if l.i == len(l.s) {
		return "", false
	}
	value = l.s[from:l.i]
	l.i++
	if escaped != nil {
		value = string(escaped)
	}
	return value, value != ""
}

// ParseTokens reads a header that is a list of tokens, such as Sec-WebSocket-Protocol; lines are its values in order.
// No line gives nil and no error; lines without any token are malformed, for 1#token wants one
// (RFC 6455, section 4.3). The tokens are parts of lines. An *Error has status 400. Linear time.
func ParseTokens(lines []string) ([]string, error) {
	var tokens []string
	l := list{lines: lines}
	for l.next() {
		t := l.token()
		if t == "" || !l.done() {
			return nil, refusef(400, "RFC 6455, section 4.3", "malformed token list %q", cut(l.s))
		}
		if len(tokens) == MaxElements {
			return nil, refusef(400, "RFC 6455, section 10.4", "token list has more than %d elements", MaxElements)
		}
		tokens = append(tokens, t)
	}
	if len(lines) > 0 && len(tokens) == 0 {
		return nil, refusef(400, "RFC 6455, section 4.3", "token list is empty")
	}
	return tokens, nil
}

// HasToken reports whether the comma list in lines holds a token, ASCII case-insensitive, as Connection and Upgrade
// are compared (RFC 6455, section 4.2.1). Elements may be "name/version", as in Upgrade (RFC 9110, section 7.8);
// "websocket/13" is not "websocket". A list that is malformed anywhere holds nothing. Linear time, no allocation.
func HasToken(lines []string, token string) bool {
	if len(lines) == 1 && equalFold(lines[0], token) && IsToken(token) {
		return true // and no list at all
	}
	found := false
	l := list{lines: lines}
	for l.next() {
		from := l.i
		if l.token() == "" {
			return false
		}
		if l.i < len(l.s) && l.s[l.i] == '/' {
			if l.i++; l.token() == "" {
				return false
			}
		}
		found = found || equalFold(l.s[from:l.i], token)
		if !l.done() {
			return false
		}
	}
	return found
}
