package deflate

import "fmt"

// A Border says what ends with a part of a message.
type Border uint8

const (
	// More ends nothing: up to seven bits may stay behind until the next part.
	More Border = iota
	// Flush ends with an empty stored block and its 00 00 ff ff, so that the
	// receiver can inflate all that it got.
	Flush
	// End ends the message: the empty stored block goes out without its last
	// four bytes (RFC 7692, section 7.2.1).
	End
)

// A Compressor compresses the messages that one side of a connection sends. No
// distance in its output is above the window.
//
// Without context takeover it holds no memory but its own few words while no
// message is open. With takeover it holds the window, no larger than the bytes
// seen, and a table of as many bytes as the window, 16 KiB at most, that Idle
// drops; level Better holds twice the window more.
//
// One goroutine at a time. RFC 7692, section 7.2.1.
type Compressor struct {
	windowBits uint8
	takeover   bool
	level      Level

	open    bool     // a message has begun: some part of it went without End
	bits    uint8    // number of bits in pending
	pending uint8    // the last bits of a part that went with More
	message int      // bytes of the last or the open message that history may hold
	learned int      // bytes behind those that Learn put there
	history *history // nil while there is none
}

// NewCompressor returns a Compressor with a window of 1<<windowBits bytes. With
// takeover a message may refer to those before it (RFC 7692, section 7.1.1). It
// panics if windowBits is not 8 to 15.
func NewCompressor(windowBits int, takeover bool, level Level) *Compressor {
	if windowBits < minWindowBits || windowBits > maxWindowBits {
		panic(fmt.Sprintf("websocket: window of %d bits, want 8 to 15", windowBits))
	}
	if level > Better {
		panic("websocket: no such compression level")
	}
	return &Compressor{windowBits: uint8(windowBits), takeover: takeover, level: level}
}

const (
	minWindowBits = 8  // RFC 7692, section 7.1.2.1
	maxWindowBits = 15 // RFC 7692, section 7.1.2.1
)

// Append appends the compressed form of a whole message to dst. It is at most
// len(msg)/256 + 8 bytes longer than msg, and for random bytes 5 for each 32 KiB
// and 2; an empty message gives one byte (RFC 7692, section 7.2.3.6).
//
// It neither fails nor keeps msg. With takeover the receiver must get what
// Append returned before it gets the next message; Undo takes a message back
// that was not sent.
func (c *Compressor) Append(dst, msg []byte) []byte {
	return c.AppendPart(dst, msg, End)
}

// AppendPart appends the compressed form of the next part of a message to dst.
// Each part is at least one block of its own, so parts should have some KiB. The
// message ends with the part that has the border End; frames may be cut between
// parts and anywhere else, but nothing is stripped before the end of the message
// (RFC 7692, section 6.1).
func (c *Compressor) AppendPart(dst, part []byte, border Border) []byte {
	e := getEncoder()
	e.resume(dst, c.pending, c.bits)
	if !c.open {
		c.message, c.learned = 0, 0
	}
	if c.takeover || c.open || border != End {
		c.withHistory(e, part)
	} else {
		c.alone(e, part)
	}
	switch border {
	case More:
	case Flush:
		e.storedHeader(0)
	case End:
		e.end()
	}
	dst, c.pending, c.bits = e.suspend()
	putEncoder(e)
	c.open = border != End
	if !c.open && !c.takeover {
		c.drop()
	}
	return dst
}

// Reset forgets all messages, like a new Compressor. A connection that failed to
// send needs nothing else, as it has ended.
func (c *Compressor) Reset() {
	c.drop()
	c.open, c.pending, c.bits = false, 0, 0
	c.message, c.learned = 0, 0
}

// Undo takes the last message back, or all parts of an open one: the receiver
// will not get it, and the next message does not refer to it. What was sent
// before still counts as far as the window still holds it. It is for a message
// that was not sent, say because it is as long as before, or because its writer
// was canceled before the first frame. After some part of it went out only the
// end of the connection helps.
//
// What Learn put behind that message stays, as the receiver has it.
func (c *Compressor) Undo() {
	c.open, c.pending, c.bits = false, 0, 0
	if c.history != nil {
		c.history.forget(c.message, c.learned)
	}
	if !c.takeover {
		c.drop()
	}
	c.message = 0
}

// Learn says that the receiver inflates msg next to what Append returned so far,
// from a compressed form that Append did not make: one without any reference to
// what was before, so that it could be sent to many. With takeover msg then
// stands at the end of the receiver's window (RFC 7692, section 7.2.2), and so
// Learn copies its last bytes to the end of ours; without takeover there is
// nothing to do. A message that goes out uncompressed is in no window: it is not
// to be learned.
//
// Learn keeps nothing of msg but the copy. It belongs between two messages, and
// panics if one is open.
func (c *Compressor) Learn(msg []byte) {
	if c.open {
		panic("websocket: Learn in the middle of a message")
	}
	if !c.takeover || len(msg) == 0 {
		return
	}
	if c.history == nil {
		c.history = getHistory(int(c.windowBits), c.takeover)
	}
	c.history.learn(msg)
	c.learned = min(c.learned+len(msg), c.window())
}

// Idle gives all memory back but the window of a Compressor with takeover. It is
// for a connection that has not sent for a while, or whose memory is over a
// budget; the next message is slower by some microseconds. Output is right
// either way, but not the same.
func (c *Compressor) Idle() {
	if c.history != nil {
		c.history.dropTables()
	}
}

// drop gives the history back.
func (c *Compressor) drop() {
	if c.history != nil {
		putHistory(c.history)
		c.history = nil
	}
}

func (c *Compressor) window() int { return 1 << c.windowBits }
