package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// plainMask is the plain twin of Mask (RFC 6455, section 5.3).
func plainMask(p []byte, key [4]byte, pos int) int {
	for i := range p {
		p[i] ^= key[(pos+i)%4]
	}
	return (pos + len(p)) % 4
}

func randomBytes(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

// Checklist: K2, F14
func TestMaskIsTheSameAsItsPlainTwin(t *testing.T) {
	paths(t, func(t *testing.T) {
		for length := range 301 {
			for offset := range 64 { // every place in a vector, and in a cache line
				for pos := range 4 {
					checkMask(t, length, offset, pos)
				}
			}
		}
		for _, length := range []int{1 << 10, 4<<10 - 1, 16<<10 + 31, 64<<10 + 33} {
			checkMask(t, length, 14, 1)
		}
	})
}

var maskSource = randomBytes(65 << 10)

// checkMask compares the bytes around the payload as well.
func checkMask(t *testing.T, length, offset, pos int) {
	t.Helper()
	const guard = 64
	from, to := guard+offset, guard+offset+length
	got := bytes.Clone(maskSource[:to+guard])
	want := bytes.Clone(got)
	gotPos := Mask(got[from:to], testKey, pos)
	wantPos := plainMask(want[from:to], testKey, pos)
	if gotPos != wantPos || !bytes.Equal(got, want) {
		t.Fatalf("length %d, offset %d, pos %d: got % x, %d, want % x, %d", length, offset, pos, got, gotPos, want, wantPos)
	}
}

// Checklist: K2
func TestMaskExample(t *testing.T) {
	p := []byte("Hello")
	// RFC 6455, section 5.7: a single-frame masked text message
	want := []byte{0x7f, 0x9f, 0x4d, 0x51, 0x58}
	if pos := Mask(p, testKey, 0); pos != 1 || !bytes.Equal(p, want) {
		t.Errorf("got % x, %d, want % x, 1", p, pos, want)
	}
	if Mask(p, testKey, 0); string(p) != "Hello" {
		t.Errorf("masked twice: got %q, want Hello", p)
	}
}

// Checklist: K2
func TestMaskGoesOnWhereItStopped(t *testing.T) {
	whole := randomBytes(200)
	Mask(whole, testKey, 0)
	for cut := range 201 {
		p := randomBytes(200)
		pos := Mask(p[:cut], testKey, 0)
		if pos != cut%4 {
			t.Fatalf("after %d bytes: position %d, want %d", cut, pos, cut%4)
		}
		Mask(p[cut:], testKey, pos)
		if !bytes.Equal(p, whole) {
			t.Fatalf("cut at %d: got % x, want % x", cut, p, whole)
		}
	}
}

func TestMaskAllocatesNothing(t *testing.T) {
	p := randomBytes(4096)
	if n := testing.AllocsPerRun(100, func() { Mask(p, testKey, 1) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// Mask equals its plain twin, in one piece and in two, at any alignment.
func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x37fa213d), uint8(0), uint8(2))
	f.Add(make([]byte, 256), uint32(0x01020304), uint8(3), uint8(65))
	f.Add(make([]byte, 700), uint32(0x01020304), uint8(1), uint8(255))
	f.Fuzz(func(t *testing.T, p []byte, k uint32, pos, cut uint8) {
		key := [4]byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
		start, at := int(pos%4), min(int(cut), len(p))
		want := bytes.Clone(p)
		wantPos := plainMask(want, key, start)
		pieces := bytes.Clone(p)
		piecesPos := Mask(pieces[at:], key, Mask(pieces[:at], key, start))
		wholePos := Mask(p, key, start)
		if !bytes.Equal(p, want) || wholePos != wantPos {
			t.Fatalf("got % x, %d, want % x, %d", p, wholePos, want, wantPos)
		}
		if !bytes.Equal(pieces, want) || piecesPos != wantPos {
			t.Fatalf("cut at %d: got % x, %d, want % x, %d", at, pieces, piecesPos, want, wantPos)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	for _, size := range []int{16, 128, 1 << 10, 16 << 10, 64 << 10, 1 << 20} {
		for _, twin := range []struct {
			name string
			mask func([]byte, [4]byte, int) int
		}{{"fast", Mask}, {"plain", plainMask}} {
			b.Run(fmt.Sprintf("%dB/%s", size, twin.name), func(b *testing.B) {
				p, pos := make([]byte, size+1)[1:], 0 // one off the alignment
				b.SetBytes(int64(size))
				for b.Loop() {
					pos = twin.mask(p, testKey, pos)
				}
			})
		}
	}
}
