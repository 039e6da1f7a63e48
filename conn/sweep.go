package conn

import (
	"sync"
	"time"
)

// sweeper flushes what is corked on connections that the system lets us try. One
// goroutine serves all of them, and lives while there is something to flush.
type sweeper struct {
	mu      sync.Mutex
	waiting []corkedConn
	next    time.Time // when the goroutine wakes
	alarm   *alarm    // its own, nil while it does not run
	empty   bool      // at the last look there was nothing in the list
}

type corkedConn struct {
	c   *Conn
	due time.Time
}

// corked holds real descriptors only, so that nothing of it is ever in a bubble of
// testing/synctest.
var corked sweeper

// add has c flushed after d. It is not in the list.
func (s *sweeper) add(c *Conn, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := time.Now().Add(d)
	s.waiting = append(s.waiting, corkedConn{c, due})
	switch {
	case s.alarm == nil:
		d = min(d, sweepAtMost)
		s.alarm, s.next = newAlarm(), time.Now().Add(d)
		s.alarm.set(d)
		go s.run(s.alarm)
	case due.Add(sweepGap).Before(s.next):
		s.next = due
		s.alarm.set(d)
	}
}

func (s *sweeper) run(a *alarm) {
	defer a.close()
	var due []*Conn
	for a.wait(); s.take(&due); a.wait() {
		for _, c := range due {
			c.flushCorked()
		}
		clear(due)
		due = due[:0]
	}
}

// take moves what is due out of the list and sets the alarm for the rest, not before
// sweepGap has gone by: setting it is the most expensive thing here. It reports false,
// and the goroutine's life is over, when the list has been empty for sweepAtMost.
func (s *sweeper) take(due *[]*Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 && s.empty {
		s.alarm, s.empty = nil, false
		return false
	}
	s.empty = len(s.waiting) == 0
	now := time.Now()
	s.next = now.Add(sweepAtMost)
	left := s.waiting[:0]
	for _, w := range s.waiting {
		switch {
		case !w.due.After(now), w.c.readErr() != nil: // which ends corking too
			*due = append(*due, w.c)
			continue
		case w.due.Before(s.next):
			s.next = w.due
		}
		left = append(left, w)
	}
	clear(s.waiting[len(left):])
	s.waiting = left
	s.alarm.set(max(s.next.Sub(now), sweepGap))
	return true
}
