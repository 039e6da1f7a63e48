package conn

import (
	"math"
	"sync/atomic"
	"time"
)

// Stats counts what has passed through a connection since [New].
type Stats struct {
	FramesIn, FramesOut int64 // frames of all kinds
	BytesIn, BytesOut   int64 // payload of messages, before compression and after inflating
	WireIn, WireOut     int64 // bytes of the frame stream, headers and control frames with them

	Queued int           // bytes framed or posted that the socket has not taken yet
	RTT    time.Duration // of the last Ping that was answered, ours or yours, in full microseconds; 0 before
}

// counters are Stats in the making. What is sent is counted under Conn.mu.
type counters struct {
	framesIn, bytesIn, wireIn    atomic.Int64
	framesOut, bytesOut, wireOut int64
	messagesIn                   atomic.Uint32 // ended, delivered or dropped, modulo 2^32
	rtt                          microseconds
}

// microseconds are a time of up to 71 minutes, in one half of a word.
type microseconds uint32

// toMicroseconds rounds up: 0 is no time at all.
func toMicroseconds(d time.Duration) microseconds {
	return microseconds(min((d+time.Microsecond-1)/time.Microsecond, math.MaxUint32))
}

func (n microseconds) duration() time.Duration { return time.Duration(n) * time.Microsecond }

// Stats returns the connection's counters.
func (c *Conn) Stats() Stats {
	if c.more.Load() && c.readTurn.take() { // else nothing is waiting to be counted
		if c.rd != nil {
			c.countWholes()
		}
		c.releaseRead()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		FramesIn:  c.stats.framesIn.Load(),
		BytesIn:   c.stats.bytesIn.Load(),
		WireIn:    c.stats.wireIn.Load(),
		FramesOut: c.stats.framesOut,
		BytesOut:  c.stats.bytesOut,
		WireOut:   c.stats.wireOut,
		Queued:    c.wr.queued(),
		RTT:       c.stats.rtt.duration(),
	}
}

// countWholes counts what was read since it was last called. While many messages lie
// in the buffer, that is done for all of them at once. The read turn is held.
func (c *Conn) countWholes() {
	rd := c.rd
	if rd.wholes == 0 {
		return
	}
	n := int64(rd.wholes)
	c.stats.framesIn.Add(n)
	c.stats.messagesIn.Add(uint32(n))
	c.stats.bytesIn.Add(int64(rd.wholeBytes))
	rd.wholes, rd.wholeBytes = 0, 0
}
