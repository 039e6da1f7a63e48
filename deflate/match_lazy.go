package deflate

import "math/bits"

// A lazyMatcher takes the longest match among several candidates, unless the
// next byte begins a better one.
//
//	head[hash of four bytes]        the last position with that hash
//	chain[position modulo its size] the one before it with the same hash
//	near[hash of three bytes]       the last position with that hash, for
//	                                matches of three bytes
//
// A chain is as long as the window, or the message. It is never cleared: what an
// entry was before its position was entered is reached by no chain, because
// distances must grow along it and lead to the same bytes.
type lazyMatcher struct {
	head  []uint16
	near  []uint16
	chain []uint16

	shift, nearShift uint8
}

const (
	// lazyDepth candidates are compared, and lazyDepth/2 for the next byte.
	lazyDepth = 12

	// niceLength: a match of this length is taken at once.
	niceLength = 48

	// nearDistance: a match of three bytes further away than this takes more
	// bits than its literals.
	nearDistance = 2048

	lazySkip = 8 // as thoroughSkip
)

// find does what thorough does.
func (m *lazyMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	pos = s.from
	next, judged := pos, pos
	last := min(s.to, len(s.buf)-padding+1)
	for pos < last {
		length, distance := m.longest(s, pos, minMatch-1, lazyDepth)
		if length < minMatch {
			if pos-judged >= noMatchFor {
				if looksRandom(s.buf[next:pos]) {
					return next, n, incompressible
				}
				judged = s.to
			}
			pos += 1 + (pos-next)>>lazySkip
			continue
		}
		entered := pos + 1
		for length < niceLength && pos+1 < last {
			l, d := m.longest(s, pos+1, length-1, lazyDepth/2)
			entered = pos + 2
			if l < minMatch || gain(l, d)-gain(length, distance) <= 2 {
				break
			}
			pos, length, distance = pos+1, l, d
		}
		n = appendLiterals(tokens, n, s.buf[next:pos])
		n = appendLongMatch(tokens, n, length, distance)
		pos += length
		m.enter(s, entered, min(pos, last))
		next, judged = pos, pos
	}
	pos = s.to
	return pos, appendLiterals(tokens, n, s.buf[next:pos]), spanDone
}

// gain weighs matches against each other: a byte is worth about four bits, a
// distance costs about as many as it has.
func gain(length, distance int) int { return 4*length - bits.Len(uint(distance)) }

// longest finds a match at pos that is longer than best, or says 0. It enters
// pos. It compares up to depth candidates.
func (m *lazyMatcher) longest(s span, pos, best, depth int) (length, distance int) {
	buf, chain := s.buf, m.chain
	v := load64(buf, pos)
	here := uint16(pos) + s.base
	limit := uint(min(s.window, pos))
	near := &m.near[hash3(v, m.nearShift)]
	head := &m.head[hash4(v, m.shift)]
	candidate := *head
	chain[int(here)&(len(chain)-1)] = candidate
	*head = here
	if best < minMatch {
		d := uint(here - *near)
		if d-1 < min(limit, nearDistance) && (load32(buf, pos-int(d))^uint32(v))<<8 == 0 && pos+minMatch <= s.to {
			best, length, distance = minMatch, minMatch, int(d)
		}
	}
	*near = here
	best = max(best, minMatch)
	if pos+best >= s.to {
		return length, distance
	}
	nearer := uint(0)
	for range depth {
		d := uint(here - candidate)
		if d <= nearer || d > limit {
			break
		}
		nearer = d
		i := pos - int(d)
		if load32(buf, i+best-3) == load32(buf, pos+best-3) && load32(buf, i) == uint32(v) {
			if l := matchEnd(buf, pos+4, int(d), s.to) - pos; l > best {
				best, length, distance = l, l, int(d)
				if l >= niceLength || pos+l >= s.to {
					break
				}
			}
		}
		candidate = chain[int(candidate)&(len(chain)-1)]
	}
	return length, distance
}

// enter enters the positions from from to to.
func (m *lazyMatcher) enter(s span, from, to int) {
	for pos := from; pos < to; pos++ {
		v := load64(s.buf, pos)
		here := uint16(pos) + s.base
		head := &m.head[hash4(v, m.shift)]
		m.chain[int(here)&(len(m.chain)-1)] = *head
		*head = here
		m.near[hash3(v, m.nearShift)] = here
	}
}
