package deflate

import "math/bits"

const (
	// maxTableBits is the size of the largest table, 32 KiB: it fits in a
	// first-level cache.
	maxTableBits = 14

	// smallMessage is the length up to which a message is copied to where
	// padding follows it, which costs less than the matches at its end bring.
	smallMessage = 4 << 10

	// rebuildStep: after Idle every so many-th position of the window is entered
	// in the new table. Fewer cost bytes, more cost time.
	rebuildStep = 4
)

// keptBits is the size of the table that a history of this window has: half as
// many entries as bytes, so as many bytes as the window has, up to 16 KiB.
func keptBits(windowBits int) int { return min(windowBits-1, 13) }

// freshBits is the size of the table for a message without history. A larger
// one takes longer to clear.
func freshBits(length, windowBits int) int {
	size := 8
	for size < maxTableBits && 1<<size < length {
		size++
	}
	return min(size, windowBits+1)
}

// freshTables makes the matcher ready for a message without history. The table
// is cleared, so that nothing of another connection can show in the output.
func (e *encoder) freshTables(level Level, length, windowBits int) {
	size := freshBits(length, windowBits)
	table := e.table[:1<<size]
	clear(table)
	if level == Better {
		chain := e.chain[:1<<min(max(bits.Len(uint(length)), minWindowBits), windowBits)]
		e.lazy = newLazy(table, chain, length)
		e.matcher = useLazy
		return
	}
	e.fast = fastMatcher{table: table, shift: shiftFor(table)}
	e.matcher = useThorough
	if length > smallMessage {
		e.matcher = useSwift
	}
}

// useTables makes the matcher ready for a part of length bytes behind h.
func (e *encoder) useTables(h *history, level Level, length int) {
	if level == Better {
		e.lazy = newLazy(h.table.head, h.table.chain, length)
		e.matcher = useLazy
		return
	}
	e.fast = fastMatcher{table: h.table.head, shift: shiftFor(h.table.head)}
	e.matcher = useThorough
	if length > smallMessage {
		e.matcher = useSwift
	}
}

func newLazy(head, chain []uint16, length int) lazyMatcher {
	m := lazyMatcher{head: head, chain: chain, shift: shiftFor(head), depth: deep}
	if length > smallMessage {
		m.depth = shallow
	}
	return m
}

// shiftFor gives the shift of hashes into a table, whose length is a power of 2.
func shiftFor(table []uint16) uint8 { return uint8(64 - bits.TrailingZeros(uint(len(table)))) }

// prepare makes the tables of h, if it has none, and enters the window in them.
func (h *history) prepare(level Level) {
	if h.table != nil {
		return
	}
	h.level = level
	h.table = getTable(level, h.bits)
	h.enter(0)
}

// enter enters some positions of buf[from:] in the table, level Better all.
func (h *history) enter(from int) {
	base, end := h.end-uint16(len(h.buf)), len(h.buf)-padding
	if h.level == Better {
		m := newLazy(h.table.head, h.table.chain, 0)
		m.enter(span{buf: h.buf, base: base}, from, end)
		return
	}
	shift := shiftFor(h.table.head)
	for i := from; i <= end; i += rebuildStep {
		h.table.head[hash5(load64(h.buf, i), shift)] = uint16(i) + base
	}
}

// getTable returns clear tables for a window. The chain is not: see lazyMatcher.
func getTable(level Level, windowBits uint8) *table {
	if t, ok := tables[level][windowBits].Get().(*table); ok {
		clear(t.head)
		return t
	}
	size := keptBits(int(windowBits))
	t := &table{head: make([]uint16, 1<<size)}
	if level == Better {
		t.chain = make([]uint16, 1<<windowBits)
	}
	return t
}

func (h *history) dropTables() {
	if h.table != nil {
		tables[h.level][h.bits].Put(h.table)
		h.table = nil
	}
}
