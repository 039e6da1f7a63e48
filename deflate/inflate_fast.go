package deflate

import "encoding/binary"

// fast reads symbols until the block ends, or until there may be too little
// input or room for three literals and a match. A plain version of it is
// careful.
//
// At the top of the loop e is the entry of the next symbol, and hold counts at
// least 56 bits. Three literals of the first table take at most 30 of them, a
// length at most 20. The next entry is looked up before a match is copied, so
// that the copy and the lookup run beside each other.
func (z *inflater) fast(h *ring, out []byte, op, base int) (int, outcome) {
	in, pos, hold, count := z.in, z.pos, z.hold, z.count
	lit, far := z.lit, z.far
	inEnd, outEnd := len(in)-fastInput, len(out)-fastRoom
	o := goOn

	hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
	pos += int(63-count) >> 3
	count |= 56
	e := lit[hold&(1<<litBits-1)]
	for pos <= inEnd && op <= outEnd {
		// 1. Literals.
		if e&entryLiteral != 0 {
			hold >>= e & entryBits
			count -= uint(e & entryBits)
			out[op] = byte(e >> 16)
			op++
			e = lit[hold&(1<<litBits-1)]
			if e&entryLiteral != 0 {
				hold >>= e & entryBits
				count -= uint(e & entryBits)
				out[op] = byte(e >> 16)
				op++
				e = lit[hold&(1<<litBits-1)]
				if e&entryLiteral != 0 {
					hold >>= e & entryBits
					count -= uint(e & entryBits)
					out[op] = byte(e >> 16)
					op++
					hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
					pos += int(63-count) >> 3
					count |= 56
					e = lit[hold&(1<<litBits-1)]
					continue
				}
			}
		}

		// 2. A length, or what needs a second look.
		saved := hold
		hold >>= e & entryBits
		count -= uint(e & entryBits)
		if e&entrySpecial != 0 {
			if e&entrySecond != 0 {
				e = lit[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(lit)-1)]
				saved = hold
				hold >>= e & entryBits
				count -= uint(e & entryBits)
			}
			if e&entryLiteral != 0 {
				out[op] = byte(e >> 16)
				op++
				hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
				pos += int(63-count) >> 3
				count |= 56
				e = lit[hold&(1<<litBits-1)]
				continue
			}
			if e&entryEnd != 0 {
				o = ended
				break
			}
			if e&entrySpecial != 0 {
				o = corrupt
				break
			}
		}
		length := int(uint64(e>>16) + saved&(1<<(e&entryBits)-1)>>(e>>8&15))

		// 3. Its distance.
		if count < 28 {
			hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
			pos += int(63-count) >> 3
			count |= 56
		}
		e = far[hold&(1<<distBits-1)]
		if e&entrySpecial != 0 {
			if e&entrySecond == 0 {
				o = corrupt
				break
			}
			hold >>= distBits
			count -= distBits
			e = far[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(far)-1)]
			if e&entrySpecial != 0 {
				o = corrupt
				break
			}
		}
		dist := int(uint64(e>>16) + hold&(1<<(e&entryBits)-1)>>(e>>8&15))
		hold >>= e & entryBits
		count -= uint(e & entryBits)
		hold |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
		pos += int(63-count) >> 3
		count |= 56
		e = lit[hold&(1<<litBits-1)]

		// 4. The copy.
		from, to := op-dist, op+length
		switch {
		case from < base:
			back := base - from
			if at := (h.pos - back) & (len(h.buf) - 1); length <= back && back <= h.n && at+length+15 <= len(h.buf) {
				for {
					*(*[16]byte)(out[op:]) = *(*[16]byte)(h.buf[at:])
					op += 16
					if op >= to {
						break
					}
					at += 16
				}
			} else if !match(h, out, op, base, length, dist) {
				o = corrupt
			}
			if o != goOn {
				break
			}
		case dist >= 16:
			for {
				*(*[16]byte)(out[op:]) = *(*[16]byte)(out[from:])
				op += 16
				if op >= to {
					break
				}
				from += 16
			}
		case dist >= 8:
			for {
				*(*[8]byte)(out[op:]) = *(*[8]byte)(out[from:])
				op += 8
				if op >= to {
					break
				}
				from += 8
			}
		default:
			repeat(out[from:], dist, length)
		}
		op = to
		if o != goOn {
			break
		}
	}
	z.pos, z.hold, z.count = pos, hold&(1<<(count&63)-1), count
	if o == ended {
		return op, z.endBlock()
	}
	return op, o
}

// repeat writes p[:dist] again and again behind itself, length bytes and up to 7
// more. dist is 1 to 7.
func repeat(p []byte, dist, length int) {
	v := binary.LittleEndian.Uint64(p) & (1<<(8*dist&63) - 1)
	v |= v << (8 * dist)
	v |= v << (16 * dist)
	v |= v << (32 * dist)
	step := int(repeatStep[dist&7])
	for i := dist; i < dist+length; i += step {
		binary.LittleEndian.PutUint64(p[i:], v)
	}
}

// repeatStep is the largest multiple of a distance within 8 bytes.
var repeatStep = [8]uint8{8, 8, 8, 6, 8, 5, 6, 7}
