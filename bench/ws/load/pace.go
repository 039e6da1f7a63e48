//go:build linux

package load

import (
	"math/rand/v2"
	"time"
)

// pace sends messages at random times, perSecond of them in the mean, whether the server
// keeps up or not. Each goes out on the connection that has been idle longest, and waits
// where none is; it counts from the time at which it was due, so a server that falls behind
// does not look better for it. All that are due within d are sent.
func (c *client) pace(d time.Duration, perSecond float64) error {
	const looks = 0 // it never sleeps: a sleep would be late for the next message
	mean := float64(time.Second) / perSecond
	times := rand.New(rand.NewPCG(7692, uint64(len(c.links))))
	c.until = time.Time{} // an answer is not followed by the next message
	c.idle = append(c.idle[:0], c.links...)
	due := time.Now()
	for end := due.Add(d); due.Before(end) || c.busy > 0; {
		for now := time.Now(); due.Before(end) && !now.Before(due) && len(c.idle) > 0; {
			l := c.idle[0]
			c.idle = c.idle[1:]
			c.busy++
			if err := c.send(l, due); err != nil {
				return err
			}
			due = due.Add(time.Duration(mean * times.ExpFloat64()))
		}
		if err := c.turn(func() (int, error) { return c.look(looks) }); err != nil {
			return err
		}
	}
	return nil
}
