//go:build !purego

#include "textflag.h"

// UQSUB subtracts Vm from Vn, byte by byte and not below zero, into Vd. The
// assembler has no name for it.
#define UQSUB(m, n, d) WORD $(0x6E202C00 | m<<16 | n<<5 | d)

// JUDGE judges the 16 bytes at off(R1), which are in at: bad gets a bit wherever
// a byte cannot follow those before it (pairs.go). V12, V13 and V14 are spent.
//
//	V12  the bytes one place before        V0 V1 V2  firstHigh, firstLow, secondHigh
//	V13  those two before                  V3        0F: the low half
//	V14  those three before                V4 V5     E0 - 80, F0 - 80
//	                                       V6        80: bit 7
//
// The first seven instructions behind the loads look the pair up; the rest makes
// bit 7 say whether that is a third or fourth byte where none is due, or the reverse.
#define JUDGE(off, at, bad) \
	FMOVQ (off-1)(R1), F12            \
	FMOVQ (off-2)(R1), F13            \
	FMOVQ (off-3)(R1), F14            \
	VUSHR $4, V12.B16, bad            \
	VTBL  bad, [V0.B16], bad          \
	VAND  V3.B16, V12.B16, V12.B16    \
	VTBL  V12.B16, [V1.B16], V12.B16  \
	VAND  V12.B16, bad, bad           \
	VUSHR $4, at, V12.B16             \
	VTBL  V12.B16, [V2.B16], V12.B16  \
	VAND  V12.B16, bad, bad           \
	UQSUB(4, 13, 13)                  \
	UQSUB(5, 14, 14)                  \
	VORR  V14.B16, V13.B16, V13.B16   \
	VAND  V6.B16, V13.B16, V13.B16    \
	VEOR  V13.B16, bad, bad

// FOLD sets r to zero only if v is zero; bits of v are bits of r.
#define FOLD(v, r) \
	VMOV v.D[0], r \
	VMOV v.D[1], R5 \
	ORR  R5, r, r

// func goodVector(p []byte, pairs *[3][16]byte) int
//
// R1 is at the next byte, R2 counts those left, less what a turn takes.
TEXT ·goodVector(SB), NOSPLIT, $0-40
	MOVD  p_base+0(FP), R1
	MOVD  p_len+8(FP), R2
	ADD   $3, R1
	SUB   $3, R2
	MOVD  pairs+24(FP), R3
	VLD1  (R3), [V0.B16, V1.B16, V2.B16]
	VMOVI $0x0F, V3.B16
	VMOVI $0x60, V4.B16
	VMOVI $0x70, V5.B16
	VMOVI $0x80, V6.B16
	MOVWU -3(R1), R4
	TSTW  $0x808080, R4
	BNE   text

// Behind ASCII, as long as there is more of it.
ascii:
	SUBS $64, R2
	BLT  lessASCII
	VLD1 (R1), [V8.B16, V9.B16, V10.B16, V11.B16]
	VORR V8.B16, V9.B16, V8.B16
	VORR V10.B16, V11.B16, V10.B16
	VORR V8.B16, V10.B16, V8.B16
	FOLD(V8, R4)
	TST  $0x8080808080808080, R4
	BNE  lessASCII
	ADD  $64, R1
	B    ascii

lessASCII:
	ADD $64, R2

text:
	SUBS $64, R2
	BLT  end
	VLD1 (R1), [V8.B16, V9.B16, V10.B16, V11.B16]
	JUDGE(0, V8.B16, V16.B16)
	JUDGE(16, V9.B16, V17.B16)
	JUDGE(32, V10.B16, V18.B16)
	JUDGE(48, V11.B16, V19.B16)
	VORR V16.B16, V17.B16, V16.B16
	VORR V18.B16, V19.B16, V18.B16
	VORR V16.B16, V18.B16, V16.B16
	FOLD(V16, R4)
	CBNZ R4, done
	ADD  $64, R1
	VORR V8.B16, V9.B16, V8.B16
	VORR V10.B16, V11.B16, V10.B16
	VORR V8.B16, V10.B16, V8.B16
	FOLD(V8, R4)
	TST  $0x8080808080808080, R4
	BEQ  ascii
	B    text

// The last 0 to 63 bytes: 16 at a time; then the last 16 of all, some of them once
// more.
end:
	ADD $64, R2

sixteen:
	SUBS $16, R2
	BLT  last
	VLD1 (R1), [V8.B16]
	JUDGE(0, V8.B16, V16.B16)
	FOLD(V16, R4)
	CBNZ R4, done
	ADD  $16, R1
	B    sixteen

last:
	ADDS $16, R2
	BEQ  done
	MOVD R1, R6
	ADD  R2, R1
	SUB  $16, R1
	VLD1 (R1), [V8.B16]
	JUDGE(0, V8.B16, V16.B16)
	FOLD(V16, R4)
	CMP  $0, R4
	ADD  $16, R1
	CSEL EQ, R1, R6, R1 // else nothing of them is good for sure

done:
	MOVD p_base+0(FP), R3
	SUB  R3, R1, R0
	MOVD R0, ret+32(FP)
	RET
