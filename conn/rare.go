package conn

import "time"

// rare is what a connection needs while it sends more than the socket takes or
// waits for an answer to a Ping. It lives while there is something in it. Guarded
// by Conn.mu.
type rare struct {
	later  []outgoing // posted while the message turn was taken
	laterN int        // bytes in later
	spare  []byte     // the newest pong beyond maxPongs, nil if none
	pings  []ping     // ours that were not answered yet, in the order in which they were sent

	room chan struct{} // the holder of the message turn waits here for a change
	idle chan struct{} // the ending waits here until all is sent

	corkTimer *time.Timer // where the sweeper cannot flush
}

// needRare makes rare, if it is not there.
func (w *writer) needRare() *rare {
	if w.rare == nil {
		w.rare = new(rare)
	}
	return w.rare
}

// leaveRare drops rare if there is nothing left in it.
func (w *writer) leaveRare() {
	if r := w.rare; r != nil && r.later == nil && r.spare == nil && r.pings == nil &&
		r.room == nil && r.idle == nil && r.corkTimer == nil {
		w.rare = nil
	}
}

// wakeRoom wakes the holder of the message turn, if it waits for a change.
func (w *writer) wakeRoom() {
	if r := w.rare; r != nil {
		wake(&r.room)
		w.leaveRare()
	}
}

// wakeIdle wakes the ending, if it waits until all is sent.
func (w *writer) wakeIdle() {
	if r := w.rare; r != nil {
		wake(&r.idle)
		w.leaveRare()
	}
}
