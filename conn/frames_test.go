package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// The corpus: what a peer sends, and what must come of it, whoever sends it and
// however the bytes are cut. After its bytes the peer ends its half of the stream.

// A talk is one conversation. Its bytes are made for the role of the sender.
type talk struct {
	name string
	in   func(from Role) [][]byte // frame by frame
	got  []string                 // messages delivered
	sent []string                 // frames that we send
	end  string                   // of reading
}

const fin = true

func one(fin bool, op frame.Opcode, payload string) func(Role) [][]byte {
	return func(from Role) [][]byte { return [][]byte{frameOf(from, fin, op, payload)} }
}

// seq is several pieces of a conversation behind each other.
func seq(parts ...func(Role) [][]byte) func(Role) [][]byte {
	return func(from Role) (all [][]byte) {
		for _, p := range parts {
			all = append(all, p(from)...)
		}
		return all
	}
}

// bits is a frame whose first byte is changed.
func setBits(or byte, f func(Role) [][]byte) func(Role) [][]byte {
	return func(from Role) [][]byte {
		b := f(from)
		b[0][0] |= or
		return b
	}
}

// header is a frame header with the length written in a form of 1, 3 or 9 bytes,
// and no payload behind it.
func header(op frame.Opcode, length uint64, form int) func(Role) [][]byte {
	return func(from Role) [][]byte {
		b := []byte{0x80 | byte(op), 0}
		switch form {
		case 1:
			b[1] = byte(length)
		case 3:
			b[1] = 126
			b = append(b, byte(length>>8), byte(length))
		case 9:
			b[1] = 127
			for shift := 56; shift >= 0; shift -= 8 {
				b = append(b, byte(length>>shift))
			}
		}
		if from == Client {
			b[1] |= 0x80
			b = append(b, 1, 2, 3, 4)
		}
		return [][]byte{b}
	}
}

// wrongMask is a frame as the other role sends it.
func wrongMask(f func(Role) [][]byte) func(Role) [][]byte {
	return func(from Role) [][]byte { return f(1 - from) }
}

var (
	hello  = one(fin, frame.Text, "Hello")
	bye    = one(fin, frame.Close, closePayload(CloseNormal, "bye"))
	byeEnd = `close 1000 "bye"`
	byeOur = "close 1000"
)

// corpus returns all talks. The options that they run with are corpusOptions.
func corpus() []talk {
	return slices.Concat(goodTalks(), endTalks(), brokenFrames(), brokenText(), tooLarge())
}

const (
	corpusLimit     = 70_000
	corpusFragments = 5
)

func corpusOptions() *Options {
	return &Options{PingInterval: -1, MinProgress: -1, ReadLimit: corpusLimit, MaxFragments: corpusFragments}
}

