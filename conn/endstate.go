package conn

import "time"

// endState is what a connection knows once a direction of it has begun to end; it
// stays then. Guarded by Conn.mu.
type endState struct {
	received *CloseError // the Close received
	first    *CloseError // the first failure
	write    error       // ends every write
	timer    *time.Timer // of the close timeout
}

// begunEnd makes the ending, if nothing had ended before. mu is held.
func (c *Conn) begunEnd() *endState {
	if c.end == nil {
		c.end = new(endState)
	}
	return c.end
}

// writeErr is what every write returns; nil while it can go on. mu is held.
func (c *Conn) writeErr() error {
	if c.end == nil {
		return nil
	}
	return c.end.write
}
