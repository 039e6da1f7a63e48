package conn

import (
	"math/bits"
	"sync"

	"github.com/tidewire/websocket/internal/protocol"
)

// A reader is there while somebody has the read turn and does not wait for the next
// frame: for that wait it is given back, if there is nothing in it to remember. A
// connection that is frugal gives it back between two turns too. A program that reads in
// a loop has the turn nearly always, so there is nothing to gain for it.

// readers are those that connections at rest gave back.
var readers sync.Pool

// acquireRead takes the read turn, waiting until done is closed, and makes sure that
// there is a reader. It reports false if done ended the wait.
func (c *Conn) acquireRead(done <-chan struct{}) bool {
	if !c.readTurn.acquire(&c.mu, done) {
		return false
	}
	if c.rd == nil {
		c.needReader()
		c.wire.foresee()
	}
	return true
}

// needReader makes sure that there is a reader. The read turn is held.
func (c *Conn) needReader() {
	if c.rd != nil {
		return
	}
	c.beginTicks()
	rd, _ := readers.Get().(*reader)
	if rd == nil {
		rd = new(reader)
	}
	rd.in = protocol.NewInbound(c.role, c.wr.deflater() != nil, c.opt.maxFragments())
	rd.setHabit(c.habit)
	c.rd = rd
}

// leaveReader gives a reader back that has nothing to remember but the size of the
// next buffer. The read turn is held.
func (c *Conn) leaveReader() {
	if rd := c.rd; rd != nil && rd.atRest() {
		c.rd, c.habit = nil, rd.habit()
		*rd = reader{}
		readers.Put(rd)
	}
}

// atRest reports whether a new reader would go on just as well: between messages,
// which leaves nothing kept and no Reader, with nothing to drop, buffered or corked, and
// without compression.
func (rd *reader) atRest() bool {
	return !rd.in.InFrame() && !rd.in.InMessage() && !rd.drop && rd.buf == nil && !rd.corks && rd.inflate == nil
}

// habit is ahead, in units of smallBuffer, and mostlyEmpty in one byte.
func (rd *reader) habit() uint8 {
	return uint8(bits.Len32(uint32(rd.ahead/smallBuffer)))<<5 | uint8(rd.mostlyEmpty)
}

func (rd *reader) setHabit(h uint8) {
	rd.ahead = 1 << (h >> 5) / 2 * smallBuffer
	rd.mostlyEmpty = int8(h & 31)
}