func goodTalks() []talk {
	ts := []talk{
		{"hello", seq(hello, bye), []string{`text "Hello"`}, []string{byeOur}, byeEnd},
		{"fragments", seq(one(!fin, frame.Text, "Hel"), one(fin, frame.Continuation, "lo"), bye), []string{`text "Hello"`}, []string{byeOur}, byeEnd},
		{"empty messages", seq(one(fin, frame.Text, ""), one(fin, frame.Binary, ""), bye), []string{`text ""`, `binary ""`}, []string{byeOur}, byeEnd},
		{"empty fragments", seq(one(!fin, frame.Binary, ""), one(!fin, frame.Continuation, ""), one(fin, frame.Continuation, ""), bye), []string{`binary ""`}, []string{byeOur}, byeEnd},
		{"empty first and last fragment", seq(one(!fin, frame.Binary, ""), one(!fin, frame.Continuation, "x"), one(fin, frame.Continuation, ""), bye), []string{`binary "x"`}, []string{byeOur}, byeEnd},
		{"as many fragments as may be", seq(one(!fin, frame.Text, "1"), one(!fin, frame.Continuation, "2"), one(!fin, frame.Continuation, "3"), one(!fin, frame.Continuation, "4"), one(fin, frame.Continuation, "5"), bye), []string{`text "12345"`}, []string{byeOur}, byeEnd},
		{"pings between fragments", seq(one(!fin, frame.Text, "a"), one(fin, frame.Ping, "1"), one(!fin, frame.Continuation, "b"), one(fin, frame.Ping, ""), one(fin, frame.Pong, "?"), one(fin, frame.Continuation, "c"), bye), []string{`text "abc"`}, []string{`pong "1"`, `pong ""`, byeOur}, byeEnd},
		{"largest ping", seq(one(fin, frame.Ping, strings.Repeat("p", 125)), bye), nil, []string{fmt.Sprintf("pong %q", strings.Repeat("p", 125)), byeOur}, byeEnd},
		{"ping of all bytes", seq(one(fin, frame.Ping, "\x00\xff\x80\xde\xad"), bye), nil, []string{`pong "\x00\xff\x80ޭ"`, byeOur}, byeEnd},
		{"unsolicited pongs", seq(one(fin, frame.Pong, ""), one(fin, frame.Pong, "12345678"), hello, one(fin, frame.Pong, strings.Repeat("p", 125)), bye), []string{`text "Hello"`}, []string{byeOur}, byeEnd},
		{"ten pings", seq(one(fin, frame.Ping, "0"), one(fin, frame.Ping, "1"), one(fin, frame.Ping, "2"), one(fin, frame.Ping, "3"), one(fin, frame.Ping, "4"), one(fin, frame.Ping, "5"), one(fin, frame.Ping, "6"), one(fin, frame.Ping, "7"), one(fin, frame.Ping, "8"), one(fin, frame.Ping, "9"), bye), nil, []string{`pong "0"`, `pong "1"`, `pong "2"`, `pong "3"`, `pong "4"`, `pong "5"`, `pong "6"`, `pong "7"`, `pong "8"`, `pong "9"`, byeOur}, byeEnd},
		{"type of the first frame", seq(one(!fin, frame.Binary, "\xff"), one(fin, frame.Continuation, "\xfe"), hello, bye), []string{`binary "\xff\xfe"`, `text "Hello"`}, []string{byeOur}, byeEnd},
		{"code points over frames", seq(one(!fin, frame.Text, "\xf0\x9f"), one(!fin, frame.Continuation, "\x98"), one(!fin, frame.Continuation, ""), one(fin, frame.Continuation, "\x80"), bye), []string{`text "😀"`}, []string{byeOur}, byeEnd},
		{"odd code points", seq(one(fin, frame.Text, "\x00\ufeff\ufffe\uffff\U0010ffff"), bye), []string{fmt.Sprintf("text %q", "\x00\ufeff\ufffe\uffff\U0010ffff")}, []string{byeOur}, byeEnd},
		{"nothing", seq(), nil, nil, "EOF"},
		{"no close", hello, []string{`text "Hello"`}, nil, "EOF"},
		{"unfinished message", one(!fin, frame.Text, "Hel"), nil, nil, "unexpected EOF"},
		{"unfinished message, then a ping", seq(one(!fin, frame.Text, "Hel"), one(fin, frame.Ping, "x")), nil, []string{`pong "x"`}, "unexpected EOF"},
		{"promised and not kept", header(frame.Binary, 5, 1), nil, nil, "unexpected EOF"},
	}
	for _, n := range []int{125, 126, 127, 65_535, 65_536, corpusLimit} {
		p := strings.Repeat("0123456789", n/10+1)[:n]
		ts = append(ts, talk{fmt.Sprintf("%d bytes", n), seq(one(fin, frame.Binary, p), bye), []string{fmt.Sprintf("binary %q", p)}, []string{byeOur}, byeEnd})
	}
	return ts
}

