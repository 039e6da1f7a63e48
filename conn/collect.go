package conn

import "math/bits"

// message is where the payload of one message goes: b[base:].
//
// Its memory grows with the bytes that arrived, never with the length that a
// header claims: to twice what is there already, at least smallBuffer, and never past
// the read limit. So its peak, while it is copied, stays below twice the limit. Bytes
// that the system has received are there.
type message struct {
	b      []byte
	base   int
	caller bool    // b is the caller's memory, or has what was in that before
	lend   bool    // b may be the pool's to the end, because it is only lent
	stays  bool    // this is where the message goes on when more of it has come
	pooled *buffer // which is this one
	inside bool    // b lies in the buffer of the stream, of which this is a share
}

// room returns memory for payload of the open frame: one byte at least, the rest
// of the frame at most.
func (c *Conn) room(m *message) []byte {
	left := c.rd.in.Left()
	if len(m.b) == cap(m.b) {
		m.extend(c.rd, c.readLimit(), c.arrived(m, left))
	}
	free := m.b[len(m.b):cap(m.b)]
	return free[:min(int64(len(free)), left)]
}

// arrived is how many of the left bytes of the open frame are here already, as far as
// it matters to m: those in the buffer, and those that the system has.
func (c *Conn) arrived(m *message, left int64) int64 {
	n := int64(len(c.rd.buffered()))
	if have := int64(len(m.b) - m.base); left > bigBuffer && have+2*n < left {
		n += int64(c.wire.arrived())
	}
	return min(n, left)
}

// extend makes room for more of the message, of which come bytes are here and not yet in
// m. A final frame ends the message, so there is no reason to have more room than it
// claims; behind other frames more may come.
func (m *message) extend(rd *reader, limit, come int64) {
	left, have := rd.in.Left(), int64(len(m.b)-m.base)
	most := max(have, come, smallBuffer)
	if have+come >= bigBuffer {
		most = have + 2*come // to twice what has arrived, which may be a class of the pools and more
	}
	switch {
	case rd.in.Final() && left <= most:
		m.growWhole(int(left), int(min(most, left+(have+left)/4)), limit)
	case rd.in.Final():
		m.growPart(int(most))
	default:
		if limit > 0 {
			// The rest of this frame at least: the limit may have sunk meanwhile, and to
			// grow byte by byte would copy them all each time.
			most = min(most, max(limit-have, left))
		}
		if m.lend {
			m.growPart(int(most))
		} else {
			m.grow(int(most))
		}
	}
}

// growWhole makes room for the last n bytes of the message, and, where it is lent, for
// most at most.
func (m *message) growWhole(n, most int, limit int64) {
	size := len(m.b) + n
	if !m.lend || size <= bigBuffer {
		m.grow(n)
		return
	}
	largest := len(m.b) + most
	if limit > 0 { // old and new memory together stay below twice the limit
		largest = int(min(int64(largest), max(limit, int64(size))))
	}
	m.moveTo(getLarge(size, largest))
}

// growPart makes room for about n bytes, which are not the last ones: so this will not be
// the memory that the message ends in, and may be the pool's for any call.
func (m *message) growPart(n int) {
	size := len(m.b) + n
	if size <= bigBuffer {
		m.grow(n)
		return
	}
	m.moveTo(getLarge(max(step(size), size-n/2), size))
}

// step is n without all but its three highest bits: parts of messages come in few sizes,
// and so find each other's memory.
func step(n int) int {
	low := bits.Len(uint(n)) - 3
	return n >> low << low
}

// grow makes room for n bytes more.
func (m *message) grow(n int) {
	size := len(m.b) + n
	if m.lend {
		m.moveTo(getBuffer(size))
		return
	}
	if size > 2*midBuffer { // up to there Go has memory in sizes, of which it would take the next
		m.b = append(makeLarge(size), m.b...)
	} else {
		m.b = append(make([]byte, 0, size), m.b...)
	}
	m.free()
}

// moveTo moves what the message has so far to b.
func (m *message) moveTo(b *buffer) {
	b.b = append(b.b, m.b...)
	m.free()
	m.b, m.pooled = b.b, b
}

// moved takes b for the message: what it was, longer, in the same memory or in new
// memory of ours.
func (m *message) moved(b []byte) {
	if cap(b) != cap(m.b) {
		m.free()
		m.caller = false
	}
	m.b = b
}

// free gives pooled memory back. Nothing of the message may be used afterwards.
func (m *message) free() {
	if m.inside {
		dropBuffer(m.pooled)
	} else {
		putBuffer(m.pooled)
	}
	m.pooled, m.inside = nil, false
}

// resume begins with what a canceled read left of the open message. Memory of
// ours is used on as it is.
func (m *message) resume(rd *reader) {
	kept := rd.kept
	rd.kept = nil
	switch {
	case len(kept) == 0:
	case m.b == nil && !m.lend:
		m.b = kept
	default:
		if len(m.b)+len(kept) > cap(m.b) {
			m.grow(len(kept))
		}
		m.b = append(m.b, kept...)
	}
}

// keep leaves what has arrived to the next read call. Bytes in memory that is the
// caller's or the pool's move to memory of ours.
func (m *message) keep(rd *reader) {
	if m.stays {
		return
	}
	rd.kept = m.b[m.base:]
	if rd.inflate != nil {
		rd.inflate.z.Keep(rd.kept)
	}
	if m.caller || m.lend || m.pooled != nil {
		rd.kept = append([]byte(nil), rd.kept...)
	}
	m.free()
}
