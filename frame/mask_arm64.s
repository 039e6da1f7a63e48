//go:build !purego

#include "textflag.h"

// func maskVector(p []byte, key uint64) int
//
// R1 is at the next byte to load, R2 at the next to store; R3 counts those left,
// less what a turn takes.
TEXT ·maskVector(SB), NOSPLIT, $0-40
	MOVD p_base+0(FP), R1
	MOVD R1, R2
	MOVD p_len+8(FP), R3
	AND  $~31, R3, R0
	MOVD R0, ret+32(FP)
	MOVD key+24(FP), R4
	VDUP R4, V0.D2
	SUBS $64, R3
	BLT  half

whole:
	VLD1.P 64(R1), [V1.B16, V2.B16, V3.B16, V4.B16]
	VEOR   V0.B16, V1.B16, V1.B16
	VEOR   V0.B16, V2.B16, V2.B16
	VEOR   V0.B16, V3.B16, V3.B16
	VEOR   V0.B16, V4.B16, V4.B16
	VST1.P [V1.B16, V2.B16, V3.B16, V4.B16], 64(R2)
	SUBS   $64, R3
	BGE    whole

half:
	ADDS   $32, R3
	BLT    done
	VLD1   (R1), [V1.B16, V2.B16]
	VEOR   V0.B16, V1.B16, V1.B16
	VEOR   V0.B16, V2.B16, V2.B16
	VST1   [V1.B16, V2.B16], (R2)

done:
	RET
