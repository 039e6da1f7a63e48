package deflate

import "encoding/binary"

// fast reads symbols until the block ends, or until there may be too little
// input or room for another turn of the loop. careful is the plain twin.
func (z *inflater) fast(h *ring, out []byte, op, base int) (int, outcome) {
	held := int(z.count+7) / 8
	in := z.in[z.pos-held:]
	in = in[:min(len(in), fastMost)]
	at, n, o := decode(z.codes, h, in, uint(8*held)-z.count, out[base:], uint(op-base))
	z.pos, z.hold, z.count = z.pos-held+int(at>>3), 0, 0
	if at&7 != 0 {
		z.hold, z.count = uint64(z.in[z.pos])>>(at&7), 8-at&7
		z.pos++
	}
	if o == ended {
		o = z.endBlock()
	}
	return base + int(n), o
}

// decode reads symbols from bit at of in, and writes to out[op:]. It returns both
// positions, and ended behind a block.
//
// Each turn of the loop has 57 bits or more in hold and takes up to three entries
// of literals, 30 bits, or one match, 43 bits if its length is in the first table.
// The entry that comes next is looked up at once, in what is left of hold: e is the
// one at bit at. So the copy, the next load and the lookup run beside each other.
//
// What looks odd is for the compiler, and is worth a third of the time in
// BenchmarkInflate: uint, where a position cannot be negative; slices with their
// capacity, which need no test for an empty one; p, at which nothing is tested;
// signs for flags.
func decode(codes *codes, h *ring, in []byte, at uint, out []byte, op uint) (uint, uint, outcome) {
	in, out = in[:len(in):len(in)], out[:len(out):len(out)]
	e := codes.at(in, at)
	for {
		k, end := at>>3, op+fastRoom
		if k+fastInput > uint(len(in)) || end > uint(len(out)) {
			break
		}
		hold := binary.LittleEndian.Uint64(in[k : k+fastInput : k+fastInput])
		p := (*[fastRoom]byte)(out[op:end:end])

		// 1. Literals.
		if int32(e) < 0 {
			hold >>= (at&7 + uint(e)) & entryBits
			at += uint(uint8(e))
			binary.LittleEndian.PutUint16(p[:], uint16(e>>15))
			n := uint(e >> 12 & 3)
			e = codes.lit[hold&(1<<litBits-1)]
			if int32(e) < 0 {
				hold >>= e & entryBits
				at += uint(uint8(e))
				binary.LittleEndian.PutUint16(p[n:n+2], uint16(e>>15))
				n += uint(e >> 12 & 3)
				e = codes.lit[hold&(1<<litBits-1)]
				if int32(e) < 0 {
					hold >>= e & entryBits
					at += uint(uint8(e))
					binary.LittleEndian.PutUint16(p[n:n+2], uint16(e>>15))
					n += uint(e >> 12 & 3)
					e = codes.lit[hold&(1<<litBits-1)]
				}
			}
			op += n
			continue
		}

		// 2. A length, or what needs a second look.
		hold >>= at & 7
		if int8(e) < 0 {
			if e&entrySecond != 0 {
				hold >>= litBits
				at += litBits
				e = codes.lit[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(codes.lit)-1)]
			}
			if int32(e) < 0 {
				hold >>= e & entryBits
				at += uint(uint8(e))
				p[0] = byte(e >> 15)
				op++
				e = codes.lit[hold&(1<<litBits-1)]
				continue
			}
			if int8(e) < 0 {
				if e&entryEnd == 0 {
					return at, op, corrupt
				}
				return at + uint(e&entryBits), op, ended
			}
			k = at >> 3
			hold = binary.LittleEndian.Uint64(in[k:k+8:k+8]) >> (at & 7)
		}
		length := uint(e>>16) + uint(uint32(hold)&lowBits[uint8(e)]>>(e>>8&31))
		hold >>= e & entryBits
		at += uint(uint8(e))

		// 3. Its distance.
		e = codes.far[hold&(1<<distBits-1)]
		if int8(e) < 0 {
			if e&entrySecond == 0 {
				return at, op, corrupt
			}
			hold >>= distBits
			at += distBits
			e = codes.far[(uint64(e>>16)+hold&(1<<(e>>8&15)-1))&uint64(len(codes.far)-1)]
			if int8(e) < 0 {
				return at, op, corrupt
			}
		}
		dist := uint(e>>16) + uint(uint32(hold)&lowBits[uint8(e)]>>(e>>8&31))
		hold >>= e & entryBits
		at += uint(uint8(e))
		e = codes.lit[hold&(1<<litBits-1)]

		// 4. The copy.
		switch {
		case dist > op:
			back, to := dist-op, op+length
			from := (uint(h.pos) - back) & uint(len(h.buf)-1)
			if length > back || back > uint(h.n) || from+length+15 > uint(len(h.buf)) {
				if !match(h, out, int(op), 0, int(length), int(dist)) {
					return at, op, corrupt
				}
				op = to
			}
			for ; op < to; op += 16 {
				*(*[16]byte)(out[op : op+16 : op+16]) = *(*[16]byte)(h.buf[from : from+16 : from+16])
				from += 16
			}
			op = to
		case dist >= 16:
			from, to := op-dist, op+length
			*(*[16]byte)(p[:]) = *(*[16]byte)(out[from : from+16 : from+16])
			for op += 16; op < to; op += 16 {
				from += 16
				*(*[16]byte)(out[op : op+16 : op+16]) = *(*[16]byte)(out[from : from+16 : from+16])
			}
			op = to
		case dist >= 8:
			from, to := op-dist, op+length
			for ; op < to; op += 8 {
				*(*[8]byte)(out[op : op+8 : op+8]) = *(*[8]byte)(out[from : from+8 : from+8])
				from += 8
			}
			op = to
		default:
			repeat(out[op-dist:], int(dist), int(length))
			op += length
		}
	}
	return at, op, goOn
}

// at returns the entry of the literal or length at a bit of in. Inlined it would
// leave decode with values in registers that its loop seldom wants.
//
//go:noinline
func (c *codes) at(in []byte, at uint) entry {
	return c.lit[binary.LittleEndian.Uint64(in[at>>3:])>>(at&7)&(1<<litBits-1)]
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

// lowBits are masks by the lowest 8 bits of an entry, which are at most 28: a load is
// faster than two shifts.
var lowBits = func() (m [256]uint32) {
	for i := range 32 {
		m[i] = 1<<i - 1
	}
	return m
}()
