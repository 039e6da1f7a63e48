package server

// stackNeed is what lists in a request and the application take of a stack, in bytes, and more than the 2 KiB of a new
// goroutine have to spare.
const stackNeed = 1 << 10

// stretchesStack reports whether the rest of the handshake does not fit the stack of a new goroutine. Without lists it
// does: that is why the steps of UpgradeConn call each other in no great depth, and have next to nothing on the stack.
func (p *opening) stretchesStack() bool {
	h := p.req.Header
	return p.options.Authorize != nil || len(h["Sec-Websocket-Extensions"]) > 0 || len(h["Sec-Websocket-Protocol"]) > 0
}

// stretch makes the stack of a new goroutine grow while little is on it. Some call would make it grow anyway, a dozen
// frames deep, and the runtime has to walk and move each of them: 4 % of what a handshake over loopback costs, and 2 %
// here. A stack that is large enough stays as it is. i is anything below stackNeed.
//
//go:noinline
func stretch(i int) byte {
	var room [stackNeed]byte
	return room[i]
}