func endTalks() []talk {
	long := strings.Repeat("é", 61) + "x" // 123 bytes
	ts := []talk{
		{"close without code", one(fin, frame.Close, ""), nil, []string{"close 1005"}, `close 1005 ""`},
		{"close with the longest reason", one(fin, frame.Close, closePayload(4999, long)), nil, []string{"close 4999"}, fmt.Sprintf("close 4999 %q", long)},
		{"close with control characters", one(fin, frame.Close, closePayload(1001, "\x1b[31m\r\n")), nil, []string{"close 1001"}, `close 1001 "\x1b[31m\r\n"`},
		{"close inside a message", seq(one(!fin, frame.Text, "half"), bye), nil, []string{byeOur}, byeEnd},
		{"frames behind a close", seq(bye, hello, one(fin, frame.Ping, "late"), one(fin, frame.Close, "")), nil, []string{byeOur}, byeEnd},
		{"close of one byte", one(fin, frame.Close, "\x03"), nil, []string{"close 1002"}, "rule 1002 5.5.1"},
		{"close with a bad reason", one(fin, frame.Close, closePayload(1000, "\xff\xfe")), nil, []string{"close 1007"}, "rule 1007 5.5.1"},
		{"close with half a code point", one(fin, frame.Close, closePayload(1000, "ok\xe2\x82")), nil, []string{"close 1007"}, "rule 1007 5.5.1"},
		{"close with a surrogate", one(fin, frame.Close, closePayload(1000, "\xed\xa0\x80")), nil, []string{"close 1007"}, "rule 1007 5.5.1"},
	}
	for _, code := range []CloseCode{1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999} {
		ts = append(ts, talk{fmt.Sprintf("close %d", code), one(fin, frame.Close, closePayload(code, "")), nil, []string{fmt.Sprintf("close %d", code)}, fmt.Sprintf("close %d \"\"", code)})
	}
	for _, code := range []CloseCode{0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		ts = append(ts, talk{fmt.Sprintf("close %d", code), one(fin, frame.Close, closePayload(code, "")), nil, []string{"close 1002"}, "rule 1002 7.4"})
	}
	return ts
}

func brokenFrames() []talk {
	broken := func(name, section string, in func(Role) [][]byte) talk {
		return talk{name, seq(hello, in, hello, bye), []string{`text "Hello"`}, []string{"close 1002"}, "rule 1002 " + section}
	}
	ts := []talk{
		broken("continuation of nothing", "5.4", one(!fin, frame.Continuation, "x")),
		broken("last continuation of nothing", "5.4", one(fin, frame.Continuation, "")),
		broken("text inside text", "5.4", seq(one(!fin, frame.Text, "a"), one(fin, frame.Text, "b"))),
		broken("binary inside text", "5.4", seq(one(!fin, frame.Text, "a"), one(!fin, frame.Binary, "b"))),
		broken("text inside binary", "5.4", seq(one(!fin, frame.Binary, ""), one(fin, frame.Text, "b"))),
		broken("length over 2^63", "5.2", header(frame.Binary, 1<<63, 9)),
		broken("length 2^63+2", "5.2", header(frame.Text, 1<<63+2, 9)),
		broken("length 2^64-1", "5.2", header(frame.Continuation, 1<<64-1, 9)),
		broken("ping with a length of 126 in one more form", "5.5", header(frame.Ping, 126, 3)),
	}
	for _, op := range []frame.Opcode{frame.Continuation, frame.Text, frame.Binary, frame.Close, frame.Ping, frame.Pong} {
		for rsv := byte(1); rsv <= 7; rsv++ {
			ts = append(ts, broken(fmt.Sprintf("%v with reserved bits %d", op, rsv), "5.2", setBits(rsv<<4, one(fin, op, ""))))
		}
		ts = append(ts, broken(fmt.Sprintf("%v masked wrongly", op), "5.1", wrongMask(one(fin, op, ""))))
	}
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		ts = append(ts,
			broken(fmt.Sprintf("fragmented %v", op), "5.5", one(!fin, op, "")),
			broken(fmt.Sprintf("%v of 126 bytes", op), "5.5", one(fin, op, strings.Repeat("x", 126))),
			broken(fmt.Sprintf("%v of 2^64-1 bytes", op), "5.5", header(op, 1<<64-1, 9)))
	}
	for _, op := range []frame.Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		ts = append(ts, broken(fmt.Sprintf("%v", op), "5.2", header(op, 1<<40, 9)))
	}
	for _, n := range []uint64{0, 1, 125} {
		ts = append(ts,
			broken(fmt.Sprintf("%d bytes in 16 bits", n), "5.2", header(frame.Text, n, 3)),
			broken(fmt.Sprintf("%d bytes in 64 bits", n), "5.2", header(frame.Binary, n, 9)))
	}
	return append(ts,
		broken("126 bytes in 64 bits", "5.2", header(frame.Binary, 126, 9)),
		broken("65535 bytes in 64 bits", "5.2", header(frame.Binary, 65535, 9)))
}

