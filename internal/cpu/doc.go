// Package cpu says whether the vector kernels of this module may run: those in
// amd64 assembly need AVX2, those in arm64 assembly NEON, and with the build tag
// purego there are none.
//
// [Vector] is all there is. The package refuses to know what the kernels do.
package cpu
