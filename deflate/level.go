package deflate

// A Level says how hard a Compressor looks for repetitions. Every level makes
// what every inflater reads.
type Level uint8

const (
	// Fast takes the first repetition it finds. It is the level to use unless
	// bytes cost more than time.
	Fast Level = iota
	// Better compares several places for each repetition, and looks a byte or two
	// further and behind its end before it takes one. It gives up to a fifth fewer
	// bytes for 1.3 to 3 times the time, and with takeover its tables are three to
	// five times as large.
	Better
)

func (l Level) String() string {
	switch l {
	case Fast:
		return "fast"
	case Better:
		return "better"
	default:
		return "unknown level"
	}
}
