//go:build linux

package load

import (
	"net"
	"testing"
	"time"

	"github.com/tidewire/websocket/bench/internal/corpus"
)

// paceClient has one link to a server that does what it is told.
func paceClient(t *testing.T, do func(net.Conn)) *client {
	t.Helper()
	s := Stream{Kind: corpus.Random, Size: 16, Depth: 1}
	p, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.program, c.heard = p, time.Now()
	links, _, err := open(serverSide(t, "", do), "", 1)
	if err == nil {
		err = c.adopt(links)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// All messages that are due are sent, as often as was asked for, and the next slice begins
// with an idle link.
func TestPaceSendsWhatIsDue(t *testing.T) {
	c := paceClient(t, echoBytes(-1))
	const d, perSecond = 200 * time.Millisecond, 2000
	for range 2 {
		c.messages, c.times = 0, histogram{}
		if err := c.pace(d, perSecond); err != nil {
			t.Fatal(err)
		}
		// 400 in the mean, 20 their deviation: five of them.
		if c.messages < 300 || c.messages > 500 || c.times.n != uint64(c.messages) {
			t.Errorf("got %d messages and %d times, want about 400", c.messages, c.times.n)
		}
		if c.busy != 0 || len(c.idle) != 1 {
			t.Errorf("at the end %d links are busy and %d idle, want 0 and 1", c.busy, len(c.idle))
		}
	}
}

// Messages that come due faster than the server answers count from then, and not from when
// there is a link for them. One link takes more than a microsecond for a message.
func TestPaceCountsTheQueueOfASlowServer(t *testing.T) {
	const d, perSecond = 2 * time.Millisecond, 1_000_000
	c := paceClient(t, echoBytes(-1))
	start := time.Now()
	if err := c.pace(d, perSecond); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	// The last one was due after d at most, and came when all had come. A machine that stands
	// still meanwhile changes nothing of that.
	if got := c.times.quantile(1); got < took/2-d {
		t.Errorf("the longest latency is %v, want nearly the %v that all %d took", got, took, c.messages)
	}
}
