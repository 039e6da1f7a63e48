package deflate

import (
	"encoding/binary"
	"math"
	"sync"
)

// inflater is what a message needs while it is inflated: RFC 1951 as a machine
// that stops at any byte of input or output and goes on there.
//
// It stops between symbols. A length with its distance takes at most 48 bits,
// so what is left of a piece of input when it is not enough for the next symbol
// always fits into the 64 bits of hold:
//
//	hold, low bits first | in[pos:size]       what is still to be read
//	hold[:count] are counted, count <= 63; those above are zero or the same as the first bits of in[pos:]
//
// The end of a message is copied in front of zeros (toTail), so that the fast
// loop, which reads 8 bytes at a time, runs to the last bit. A message that wants
// those zeros was cut off.
type inflater struct {
	in    []byte
	pos   int
	size  int // in[:size] is input; what is behind it is there to be read in vain
	hold  uint64
	count uint

	step  step
	final bool // the block has BFINAL set
	end   bool // in is the last piece of the message
	tail  bool // in is pad

	stored       int // bytes of the stored block that are still to come
	length, dist int // match that found no room: what is left of it

	codes      *codes // of the block: own or fixed
	windowBits int

	header headerState
	own    codes
	pad    [tailMax + tailZeros]byte
}

// step is what the input goes on with.
type step uint8

const (
	stepBlock   step = iota // the 3 bits that begin a block
	stepLength              // LEN and NLEN of a stored block, at a byte boundary
	stepStored              // bytes of a stored block
	stepCounts              // HLIT, HDIST and HCLEN of dynamic codes
	stepPrecode             // code lengths of the code length code
	stepCodes               // code lengths of the other two
	stepSymbols             // symbols of a compressed block
)

// outcome says why the machine has stopped.
type outcome uint8

const (
	goOn      outcome = iota // it has not: the next step may follow
	needInput                // the piece is used up
	needRoom                 // out is full, or too full for the fast loop
	ended                    // the message is complete
	corrupt
)

const (
	fastInput = 32       // bytes that the fast loop wants to see ahead of a turn, which reads three times 8
	fastRoom  = 258 + 30 // and the room: the longest match, and what copying in sixteens writes behind it
	fastMost  = 1 << 20  // bytes that it reads at once: positions are in bits
	tailMax   = 64
	tailZeros = 8 + fastInput
)

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// newInflater returns one from the pool, at the beginning of a message.
func newInflater(windowBits int) *inflater {
	z := inflaters.Get().(*inflater)
	z.hold, z.count, z.step, z.final, z.length = 0, 0, stepBlock, false, 0
	z.windowBits = windowBits
	return z
}

func (z *inflater) release() {
	z.in = nil
	inflaters.Put(z)
}

// feed sets the next piece of input.
func (z *inflater) feed(src []byte, end bool) {
	z.in, z.pos, z.size, z.end, z.tail = src, 0, len(src), end, false
	z.trim()
}

// run inflates to out[op:] and returns where it stopped. out[base:op] is what
// the message has so far, with h before it. tight lets it fill out to the last
// byte; otherwise less than fastRoom counts as full.
func (z *inflater) run(h *ring, out []byte, op, base int, tight bool) (int, outcome) {
	for {
		var o outcome
		switch z.step {
		case stepBlock:
			o = z.block()
		case stepLength:
			o = z.storedLength()
		case stepStored:
			op, o = z.copyStored(out, op)
		case stepCounts:
			o = z.readCounts()
		case stepPrecode:
			o = z.readPrecode()
		case stepCodes:
			o = z.readCodes()
		case stepSymbols:
			op, o = z.symbols(h, out, op, base, tight)
		default:
			panic("websocket: internal error: step of an inflater")
		}
		switch {
		case o == goOn:
		case o == needInput && z.tail:
			return op, corrupt // cut off
		case o == needInput && z.end:
			z.toTail()
		default:
			return op, o
		}
	}
}

// toTail goes on in a copy of the message's last bytes with zeros behind it. What
// RFC 7692, section 7.2.2, has us append, 00 00 ff ff, is not among them: it
// would be read as data by a message that was cut off there. See storedLength.
func (z *inflater) toTail() {
	z.trim()
	held := z.held()
	binary.LittleEndian.PutUint64(z.pad[:], z.hold<<(-z.count&7))
	n := held + copy(z.pad[held:tailMax], z.in[z.pos:z.size])
	clear(z.pad[n : n+tailZeros])
	z.in, z.pos, z.size, z.tail = z.pad[:n+tailZeros], held, n, true
}

