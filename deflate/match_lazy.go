package deflate

// A lazyMatcher looks at several matches before it takes one. It has few
// candidates for any place, but asks for them at several:
//
//	c           where no match was found before
//	 c c        one and two bytes further
//	        c   behind the end of the best of those: what comes there may have
//	            been seen behind the same bytes elsewhere, in a longer match
//
// One table has the last position for each hash of three bytes, the other the
// last two for each hash of more:
//
//	near[hash]   position
//	pairs[hash]  position | the one before it <<16
type lazyMatcher struct {
	near  []uint16
	pairs []uint32

	nearShift uint8 // 64 minus the bits of the hash
	pairShift uint8
	pairDrop  uint8 // 64 minus the bits that go into the hash
	step      int   // inside a match every so many-th position is entered
}

const (
	// A match of goodLength is taken without a look at the next bytes, and one of
	// longLength without a look behind its end.
	goodLength = 24
	longLength = 32

	// lookAhead is the number of bytes behind the first of a match at which a
	// longer one may begin.
	lookAhead = 2

	// overlap is the number of bytes that a match which was found behind the end
	// of another leaves of that.
	overlap = 2

	// distance3 and distance4 are the distances up to which a match of three or
	// four bytes takes fewer bits than its bytes.
	distance3 = 256
	distance4 = 4000

	// smallPairs is the size under which a table of pairs is for hashes of four
	// bytes, not five: fewer positions compete for it.
	smallPairs = 8 << 10

	// smallLazy is the length up to which all positions are entered, and lazyStep
	// the step for longer messages.
	smallLazy = 2000
	lazyStep  = 3

	lazySkip = 7 // as fastSkip
)

func newLazy(t table, length int) lazyMatcher {
	m := lazyMatcher{near: t.head, pairs: t.pairs, nearShift: shiftFor(len(t.head)), pairShift: shiftFor(len(t.pairs))}
	m.pairDrop = 64 - 5*8
	if len(t.pairs) < smallPairs {
		m.pairDrop = 64 - 4*8
	}
	m.step = lazyStep
	if length <= smallLazy {
		m.step = 1
	}
	return m
}

// worth says whether a match takes fewer bits than its bytes would.
func worth(length, distance int) bool {
	return length > 4 || length == 4 && distance <= distance4 || length == 3 && distance <= distance3
}

// find does what that of a fastMatcher does.
func (m *lazyMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	buf, base, near, pairs := s.buf, s.base, m.near, m.pairs
	nearShift, pairShift, pairDrop := m.nearShift, m.pairShift, m.pairDrop
	pos = s.from
	next, judged := pos, pos
	last := min(s.to, len(buf)-padding+1)
	for pos < last {
		// 1. Look for a match.
		v := load64(buf, pos)
		p, q := hash(v, pairDrop, pairShift), hash(v, nearDrop, nearShift)
		if int(p) >= len(pairs) || int(q) >= len(near) { // never: spares bounds checks
			break
		}
		here, limit := uint16(pos)+base, uint(min(s.window, pos))
		pair, candidate := pairs[p], near[q]
		pairs[p], near[q] = pair<<16|uint32(here), here
		length, distance := 0, int(here-uint16(pair))
		if uint(distance-1) < limit && load32(buf, pos-distance) == uint32(v) {
			length = matchEnd(buf, pos+4, distance, s.to) - pos
		} else {
			distance = int(here - candidate)
			if uint(distance-1) < limit && (load32(buf, pos-distance)^uint32(v))<<8 == 0 {
				length = matchEnd(buf, pos+3, distance, s.to) - pos
			}
		}
		if !worth(length, distance) {
			if pos-judged >= noMatchFor {
				if looksRandom(buf[next:pos]) {
					return next, n, incompressible
				}
				judged = s.to
			}
			pos += 1 + (pos-next)>>lazySkip
			continue
		}
		// 2. Look for a longer one that begins a byte or two further.
		entered := pos + 1
		for i := pos + 1; i <= pos+lookAhead && length < goodLength && i < last && i+length < s.to; i++ {
			v := load64(buf, i)
			p := hash(v, pairDrop, pairShift)
			if int(p) >= len(pairs) { // never
				break
			}
			here := uint16(i) + base
			pair := pairs[p]
			if i == entered {
				pairs[p] = pair<<16 | uint32(here)
				near[hash(v, nearDrop, nearShift)] = here
				entered++
			}
			tail := load32(buf, i+length-3)
			if d := int(here - uint16(pair)); uint(d-1) < limit && load32(buf, i-d+length-3) == tail {
				if l := matchEnd(buf, i, d, s.to) - i; l > length {
					pos, length, distance = i, l, d
					if i+l >= s.to {
						break
					}
					tail = load32(buf, i+l-3)
				}
			}
			if d := int(here - uint16(pair>>16)); uint(d-1) < limit && load32(buf, i-d+length-3) == tail {
				if l := matchEnd(buf, i, d, s.to) - i; l > length {
					pos, length, distance = i, l, d
				}
			}
		}
		// 3. Look for a longer one by what is behind this one.
		if end := pos + length; length < longLength && end < last {
			pair := pairs[hash(load64(buf, end), pairDrop, pairShift)]
			here, i := uint16(end)+base, pos+overlap
			if d := int(here - uint16(pair)); uint(d-1) < limit && d != distance {
				if l := matchEnd(buf, i, d, s.to) - i; l > length {
					pos, length, distance = i, l, d
				}
			}
			if d := int(here - uint16(pair>>16)); uint(d-1) < limit && d != distance {
				if l := matchEnd(buf, i, d, s.to) - i; l > length {
					pos, length, distance = i, l, d
				}
			}
		}
		// 4. Widen it to the left, and take it.
		end := pos + length
		for pos > next && pos > distance && buf[pos-1] == buf[pos-1-distance] {
			pos--
		}
		if literals := pos - next; literals <= shortRun {
			putEight((*[shortRun]uint32)(tokens[n:n+shortRun]), (*[shortRun]byte)(buf[next:next+shortRun]))
			n += literals
		} else {
			n = appendLiterals(tokens, n, buf[next:pos])
		}
		if length := end - pos; length <= maxMatch {
			t := (*[2]uint32)(tokens[n : n+2])
			t[0], t[1] = lengthToken(length), distanceToken(distance)
			n += 2
		} else {
			n = appendLongMatch(tokens, n, length, distance)
		}
		m.enter(buf, base, entered, min(end, last))
		pos, next, judged = end, end, end
	}
	return s.to, appendLiterals(tokens, n, buf[next:s.to]), spanDone
}

// enter enters positions from from to to.
func (m *lazyMatcher) enter(buf []byte, base uint16, from, to int) {
	near, pairs := m.near, m.pairs
	nearShift, pairShift, pairDrop, step := m.nearShift, m.pairShift, m.pairDrop, m.step
	for pos := from; pos < to; pos += step {
		v := load64(buf, pos)
		here := uint16(pos) + base
		pair := &pairs[hash(v, pairDrop, pairShift)]
		*pair = *pair<<16 | uint32(here)
		near[hash(v>>8, nearDrop, nearShift)] = here + 1
	}
}

// nearDrop is the pairDrop of near.
const nearDrop = 64 - 3*8