func brokenText() []talk {
	broken := func(name string, in func(Role) [][]byte) talk {
		return talk{name, seq(hello, in, hello, bye), []string{`text "Hello"`}, []string{"close 1007"}, "rule 1007 8.1"}
	}
	ts := []talk{
		broken("code point that no frame ends", seq(one(!fin, frame.Text, "\xe2"), one(fin, frame.Continuation, "\x82"))),
		broken("code point cut by the next one", seq(one(!fin, frame.Text, "\xe2"), one(fin, frame.Continuation, "a"))),
		broken("bad byte behind a ping", seq(one(!fin, frame.Text, "\xe2"), one(fin, frame.Ping, "\x82\xac"), one(fin, frame.Continuation, "\xff"))),
		broken("bad byte in the last of many", seq(one(!fin, frame.Text, "κόσμε"), one(!fin, frame.Continuation, ""), one(fin, frame.Continuation, "\xed\xa0\x80edited"))),
	}
	ts[2].sent = []string{`pong "\x82\xac"`, "close 1007"}
	for _, s := range []string{"\xff", "\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ok\xc3", "ok\xf0\x9f\x98"} {
		ts = append(ts, broken(fmt.Sprintf("text %q", s), one(fin, frame.Text, s)))
	}
	return ts
}

func tooLarge() []talk {
	broken := func(name string, in func(Role) [][]byte) talk {
		return talk{name, in, nil, []string{"close 1009"}, "rule 1009 10.4"}
	}
	return []talk{
		broken("one byte over the limit", header(frame.Binary, corpusLimit+1, 9)),
		broken("2^40 bytes declared", header(frame.Text, 1<<40, 9)),
		broken("2^63-1 bytes declared", header(frame.Binary, 1<<63-1, 9)),
		broken("2^63-1 bytes behind one", seq(one(!fin, frame.Text, "x"), header(frame.Continuation, 1<<63-1, 9))),
		broken("over the limit by fragments", seq(one(!fin, frame.Binary, strings.Repeat("x", corpusLimit)), one(fin, frame.Continuation, "x"))),
		broken("too many fragments", seq(one(!fin, frame.Text, "1"), one(!fin, frame.Continuation, ""), one(!fin, frame.Continuation, ""), one(!fin, frame.Continuation, ""), one(!fin, frame.Continuation, ""), one(fin, frame.Continuation, ""))),
	}
}

// heard is what came of a talk.
type heard struct {
	got, sent []string
	end       string
}

func (h heard) equal(o heard) bool {
	return slices.Equal(h.got, o.got) && slices.Equal(h.sent, o.sent) && h.end == o.end
}

// listen reads all messages and then tells the end, in words.
func listen(ctx context.Context, c *Conn) (h heard) {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			h.end = endOf(err)
			return h
		}
		h.got = append(h.got, fmt.Sprintf("%v %q", typ, p))
	}
}

// hearings are the ways to hear out a connection.
var hearings = []struct {
	name   string
	listen func(context.Context, *Conn) heard
}{{"Read", listen}, {"Serve", listenServed}}

// endOf puts the end of a connection in words.
func endOf(err error) string {
	var e *CloseError
	var rule *frame.Error
	switch {
	case !errors.As(err, &e):
		return fmt.Sprintf("no CloseError: %v", err)
	case errors.As(err, &rule):
		return fmt.Sprintf("rule %d %s", rule.Code, rule.Section)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected EOF"
	case errors.Is(err, io.EOF):
		return "EOF"
	case errors.Is(err, errReset):
		return "reset"
	case e.cause != nil:
		return err.Error()
	}
	return fmt.Sprintf("close %d %q", e.Code, e.Reason)
}

