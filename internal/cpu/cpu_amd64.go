//go:build !purego

package cpu

// Vector reports whether this processor and this system have AVX2.
var Vector = hasAVX2()

const (
	osxsave   = 1 << 27 // leaf 1, ECX: XGETBV may be used
	avx       = 1 << 28 // leaf 1, ECX
	avx2      = 1 << 5  // leaf 7, EBX
	ymmStates = 6       // XCR0: the system saves the XMM and the YMM registers
)

func hasAVX2() bool {
	leaves, _, _ := cpuid(0, 0)
	if leaves < 7 {
		return false
	}
	_, _, ecx := cpuid(1, 0)
	if ecx&(osxsave|avx) != osxsave|avx || xgetbv()&ymmStates != ymmStates {
		return false
	}
	_, ebx, _ := cpuid(7, 0)
	return ebx&avx2 != 0
}

// cpuid asks the processor about itself.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx uint32)

// xgetbv returns the low half of XCR0: which registers the system saves.
func xgetbv() uint32
