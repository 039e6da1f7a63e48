package deflate

import "math/bits"

// A fastMatcher takes the first match it finds: one candidate for each hash of five
// bytes. It looks right behind a match first, and from there on at two positions of
// three, or, with less ahead, at first at all of them. It enters in the table where it
// has looked, and three positions of each match: more take more time than they save
// bytes.
type fastMatcher struct {
	table []uint16
	shift uint8 // 64 minus the bits of the hash
	ahead int   // as many more bytes without a match are assumed
}

const (
	// After 1<<fastSkip bytes without a match one position more is passed over each
	// time, after twice as many two, and so on.
	fastSkip = 5

	// For a small message a window that is larger than largeAhead bits has more to
	// find: the first positions behind a match are all looked at, which saves 3 % of
	// the bytes of Chinese text.
	largeAhead = 12
)

// find appends the tokens of s.buf[s.from:s.to] to tokens from n on, and says up
// to where it came, how many tokens there are now, and why it stopped. There must
// be room for a token a byte, and shortRun more.
func (m *fastMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	buf, table, shift := s.buf, m.table, m.shift
	window, base, ahead := s.window, s.base, m.ahead
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
				pos += 1 + (pos-next+ahead)>>fastSkip
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
			table[hash5(v, shift)] = uint16(pos-2) + base
			table[hash5(load64(buf, start+1), shift)] = uint16(start+1) + base
			middle := (start + pos) / 2
			table[hash5(load64(buf, middle), shift)] = uint16(middle) + base
			v >>= 16
			h := hash5(v, shift)
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
