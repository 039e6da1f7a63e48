package contest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A Task is what a server does with its connections. It echoes what it gets, unless
// Handshake says that it is to close them at once.
type Task struct {
	Door      Door
	Handshake bool // close behind the response, without a closing handshake
	Text      bool // the messages are text, and must be checked to be UTF-8 (RFC 6455, section 8.1)
	Lean      bool // many connections wait: hold no more for them than the documentation has
	Slow      bool // one in SlowEvery messages keeps its handler for SlowTime
	Members   bool // connections join the crowd
	Flate     bool // agree to permessage-deflate...
	Takeover  bool // ...with context takeover
}

// A Job is a Task that is being done.
type Job struct {
	Task
	crowd    crowd
	messages atomic.Uint64
}

// What a slow handler does.
const (
	SlowEvery = 200
	SlowTime  = 5 * time.Millisecond
)

// Work is called by every contestant for every message, before it is sent back.
func (j *Job) Work() {
	if j.Slow && j.messages.Add(1)%SlowEvery == 0 {
		time.Sleep(SlowTime)
	}
}

// Join makes a connection one of those that get messages without having asked.
func (j *Job) Join(p Peer) {
	if j.Members {
		j.crowd.join(p)
	}
}

// A Peer is a connection that the server sends to by itself.
type Peer interface {
	// Write sends a binary message. Any number of goroutines may call it.
	Write(p []byte) error
	// Deliver sends what Prepare has made. One goroutine calls it.
	Deliver(prepared any) error
}

// A Batcher is a Peer that can send several messages as one.
type Batcher interface {
	// DeliverAll sends what Prepare has made. One goroutine calls it.
	DeliverAll(prepared []any) error
}

// writeBytes is Deliver for a library that prepares nothing.
func writeBytes(p Peer, prepared any) error {
	m, ok := prepared.([]byte)
	if !ok {
		return errNotBytes
	}
	return p.Write(m)
}

var errNotBytes = errors.New("not bytes")

// A crowd is all peers of a server.
type crowd struct {
	mu    sync.Mutex
	peers []Peer
}

func (c *crowd) join(p Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peers = append(c.peers, p)
}

func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peers = nil
}

func (c *crowd) all() []Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peers
}

// fanOut sends so many messages of size bytes to everybody.
func (c *crowd) fanOut(contestant *Contestant, size, each int) error {
	prepared := make([]any, each)
	for i := range prepared {
		message := make([]byte, size)
		prepared[i] = message
		if contestant.Prepare != nil {
			var err error
			if prepared[i], err = contestant.Prepare(message); err != nil {
				return err
			}
		}
	}
	for _, p := range c.all() {
		if err := deliver(p, prepared); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends messages to one connection, together if it knows how.
func deliver(p Peer, prepared []any) error {
	if b, ok := p.(Batcher); ok && len(prepared) > 1 {
		return b.DeliverAll(prepared)
	}
	for _, m := range prepared {
		if err := p.Deliver(m); err != nil {
			return err
		}
	}
	return nil
}

// joined are frames behind each other.
func joined(b []byte, prepared []any) ([]byte, error) {
	for _, m := range prepared {
		frame, ok := m.([]byte)
		if !ok {
			return nil, errNotBytes
		}
		b = append(b, frame...)
	}
	return b, nil
}

// shout has writers goroutines send each messages of size bytes to the peer that has
// joined last.
func (c *crowd) shout(writers, each, size int) error {
	peers := c.all()
	if len(peers) == 0 {
		return errors.New("nobody has joined")
	}
	peer := peers[len(peers)-1]
	failed := make(chan error, writers)
	for range writers {
		go func() {
			message := make([]byte, size)
			for range each {
				if err := peer.Write(message); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	var err error
	for range writers {
		err = errors.Join(err, <-failed)
	}
	return err
}
