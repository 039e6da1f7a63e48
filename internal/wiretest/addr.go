package wiretest

// Addr is the address of an end of a [Pipe] or of a [Listener].
type Addr string

// Network is "pipe".
func (a Addr) Network() string { return "pipe" }

// String is the address, like "pipe:a".
func (a Addr) String() string { return string(a) }
