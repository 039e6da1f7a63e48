package server

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
)

// opening is an opening handshake under way, on a socket of UpgradeConn or under net/http. All that it needs but what
// the connection and the caller keep comes from a pool; its fields live here and not on the stack, so that a goroutine
// begun with the socket gets through UpgradeConn without growing its stack of 2 KiB, which it would keep (see stretch).
type opening struct {
	options *Options
	req     *handshake.Request
	header  http.Header // of the response: what is in it goes out, and Authorize may add to it
	verdict
	setup conn.Setup
	trial trial

	// Under Upgrade and Handler.
	http *http.Request // nil under UpgradeConn
	own  handshake.Request

	// Under UpgradeConn.
	nc      net.Conn
	timer   *time.Timer // closes nc in time if nc has no deadlines; else nil
	scanner handshake.HeadScanner
	in      []byte // in[:end]  the request's head | in[end:]  what came behind it
	end     int
}

var openings = sync.Pool{New: func() any { return new(opening) }}

// Buffers above these sizes, in bytes, are not kept for the next handshake.
const (
	keptHead   = 4 << 10
	keptAnswer = 1 << 10
)

func newOpening(o *Options) *opening {
	p := openings.Get().(*opening)
	p.options = o.orDefault()
	return p
}

// free gives p back. The caller has taken out what lives on.
func (p *opening) free() {
	in, head := p.in[:0], p.head[:0]
	if cap(in) > keptHead {
		in = nil
	}
	if cap(head) > keptAnswer {
		head = nil
	}
	*p = opening{in: in, trial: p.trial}
	p.head = head
	openings.Put(p)
}
