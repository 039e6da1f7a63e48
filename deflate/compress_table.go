package deflate

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
	bits := 8
	for bits < maxTableBits && 1<<bits < length {
		bits++
	}
	return min(bits, windowBits+1)
}

// freshTables makes the matcher ready for a message without history. The table
// is cleared, so that nothing of another connection can show in the output.
func (e *encoder) freshTables(level Level, length, windowBits int) {
	bits := freshBits(length, windowBits)
	table := e.table[:1<<bits]
	clear(table)
	e.fast = fastMatcher{table: table, shift: uint8(64 - bits)}
	e.matcher = useThorough
	if length > smallMessage {
		e.matcher = useSwift
	}
}

// useTables makes the matcher ready for a message behind h.
func (e *encoder) useTables(h *history, level Level) {
	e.fast = fastMatcher{table: h.table.head, shift: uint8(64 - keptBits(int(h.bits)))}
	e.matcher = useThorough
}

// prepare makes the tables of h, if it has none, and enters the window in them.
func (h *history) prepare(level Level) {
	if h.table != nil {
		return
	}
	h.table = getTable(level, h.bits)
	shift := uint8(64 - keptBits(int(h.bits)))
	base := h.end - uint16(len(h.buf))
	for i := 0; i+8 <= len(h.buf); i += rebuildStep {
		h.table.head[hash5(load64(h.buf, i), shift)] = uint16(i) + base
	}
}

func getTable(level Level, windowBits uint8) *table {
	t, ok := tables[level][windowBits].Get().(*table)
	if !ok {
		t = &table{head: make([]uint16, 1<<keptBits(int(windowBits)))}
		return t
	}
	clear(t.head)
	return t
}

func (h *history) dropTables() {
	if h.table != nil {
		tables[Fast][h.bits].Put(h.table)
		h.table = nil
	}
}
