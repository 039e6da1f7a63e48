package deflate

// A fastMatcher takes the first match it finds: one candidate for each hash of
// five bytes. Zero is an empty entry and position 0 alike.
type fastMatcher struct {
	table []uint16
	shift uint8 // 64 minus the bits of the hash
	skip  uint8 // after 1<<skip bytes without a match every second position is tried, and so on
	step  int   // inside a match every step-th position is entered
}

// find appends the tokens of s.buf[s.from:s.to] to tokens from n on, and says up
// to where it came, how many tokens there are now, and why it stopped. There is
// room for one token a byte.
func (m *fastMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	buf, table, shift := s.buf, m.table, m.shift
	pos = s.from
	next := s.from // the first byte that has no token yet
	judged := next // bytes before it need not be judged again
	last := min(s.to, len(buf)-padding+1)
	for pos < last {
		// 1. Look for a match.
		v := load64(buf, pos)
		h := hash5(v, shift)
		if int(h) >= len(table) { // never: spares a bounds check or two
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
			pos += 1 + (pos-next)>>(m.skip&31)
			continue
		}
		// 2. Widen it to both sides.
		start := pos
		for start > next && start > distance && buf[start-1] == buf[start-1-distance] {
			start--
		}
		end := pos + 4 + matchLength(buf, pos+4-distance, pos+4, s.to)
		if end-start < minMatch {
			break // in the padding
		}
		// 3. Take it.
		n = appendLiterals(tokens, n, buf[next:start])
		n = appendMatch(tokens, n, end-start, distance)
		for i := start + m.step; i < min(end, last); i += m.step {
			table[hash5(load64(buf, i), shift)] = uint16(i) + s.base
		}
		pos, next, judged = end, end, end
	}
	return s.to, appendLiterals(tokens, n, buf[next:s.to]), spanDone
}
