package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

func TestIsNormal(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"another error", io.EOF, false},
		{"a canceled call", canceled("read", context.Canceled), false},
		{"a full queue", ErrQueueFull, false},
		{"a write behind our Close", ErrClosed, true},
		{"the same, wrapped", fmt.Errorf("send: %w", ErrClosed), true},
		{"somebody's closed socket", net.ErrClosed, false},
		{"peer's 1000", &CloseError{Code: CloseNormal, Sent: CloseNormal, Remote: true}, true},
		{"peer's 1001", &CloseError{Code: CloseGoingAway, Sent: CloseGoingAway, Remote: true}, true},
		{"peer's empty Close", &CloseError{Code: CloseNoStatus, Sent: CloseNoStatus, Remote: true}, true},
		{"peer's 1011", &CloseError{Code: CloseInternalError, Sent: CloseInternalError, Remote: true}, false},
		{"peer's 4000", &CloseError{Code: 4000, Sent: 4000, Remote: true}, false},
		{"ours, answered", &CloseError{Code: CloseNormal, Sent: CloseNormal}, true},
		{"our 4000, answered", &CloseError{Code: 4000, Sent: 4000}, true},
		{"ours, crossed by another", &CloseError{Code: CloseInternalError, Sent: CloseNormal}, true},
		{"ours, not answered", &CloseError{Code: CloseAbnormal, Sent: CloseNormal, cause: errNoClose}, false},
		{"end of the stream", &CloseError{Code: CloseAbnormal, Remote: true, cause: io.EOF}, false},
		{"CloseNow", &CloseError{Code: CloseAbnormal, cause: ErrClosed}, false},
		{"wrapped", fmt.Errorf("serve: %w", &CloseError{Code: CloseNormal, Remote: true}), true},
	}
	for _, tt := range tests {
		if got := IsNormal(tt.err); got != tt.want {
			t.Errorf("IsNormal of %s, %v, is %v, want %v", tt.name, tt.err, got, tt.want)
		}
	}
}

// A foreign connection may fail with a context's error: a permanent error must not
// look as if some call's context had ended.
func TestPermanentErrorsMatchNoContext(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded,
		&net.OpError{Op: "read", Err: context.DeadlineExceeded}, fmt.Errorf("dial: %w", context.Canceled)} {
		got := cause("read", err, false)
		if errors.Is(got, context.Canceled) || errors.Is(got, context.DeadlineExceeded) {
			t.Errorf("the cause made of %v matches a context's error", err)
		}
		if !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("the cause made of %v is %q, want it to tell", err, got)
		}
	}
	if got := cause("read", errReset, false); !errors.Is(got, errReset) {
		t.Errorf("the cause made of ECONNRESET is %v, want it to match", got)
	}
}

