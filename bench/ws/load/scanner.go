//go:build linux

package load

import "encoding/binary"

// headerLen is the length of a frame header, from its second byte (RFC 6455, section 5.2).
func headerLen(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

// payloadLen is the length of the payload behind a complete header.
func payloadLen(head []byte) int64 {
	switch n := head[1] & 0x7f; n {
	case 126:
		return int64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return int64(binary.BigEndian.Uint64(head[2:]))
	default:
		return int64(n)
	}
}

// A scanner counts the messages in what comes, and looks at nothing but headers.
type scanner struct {
	head [14]byte
	have int   // head[:have] has come
	left int64 // of the payload
}

// scan takes the next bytes of a connection and gives the number of messages that end in
// them.
func (s *scanner) scan(b []byte) (messages int) {
	for len(b) > 0 {
		if s.left > 0 {
			n := min(s.left, int64(len(b)))
			s.left -= n
			b = b[n:]
		} else {
			b = s.take(b)
		}
		if s.left == 0 && s.have > 0 {
			messages += s.end()
		}
	}
	return messages
}

// take takes bytes of a header. When it is complete, left is positive or the frame is
// empty; before that left is -1.
func (s *scanner) take(b []byte) []byte {
	want := 2
	if s.have >= 2 {
		want = headerLen(s.head[1])
	}
	n := copy(s.head[s.have:want], b)
	s.have += n
	if s.left = -1; s.have < 2 || s.have < headerLen(s.head[1]) {
		return b[n:]
	}
	s.left = payloadLen(s.head[:])
	return b[n:]
}

// end is the end of a frame; it gives 1 if a message of data ends with it.
func (s *scanner) end() int {
	s.have = 0
	const fin, control = 0x80, 0x08
	if s.head[0]&fin != 0 && s.head[0]&control == 0 {
		return 1
	}
	return 0
}