// overhear collects the frames that we send, until our stream ends.
func overhear(p *peer) (sent []string) {
	for {
		h, b, err := p.next()
		switch {
		case err != nil:
			return sent
		case h.Masked != (p.role == Server):
			sent = append(sent, fmt.Sprintf("%v masked %t", h.Opcode, h.Masked))
		case h.Opcode == frame.Close:
			code, _, err := frame.ParseClose([]byte(b))
			if err != nil {
				return append(sent, err.Error())
			}
			sent = append(sent, fmt.Sprintf("close %d", code))
		default:
			sent = append(sent, fmt.Sprintf("%v %q", h.Opcode, b))
		}
	}
}

// conversation runs a talk in every way of hearing, and wants the same of all: in is
// sent behind buffered, which the handshake has read already. wrap makes the
// connection that cuts the stream, and cut ends it.
func conversation(t *testing.T, role Role, buffered, in []byte, wrap func() func(net.Conn) net.Conn, cut func(*wiretest.Conn)) (h heard) {
	for i, hearing := range hearings {
		again := hearOut(t, role, buffered, in, hearing.listen, wrap(), cut)
		if i == 0 {
			h = again
		} else if !again.equal(h) {
			t.Errorf("%s: got %.300q, want %.300q as %s, input %.300x", hearing.name, again, h, hearings[0].name, in)
		}
	}
	return h
}

func hearOut(t *testing.T, role Role, buffered, in []byte, listen func(context.Context, *Conn) heard, wrap func(net.Conn) net.Conn, cut func(*wiretest.Conn)) heard {
	near, far := wiretest.Pipe(len(in) + 1)
	// What a closing server leaves unread must not destroy what it said last.
	near.SetManners(wiretest.Manners{QuietClose: true})
	c := New(wrap(near), Setup{Role: role, Buffered: buffered}, corpusOptions())
	defer c.CloseNow()
	p := &peer{t: t, nc: far, role: 1 - role}
	sent := make(chan []string, 1)
	go func() { sent <- overhear(p) }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		far.Write(in)
		cut(far)
	}()
	h := listen(t.Context(), c)
	if _, _, err := c.Read(t.Context()); endOf(err) != h.end || endOf(c.Err()) != h.end {
		t.Errorf("the next Read says %q and Err %q; want %q", endOf(err), endOf(c.Err()), h.end)
	}
	h.sent = <-sent
	<-c.Done()
	<-done
	return h
}

func whole() func(net.Conn) net.Conn { return func(nc net.Conn) net.Conn { return nc } }

func endStream(far *wiretest.Conn) { far.CloseWrite() }

// Checklist: F2, F4, F5, F6, F7, F8, F10, F11, F13, F14, G1, G2, G3, G4, G6, N5, L12, L16, L17, T1, T2, T3, T5, Z3, Z5, K3
func TestTalksEndAlikeUnderEverySegmentation(t *testing.T) {
	for _, talk := range corpus() {
		for _, role := range both {
			t.Run(fmt.Sprintf("%v/%s", role, talk.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { segment(t, role, talk) })
			})
		}
	}
}

func segment(t *testing.T, role Role, talk talk) {
	in := bytes.Join(talk.in(1-role), nil)
	want := heard{got: talk.got, sent: talk.sent, end: talk.end}
	check := func(how string, got heard) {
		t.Helper()
		if !got.equal(want) {
			t.Errorf("%s: got %.300q, want %.300q, input %.300x", how, got, want, in)
		}
	}
	check("in one piece", conversation(t, role, nil, in, whole, endStream))
	step := 1 + len(in)/4000 // a large message is cut somewhat larger
	check("byte by byte", conversation(t, role, nil, in, splits(func() func() int { return wiretest.Fixed(step) }), endStream))
	for seed := range uint64(2) {
		check(fmt.Sprintf("random pieces %d", seed), conversation(t, role, nil, in, splits(func() func() int { return wiretest.Random(seed, 40*step) }), endStream))
	}
	for _, n := range []int{1, 2, 5, 7, len(in) / 2, len(in) - 1, len(in)} {
		if 0 < n && n <= len(in) {
			check(fmt.Sprintf("%d bytes behind the handshake", n), conversation(t, role, in[:n], in[n:], whole, endStream))
		}
	}
}

