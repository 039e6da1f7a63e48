package wiretest

// Manners are the points on which real networks and systems differ. The zero value is the harshest that is still simple.
type Manners struct {
	// KeepUnread lets this end read what it had received before a reset, as Linux does with bytes that have reached the
	// receiver's kernel; a reset after the peer's FIN then only fails Writes, with EPIPE; and after CloseRead what is there
	// or comes stays readable. Otherwise a reset and CloseRead destroy unread bytes, as Windows and BSD do, and as every
	// network does with bytes on their way.
	KeepUnread bool
	// LateReset makes the first Write to a peer that has closed succeed: its bytes vanish and provoke a reset of this end,
	// as on every real network. Otherwise that Write and all later ones fail with EPIPE, as if the reset had come before,
	// and what the peer sent before it closed stays readable.
	LateReset bool
	// QuietClose lets this end's Close drop unread input silently. Otherwise it resets the peer (RFC 1122, section
	// 4.2.2.13), as every system does.
	QuietClose bool
	// ErrorOnce makes this end report a reset once, to whichever call comes first. After that Read gives io.EOF and Write
	// EPIPE, as on Linux. Otherwise both give ECONNRESET for ever.
	ErrorOnce bool
}

// Linux returns the manners of a loopback TCP connection on Linux.
func Linux() Manners { return Manners{KeepUnread: true, LateReset: true, ErrorOnce: true} }

// SetManners chooses how this end behaves from now on.
func (c *Conn) SetManners(m Manners) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manners = m
}
