package wiretest

import (
	"math/rand/v2"
	"net"
	"sync"
)

// Fixed gives pieces of n bytes, for [Split] and [Chop].
func Fixed(n int) func() int { return func() int { return n } }

// Random gives pieces of 1 to most bytes, the same ones for the same seed. What it returns may be shared.
func Random(seed uint64, most int) func() int {
	r := rand.New(rand.NewPCG(seed, seed))
	return oneAtATime(func() int { return 1 + r.IntN(most) })
}

// Split returns nc with small Reads: each returns at most sizes() bytes, and at least 1 is asked for. Calls of sizes never overlap.
func Split(nc net.Conn, sizes func() int) net.Conn {
	return &splitter{wrapper: wrapper{nc}, sizes: oneAtATime(sizes)}
}

type splitter struct {
	wrapper
	sizes func() int
}

func (s *splitter) Read(p []byte) (int, error) {
	if len(p) > 1 {
		p = p[:min(len(p), s.sizes())]
	}
	return s.Conn.Read(p)
}

// Chop returns nc with small Writes: each becomes several, of sizes() bytes and at least 1. The pieces of one Write stay
// together. Calls of sizes never overlap.
func Chop(nc net.Conn, sizes func() int) net.Conn {
	return &chopper{wrapper: wrapper{nc}, turn: newTurn(), sizes: oneAtATime(sizes)}
}

type chopper struct {
	wrapper
	turn  turn
	sizes func() int
}

func (c *chopper) Write(p []byte) (n int, err error) {
	c.turn.lock()
	defer c.turn.unlock()
	for {
		k, err := c.Conn.Write(p[n:min(len(p), n+c.sizes())])
		n += k
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

func oneAtATime(sizes func() int) func() int {
	var mu sync.Mutex
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return max(1, sizes())
	}
}