func splits(sizes func() func() int) func() func(net.Conn) net.Conn {
	return func() func(net.Conn) net.Conn {
		return func(nc net.Conn) net.Conn { return wiretest.Split(nc, sizes()) }
	}
}

// Checklist: L13, F13
func TestTalksCutAnywhereEndClearly(t *testing.T) {
	cuts := map[string]func(*wiretest.Conn){
		"EOF":   endStream,
		"reset": func(far *wiretest.Conn) { synctest.Wait(); far.Reset() },
	}
	for _, talk := range corpus() {
		for _, role := range both {
			frames := talk.in(1 - role)
			in := bytes.Join(frames, nil)
			if len(in) > 200 {
				continue
			}
			t.Run(fmt.Sprintf("%v/%s", role, talk.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for how, cut := range cuts {
						// Bytes behind the end of the talk change nothing any more.
						for at, ended := 0, 0; at < len(in) && ended < 3; at++ {
							if cutAt(t, role, talk, at, how, cut) {
								ended++
							}
						}
					}
				})
			})
		}
	}
}

// cutAt cuts a talk at a byte and reports whether it had come to its end before.
func cutAt(t *testing.T, role Role, talk talk, at int, how string, cut func(*wiretest.Conn)) (ended bool) {
	frames := talk.in(1 - role)
	in := bytes.Join(frames, nil)
	got := conversation(t, role, nil, in[:at], whole, cut)
	want := how
	if how == "EOF" && insideAt(frames, at) {
		want = "unexpected EOF"
	}
	if got.end != want && got.end != talk.end {
		t.Errorf("%s at byte %d: reading ended with %q; want %q, input %x", how, at, got.end, want, in)
	}
	if !prefix(got.got, talk.got) {
		t.Errorf("%s at byte %d: got %q; want the first of %q, input %x", how, at, got.got, talk.got, in)
	}
	// Only a rule that the first bytes broke, or the peer's Close, makes us say more
	// than Pongs. A reset may destroy either.
	if how == "EOF" && !prefix(got.sent, talk.sent) {
		t.Errorf("%s at byte %d: sent %q; want the first of %q, input %x", how, at, got.sent, talk.sent, in)
	}
	return got.end == talk.end && got.end != want
}

func prefix(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }

// insideAt says whether byte at stands inside a frame or a message of frames that
// keep the rules.
func insideAt(frames [][]byte, at int) bool {
	open := false
	for _, f := range frames {
		switch {
		case at == 0:
			return open
		case at < len(f):
			return true
		}
		at -= len(f)
		h, err := frame.ParseHeader(f)
		if err == nil && h.Opcode.IsData() {
			open = !h.Fin
		}
	}
	return open
}