func TestTimeoutIsADeadlineAndNothingElse(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{nil, false},
		{io.EOF, false},
		{net.ErrClosed, false},
		{os.ErrDeadlineExceeded, true},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, false}, // keepalive of TCP
		{&net.DNSError{IsTimeout: true}, true},                                                // a foreign net.Error
	}
	for _, tt := range tests {
		if got := isTimeout(tt.err); got != tt.want {
			t.Errorf("isTimeout(%v) is %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestEndOfTheStreamInsideAMessageIsUnexpected(t *testing.T) {
	tests := []struct {
		err    error
		inside bool
		want   error
	}{
		{io.EOF, false, io.EOF},
		{io.EOF, true, io.ErrUnexpectedEOF},
		{errReset, true, errReset},
	}
	for _, tt := range tests {
		if got := cause("read", tt.err, tt.inside); !errors.Is(got, tt.want) {
			t.Errorf("cause of %v, inside %v, is %v; want %v", tt.err, tt.inside, got, tt.want)
		}
	}
	if errors.Is(cause("read", io.EOF, true), io.EOF) {
		t.Error("the end inside a message matches io.EOF")
	}
}

// Checklist: L5
func TestReasonIsCutAtACodePoint(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{strings.Repeat("é", 200), strings.Repeat("é", 61)},
		{strings.Repeat("x", 122) + "é", strings.Repeat("x", 122)},
		{strings.Repeat("x", 121) + "\U0001F30A", strings.Repeat("x", 121)},
	}
	for _, tt := range tests {
		if got := cutReason(tt.in); got != tt.want {
			t.Errorf("cutReason(%q) is %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Only a broken rule has a close code, and every one is told to the peer.
//
// Checklist: L12, Z5
func TestFailNamesTheRule(t *testing.T) {
	tests := []struct {
		name string
		in   func(p *peer) []byte
		code CloseCode
	}{
		{"reserved bit", func(p *peer) []byte { return []byte{0xc1, 0x00} }, CloseProtocolError},
		{"unknown opcode", func(p *peer) []byte { return []byte{0x83, 0x00} }, CloseProtocolError},
		{"continuation of nothing", func(p *peer) []byte { return p.frame(true, frame.Continuation, "x") }, CloseProtocolError},
		{"fragmented ping", func(p *peer) []byte { return p.frame(false, frame.Ping, "x") }, CloseProtocolError},
		{"text that is none", func(p *peer) []byte { return p.frame(true, frame.Text, "\xff") }, CloseInvalidPayload},
		{"reason that is no text", func(p *peer) []byte { return p.frame(true, frame.Close, "\x03\xe8\xff") }, CloseInvalidPayload},
		{"too large", func(p *peer) []byte { return p.frame(true, frame.Text, strings.Repeat("x", 11)) }, CloseTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				o := quiet()
				o.ReadLimit = 10
				c, p := newPeer(t, role, o)
				p.send(tt.in(p))
				err := readOnce(context.Background(), c)
				if brokenRule(err) != tt.code || closeError(t, err).Sent != tt.code {
					t.Errorf("Read returned %v, want a broken rule with %d", err, tt.code)
				}
				h, body, err := p.next()
				if err != nil || h.Opcode != frame.Close {
					t.Fatalf("peer got %+v, %v; want a Close", h, err)
				}
				code, reason, _ := frame.ParseClose([]byte(body))
				if code != tt.code || reason == "" {
					t.Errorf("peer got a Close with %d %q, want %d and why", code, reason, tt.code)
				}
			})
		})
	}
}

// Checklist: L18
func TestCloseErrorTellsWhoEndedIt(t *testing.T) {
	tests := []struct {
		e    CloseError
		want string
	}{
		{CloseError{Code: CloseNormal, Remote: true}, "websocket: closed by peer: 1000 (normal closure)"},
		{CloseError{Code: 4001, Reason: "\x1b[2Jbye", Remote: true}, `websocket: closed by peer: 4001 (private use): "\x1b[2Jbye"`},
		{CloseError{Code: CloseNoStatus, Sent: CloseGoingAway}, "websocket: closed by this side: 1001 (going away), answered by 1005 (no status received)"},
		{CloseError{Code: CloseAbnormal, cause: errDead}, errDead.Error()},
	}
	for _, tt := range tests {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("Error of %#v is %q, want %q", tt.e, got, tt.want)
		}
	}
}

// Checklist: L11
func TestErrorSaysHowItEnded(t *testing.T) {
	for _, test := range []struct {
		name   string
		do     func(p *peer)
		want   CloseError
		normal bool
		is     error
		text   string
	}{
		{"normal", func(p *peer) { p.message(frame.Close, closePayload(1000, "done")) },
			CloseError{Code: 1000, Sent: 1000, Reason: "done", Remote: true}, true, nil, `websocket: closed by peer: 1000 (normal closure): "done"`},
		{"going away", func(p *peer) { p.message(frame.Close, closePayload(1001, "")) },
			CloseError{Code: 1001, Sent: 1001, Remote: true}, true, nil, "websocket: closed by peer: 1001 (going away)"},
		{"no code", func(p *peer) { p.message(frame.Close, "") },
			CloseError{Code: 1005, Sent: 1005, Remote: true}, true, nil, "websocket: closed by peer: 1005 (no status received)"},
		{"private code", func(p *peer) { p.message(frame.Close, closePayload(4000, "go")) },
			CloseError{Code: 4000, Sent: 4000, Reason: "go", Remote: true}, false, nil, ""},
		{"end of the stream", func(p *peer) { p.nc.CloseWrite() },
			CloseError{Code: 1006, Remote: true}, false, io.EOF, "websocket: read: EOF"},
		{"reset", func(p *peer) { p.nc.Reset() },
			CloseError{Code: 1006, Remote: true}, false, errReset, ""},
		{"broken rule", func(p *peer) { p.message(frame.Opcode(7), "") },
			CloseError{Code: 1006, Sent: 1002, Remote: true}, false, nil, ""},
	} {
		for _, role := range both {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPeer(t, role, quiet())
				test.do(p)
				_, _, err := c.Read(t.Context())
				e := *closeError(t, err)
				cause := e.cause
				e.cause = nil
				if e != test.want || IsNormal(err) != test.normal || test.is != nil && !errors.Is(cause, test.is) {
					t.Errorf("%s: got %+v (%v), normal %t; want %+v, %t", test.name, e, err, IsNormal(err), test.want, test.normal)
				}
				if test.text != "" && err.Error() != test.text {
					t.Errorf("%s: got text %s, want %s", test.name, err, test.text)
				}
			})
		}
	}
}

// A stranger's text is shown quoted, so that it cannot speak to a terminal.
//
// Checklist: L18
func TestReasonIsQuotedInErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		p.message(frame.Close, closePayload(4001, "\x1b]0;pwned\a\r\nlog: \u202efake\u2028"))
		_, _, err := c.Read(t.Context())
		want := `"\x1b]0;pwned\a\r\nlog: \u202efake\u2028"`
		if s := err.Error(); !strings.HasSuffix(s, want) || strings.ContainsAny(s, "\x1b\a\r\n\u202e\u2028") {
			t.Errorf("got error %q, want the reason as %s", s, want)
		}
	})
}
