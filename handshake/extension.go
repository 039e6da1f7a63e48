package handshake

// Extension is one element of Sec-WebSocket-Extensions. Names compare exactly as given: the registry is lower-case.
type Extension struct {
	Name   string
	Params []Param // in order; the same name may come twice, which is for the extension to judge
}

// Param is a parameter of an extension. Value is a token without quotes or escapes: ="10" and =10 are the same
// (RFC 6455, section 9.1). HasValue tells "name" from "name=value".
type Param struct {
	Name, Value string
	HasValue    bool
}

// ParseExtensions reads Sec-WebSocket-Extensions; lines are its values in order, which are the same as one line joined
// with commas (RFC 6455, section 9.1, erratum 3433 for responses). Order is preference and duplicates are kept.
//
//	extension-list = 1#extension
//	extension      = token *( ";" param )
//	param          = token [ "=" ( token | quoted-string ) ]
//
// Empty elements and white space around separators are legal (RFC 2616, section 2.1). No line gives nil and no error;
// lines without any element are malformed. The strings are parts of lines, but for values with escapes.
// An *Error has status 400. Linear time.
func ParseExtensions(lines []string) ([]Extension, error) {
	var exts []Extension
	l := list{lines: lines}
	for count := 0; l.next(); {
		e, ok := l.extension()
		if !ok || !l.done() {
			return nil, refusef(400, "RFC 6455, section 9.1", "malformed extension list %q", cut(l.s))
		}
		if count += 1 + len(e.Params); count > MaxElements {
			return nil, refusef(400, "RFC 6455, section 10.4", "extension list has more than %d elements and parameters", MaxElements)
		}
		exts = append(exts, e)
	}
	if len(lines) > 0 && len(exts) == 0 {
		return nil, refusef(400, "RFC 6455, section 9.1", "extension list is empty")
	}
	return exts, nil
}

// extension reads one element. It stops behind MaxElements parameters; the caller counts and refuses.
func (l *list) extension() (e Extension, ok bool) {
	if e.Name = l.token(); e.Name == "" {
		return e, false
	}
	for l.eat(';') {
		p := Param{Name: l.token()}
		if p.Name == "" {
			return e, false
		}
		if p.HasValue = l.eat('='); p.HasValue {
			if p.Value, ok = l.value(); !ok {
				return e, false
			}
		}
		if len(e.Params) <= MaxElements {
			e.Params = append(e.Params, p)
		}
	}
	return e, true
}

func (l *list) value() (string, bool) {
	if t := l.token(); t != "" {
		return t, true
	}
	return l.quoted()
}

// Append appends e as it stands in the header: "name; param; param=value".
// Names and values are tokens; a value never needs quotes then.
func (e Extension) Append(b []byte) []byte {
	b = append(b, e.Name...)
	for _, p := range e.Params {
		b = append(append(b, "; "...), p.Name...)
		if p.HasValue {
			b = append(append(b, '='), p.Value...)
		}
	}
	return b
}

// AppendExtensions appends a header value that lists exts in order; nothing if there are none.
func AppendExtensions(b []byte, exts []Extension) []byte {
	for i, e := range exts {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = e.Append(b)
	}
	return b
}

// undeclared gives the name of the first extension in answer that was not offered, or that comes twice: two of the same
// kind would claim the same bits (RFC 6455, sections 4.1 and 9.1). Empty if there is none.
func undeclared(answer, offered []Extension) (name string, twice bool) {
	for i, e := range answer {
		if !named(offered, e.Name) {
			return e.Name, false
		}
		if named(answer[:i], e.Name) {
			return e.Name, true
		}
	}
	return "", false
}

func named(exts []Extension, name string) bool {
	for _, e := range exts {
		if e.Name == name {
			return true
		}
	}
	return false
}