// The examples of RFC 6455, section 5.7, byte for byte.
//
// Checklist: F10, K3
func TestExamplesOfTheRFC(t *testing.T) {
	long := func(n int) string { return strings.Repeat("\xa5", n) }
	for _, test := range []struct {
		role      Role // ours
		in        string
		got, sent []string
	}{
		{Client, "\x81\x05Hello", []string{`text "Hello"`}, nil},
		{Server, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", []string{`text "Hello"`}, nil},
		{Client, "\x01\x03Hel\x80\x02lo", []string{`text "Hello"`}, nil},
		{Client, "\x89\x05Hello", nil, []string{`pong "Hello"`}},
		{Server, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", nil, nil},
		{Client, "\x82\x7e\x01\x00" + long(256), []string{fmt.Sprintf("binary %q", long(256))}, nil},
		{Client, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + long(65536), []string{fmt.Sprintf("binary %q", long(65536))}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			got := conversation(t, test.role, nil, []byte(test.in), whole, endStream)
			want := heard{got: test.got, sent: test.sent, end: "EOF"}
			if !got.equal(want) {
				t.Errorf("got %.200q, want %.200q, input %.200x", got, want, test.in)
			}
		})
	}
}

var errInjected = errors.New("injected")

// Each call to the connection below fails once, at each index, over a whole
// conversation: nothing hangs, nothing panics, and the error is one and clear.
func TestEveryWireCallMayFail(t *testing.T) {
	for _, op := range []wiretest.Op{wiretest.OpRead, wiretest.OpWrite, wiretest.OpDeadline, wiretest.OpCloseWrite, wiretest.OpClose} {
		for _, role := range both {
			for _, partial := range []int{0, 3} {
				if partial > 0 && op != wiretest.OpRead && op != wiretest.OpWrite {
					continue
				}
				t.Run(fmt.Sprintf("%v/%v/%d", op, role, partial), func(t *testing.T) {
					failed := true
					n := 1
					for ; failed; n++ {
						synctest.Test(t, func(t *testing.T) { failed = failAt(t, role, op, n, partial) })
					}
					if n < 3 && op != wiretest.OpCloseWrite {
						t.Errorf("only %d calls of %v: the conversation is too poor", n-1, op)
					}
				})
			}
		}
	}
}

// failAt has a long talk with a peer and reports whether the fault has happened.
func failAt(t *testing.T, role Role, op wiretest.Op, call, partial int) bool {
	near, far := wiretest.Pipe(24 << 10) // a large message waits for room, an echoed fragment does not
	f := wiretest.FailAt(near, op, call, errInjected).Partial(partial)
	c := New(f, Setup{Role: role}, quiet())
	p := &peer{t: t, nc: far, role: 1 - role}
	answered := make(chan struct{})
	go answer(p, answered)
	err := chat(t.Context(), c)
	// Whatever happened, the end is the same for ever.
	for _, again := range []func() error{
		func() error { _, _, err := c.Read(t.Context()); return err },
		func() error { return c.Write(t.Context(), Text, nil) },
		func() error { return c.Err() },
	} {
		first, second := again(), again()
		if first == nil || first != second {
			t.Errorf("%v call %d failed: then %v, and %v the second time; want the same error twice", op, call, first, second)
		}
		if errors.Is(first, context.Canceled) || errors.Is(first, context.DeadlineExceeded) {
			t.Errorf("%v call %d failed: the permanent error is %v", op, call, first)
		}
	}
	if f.Failed() && partial == 0 && (op == wiretest.OpRead || op == wiretest.OpWrite) && err == nil {
		// The fault may only have hit what nobody waits for any more.
		if e := closeError(t, c.Err()); e.Code == CloseAbnormal && !errors.Is(e, errInjected) {
			t.Errorf("%v call %d failed: the connection ended with %v", op, call, e)
		}
	}
	<-c.Done()
	far.Close()
	<-answered
	return f.Failed()
}

// answer is an honest peer: it echoes messages, answers Pings and the Close.
func answer(p *peer, done chan<- struct{}) {
	defer close(done)
	defer p.nc.Close()
	for {
		h, b, err := p.next()
		if err != nil {
			return
		}
		switch h.Opcode {
		case frame.Ping:
			p.nc.Write(p.frame(fin, frame.Pong, b))
		case frame.Close:
			p.nc.Write(p.frame(fin, frame.Close, b))
			return
		case frame.Pong:
		default:
			p.nc.Write(p.frame(fin, frame.Ping, "between"))
			p.nc.Write(p.frame(h.Fin, h.Opcode, b))
		}
	}
}

// chat uses every part of a connection and returns the first error that is not a
// context's.
func chat(ctx context.Context, c *Conn) (first error) {
	note := func(err error) {
		if err != nil && first == nil && !errors.Is(err, context.DeadlineExceeded) {
			first = err
		}
	}
	note(c.Write(ctx, Text, []byte("first")))
	_, _, err := c.Read(ctx)
	note(err)
	short, cancel := context.WithTimeout(ctx, 1000)
	_, _, err = c.Read(short)
	note(err)
	cancel()
	_, err = c.Ping(ctx)
	note(err)
	note(c.Write(ctx, Binary, make([]byte, 3*copyMax)))
	_, r, err := c.Reader(ctx)
	note(err)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		note(err)
	}
	w, err := c.Writer(ctx, Text)
	note(err)
	if err == nil {
		_, err = w.Write(bytes.Repeat([]byte("w"), 2*fragmentSize))
		note(err)
		note(w.Close())
	}
	_, _, err = c.Read(ctx)
	note(err)
	note(c.Post(Text, []byte("post")))
	note(c.Close())
	return first
}
