package protocol

import (
	"testing"

	"github.com/tidewire/websocket/frame"
)

var (
	allStates = []Closing{Open, Sent, Both, Broken, Gone}
	allEvents = []Event{SendClose, ReceiveClose, BreakRule, EndStream, Force}
)

// closingRules is the closing handshake as the RFC tells it, cell by cell: what
// follows, and what a server and a client then do.
var closingRules = []struct {
	in             Closing
	on             Event
	next           Closing
	server, client Action
}{
	// "To Start the WebSocket Closing Handshake [...] an endpoint MUST send a Close
	// control frame" (RFC 6455, section 7.1.2); it then waits for the other's.
	{Open, SendClose, Sent, QueueClose, QueueClose},
	// Whoever gets a Close and has sent none sends one (RFC 6455, section 5.5.1).
	// "The server MUST close the underlying TCP connection immediately; the client
	// SHOULD wait" (RFC 6455, section 5.5.1).
	{Open, ReceiveClose, Both, QueueClose | CloseTCP, QueueClose | AwaitEOF},
	// Failing sends a Close first and then closes (RFC 6455, section 7.1.7), the
	// sending half at once and the rest when a read gives 0 bytes, so that the peer
	// gets to see that Close (RFC 6455, section 7.1.1).
	{Open, BreakRule, Broken, QueueClose | ShutWrite | AwaitEOF, QueueClose | ShutWrite | AwaitEOF},
	// A lost connection has failed; there is nowhere to send to (RFC 6455, section 7.2.1).
	{Open, EndStream, Gone, CloseTCP, CloseTCP},
	// An endpoint may close by any means when it must, as under attack (RFC 6455,
	// section 7.1.1).
	{Open, Force, Gone, CloseTCP, CloseTCP},

	// One Close is sent and nothing behind it (RFC 6455, section 5.5.1).
	{Sent, SendClose, Sent, 0, 0},
	// It has crossed the peer's, or was answered: both are exchanged.
	{Sent, ReceiveClose, Both, CloseTCP, AwaitEOF},
	// Failing after our Close: it cannot be said again (RFC 6455, section 5.5.1).
	{Sent, BreakRule, Broken, ShutWrite | AwaitEOF, ShutWrite | AwaitEOF},
	{Sent, EndStream, Gone, CloseTCP, CloseTCP},
	{Sent, Force, Gone, CloseTCP, CloseTCP},

	// Behind both frames nothing counts: no second Close, no rule (RFC 6455, section 1.4:
	// after receiving one, a peer discards any further data).
	{Both, SendClose, Both, 0, 0},
	{Both, ReceiveClose, Both, 0, 0},
	{Both, BreakRule, Both, 0, 0},
	{Both, EndStream, Gone, CloseTCP, CloseTCP},
	{Both, Force, Gone, CloseTCP, CloseTCP},

	// A failed connection processes nothing "(including a responding Close frame)"
	// (RFC 6455, section 7.1.7).
	{Broken, SendClose, Broken, 0, 0},
	{Broken, ReceiveClose, Broken, 0, 0},
	{Broken, BreakRule, Broken, 0, 0},
	{Broken, EndStream, Gone, CloseTCP, CloseTCP},
	{Broken, Force, Gone, CloseTCP, CloseTCP},

	{Gone, SendClose, Gone, 0, 0},
	{Gone, ReceiveClose, Gone, 0, 0},
	{Gone, BreakRule, Gone, 0, 0},
	{Gone, EndStream, Gone, 0, 0},
	{Gone, Force, Gone, 0, 0},
}

// Checklist: L7, L8, L10, L12, L13, L16
func TestClosingTable(t *testing.T) {
	type cell struct {
		s Closing
		e Event
	}
	seen := make(map[cell]bool)
	for _, r := range closingRules {
		seen[cell{r.in, r.on}] = true
		for role, do := range map[Role]Action{Server: r.server, Client: r.client} {
			if got, want := r.in.On(role, r.on), (Step{Next: r.next, Do: do}); got != want {
				t.Errorf("%v: %v on event %d: got %v %b, want %v %b", role, r.in, r.on, got.Next, got.Do, want.Next, want.Do)
			}
		}
	}
	if want := len(allStates) * len(allEvents); len(seen) != want || len(closingRules) != want || want != states*events {
		t.Errorf("%d of %d rules for %d cells of %d", len(seen), len(closingRules), want, states*events)
	}
}

