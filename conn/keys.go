package conn

import "crypto/rand"

// keys makes the masking keys of a client: four fresh bytes of the system's
// entropy for every frame, so that no key follows from earlier ones
// (RFC 6455, sections 5.3 and 10.3). It reads 16 keys at a time, and no two
// connections share a batch.
type keys struct {
	batch [64]byte
	left  uint8 // bytes of batch that were not handed out yet
}

// readEntropy is replaced by tests that count.
var readEntropy = rand.Read

func (k *keys) next() (key [4]byte) {
	if k.left == 0 {
		readEntropy(k.batch[:]) // never fails: it would end the program
		k.left = uint8(len(k.batch))
	}
	copy(key[:], k.batch[len(k.batch)-int(k.left):])
	k.left -= uint8(len(key))
	return key
}
