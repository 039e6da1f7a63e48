package conn

// message is where the payload of one message goes: b[base:].
//
// Its memory grows with the bytes that arrived, never with the length that a
// header claims: by what is there already, at least smallBuffer, and never past
// the read limit. So its peak, while it is copied, stays below twice the limit.
type message struct {
	b      []byte
	base   int
	caller bool    // b is the caller's memory
	lend   bool    // b may be the pool's, because it is only lent
	stays  bool    // this is where the message goes on when more of it has come
	pooled *buffer // which is this one
	inside bool    // b lies in the buffer of the stream, of which this is a share
}

// room returns memory for payload of the open frame: one byte at least, the rest
// of the frame at most.
func (m *message) room(rd *reader, limit int64) []byte {
	left := rd.in.Left()
	if len(m.b) == cap(m.b) {
		m.grow(m.want(rd, left, limit))
	}
	free := m.b[len(m.b):cap(m.b)]
	return free[:min(int64(len(free)), left)]
}

// want is by how much to grow. A final frame ends the message, so there is no
// reason to have more room than it claims; behind other frames more may come.
func (m *message) want(rd *reader, left, limit int64) int {
	have := int64(len(m.b) - m.base)
	want := max(have, smallBuffer)
	switch {
	case rd.in.Final():
		want = min(want, left)
	case limit > 0:
		// The rest of this frame at least: the limit may have sunk meanwhile, and to
		// grow byte by byte would copy them all each time.
		want = min(want, max(limit-have, left))
	}
	return int(want)
}

func (m *message) grow(n int) {
	size := len(m.b) + n
	if !m.lend || size > bigBuffer {
		m.b = append(make([]byte, 0, size), m.b...)
		m.free()
		return
	}
	larger := getBuffer(size)
	larger.b = append(larger.b, m.b...)
	m.free()
	m.b, m.pooled = larger.b, larger
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
	if m.caller || m.lend {
		rd.kept = append([]byte(nil), rd.kept...)
	}
	m.free()
}
