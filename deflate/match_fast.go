package deflate

import "math/bits"

// A fastMatcher takes the first match it finds: one candidate for each hash of
// five bytes, entered at every position that is looked at.
type fastMatcher struct {
	table []uint16
	shift uint8 // 64 minus the bits of the hash
}

// thoroughSkip and swiftSkip: after 1<<skip bytes without a match every second
// position is tried, after twice as many every third, and so on.
const (
	thoroughSkip = 6
	swiftSkip    = 5

	// enterStep: inside a match every so many-th position is entered.
	enterStep = 4
)

// thorough appends the tokens of s.buf[s.from:s.to] to tokens from n on, and
// says up to where it came, how many tokens there are now, and why it stopped.
// There must be room for a token a byte, and shortRun more.
//
// It is for small messages and for history; swift is its twin for the rest.
func (m *fastMatcher) thorough(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	buf, table, shift := s.buf, m.table, m.shift
	pos = s.from
	next := s.from // the first byte that has no token yet
	judged := next // bytes before it need not be judged again
	last := min(s.to, len(buf)-padding+1)
	for pos < last {
		// 1. Look for a match.
		v := load64(buf, pos)
		h := hash5(v, shift)
		if int(h) >= len(table) { // never: spares two bounds checks
			break
		}
		here := uint16(pos) + s.base
		distance := int(here - table[h])
		table[h] = here
		if uint(distance-1) >= uint(min(s.window, pos)) || load32(buf, pos-distance) != uint32(v) {
			if pos-judged >= noMatchFor {
				if looksRandom(buf[next:pos]) {
					return next, n, incompressible
				}
				judged = s.to
			}
			pos += 1 + (pos-next)>>thoroughSkip
			continue
		}
		// 2. Widen it to both sides.
		start := pos
		for start > next && start > distance && buf[start-1] == buf[start-1-distance] {
			start--
		}
		end := pos + 4
		if x := load64(buf, end) ^ load64(buf, end-distance); x != 0 {
			end = min(end+bits.TrailingZeros64(x)>>3, s.to)
		} else {
			end = matchEnd(buf, end+8, distance, s.to)
		}
		if end-start < minMatch {
			break // it was in the padding
		}
		// 3. Take it.
		if literals := start - next; literals <= shortRun {
			putEight((*[shortRun]uint32)(tokens[n:n+shortRun]), (*[shortRun]byte)(buf[next:next+shortRun]))
			n += literals
		} else {
			n = appendLiterals(tokens, n, buf[next:start])
		}
		if length := end - start; length <= maxMatch {
			t := (*[2]uint32)(tokens[n : n+2])
			t[0], t[1] = lengthToken(length), distanceToken(distance)
			n += 2
		} else {
			n = appendLongMatch(tokens, n, length, distance)
		}
		for i := start + enterStep; i < min(end, last); i += enterStep {
			table[hash5(load64(buf, i), shift)] = uint16(i) + s.base
		}
		pos, next, judged = end, end, end
	}
	return s.to, appendLiterals(tokens, n, buf[next:s.to]), spanDone
}

// swift does the same for large messages. It looks at two positions of three,
// enters two of each match, and looks behind a match before all else.
func (m *fastMatcher) swift(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	buf, table, shift := s.buf, m.table, m.shift
	window, base := s.window, s.base
	pos = s.from
	next, judged := pos, pos
	last := min(s.to, len(buf)-padding+1)
	for pos < last {
		// 1. Look for a match at this position and the next.
		v := load64(buf, pos)
		h := hash5(v, shift)
		if int(h) >= len(table) {
			break
		}
		distance := int(uint16(pos) + base - table[h])
		table[h] = uint16(pos) + base
		if uint(distance-1) >= uint(min(window, pos)) || load32(buf, pos-distance) != uint32(v) {
			pos++
			if pos >= last {
				break
			}
			v >>= 8
			h = hash5(v, shift)
			if int(h) >= len(table) {
				break
			}
			distance = int(uint16(pos) + base - table[h])
			table[h] = uint16(pos) + base
			if uint(distance-1) >= uint(min(window, pos)) || load32(buf, pos-distance) != uint32(v) {
				if pos-judged >= noMatchFor {
					if looksRandom(buf[next:pos]) {
						return next, n, incompressible
					}
					judged = s.to
				}
				pos += 2 + (pos-next)>>swiftSkip
				continue
			}
		}
		for {
			// 2. Widen it to both sides.
			start := pos
			for start > next && start > distance && buf[start-1] == buf[start-1-distance] {
				start--
			}
			end := pos + 4
			if x := load64(buf, end) ^ load64(buf, end-distance); x != 0 {
				end = min(end+bits.TrailingZeros64(x)>>3, s.to)
			} else {
				end = matchEnd(buf, end+8, distance, s.to)
			}
			if end-start < minMatch {
				return s.to, appendLiterals(tokens, n, buf[next:s.to]), spanDone
			}
			// 3. Take it.
			if literals := start - next; literals <= shortRun {
				putEight((*[shortRun]uint32)(tokens[n:n+shortRun]), (*[shortRun]byte)(buf[next:next+shortRun]))
				n += literals
			} else {
				n = appendLiterals(tokens, n, buf[next:start])
			}
			if length := end - start; length <= maxMatch {
				t := (*[2]uint32)(tokens[n : n+2])
				t[0], t[1] = lengthToken(length), distanceToken(distance)
				n += 2
			} else {
				n = appendLongMatch(tokens, n, length, distance)
			}
			pos, next, judged = end, end, end
			if pos >= last {
				break
			}
			// 4. Is there one right behind?
			v := load64(buf, pos-2)
			h := hash5(v, shift)
			table[h] = uint16(pos-2) + base
			v >>= 16
			h = hash5(v, shift)
			distance = int(uint16(pos) + base - table[h])
			table[h] = uint16(pos) + base
			if uint(distance-1) >= uint(min(window, pos)) || load32(buf, pos-distance) != uint32(v) {
				pos++
				break
			}
		}
	}
	return s.to, appendLiterals(tokens, n, buf[next:s.to]), spanDone
}
