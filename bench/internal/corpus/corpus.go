// Package corpus makes the messages that benchmarks send: streams of different messages
// of one kind and size, the same ones from the same seed on every machine.
package corpus

import (
	"fmt"
	"math/rand/v2"
)

// A Stream is what one side of a connection sends.
type Stream struct {
	Name     string // "json 1 KiB"
	Messages [][]byte
}

// A Kind is a way to make messages.
type Kind string

// The kinds. What is "like" something has its distributions, not its bytes.
const (
	JSON    Kind = "json"    // updates of a market: an envelope and a list of records
	Text    Kind = "text"    // prose: words by Zipf's law, sentences, paragraphs
	Chinese Kind = "chinese" // the same of words of one to three ideographs, as UTF-8
	Binary  Kind = "binary"  // records like those of protocol buffers
	Random  Kind = "random"  // bytes that nothing can compress

	Cyrillic Kind = "cyrillic" // prose in two bytes a letter, with spaces of one
	Emoji    Kind = "emoji"    // prose in which one word in three is a sign of four bytes
)

// Make returns the stream of a kind with n messages of size bytes, or a few less.
func Make(kind Kind, size, n int) Stream {
	g := &generator{r: rand.New(rand.NewPCG(uint64(size), 0x7469646577697265))}
	s := Stream{Name: fmt.Sprintf("%s %s", kind, Size(size))}
	make := g.maker(kind)
	for range n {
		s.Messages = append(s.Messages, make(size))
	}
	return s
}

// Bytes is the mean length of the messages.
func (s Stream) Bytes() float64 {
	n := 0
	for _, m := range s.Messages {
		n += len(m)
	}
	return float64(n) / float64(len(s.Messages))
}

// Size writes a number of bytes as people do: 256 B, 16 KiB, 1 MiB.
func Size(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// A generator makes one message after the other.
type generator struct {
	r     *rand.Rand
	words *language // of the kind
	seq   int
	clock int64 // milliseconds
}

func (g *generator) maker(kind Kind) func(size int) []byte {
	switch kind {
	case JSON:
		g.words = newLanguage(g.r, 1500, syllables)
		return g.json
	case Text:
		g.words = newLanguage(g.r, 9000, syllables)
		return g.text
	case Chinese:
		g.words = newLanguage(g.r, 6000, ideographs(g.r))
		return g.text
	case Cyrillic:
		g.words = newLanguage(g.r, 9000, cyrillic)
		return g.text
	case Emoji:
		g.words = newLanguage(g.r, 9000, emoji)
		return g.text
	case Binary:
		g.words = newLanguage(g.r, 300, syllables)
		return g.binary
	case Random:
		return g.random
	default:
		panic(fmt.Sprintf("corpus: no kind %q", kind))
	}
}

func (g *generator) random(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(g.r.Uint32())
	}
	return b
}
