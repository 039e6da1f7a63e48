//go:build !purego

#include "textflag.h"

// func maskVector(p []byte, key uint64) int
//
// SI is at the next byte, CX counts those left, less what a turn takes.
TEXT ·maskVector(SB), NOSPLIT, $0-40
	MOVQ         p_base+0(FP), SI
	MOVQ         p_len+8(FP), CX
	MOVQ         CX, AX
	ANDQ         $~31, AX
	MOVQ         AX, ret+32(FP)
	VPBROADCASTQ key+24(FP), Y0
	SUBQ         $128, CX
	JLT          quarters

whole:
	VPXOR   (SI), Y0, Y1
	VPXOR   32(SI), Y0, Y2
	VPXOR   64(SI), Y0, Y3
	VPXOR   96(SI), Y0, Y4
	VMOVDQU Y1, (SI)
	VMOVDQU Y2, 32(SI)
	VMOVDQU Y3, 64(SI)
	VMOVDQU Y4, 96(SI)
	ADDQ    $128, SI
	SUBQ    $128, CX
	JGE     whole

quarters:
	ADDQ $96, CX
	JLT  done

quarter:
	VPXOR   (SI), Y0, Y1
	VMOVDQU Y1, (SI)
	ADDQ    $32, SI
	SUBQ    $32, CX
	JGE     quarter

done:
	VZEROUPPER
	RET
