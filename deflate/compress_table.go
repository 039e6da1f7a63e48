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
	t := table{head: e.table[:1<<size]}
	clear(t.head)
	if level == Better {
		t.pairs = e.pairs[:1<<size]
		clear(t.pairs)
	}
	e.useTables(t, level, length)
}

// useTables makes the matcher ready for length bytes.
func (e *encoder) useTables(t table, level Level, length int) {
	if level == Better {
		e.lazy = newLazy(t, length)
		e.matcher = useLazy
		return
	}
	e.matcher = useFast
	e.fast = fastMatcher{table: t.head, shift: shiftFor(len(t.head)), ahead: 1 << fastSkip}
}

// shiftFor gives the shift of hashes into a table of so many entries, a power of 2.
func shiftFor(entries int) uint8 { return uint8(64 - bits.TrailingZeros(uint(entries))) }

// prepare makes the tables of h, if it has none, and enters the window in them.
func (h *history) prepare(level Level) {
	if h.table != nil {
		return
	}
	h.level = level
	h.table = getTable(level, h.bits)
	h.enter(0)
}

// enter enters some positions of buf[from:] in the table.
func (h *history) enter(from int) {
	base, end := h.end-uint16(len(h.buf)), len(h.buf)-padding
	if h.level == Better {
		m := newLazy(*h.table, smallLazy+1)
		m.enter(h.buf, base, from, end)
		return
	}
	shift := shiftFor(len(h.table.head))
	for i := from; i <= end; i += rebuildStep {
		h.table.head[hash5(load64(h.buf, i), shift)] = uint16(i) + base
	}
}

// getTable returns clear tables for a window.
func getTable(level Level, windowBits uint8) *table {
	if t, ok := tables[level][windowBits].Get().(*table); ok {
		clear(t.head)
		clear(t.pairs)
		return t
	}
	size := keptBits(int(windowBits))
	t := &table{head: make([]uint16, 1<<size)}
	if level == Better {
		t.pairs = make([]uint32, 1<<windowBits/2)
	}
	return t
}

func (h *history) dropTables() {
	if h.table != nil {
		tables[h.level][h.bits].Put(h.table)
		h.table = nil
	}
}
