package deflate

import "math/bits"

// A lazyMatcher takes the longest match among several candidates, unless the
// next byte begins a better one.
//
//	head[hash of four bytes]        the last position with that hash
//	chain[position modulo its size] the one before it with the same hash
//
// A chain is as long as the window, or the message. It is never cleared: what an
// entry was before its position was entered is reached by no chain, because
// distances must grow along it and lead to the same bytes.
type lazyMatcher struct {
	head  []uint16
	chain []uint16

	shift uint8 // 64 minus the bits of the hash
	depth int   // candidates that are compared; half as many for the next byte
}

const (
	// shallow is the depth for large messages, deep that for small ones, in which
	// chains are short.
	shallow = 16
	deep    = 32

	// A match of niceLength is taken at once, and one of goodLength without a look
	// at the next byte.
	niceLength = 64
	goodLength = 16

	// shortMatch is the least length that is looked for, and shortDistance the
	// distance up to which one of that length takes fewer bits than its literals.
	shortMatch    = 4
	shortDistance = 1024

	lazySkip = 8 // as thoroughSkip
)

// find does what thorough does.
func (m *lazyMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	pos = s.from
	next, judged := pos, pos
	last := min(s.to, len(s.buf)-padding+1)
	for pos < last {
		length, distance := m.longest(s, pos, shortMatch-1, m.depth)
		if length < shortMatch {
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
		for length < goodLength && pos+1 < last {
			l, d := m.longest(s, pos+1, length-1, m.depth/2)
			entered = pos + 2
			if l < shortMatch || gain(l, d)-gain(length, distance) <= 2 {
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
// pos. It compares up to depth candidates. best is at least shortMatch-1.
func (m *lazyMatcher) longest(s span, pos, best, depth int) (length, distance int) {
	buf, chain := s.buf, m.chain
	v := load64(buf, pos)
	here := uint16(pos) + s.base
	limit := uint(min(s.window, pos))
	head := &m.head[hash4(v, m.shift)]
	candidate := *head
	chain[int(here)&(len(chain)-1)] = candidate
	*head = here
	if pos+best >= s.to {
		return 0, 0
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
			if l := matchEnd(buf, pos+4, int(d), s.to) - pos; l > best && (l > shortMatch || d <= shortDistance) {
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
	}
}
