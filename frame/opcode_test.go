package frame

import "testing"

func TestOpcodeKinds(t *testing.T) {
	for op := Opcode(0); op < 16; op++ {
		var data, control, known bool
		switch op {
		case 0, 1, 2:
			data, known = true, true
		case 8, 9, 10:
			control, known = true, true
		case 11, 12, 13, 14, 15:
			control = true // reserved for control frames (RFC 6455, section 5.2)
		}
		if op.IsData() != data || op.IsControl() != control || op.Known() != known {
			t.Errorf("%v: IsData, IsControl, Known = %v, %v, %v; want %v, %v, %v",
				op, op.IsData(), op.IsControl(), op.Known(), data, control, known)
		}
	}
}

func TestOpcodeString(t *testing.T) {
	want := []string{
		"continuation", "text", "binary", "opcode 0x3", "opcode 0x4", "opcode 0x5", "opcode 0x6", "opcode 0x7",
		"close", "ping", "pong", "opcode 0xb", "opcode 0xc", "opcode 0xd", "opcode 0xe", "opcode 0xf",
	}
	for i, w := range want {
		if got := Opcode(i).String(); got != w {
			t.Errorf("Opcode(%d).String() = %q, want %q", i, got, w)
		}
	}
}
