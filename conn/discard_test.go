package conn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

func TestDiscardDropsMessagesAndAnswersPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			o := quiet()
			o.ReadLimit = 10
			c, p := newPeer(t, role, o)
			result := readCalls[4].start(t.Context(), c)
			for range 3 {
				p.message(frame.Text, strings.Repeat("longer than the limit of memory", 1000))
				p.send(p.frame(!fin, frame.Binary, "x"))
				p.message(frame.Ping, "ping")
				p.expect(frame.Pong, "ping")
				p.send(p.frame(fin, frame.Continuation, ""))
			}
			synctest.Wait()
			if s := c.Stats(); s.FramesIn != 12 {
				t.Errorf("%d frames were read, want 12", s.FramesIn)
			}
			if c.rd.buf != nil || c.rd.kept != nil {
				t.Error("Discard holds memory while it waits")
			}
			p.message(frame.Close, closePayload(1001, ""))
			p.expectClose(CloseGoingAway)
			if r := <-result; !IsNormal(r.err) {
				t.Errorf("Discard = %v, want the Close", r.err)
			}
		}
	})
}

// A message that Discard had begun to drop when it was canceled stays dropped, and
// is judged to its end.
func TestDiscardCanceledInsideAMessage(t *testing.T) {
	for _, bad := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newPeer(t, Server, quiet())
			ctx, cancel := context.WithCancel(t.Context())
			result := readCalls[4].start(ctx, c)
			p.send(p.frame(!fin, frame.Text, "dropped \xe2"))
			synctest.Wait()
			cancel()
			if r := <-result; !errors.Is(r.err, context.Canceled) {
				t.Fatalf("Discard = %v, want context.Canceled", r.err)
			}
			rest := "\x82\xac"
			if bad {
				rest = "\x82"
			}
			p.send(p.frame(fin, frame.Continuation, rest))
			p.message(frame.Text, "next")
			_, got, err := c.Read(t.Context())
			if bad {
				if brokenRule(err) != CloseInvalidPayload {
					t.Errorf("Read = %q, %v; want 1007", got, err)
				}
				return
			}
			if string(got) != "next" || err != nil {
				t.Errorf("Read = %q, %v; want the next message", got, err)
			}
		})
	}
}
