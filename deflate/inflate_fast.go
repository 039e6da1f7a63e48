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
//
// The low 8 bits of count are the count. What is above them is what was taken from
// it in vain: bits 6 and 7 of an entry are 0, and a shift looks at 6 bits. in is cut
// at its front as it is read, which leaves most loads without a bounds check.
func (z *inflater) fast(h *ring, out []byte, op, base int) (int, outcome) {
	in, hold, count := z.in[z.pos:], z.hold, uint64(z.count)
	codes := z.codes
	out, op = out[base:], op-base
	outEnd := len(out) - fastRoom

	hold |= binary.LittleEndian.Uint64(in) << (count & 63)
	in = in[^count>>3&7:]
	count |= 56
	e := codes.lit[hold&(1<<litBits-1)]
	for len(in) >= fastInput && op <= outEnd {
		// 1. Literals.
		if e&entryLiteral != 0 {
			hold >>= e & entryBits
			count -= uint64(e)
			out[op] = byte(e >> 16)
			op++
			e = codes.lit[hold&(1<<litBits-1)]
			if e&entryLiteral != 0 {
				hold >>= e & entryBits
				count -= uint64(e)
				out[op] = byte(e >> 16)
				op++
				e = codes.lit[hold&(1<<litBits-1)]
				if e&entryLiteral != 0 {
					hold >>= e & entryBits
					count -= uint64(e)
					out[op] = byte(e >> 16)
					op++
					hold |= binary.LittleEndian.Uint64(in) << (count & 63)
					in = in[^count>>3&7:]
					count |= 56
					e = codes.lit[hold&(1<<litBits-1)]
					continue
				}
			}
		}

		// 2. A length, or what needs a second look.
		if e&entrySpecial != 0 {
			if e&entrySecond != 0 {
				hold >>= litBits
				count -= litBits
				e = codes.lit[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(codes.lit)-1)]
			}
			if e&entryLiteral != 0 {
				hold >>= e & entryBits
				count -= uint64(e)
				out[op] = byte(e >> 16)
				op++
				hold |= binary.LittleEndian.Uint64(in) << (count & 63)
				in = in[^count>>3&7:]
				count |= 56
				e = codes.lit[hold&(1<<litBits-1)]
				continue
			}
			if e&entrySpecial != 0 {
				if e&entryEnd == 0 {
					return base + op, corrupt
				}
				hold >>= e & entryBits
				count -= uint64(e)
				z.pos, z.hold, z.count = len(z.in)-len(in), hold&(1<<(count&63)-1), uint(count&63)
				return base + op, z.endBlock()
			}
		}
		length := int(uint64(e>>16) + hold&lowBits[e&31]>>(e>>8&15))
		hold >>= e & entryBits
		count -= uint64(e)

		// 3. Its distance.
		if uint8(count) < 28 {
			hold |= binary.LittleEndian.Uint64(in) << (count & 63)
			in = in[^count>>3&7:]
			count |= 56
		}
		e = codes.far[hold&(1<<distBits-1)]
		if e&entrySpecial != 0 {
			if e&entrySecond == 0 {
				return base + op, corrupt
			}
			hold >>= distBits
			count -= distBits
			e = codes.far[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(codes.far)-1)]
			if e&entrySpecial != 0 {
				return base + op, corrupt
			}
		}
		dist := int(uint64(e>>16) + hold&lowBits[e&31]>>(e>>8&15))
		hold >>= e & entryBits
		count -= uint64(e)
		hold |= binary.LittleEndian.Uint64(in) << (count & 63)
		in = in[^count>>3&7:]
		count |= 56
		e = codes.lit[hold&(1<<litBits-1)]

		// 4. The copy.
		from, to := op-dist, op+length
		switch {
		case from < 0:
			at := (h.pos + from) & (len(h.buf) - 1)
			if length <= -from && -from <= h.n && at+length+15 <= len(h.buf) {
				for {
					*(*[16]byte)(out[op:]) = *(*[16]byte)(h.buf[at:])
					op += 16
					if op >= to {
						break
					}
					at += 16
				}
			} else if !match(h, out, op, 0, length, dist) {
				return base + op, corrupt
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
	}
	z.pos, z.hold, z.count = len(z.in)-len(in), hold&(1<<(count&63)-1), uint(count&63)
	return base + op, goOn
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

// lowBits are masks: a load is faster than two shifts.
var lowBits = func() (m [32]uint64) {
	for i := range m {
		m[i] = 1<<i - 1
	}
	return m
}()
