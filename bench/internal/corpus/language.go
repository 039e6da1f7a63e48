package corpus

import (
	"math/rand/v2"
	"sort"
	"strings"
	"unicode/utf8"
)

// A language is a vocabulary, the frequent words first.
type language struct {
	words  []string
	upTo   []float64 // how frequent words[:i+1] are together
	next   [][3]int  // the words that like to follow words[i]
	script script
}

// A script says how words are made and put together.
type script struct {
	word        func(r *rand.Rand, rank int) string
	space       string
	comma, stop string
}

// newLanguage makes up n words.
func newLanguage(r *rand.Rand, n int, s script) *language {
	l := &language{script: s}
	seen := map[string]bool{}
	total := 0.0
	for len(l.words) < n {
		w := s.word(r, len(l.words))
		if seen[w] {
			continue
		}
		seen[w] = true
		l.words = append(l.words, w)
		total += 1 / (float64(len(l.words)) + 2.7) // Zipf's law as Mandelbrot has it
		l.upTo = append(l.upTo, total)
	}
	for range l.words {
		l.next = append(l.next, [3]int{l.draw(r), l.draw(r), l.draw(r)})
	}
	return l
}

// draw chooses a word by its frequency.
func (l *language) draw(r *rand.Rand) int {
	return sort.SearchFloat64s(l.upTo, r.Float64()*l.upTo[len(l.upTo)-1])
}

// follow chooses a word for behind another one: phrases repeat.
func (l *language) follow(r *rand.Rand, word int) int {
	if r.IntN(100) < 35 {
		return l.next[word][r.IntN(3)]
	}
	return l.draw(r)
}

// syllables is a script of Latin letters: frequent words are short.
var syllables = script{space: " ", comma: ",", stop: ".", word: func(r *rand.Rand, rank int) string {
	const (
		onsets = "t h s w n r d l m c f p b g th st wh tr pr ch "
		vowels = "e a o i u ea ou e a o i e"
		codas  = " n r s t d l nd ng st ll     "
	)
	pick := func(list string) string {
		parts := strings.Split(list, " ")
		return parts[int(float64(len(parts))*r.Float64()*r.Float64())]
	}
	var w strings.Builder
	n := 1
	for most := 1 + min(rank/40, 3); n < most && r.IntN(3) > 0; {
		n++
	}
	for range n {
		w.WriteString(pick(onsets) + pick(vowels) + pick(codas))
	}
	if rank > 300 && r.IntN(3) == 0 {
		w.WriteString([]string{"s", "ed", "ing", "ly", "er"}[r.IntN(5)])
	}
	return w.String()
}}

// ideographs is a script of 2,500 signs with the code points of Chinese ones.
func ideographs(r *rand.Rand) script {
	signs := r.Perm(0x9fa5 - 0x4e00)[:2500]
	return script{comma: "，", stop: "。", word: func(r *rand.Rand, rank int) string {
		var w strings.Builder
		n := 1
		if rank > 80 {
			n = 2 + r.IntN(10)/8
		}
		for range n {
			sign := signs[int(float64(len(signs))*r.Float64()*r.Float64()*r.Float64())]
			w.WriteRune(rune(0x4e00 + sign))
		}
		return w.String()
	}}
}

// cyrillic has the words of syllables in other letters.
var cyrillic = script{space: " ", comma: ",", stop: ".", word: func(r *rand.Rand, rank int) string {
	return strings.Map(func(letter rune) rune {
		return []rune("абцдефгхийклмнопкрстуввхыз")[letter-'a']
	}, syllables.word(r, rank))
}}

// emoji has words of syllables, and signs between them.
var emoji = script{space: " ", comma: ",", stop: ".", word: func(r *rand.Rand, rank int) string {
	if r.IntN(3) == 0 {
		return string(rune(0x1f300 + r.IntN(0x300)))
	}
	return syllables.word(r, rank)
}}

// append appends sentences until b has size bytes.
func (l *language) append(b []byte, r *rand.Rand, size int) []byte {
	for len(b) < size {
		word := l.draw(r)
		for i, n := 0, 4+r.IntN(20); i < n; i++ {
			w := l.words[word]
			if i == 0 && w[0] < utf8.RuneSelf {
				w = strings.ToUpper(w[:1]) + w[1:]
			}
			b = append(b, w...)
			if r.IntN(14) == 0 {
				b = append(b, l.script.comma...)
			}
			if i < n-1 {
				b = append(b, l.script.space...)
			}
			word = l.follow(r, word)
		}
		b = append(append(b, l.script.stop...), l.script.space...)
		if r.IntN(7) == 0 {
			b = append(b, '\n', '\n')
		}
	}
	return b
}
