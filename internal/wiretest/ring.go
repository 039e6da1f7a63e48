package wiretest

// A ring holds the bytes of one direction, up to limit. Its memory grows with what it holds, so that a thousand idle
// pipes cost little, and stays, so that a steady flow allocates nothing.
//
//	buf[head : head+n]   held, wrapping round the end of buf      0 <= n <= len(buf) <= limit
type ring struct {
	buf   []byte
	head  int
	n     int
	limit int
}

// put takes as much of p as there is room for.
func (r *ring) put(p []byte) int {
	p = p[:min(len(p), r.limit-r.n)]
	r.grow(r.n + len(p))
	for rest := p; len(rest) > 0; {
		tail := (r.head + r.n) % len(r.buf)
		end := len(r.buf)
		if tail < r.head {
			end = r.head
		}
		k := copy(r.buf[tail:end], rest)
		r.n += k
		rest = rest[k:]
	}
	return len(p)
}

// get moves held bytes to p.
func (r *ring) get(p []byte) int {
	got := 0
	for got < len(p) && r.n > 0 {
		k := copy(p[got:], r.buf[r.head:min(r.head+r.n, len(r.buf))])
		r.head = (r.head + k) % len(r.buf)
		r.n -= k
		got += k
	}
	return got
}

// drop forgets what is held.
func (r *ring) drop() { r.head, r.n = 0, 0 }

// grow makes room for need bytes in all.
func (r *ring) grow(need int) {
	if need <= len(r.buf) {
		return
	}
	const smallest = 512 // bytes: a handshake or a few frames
	held := r.n
	bigger := make([]byte, min(max(need, 2*len(r.buf), smallest), r.limit))
	r.get(bigger[:held])
	r.buf, r.head, r.n = bigger, 0, held
}
