package server

import (
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/tidewire/websocket/conn"
)

// Group is a set of connections: those that were accepted with it as [Options.Group] and have not ended. It counts and
// caps them, lists them, keeps their timers in one place, and shuts them down, which http.Server.Shutdown does not do
// for connections that it has given away.
//
// The zero value is ready. Set the fields before the first use; a Group must not be copied. All methods are safe for
// concurrent use.
type Group struct {
	// Limit caps the connections, with those whose handshake is being answered. When it is reached, requests are
	// refused with 503. Zero or less means no cap.
	Limit int

	// LimitPerIP caps the connections from one address as the socket shows it; an IPv6 client counts as its network
	// of 64 bits, which is what one customer has. When it is reached, requests are refused with 429. Behind a
	// proxy all clients have the proxy's address: cap them in [Options.Authorize] then. Zero or less means no cap.
	LimitPerIP int

	// TakeoverMemory bounds, in bytes, what all connections together may keep from message to message for context
	// takeover (see [conn.Compression]): windows and tables, counted at their largest when a connection opens. A
	// connection for which it is not enough opens all the same and compresses each message by itself
	// (RFC 7692, section 7.1.1); the next one has takeover again when others have ended. Default 256 MiB; negative: no
	// bound. Connections without a Group are counted nowhere.
	TakeoverMemory int64

	// ShutdownCode and ShutdownReason are what Shutdown says to the peers. Default 1001, going away
	// (RFC 6455, section 7.4.1); 1012, service restart, asks them to come again. A code that may not be sent is
	// taken for 1001.
	ShutdownCode   conn.CloseCode
	ShutdownReason string

	// ShutdownSpread is the time over which Shutdown spreads its Close frames, so that the peers do not all come
	// again in the same moment. Default: at once.
	ShutdownSpread time.Duration

	wheel conn.Wheel // has the list of the connections and their timers

	mu       sync.Mutex
	left     endHook            // the one of all places that hold nothing else; nil: not made yet
	conns    int                // connections whose end has not been told
	perIP    map[netip.Addr]int // places taken from an address; only with LimitPerIP
	takeover int64              // memory reserved in all places, in bytes
	pending  int                // places given and not yet taken by a connection
	serving  int                // serve functions of Handler that have not returned
	closing  bool               // Shutdown was called: nobody comes in any more
	forced   bool               // and its context has ended
	emptyNow chan struct{}      // closed when closing and nothing is left; nil until Shutdown
}

// takeoverLimit is TakeoverMemory with its default filled in; negative means none.
func (g *Group) takeoverLimit() int64 {
	if g.TakeoverMemory == 0 {
		return defaultTakeoverMemory
	}
	return g.TakeoverMemory
}

// Len is the number of connections.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns
}

// All returns the connections that are members when the iteration begins, in no particular order; some may have ended
// when their turn comes. The loop's body holds no lock and may do anything.
func (g *Group) All() iter.Seq[*conn.Conn] {
	return func(yield func(*conn.Conn) bool) {
		for _, c := range g.wheel.Conns() {
			if !yield(c) {
				return
			}
		}
	}
}
