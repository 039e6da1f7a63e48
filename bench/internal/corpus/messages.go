package corpus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

var symbols = strings.Fields(`BTC-USD ETH-USD SOL-EUR ADA-USD XRP-GBP DOGE-USD LTC-EUR DOT-USD AVAX-USD LINK-EUR`)

// epoch is when the clock of all messages begins, in milliseconds: 2026-11-21, noon UTC.
const epoch = 1795262400000

// json is an update with as many records as fit, and a note that fills it up.
func (g *generator) json(size int) []byte {
	g.seq++
	g.clock += 20 + int64(g.r.IntN(900))
	b := fmt.Appendf(nil, `{"type":"trades","market":"%s","seq":%d,"time":%d,"data":[`,
		symbols[g.r.IntN(len(symbols))], 180000+g.seq, epoch+g.clock)
	const end, note = `]}`, `],"note":""}`
	for i := 0; ; i++ {
		record := g.record()
		if i > 0 {
			record = "," + record
		}
		if i > 0 && len(b)+len(record)+len(end) > size {
			break
		}
		b = append(b, record...)
	}
	if len(b)+len(note)+4 > size {
		return append(b, end...)
	}
	b = append(b, note[:len(note)-2]...)
	words := g.words.append(nil, g.r, size)
	words = bytes.ReplaceAll(words, []byte("\n"), nil)
	b = append(b, words[:size-len(b)-2]...)
	return append(b, note[len(note)-2:]...)
}

func (g *generator) record() string {
	return fmt.Sprintf(`{"id":"%06x","user":"%s","price":%d.%02d,"qty":%.2f,"side":"%s","maker":%t}`,
		g.r.Uint32N(1<<24), g.words.words[g.r.IntN(200)], 100+g.r.IntN(60000), g.r.IntN(100), g.r.ExpFloat64(),
		[]string{"buy", "sell"}[g.r.IntN(2)], g.r.IntN(4) > 0)
}

// text is cut between two characters.
func (g *generator) text(size int) []byte {
	b := g.words.append(nil, g.r, size+utf8.UTFMax)
	for !utf8.RuneStart(b[size]) {
		size--
	}
	return b[:size]
}

// binary has records of seven tagged fields, as protocol buffers would write them.
func (g *generator) binary(size int) []byte {
	var b, rec []byte
	for id := uint64(g.r.IntN(1 << 20)); ; id += uint64(1 + g.r.IntN(3)) {
		g.clock += int64(g.r.IntN(2000))
		rec = binary.AppendUvarint(append(rec[:0], 0x08), id)
		rec = binary.AppendUvarint(append(rec, 0x10), uint64(epoch+g.clock))
		name := g.words.words[g.words.draw(g.r)]
		rec = append(append(rec, 0x1a, byte(len(name))), name...)
		rec = binary.LittleEndian.AppendUint64(append(rec, 0x21), math.Float64bits(float64(g.r.IntN(100000))/4))
		rec = binary.LittleEndian.AppendUint32(append(rec, 0x2d), math.Float32bits(float32(20+5*g.r.NormFloat64())))
		rec = append(rec, 0x30, byte(g.r.IntN(5)))
		samples := 3 + g.r.IntN(6)
		rec = append(rec, 0x3a, byte(samples))
		for range samples {
			rec = append(rec, byte(g.r.ExpFloat64()*12))
		}
		if len(b)+len(rec)+2 > size && len(b) > 0 {
			return b
		}
		b = append(binary.AppendUvarint(append(b, 0x0a), uint64(len(rec))), rec...)
	}
}
