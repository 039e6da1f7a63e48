package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/frame"
)

// Checklist: L12
func TestNothingIsReadBehindABrokenRule(t *testing.T) {
	for _, how := range []string{"peer goes", "peer stays"} {
		t.Run(how, func(t *testing.T) {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				p.send(
					p.frame(true, frame.Text, "good"),
					[]byte{0x83, 0x00}, // opcode 3
					p.frame(true, frame.Text, "valid, and too late"),
					p.frame(true, frame.Ping, "too late"),
				)
				start := time.Now()
				if _, b, err := c.Read(context.Background()); string(b) != "good" || err != nil {
					t.Errorf("Read returned %q, %v; want the message before", b, err)
				}
				for range 3 {
					err := readOnce(context.Background(), c)
					if e := closeError(t, err); brokenRule(err) != CloseProtocolError || e.Code != CloseAbnormal || !e.Remote {
						t.Errorf("Read returned %+v, want the broken rule", *e)
					}
				}
				p.expectClose(CloseProtocolError)
				p.expectEnd() // no pong; our half is shut
				wantEnd(t, c, false)
				if how == "peer goes" {
					p.message(frame.Close, closePayload(CloseProtocolError, "")) // changes nothing
					p.nc.Close()
					wantEnd(t, c, true)
				}
				<-c.Done()
				if d := time.Since(start); how == "peer stays" && d != defaultCloseTimeout {
					t.Errorf("the end came after %v, want the close timeout", d)
				}
				if e := closeError(t, c.Err()); e.Code != CloseAbnormal || e.Sent != CloseProtocolError {
					t.Errorf("Err is %+v, want 1002 sent", *e)
				}
			})
		})
	}
}

// Checklist: L9, L12
func TestCloseAfterABrokenRuleReachesAPeerInTheMiddleOfAWrite(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		read := later(func() error { return readOnce(context.Background(), c) })
		p.send([]byte{0x83, 0x00}, make([]byte, 8<<20)) // fails if we reset it
		p.expectClose(CloseProtocolError)
		p.expectEnd()
		p.nc.Close()
		if got := <-read; brokenRule(got.err) != CloseProtocolError {
			t.Errorf("Read returned %v, want the broken rule", got.err)
		}
		wantEnd(t, c, true)
	})
}

// A peer learns of its mistake behind the answers to what it did right.
//
// Checklist: L12, N3
func TestAnswersComeBeforeTheComplaint(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		fillSocket(c, p)
		go func() {
			p.message(frame.Text, "echo me")
			for i := range maxPongs + 9 {
				p.message(frame.Ping, fmt.Sprint(i))
			}
			p.send([]byte{0x83, 0x00})
		}()
		_, b, err := c.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Post(Text, b); err != nil {
			t.Fatal(err)
		}
		if err := readOnce(context.Background(), c); brokenRule(err) != CloseProtocolError {
			t.Errorf("Read returned %v, want the broken rule", err)
		}
		p.nc.Stall(false)
		p.next() // what filled the socket
		p.next()
		p.expect(frame.Text, "echo me")
		for i := range maxPongs {
			p.expect(frame.Pong, fmt.Sprint(i))
		}
		p.expect(frame.Pong, fmt.Sprint(maxPongs+8)) // the newest
		p.expectClose(CloseProtocolError)
		p.expectEnd()
	})
}

// A foreign connection cannot be tried: there the flusher offers what is committed,
// and the end of the peer's stream does not overtake it.
func TestAnswersAreOfferedBeforeTheStreamsEnd(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		fillSocket(c, p)
		p.message(frame.Ping, "last words")
		p.nc.CloseWrite()
		if err := readOnce(context.Background(), c); !errors.Is(err, io.EOF) {
			t.Errorf("Read returned %v, want the end of the stream", err)
		}
		p.nc.Stall(false)
		p.next() // what filled the socket
		p.next()
		p.expect(frame.Pong, "last words")
		p.expectEnd()
		wantEnd(t, c, true)
	})
}

// Checklist: L12
func TestNothingIsDeliveredBehindABrokenRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range both {
			c, p := newPeer(t, role, quiet())
			bad := p.frame(fin, frame.Continuation, "")
			good := p.frame(fin, frame.Text, "valid")
			ping := p.frame(fin, frame.Ping, "valid")
			p.send(bytes.Join([][]byte{good, bad, good, ping, p.frame(fin, frame.Close, "")}, nil))
			wantMessage(t, c, Text, "valid")
			for range 3 {
				if _, got, err := c.Read(t.Context()); brokenRule(err) != CloseProtocolError {
					t.Errorf("Read = %q, %v; want 1002", got, err)
				}
			}
			p.expectClose(CloseProtocolError)
			p.expectEnd() // neither a Pong nor another Close
			p.nc.Close()
			<-c.Done()
			if e := closeError(t, c.Err()); e.Code != CloseAbnormal || e.Sent != CloseProtocolError {
				t.Errorf("Err = %+v, want 1006 received and 1002 sent", e)
			}
		}
	})
}
