package handshake

import "encoding/base64"

const (
	guid   = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, section 1.3
	keyLen = 24                                     // base64 of 16 bytes

	acceptLen = 28 // base64 of 20 bytes
)

// NewKey writes sixteen random bytes as a Sec-WebSocket-Key. The bytes come from a cryptographic source and are used
// for one connection only: each retry and each redirect takes new ones (RFC 6455, section 4.1, step 7).
// The result is canonical base64: its pad bits are zero.
func NewKey(random [16]byte) string {
	return base64.StdEncoding.EncodeToString(random[:])
}

// AcceptKey is the Sec-WebSocket-Accept that answers a key: base64(SHA-1(key + GUID)). The key is taken as the
// string that was received and is not encoded again (RFC 6455, section 4.2.2, step 5).
// A key that is not 24 bytes long has no answer, and the result is empty; [Request.Check] lets none through.
func AcceptKey(key string) string {
	return string(appendAccept(make([]byte, 0, acceptLen), key))
}

// appendAccept appends AcceptKey.
func appendAccept(b []byte, key string) []byte {
	if len(key) != keyLen {
		return b
	}
	var m [60]byte
	copy(m[:], key)
	copy(m[keyLen:], guid)
	sum := sha1Of60(&m)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// validKey reports whether key is base64 of 16 bytes. Pad bits that are not zero are let through: the sample of the
// RFC itself has them (RFC 6455, erratum 3150), and the bytes are never looked at.
func validKey(key string) bool {
	const digits = 22 // of 6 bits, 4 of which are of no use
	return len(key) == keyLen && key[digits:] == "==" && every(key[:digits], classBase64)
}
