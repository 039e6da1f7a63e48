package handshake

// Classes of bytes.
const (
	classToken  = 1 << iota // tchar of RFC 9110, section 5.6.2: U+0021-U+007E without separators
	classText               // what a field value may hold (RFC 9110, section 5.5): HTAB, SP, VCHAR, obs-text
	classTarget             // visible ASCII without "#": what a request-target may hold
	classHost               // letters, digits, "-", ".", "_", "~": what a host name may hold
	classScheme             // what a URI scheme may hold (RFC 3986, section 3.1)
	classURI                // pchar, "/" and "?" without escapes (RFC 3986, section 3.3)
	classBase64             // the alphabet of base64 without "=" (RFC 4648, section 4)
)

// class holds the classes of each byte.
var class = makeClass()

func makeClass() (t [256]byte) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= classText
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= classTarget
		}
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			t[c] |= classToken | classHost | classScheme | classURI | classBase64
		}
	}
	mark := func(set string, bit byte) {
		for _, c := range []byte(set) {
			t[c] |= bit
		}
	}
	mark("!#$%&'*+-.^_`|~", classToken)
	mark("-._~", classHost|classURI)
	mark("+-.", classScheme)
	mark("!$&'()*+,;=:@/?", classURI)
	mark("+/", classBase64)
	return t
}

// every reports whether all bytes of s are of a class.
func every(s string, bit byte) bool {
	for i := range len(s) {
		if class[s[i]]&bit == 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether s is a token: one or more characters U+0021 to U+007E without separators
// (RFC 6455, section 4.1; RFC 9110, section 5.6.2).
func IsToken(s string) bool { return s != "" && every(s, classToken) }

// ValidHeaderValue reports whether s can stand in a header line: no CR, LF, NUL or other control byte but the tab
// (RFC 9110, section 5.5). An empty value is valid.
func ValidHeaderValue(s string) bool { return every(s, classText) }

// trim removes optional white space, SP and HTAB, from both ends (RFC 9110, section 5.6.3).
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold is ASCII case-insensitive equality; strings.EqualFold would let U+212A pass for "k".
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
