package deflate

import "errors"

// plain is RFC 1951 bit by bit: the plain twin of inflater. It reads a whole
// message, behind history, and knows the window.
type plain struct {
	in      []byte
	pos     int // in bits
	out     []byte
	history int // how much of out was there before
	window  int
}

var errPlain = errors.New("plain: not a complete message")

// inflatePlain inflates a message whose sender has a window of so many bytes.
func inflatePlain(payload, history []byte, window int) (msg []byte, err error) {
	defer func() {
		if recover() != nil { // thrown by fail, or reading behind the end
			msg, err = nil, errPlain
		}
	}()
	p := &plain{in: payload, out: append([]byte(nil), history...), history: len(history), window: window}
	for len(payload) > 0 && !p.block() {
	}
	return p.out[len(history):], nil
}

func (p *plain) fail() { panic(errPlain) }

func (p *plain) bit() int {
	b := p.in[p.pos/8] >> (p.pos % 8) & 1
	p.pos++
	return int(b)
}

func (p *plain) bits(n int) (v int) {
	for i := range n {
		v |= p.bit() << i
	}
	return v
}

func (p *plain) align() { p.pos = (p.pos + 7) / 8 * 8 }

// block reports whether the message ends in it.
func (p *plain) block() (ended bool) {
	final := p.bit()
	switch p.bits(2) {
	case 0:
		if p.align(); p.pos == 8*len(p.in) {
			return true
		}
		n := p.bits(16)
		if p.bits(16) != n^0xffff {
			p.fail()
		}
		for range n {
			p.out = append(p.out, byte(p.bits(8)))
		}
	case 1:
		var lits [288]int
		var dists [32]int
		for i := range lits {
			lits[i] = 8
			if i >= 144 && i < 256 {
				lits[i] = 9
			} else if i >= 256 && i < 280 {
				lits[i] = 7
			}
		}
		for i := range dists {
			dists[i] = 5
		}
		p.symbols(lits[:], dists[:])
	case 2:
		p.symbols(p.lengths())
	default:
		p.fail()
	}
	if final == 1 {
		p.align()
	}
	return false
}

func (p *plain) lengths() (lits, dists []int) {
	nl, nd, np := p.bits(5)+257, p.bits(5)+1, p.bits(4)+4
	if nl > 286 || nd > 30 {
		p.fail()
	}
	pre := make([]int, 19)
	for i := range np {
		pre[[]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[i]] = p.bits(3)
	}
	if space(pre) != 1<<15 {
		p.fail()
	}
	var all []int
	for len(all) < nl+nd {
		s, n, v := p.symbol(pre), 1, 0
		switch s {
		case 16:
			n, v = 3+p.bits(2), all[len(all)-1]
		case 17:
			n = 3 + p.bits(3)
		case 18:
			n = 11 + p.bits(7)
		default:
			v = s
		}
		for range n {
			all = append(all, v)
		}
	}
	if len(all) > nl+nd {
		p.fail()
	}
	lits, dists = all[:nl], all[nl:]
	for _, l := range [][]int{lits, dists} {
		// Complete, or one code of one bit, or none.
		if s := space(l); s != 1<<15 && s != 0 && (s != 1<<14 || longest(l) != 1) {
			p.fail()
		}
	}
	if lits[256] == 0 {
		p.fail()
	}
	return lits, dists
}

func space(lengths []int) (s int) {
	for _, l := range lengths {
		if l > 0 {
			s += 1 << (15 - l)
		}
	}
	return s
}

func longest(lengths []int) (n int) {
	for _, l := range lengths {
		n = max(n, l)
	}
	return n
}

// symbol reads a code bit by bit and compares it with each symbol's.
func (p *plain) symbol(lengths []int) int {
	code := 0
	for n := 1; n <= 15; n++ {
		code = code<<1 | p.bit()
		// The first code of n bits follows from how many are shorter (RFC 1951, section 3.2.2).
		first := 0
		for l := 1; l < n; l++ {
			first = (first + count(lengths, l)) << 1
		}
		if i := code - first; i >= 0 && i < count(lengths, n) {
			for s, l := range lengths {
				if l == n {
					if i == 0 {
						return s
					}
					i--
				}
			}
		}
	}
	p.fail()
	return 0
}

func count(lengths []int, n int) (c int) {
	for _, l := range lengths {
		if l == n {
			c++
		}
	}
	return c
}

func (p *plain) symbols(lits, dists []int) {
	for {
		s := p.symbol(lits)
		switch {
		case s < 256:
			p.out = append(p.out, byte(s))
			continue
		case s == 256:
			return
		case s > 285:
			p.fail()
		}
		length, base := 258, 3
		for c := 257; s < 285 && c <= s; c++ {
			extra := max(0, (c-261)/4)
			length = base
			base += 1 << extra
		}
		if s < 285 {
			length += p.bits(max(0, (s-261)/4))
		}
		d := p.symbol(dists)
		if d > 29 {
			p.fail()
		}
		dist := 1
		for c := range d {
			dist += 1 << max(0, c/2-1)
		}
		dist += p.bits(max(0, d/2-1))
		if dist > p.window || dist > len(p.out) {
			p.fail()
		}
		for range length {
			p.out = append(p.out, p.out[len(p.out)-dist])
		}
	}
}
