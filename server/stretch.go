package server

// stackNeed is what a handshake takes of a stack, in bytes, and more than the 2 KiB of a new goroutine have to spare.
const stackNeed = 1 << 10

// stretch makes the stack of a new goroutine grow while next to nothing is on it. Some call of the handshake would make
// it grow anyway, a dozen frames deep, and the runtime has to walk and move each of them: 4 % of what a handshake over
// loopback costs, and 1 % here. A stack that is large enough stays as it is. i is anything below stackNeed.
//
//go:noinline
func stretch(i int) byte {
	var room [stackNeed]byte
	return room[i]
}
