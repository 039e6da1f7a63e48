package contest

import (
	"net"
	"net/http"
	"slices"
)

// A Contestant is a library in one way to use it.
type Contestant struct {
	Name string
	Uses string // how it is used, for the README and the tables

	// How sockets become connections; nil: not in this way. Each of them does with its
	// connections what the Job says, and the first that is there is the one that is used
	// where a scenario does not ask for HTTP.
	Raw    func(j *Job) func(nc net.Conn)           // serves an accepted socket on a goroutine of its own
	Listen func(j *Job) func(ln net.Listener) error // has its own loop for accepting
	HTTP   func(j *Job) http.Handler                // behind net/http

	// Prepare makes a message that many peers get, for their Deliver; nil: they get the bytes.
	Prepare func(p []byte) (any, error)

	Compression Compression // what it can

	// Variant says that it is another contestant in a way that not everybody would choose:
	// -quick leaves it out.
	Variant bool

	// Groups are the kinds of scenarios that it takes part in; nil: all that it can do.
	Groups []string
}

// A Compression says what a library knows of permessage-deflate.
type Compression int

const (
	None     Compression = iota
	Alone                // without context takeover
	Takeover             // with it and without
)

// A Door is how sockets become connections.
type Door string

const (
	AnyDoor  Door = ""     // the first that a contestant has
	RawDoor  Door = "raw"  // without net/http
	HTTPDoor Door = "http" // through net/http
)

// Has reports whether the contestant has a door.
func (c *Contestant) Has(d Door) bool {
	switch d {
	case RawDoor:
		return c.Raw != nil || c.Listen != nil
	case HTTPDoor:
		return c.HTTP != nil
	default:
		return true
	}
}

// Joins reports whether the contestant takes part in a kind of scenarios with a Task.
func (c *Contestant) Joins(group string, t *Task) bool {
	switch {
	case c.Groups != nil && !slices.Contains(c.Groups, group), !c.Has(t.Door):
		return false
	case t.Flate && t.Takeover:
		return c.Compression == Takeover
	case t.Flate:
		return c.Compression != None
	}
	return true
}

// Base is the name of what the others are compared with.
const Base = "raw TCP"
