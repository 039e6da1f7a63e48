package deflate

type lazyMatcher struct {
	head, chain []uint16
}

func (m *lazyMatcher) find(s span, tokens []uint32, n int) (pos, count int, v verdict) {
	panic("later")
}
