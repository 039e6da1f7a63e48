package protocol

// Closing is a state of the closing handshake (RFC 6455, section 7.1).
type Closing uint8

const (
	// Open: we send anything and accept anything. Ends with a Close from either
	// side, a broken rule, or the end of the stream.
	Open Closing = iota
	// Sent: our Close went first. We send nothing more and accept data until the
	// peer's Close, the end of the stream, or the close timeout.
	Sent
	// Both: both Close frames are exchanged. We send nothing, accept nothing; a
	// server closes TCP, a client waits for that (RFC 6455, section 7.1.1).
	Both
	// Broken: the peer broke a rule and was told so by our Close. What it still
	// sends is dropped unread (RFC 6455, section 7.1.7), so that no reset destroys
	// that Close. Ends with the end of the stream or the close timeout.
	Broken
	// Gone: the stream has ended or was cut. Nothing follows.
	Gone
)

// Event is what happens to a connection that may end it.
type Event uint8

const (
	SendClose    Event = iota // our side asks for a Close
	ReceiveClose              // the peer's Close arrived
	BreakRule                 // the peer broke a rule
	EndStream                 // the stream ended: EOF or a failed read
	Force                     // our side cuts the connection, or a timeout does
)

// Action is what a transition asks of the connection, in the order of the bits.
type Action uint8

const (
	QueueClose Action = 1 << iota // queue our Close behind all that is committed
	ShutWrite                     // when that is sent, end our half of the stream
	AwaitEOF                      // drop what arrives until the stream ends
	CloseTCP                      // close the socket
)

// Step is one cell of the table.
type Step struct {
	Next Closing
	Do   Action
}

const (
	events = int(Force) + 1
	states = int(Gone) + 1
)

// After both Close frames the server closes TCP and the client waits for it, so
// that the server holds TIME_WAIT (RFC 6455, section 7.1.1). All else is the same
// for both roles.
var table = [2][states][events]Step{
	Server: {
		//         SendClose           ReceiveClose                   BreakRule                                 EndStream         Force
		Open:   {{Sent, QueueClose}, {Both, QueueClose | CloseTCP}, {Broken, QueueClose | ShutWrite | AwaitEOF}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Sent:   {{Sent, 0}, {Both, CloseTCP}, {Broken, ShutWrite | AwaitEOF}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Both:   {{Both, 0}, {Both, 0}, {Both, 0}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Broken: {{Broken, 0}, {Broken, 0}, {Broken, 0}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Gone:   {{Gone, 0}, {Gone, 0}, {Gone, 0}, {Gone, 0}, {Gone, 0}},
	},
	Client: {
		Open:   {{Sent, QueueClose}, {Both, QueueClose | AwaitEOF}, {Broken, QueueClose | ShutWrite | AwaitEOF}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Sent:   {{Sent, 0}, {Both, AwaitEOF}, {Broken, ShutWrite | AwaitEOF}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Both:   {{Both, 0}, {Both, 0}, {Both, 0}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Broken: {{Broken, 0}, {Broken, 0}, {Broken, 0}, {Gone, CloseTCP}, {Gone, CloseTCP}},
		Gone:   {{Gone, 0}, {Gone, 0}, {Gone, 0}, {Gone, 0}, {Gone, 0}},
	},
}

// On returns what an event leads to in this state and for our role.
func (s Closing) On(role Role, e Event) Step { return table[role][s][e] }

// String returns the state's name.
func (s Closing) String() string {
	return [states]string{"open", "sent", "both", "broken", "gone"}[s]
}
