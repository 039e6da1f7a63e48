//go:build libdeflate && cgo

package main

/*
#cgo LDFLAGS: -ldeflate
#include <libdeflate.h>

// Bytes instead of void, so that Go needs no unsafe conversion.
static size_t compress_bytes(struct libdeflate_compressor *c, const unsigned char *in, size_t n, unsigned char *out, size_t room) {
	return libdeflate_deflate_compress(c, in, n, out, room);
}

static enum libdeflate_result decompress_bytes(struct libdeflate_decompressor *d, const unsigned char *in, size_t n, unsigned char *out, size_t room, size_t *used) {
	return libdeflate_deflate_decompress(d, in, n, out, room, used);
}
*/
import "C"

import "errors"

// libdeflate works on whole buffers: it has no takeover, does not stop in the middle of
// a message, and is told how much room there is. Of what C can do it is the best mark.

// libdeflateTail is like readerTail, but the final block is the shortest one.
const libdeflateTail = "\x00\x00\xff\xff" + "\x03\x00"

func libdeflateInflaters(h history, payloads [][]byte, size int) []contestant {
	if h.takeover {
		return nil
	}
	sources := withTail(payloads, libdeflateTail)
	d := C.libdeflate_alloc_decompressor()
	msg := make([]byte, size)
	return []contestant{{name: ld, over: ours, do: func(i int) ([]byte, error) {
		src := sources[i]
		var n C.size_t
		result := C.decompress_bytes(d, (*C.uchar)(&src[0]), C.size_t(len(src)), (*C.uchar)(&msg[0]), C.size_t(len(msg)), &n)
		if result != C.LIBDEFLATE_SUCCESS {
			return nil, errors.New("libdeflate refused it")
		}
		return msg[:n], nil
	}}}
}

func libdeflateCompressors(h history, messages [][]byte) []contestant {
	if h.takeover {
		return nil
	}
	c := C.libdeflate_alloc_compressor(6)
	var b []byte
	return []contestant{{name: ld6, over: oursBetter, do: func(i int) ([]byte, error) {
		msg := messages[i]
		if most := int(C.libdeflate_deflate_compress_bound(c, C.size_t(len(msg)))) + 1; most > cap(b) {
			b = make([]byte, most)
		}
		b = b[:cap(b)]
		n := C.compress_bytes(c, (*C.uchar)(&msg[0]), C.size_t(len(msg)), (*C.uchar)(&b[0]), C.size_t(len(b)-1))
		if n == 0 {
			return nil, errors.New("libdeflate has no room")
		}
		// Its last block is final; as a message it needs an empty block behind it, of
		// which one byte goes out (RFC 7692, section 7.2.3.4).
		b[n] = 0
		return b[:n+1], nil
	}}}
}