// left is how many bits of input there are: less than none if zeros behind the
// end were taken for some.
func (z *inflater) left() int { return 8*(z.size-z.pos) + int(z.count) }

// held is how many bytes hold has bits of. Without those of another piece of input
// they are the ones before pos.
func (z *inflater) held() int { return int(z.count+7) / 8 }

// trim clears the bits of hold that do not count.
func (z *inflater) trim() { z.hold &= 1<<(z.count&63) - 1 }

func (z *inflater) drop(n uint) {
	z.hold >>= n & 63
	z.count -= n
}

// need makes hold count at least n bits, n <= 48, and reports whether there were
// so many. In a tail it counts zeros.
func (z *inflater) need(n uint) bool {
	if z.count < n {
		z.refill()
	}
	return z.count >= n
}

// refill makes hold count at least 56 bits, or all that there are.
func (z *inflater) refill() {
	if z.pos+8 <= len(z.in) {
		z.hold |= binary.LittleEndian.Uint64(z.in[z.pos:]) << (z.count & 63)
		z.pos += int(63-z.count) >> 3
		z.count |= 56
		return
	}
	for z.count < 56 && z.pos < len(z.in) {
		z.hold |= uint64(z.in[z.pos]) << (z.count & 63)
		z.pos++
		z.count += 8
	}
}

// block reads the head of a block (RFC 1951, section 3.2.3). It may straddle a
// byte, also the last one of the message.
func (z *inflater) block() outcome {
	if z.tail && z.left() < 3 {
		return corrupt
	}
	if !z.need(3) {
		return needInput
	}
	z.final = z.hold&1 != 0
	kind := z.hold >> 1 & 3
	z.drop(3)
	switch kind {
	case 0:
		z.drop(z.count & 7)
		z.step = stepLength
	case 1:
		z.codes = fixed[z.windowBits]()
		z.step = stepSymbols
	case 2:
		z.step = stepCounts
	default:
		return corrupt
	}
	return goOn
}

// endBlock goes on at the byte boundary after a final block: RFC 7692, section
// 7.2.3.4, has more blocks behind it, and the history is kept.
func (z *inflater) endBlock() outcome {
	if z.final {
		z.drop(z.count & 7)
	}
	z.step = stepBlock
	return goOn
}

// storedLength reads LEN and NLEN (RFC 1951, section 3.2.4). They are 00 00 ff ff,
// and were taken off, where a message ends (RFC 7692, sections 7.2.1 and 7.2.2).
// So a complete message is one that ends right here.
func (z *inflater) storedLength() outcome {
	switch left := z.left(); {
	case left == 0 && z.end:
		return ended
	case left < 32 && z.end:
		return corrupt
	case !z.need(32):
		return needInput
	}
	n, complement := uint16(z.hold), uint16(z.hold>>16)
	if n != ^complement {
		return corrupt
	}
	z.drop(32)
	z.stored = int(n)
	z.step = stepStored
	return goOn
}

func (z *inflater) copyStored(out []byte, op int) (int, outcome) {
	for ; z.stored > 0 && z.count >= 8 && op < len(out); op++ {
		out[op] = byte(z.hold)
		z.drop(8)
		z.stored--
	}
	if z.stored > 0 && z.count < 8 {
		z.hold = 0 // the bits that do not count are what is copied now
		n := copy(out[op:], z.in[z.pos:max(z.pos, min(z.size, z.pos+z.stored))])
		z.pos += n
		z.stored -= n
		op += n
	}
	switch {
	case z.stored == 0:
		return op, z.endBlock()
	case op == len(out):
		return op, needRoom
	default:
		return op, needInput
	}
}

// symbols reads a compressed block, fast while input and room are plenty.
func (z *inflater) symbols(h *ring, out []byte, op, base int, tight bool) (_ int, o outcome) {
	if op, o = z.copyMatch(h, out, op, base); o != goOn {
		return op, o
	}
	for len(z.in)-z.pos >= fastInput && len(out)-op >= fastRoom {
		if z.pos < z.held() {
			// The first symbols are of two pieces of input.
			op, o = z.careful(h, out, op, base, 0)
		} else {
			op, o = z.fast(h, out, op, base)
		}
		if o != goOn || z.step != stepSymbols {
			return op, o
		}
	}
	switch {
	case len(out)-op < fastRoom && !tight:
		return op, needRoom
	case z.end && !z.tail && len(z.in)-z.pos < fastInput:
		return op, needInput // the tail is for the fast loop too
	}
	return z.careful(h, out, op, base, math.MaxInt)
}
