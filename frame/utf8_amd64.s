//go:build !purego

#include "textflag.h"

DATA low4<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f // the low half of each byte
GLOBL low4<>(SB), RODATA|NOPTR, $8
DATA under3<>+0(SB)/8, $0x6060606060606060 // E0 - 80: minus it, a head of three or four has bit 7
GLOBL under3<>(SB), RODATA|NOPTR, $8
DATA under4<>+0(SB)/8, $0x7070707070707070 // F0 - 80: minus it, a head of four has bit 7
GLOBL under4<>(SB), RODATA|NOPTR, $8
DATA bit7<>+0(SB)/8, $0x8080808080808080
GLOBL bit7<>(SB), RODATA|NOPTR, $8

// JUDGE judges the 32 bytes at off(SI), which are in at: bad gets a bit wherever
// a byte cannot follow those before it (pairs.go). Y10, Y11 and Y12 are spent.
//
//	Y10  the bytes one place before        Y0 Y1 Y2  firstHigh, firstLow, secondHigh
//	Y11  those two before                  Y3        low4
//	Y12  those three before                Y4 Y5 Y6  under3, under4, bit7
#define JUDGE(off, at, bad) \
	VMOVDQU  (off-1)(SI), Y10 \
	VMOVDQU  (off-2)(SI), Y11 \
	VMOVDQU  (off-3)(SI), Y12 \
	VPSRLW   $4, Y10, bad     \
	VPAND    Y3, bad, bad     \
	VPSHUFB  bad, Y0, bad     \
	VPAND    Y3, Y10, Y10     \
	VPSHUFB  Y10, Y1, Y10     \
	VPAND    Y10, bad, bad    \
	VPSRLW   $4, at, Y10      \
	VPAND    Y3, Y10, Y10     \
	VPSHUFB  Y10, Y2, Y10     \
	VPAND    Y10, bad, bad    \
	VPSUBUSB Y4, Y11, Y11     \
	VPSUBUSB Y5, Y12, Y12     \
	VPOR     Y11, Y12, Y11    \
	VPAND    Y6, Y11, Y11     \
	VPXOR    Y11, bad, bad

// func goodVector(p []byte, pairs *[3][16]byte) int
//
// SI is at the next byte, CX counts those left, less what a turn takes.
TEXT ·goodVector(SB), NOSPLIT, $0-40
	MOVQ           p_base+0(FP), SI
	MOVQ           p_len+8(FP), CX
	ADDQ           $3, SI
	SUBQ           $3, CX
	MOVQ           pairs+24(FP), AX
	VBROADCASTI128 (AX), Y0
	VBROADCASTI128 16(AX), Y1
	VBROADCASTI128 32(AX), Y2
	VPBROADCASTQ   low4<>(SB), Y3
	VPBROADCASTQ   under3<>(SB), Y4
	VPBROADCASTQ   under4<>(SB), Y5
	VPBROADCASTQ   bit7<>(SB), Y6
	MOVL           -3(SI), AX
	TESTL          $0x808080, AX
	JNZ            text

// Behind ASCII, as long as there is more of it.
ascii:
	SUBQ      $128, CX
	JLT       lessASCII
	VMOVDQU   (SI), Y8
	VMOVDQU   64(SI), Y9
	VPOR      32(SI), Y8, Y8
	VPOR      96(SI), Y9, Y9
	VPOR      Y8, Y9, Y8
	VPMOVMSKB Y8, AX
	TESTL     AX, AX
	JNZ       lessASCII
	ADDQ      $128, SI
	JMP       ascii

lessASCII:
	ADDQ $128, CX

text:
	SUBQ      $64, CX
	JLT       end
	VMOVDQU   (SI), Y8
	VMOVDQU   32(SI), Y9
	JUDGE(0, Y8, Y13)
	JUDGE(32, Y9, Y14)
	VPOR      Y13, Y14, Y13
	VPTEST    Y13, Y13
	JNZ       done
	ADDQ      $64, SI
	VPOR      Y8, Y9, Y8
	VPMOVMSKB Y8, AX
	TESTL     AX, AX
	JZ        ascii
	JMP       text

// The last 0 to 63 bytes: 32, if there are as many; then the last 32 of all, some
// of them once more.
end:
	ADDQ    $32, CX
	JLT     last
	VMOVDQU (SI), Y8
	JUDGE(0, Y8, Y13)
	VPTEST  Y13, Y13
	JNZ     done
	ADDQ    $32, SI
	SUBQ    $32, CX

last:
	ADDQ    $32, CX
	JEQ     done
	MOVQ    SI, DX
	LEAQ    -32(SI)(CX*1), SI
	VMOVDQU (SI), Y8
	JUDGE(0, Y8, Y13)
	VPTEST  Y13, Y13
	LEAQ    32(SI), SI
	CMOVQNE DX, SI // nothing of them is good for sure

done:
	SUBQ       p_base+0(FP), SI
	MOVQ       SI, ret+32(FP)
	VZEROUPPER
	RET
