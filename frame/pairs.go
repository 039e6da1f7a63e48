package frame

// The vector kernel judges 32 or 64 bytes at once, each together with the three
// before it. Most of what breaks UTF-8 shows in a pair of neighbours, and there
// the half bytes decide: three tables of 16, one instruction each to look up 16 or
// 32 bytes in, say which rules a half could break. What all three name is broken
// (RFC 3629, section 4):
//
//	pairs[firstHigh][a>>4] & pairs[firstLow][a&15] & pairs[secondHigh][b>>4]    for the bytes a, b
//
// But twoTails is as it should be for the third and the fourth byte of a sequence:
// the kernel sets it right by the bytes two and three before, so it is bit 7, that
// of a byte that is 80 or more. The method is that of Keiser and Lemire,
// "Validating UTF-8 In Less Than One Instruction Per Byte".
const (
	tooShort  = 1 << iota // a head, and no tail
	tooLong               // ASCII, and a tail
	overlong2             // C0, C1 and a tail
	overlong3             // E0 and 80..9F
	surrogate             // ED and A0..BF
	tooLarge              // F4..FF and 90..BF
	notBy8                // F0 and 80..8F, overlong; F5..FF and 80..8F, too large
	twoTails              // a tail, and a tail

	anyLow = tooShort | tooLong | twoTails // whatever the low half of the first byte is
	above4 = anyLow | tooLarge | notBy8
)

// The places in pairs.
const (
	firstHigh = iota
	firstLow
	secondHigh
)

var pairs = [3][16]byte{
	firstHigh: {
		0x0: tooLong, 0x1: tooLong, 0x2: tooLong, 0x3: tooLong,
		0x4: tooLong, 0x5: tooLong, 0x6: tooLong, 0x7: tooLong,
		0x8: twoTails, 0x9: twoTails, 0xA: twoTails, 0xB: twoTails,
		0xC: tooShort | overlong2,
		0xD: tooShort,
		0xE: tooShort | overlong3 | surrogate,
		0xF: tooShort | tooLarge | notBy8,
	},
	firstLow: {
		0x0: anyLow | overlong2 | overlong3 | notBy8,
		0x1: anyLow | overlong2,
		0x2: anyLow,
		0x3: anyLow,
		0x4: anyLow | tooLarge,
		0x5: above4, 0x6: above4, 0x7: above4, 0x8: above4, 0x9: above4, 0xA: above4,
		0xB: above4, 0xC: above4, 0xD: above4 | surrogate, 0xE: above4, 0xF: above4,
	},
	secondHigh: {
		0x0: tooShort, 0x1: tooShort, 0x2: tooShort, 0x3: tooShort,
		0x4: tooShort, 0x5: tooShort, 0x6: tooShort, 0x7: tooShort,
		0x8: tooLong | twoTails | overlong2 | overlong3 | notBy8,
		0x9: tooLong | twoTails | overlong2 | overlong3 | tooLarge,
		0xA: tooLong | twoTails | overlong2 | surrogate | tooLarge,
		0xB: tooLong | twoTails | overlong2 | surrogate | tooLarge,
		0xC: tooShort, 0xD: tooShort, 0xE: tooShort, 0xF: tooShort,
	},
}
