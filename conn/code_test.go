package conn

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Checklist: L3, L5, N2
func TestCloseWithRefusesWhatMustNotBeSent(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		for code := range 1 << 16 {
			if CloseCode(code).Sendable() || CloseCode(code) == CloseNoStatus {
				continue
			}
			if err := c.CloseWith(context.Background(), CloseCode(code), ""); err == nil {
				t.Fatalf("CloseWith(%d) returned nil, want a refusal", code)
			}
		}
		for _, reason := range []string{strings.Repeat("x", 124), strings.Repeat("é", 62), "\xff", "caf\xc3"} {
			if err := c.CloseWith(context.Background(), CloseNormal, reason); err == nil {
				t.Errorf("CloseWith(1000, %q) returned nil, want a refusal", reason)
			}
		}
		if err := c.CloseWith(context.Background(), CloseNoStatus, "why"); err == nil {
			t.Error("CloseWith(1005) with a reason returned nil, want a refusal")
		}
		// The connection has not noticed.
		if err := c.Write(context.Background(), Text, []byte("still here")); err != nil {
			t.Errorf("Write returned %v, want nil", err)
		}
		p.expect(frame.Text, "still here")
	})
}

// Checklist: L3, L5
func TestCloseWithSendsEveryCodeThatMayBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for code := range 1 << 16 {
			code := CloseCode(code)
			if !code.Sendable() && code != CloseNoStatus {
				continue
			}
			role := both[code%2]
			c, p := newPeer(t, role, quiet())
			reason, body := "", ""
			if code != CloseNoStatus {
				reason = strings.Repeat("é", 61)
				body = closePayload(code, reason)
			}
			c.BeginClose(code, reason)
			p.expect(frame.Close, body)
			p.message(frame.Close, body)
			p.nc.CloseWrite()
			if err := readOnce(context.Background(), c); !IsNormal(err) || closeError(t, err).Sent != code {
				t.Fatalf("Read returned %v, want our own %v, answered", err, code)
			}
			c.CloseNow()
		}
	})
}

// Checklist: L3, L5
func TestBeginCloseReplacesWhatMustNotBeSent(t *testing.T) {
	tests := []struct {
		code   CloseCode
		reason string
		want   string
	}{
		{CloseNormal, "bye", closePayload(CloseNormal, "bye")},
		{CloseNoStatus, "", ""},
		{CloseNoStatus, "why", closePayload(CloseInternalError, "")},
		{CloseAbnormal, "", closePayload(CloseInternalError, "")},
		{CloseTLSHandshake, "", closePayload(CloseInternalError, "")},
		{1004, "x", closePayload(CloseInternalError, "")},
		{0, "", closePayload(CloseInternalError, "")},
		{5000, "", closePayload(CloseInternalError, "")},
		{4000, strings.Repeat("x", 124), closePayload(4000, "")},
		{4000, "\xff", closePayload(4000, "")},
	}
	for _, tt := range tests {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			c.BeginClose(tt.code, tt.reason)
			h, got, err := p.next()
			if err != nil || h.Opcode != frame.Close || got != tt.want {
				t.Errorf("peer got %+v %x, %v; want a Close %x for %d %q", h, got, err, tt.want, tt.code, tt.reason)
			}
		})
	}
}

// Checklist: L2
func TestEveryCloseCodeReceived(t *testing.T) {
	stride := 1
	if raced() {
		stride = 47 // a sample: there it takes a minute
	}
	for _, role := range both {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for code := 0; code < 1<<16; code += stride {
					receiveCode(t, role, CloseCode(code))
				}
				for _, edge := range []CloseCode{0, 1000, 1004, 1007, 1012, 1015, 3000, 5000, 65535} {
					receiveCode(t, role, edge-1)
					receiveCode(t, role, edge)
					receiveCode(t, role, edge+1)
				}
			})
		})
	}
}

// allowedCode says which codes a peer may send, in other words than the package
// does.
func allowedCode(code CloseCode) bool {
	for _, r := range [][2]CloseCode{{1000, 1003}, {1007, 1011}, {1012, 1014}, {3000, 4999}} {
		if r[0] <= code && code <= r[1] {
			return true
		}
	}
	return false
}

func receiveCode(t *testing.T, role Role, code CloseCode) {
	near, far := wiretest.Pipe(0)
	p := &peer{t: t, nc: far, role: 1 - role}
	p.message(frame.Close, closePayload(code, ""))
	p.nc.CloseWrite()
	c := New(near, Setup{Role: role}, quiet())
	e := closeError(t, readOnce(context.Background(), c))
	if allowedCode(code) {
		p.expect(frame.Close, closePayload(code, ""))
		if e.Code != code || e.Sent != code || !e.Remote {
			t.Fatalf("Read returned %+v, want %d from the peer, echoed", *e, code)
		}
	} else {
		p.expectClose(CloseProtocolError)
		if e.Code != CloseAbnormal || e.Sent != CloseProtocolError || !e.Remote {
			t.Fatalf("Read returned %+v, want 1002 sent for %d", *e, code)
		}
	}
	p.expectEnd()
	<-c.Done()
}

// Checklist: L1, L4, T5, N1
func TestCloseBodies(t *testing.T) {
	tests := []struct {
		body string
		sent CloseCode // in our Close; 0: an echo
	}{
		{"", 0},
		{"\x03", CloseProtocolError},                      // half a code
		{closePayload(1000, ""), 0},                       // 2 bytes
		{closePayload(1000, "x"), 0},                      // 3 bytes
		{closePayload(1000, strings.Repeat("x", 123)), 0}, // 125 bytes
		{closePayload(1000, strings.Repeat("x", 124)), CloseProtocolError}, // 126 bytes are no control frame
		{closePayload(1000, "\xff\xfe"), CloseInvalidPayload},              // no UTF-8 begins so
		{closePayload(1000, "caf\xc3"), CloseInvalidPayload},               // cut in a code point
		{closePayload(1000, "\xed\xa0\x80"), CloseInvalidPayload},          // a surrogate
		{closePayload(1000, "caf\xc3\xa9"), 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.6x", tt.body), func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				p.message(frame.Close, tt.body)
				e := closeError(t, readOnce(context.Background(), c))
				if tt.sent != 0 {
					p.expectClose(tt.sent)
					if e.Code != CloseAbnormal || e.Sent != tt.sent || brokenRule(e) != tt.sent {
						t.Errorf("Read returned %+v, want %d sent for %x", *e, tt.sent, tt.body)
					}
					return
				}
				code, reason, _ := frame.ParseClose([]byte(tt.body))
				want := ""
				if code != CloseNoStatus {
					want = closePayload(code, "")
				}
				p.expect(frame.Close, want)
				if e.Code != code || e.Reason != reason || e.Sent != code {
					t.Errorf("Read returned %+v, want %d %q", *e, code, reason)
				}
			})
		})
	}
}