// walkClosing takes every path of so many events from Open on.
func walkClosing(role Role, length int, check func(path []Event, steps []Step)) {
	var walk func(s Closing, path []Event, steps []Step)
	walk = func(s Closing, path []Event, steps []Step) {
		if len(path) == length {
			check(path, steps)
			return
		}
		for _, e := range allEvents {
			step := s.On(role, e)
			walk(step.Next, append(path, e), append(steps, step))
		}
	}
	walk(Open, make([]Event, 0, length), make([]Step, 0, length))
}

// On every path: one Close of ours and no more; once EndStream or Force came TCP
// was told to close, and the connection is Gone for good; whoever awaits the end
// of the stream still has to see it.
// Checklist: L6, L10, L12, L16
func TestClosingPaths(t *testing.T) {
	const length = 7 // two more than there are states
	for _, role := range roles {
		walkClosing(role, length, func(path []Event, steps []Step) {
			closes, ended, closedTCP := 0, false, false
			for i, step := range steps {
				if step.Do&QueueClose != 0 {
					closes++
				}
				closedTCP = closedTCP || step.Do&CloseTCP != 0
				ended = ended || path[i] == EndStream || path[i] == Force
				switch {
				case closes > 1:
					t.Fatalf("%v: %v: a second Close is queued", role, path[:i+1])
				case ended && (!closedTCP || step.Next != Gone):
					t.Fatalf("%v: %v: TCP closed %v, state %v", role, path[:i+1], closedTCP, step.Next)
				case !ended && step.Next == Gone:
					t.Fatalf("%v: %v: gone and the stream has not ended", role, path[:i+1])
				case step.Do&AwaitEOF != 0 && step.Do&CloseTCP != 0:
					t.Fatalf("%v: %v: awaits the end of a stream that it closes", role, path[:i+1])
				case step.Do&ShutWrite != 0 && closes == 0:
					t.Fatalf("%v: %v: stops sending without a Close", role, path[:i+1])
				}
			}
		})
	}
}

// The one difference: with both Close frames exchanged a server closes TCP and a
// client awaits that.
// Checklist: L8
func TestClosingRolesDifferAtBoth(t *testing.T) {
	for _, s := range allStates {
		for _, e := range allEvents {
			server, client := s.On(Server, e), s.On(Client, e)
			if server.Next != client.Next {
				t.Errorf("%v on event %d: server %v, client %v", s, e, server.Next, client.Next)
			}
			entersBoth := server.Next == Both && s != Both
			if !entersBoth && server != client {
				t.Errorf("%v on event %d: server %+v, client %+v", s, e, server, client)
			}
			if entersBoth && (server.Do&^CloseTCP != client.Do&^AwaitEOF || server.Do&CloseTCP == 0 || client.Do&AwaitEOF == 0) {
				t.Errorf("%v on event %d: server does %b, client %b", s, e, server.Do, client.Do)
			}
		}
	}
}

func TestClosingNames(t *testing.T) {
	want := []string{"open", "sent", "both", "broken", "gone"}
	for i, s := range allStates {
		if s.String() != want[i] {
			t.Errorf("got %q, want %q", s, want[i])
		}
	}
}

// A Close between the fragments of a message breaks no rule. It comes with its
// code, ours answers it between our own fragments, and no frame follows.
// Checklist: L1, L7, L17
func TestCloseInsideMessage(t *testing.T) {
	payloads := map[string]frame.CloseCode{
		"":                     frame.CloseNoStatus,
		"\x03\xe8":             frame.CloseNormal,
		"\x0f\xa0bye \xc3\xa9": 4000,
	}
	for _, role := range roles {
		for payload, code := range payloads {
			in, out := midMessage(t, role, false, frame.Text), Outbound{Role: role, inside: true}
			plain, ended := pass(t, &in, whole(frame.Close, 0), payload)
			got, _, err := frame.ParseClose([]byte(plain))
			if err != nil || got != code || ended || !in.InMessage() {
				t.Errorf("%v: close %q: got %v, %v, ended %v, inside %v", role, payload, got, err, ended, in.InMessage())
			}
			step := Open.On(role, ReceiveClose)
			if step.Next != Both || step.Do&QueueClose == 0 {
				t.Fatalf("%v: a close leads to %v, %b", role, step.Next, step.Do)
			}
			if _, err := out.Control(frame.Close, len(plain)); err != nil {
				t.Errorf("%v: answer: %v", role, err)
			}
			if _, err := out.Data(frame.Text, true, 0); err != ErrCloseSent {
				t.Errorf("%v: the rest of our message: got %v, want %v", role, err, ErrCloseSent)
			}
		}
	}
}
