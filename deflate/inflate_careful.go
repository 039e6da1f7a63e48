package deflate

// careful reads symbols one by one, to the last bit of input that makes a whole
// symbol and the last byte of room, or until what is in hold begins at in[until]. It
// is the plain twin of fast, for the edges.
func (z *inflater) careful(h *ring, out []byte, op, base, until int) (_ int, o outcome) {
	for z.pos-z.held() < until {
		if op, o = z.copyMatch(h, out, op, base); o != goOn {
			return op, o
		}
		if z.count < 48 {
			z.refill()
		}
		e, used := z.literalOrLength()
		switch {
		case used > z.count:
			return op, needInput
		case e&entryLiteral != 0:
			if op == len(out) {
				return op, needRoom
			}
			out[op] = byte(e >> 15)
			op++
			z.drop(used)
		case e&entrySpecial != 0:
			if e&entryEnd == 0 {
				return op, corrupt
			}
			z.drop(used)
			return op, z.endBlock()
		default:
			if o = z.readDistance(e, used); o != goOn {
				return op, o
			}
		}
	}
	return z.copyMatch(h, out, op, base)
}

// literalOrLength looks up the next symbol and says how many bits it takes,
// which may be more than there are.
func (z *inflater) literalOrLength() (e entry, used uint) {
	e = z.codes.lit[z.hold&(1<<litBits-1)]
	if e&(entryLiteral|entrySpecial|entrySecond) == entrySpecial|entrySecond {
		used = litBits
		e = z.codes.lit[(uint64(e>>16)+z.hold>>litBits&(1<<(e>>8&entryBits)-1))&uint64(len(z.codes.lit)-1)]
	}
	if e&(entryLiteral|entryTwo) == entryLiteral|entryTwo {
		return e, uint(e >> 8 & 15) // the first of two
	}
	return e, used + uint(e&entryBits)
}

// readDistance reads the distance behind the length e, which takes the first bits of
// hold, and notes the match for copyMatch. It takes nothing if the distance
// is not there whole.
func (z *inflater) readDistance(e entry, used uint) outcome {
	length := value(e, z.hold>>((used-uint(e&entryBits))&63))
	hold := z.hold >> (used & 63)
	e = z.codes.far[hold&(1<<distBits-1)]
	if e&(entrySpecial|entrySecond) == entrySpecial|entrySecond {
		used += distBits
		hold >>= distBits
		e = z.codes.far[(uint64(e>>16)+hold&(1<<(e>>8&entryBits)-1))&uint64(len(z.codes.far)-1)]
	}
	used += uint(e & entryBits)
	switch {
	case used > z.count:
		return needInput
	case e&entrySpecial != 0:
		return corrupt
	}
	z.length, z.dist = length, value(e, hold)
	z.drop(used)
	return goOn
}

// copyMatch copies what is left of a match as far as there is room.
func (z *inflater) copyMatch(h *ring, out []byte, op, base int) (int, outcome) {
	if z.length == 0 {
		return op, goOn
	}
	n := min(z.length, len(out)-op)
	if !match(h, out, op, base, n, z.dist) {
		return op, corrupt
	}
	op += n
	if z.length -= n; z.length > 0 {
		return op, needRoom
	}
	return op, goOn
}

// value is the length or distance of e with its extra bits, hold beginning with
// its code.
func value(e entry, hold uint64) int {
	return int(uint64(e>>16) + hold&(1<<(e&entryBits)-1)>>(e>>8&entryBits))
}

// match writes out[op:op+length] from dist bytes before. out[base:op] is what
// there is, and h before it. It reports false if nothing is so far back.
func match(h *ring, out []byte, op, base, length, dist int) bool {
	n := 0
	if back := dist - (op - base); back > 0 {
		if back > h.n {
			return false
		}
		n = h.copyTo(out[op:op+length], back)
	}
	for i := op + n; i < op+length; i++ {
		out[i] = out[i-dist]
	}
	return true
}
