//go:build linux || darwin

package frame

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

// guardedPage returns a page of memory; a byte before or behind it cannot be
// read or written without a fault.
func guardedPage(t *testing.T) []byte {
	t.Helper()
	size := syscall.Getpagesize()
	m, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{m[:size], m[2*size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[size : 2*size : 2*size]
}

// atEdges returns the first n and the last n bytes of the page.
func atEdges(page []byte, n int) [][]byte {
	return [][]byte{page[:n:n], page[len(page)-n:]}
}

func TestMaskStaysInThePage(t *testing.T) {
	page := guardedPage(t)
	paths(t, func(t *testing.T) {
		for n := range 301 {
			for i, p := range atEdges(page, n) {
				copy(p, maskSource)
				want := bytes.Clone(p)
				Mask(p, testKey, i)
				if plainMask(want, testKey, i); !bytes.Equal(p, want) {
					t.Fatalf("%d bytes: got % x, want % x", n, p, want)
				}
			}
		}
	})
}

func TestUTF8StaysInThePage(t *testing.T) {
	page := guardedPage(t)
	paths(t, func(t *testing.T) {
		for _, tt := range utf8Texts {
			text := strings.Repeat(tt.text, 600/len(tt.text)+1)
			for n := range 601 {
				for _, p := range atEdges(page, n) {
					copy(p, text)
					bad, complete := plainUTF8(p)
					if u, got := (UTF8{}).Next(p); got != bad || u.Complete() != complete {
						t.Fatalf("%d bytes of %s: got %d, complete %v, want %d, %v", n, tt.name, got, u.Complete(), bad, complete)
					}
				}
			}
		}
	})
}
