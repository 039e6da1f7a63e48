package deflate

import (
	"bytes"
	"encoding/binary"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// judgeScript inflates messages by the real zlib. Standard input and output are
// records: a byte of command and the length of what follows.
//
//	'n' bits, takeover   a new connection
//	'm' message          answered by its length and bytes; no bytes and length ff ff ff ff: an error
//
// Every message goes in one byte at a time: only so does zlib check distances
// against the window, not against all that it can reach in its output.
const judgeScript = `
import sys, zlib
i, o = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = i.read(5)
    if len(head) < 5: break
    body = i.read(int.from_bytes(head[1:], 'little'))
    if head[0] == ord('n'):
        bits, takeover = body[0], body[1]
        d = zlib.decompressobj(-bits)
        continue
    if not takeover: d = zlib.decompressobj(-bits)
    try:
        f = d.decompress
        out = b''.join([f(b'%c' % c) for c in body + b'\0\0\xff\xff'])
        o.write(len(out).to_bytes(4, 'little') + out)
    except zlib.error:
        o.write(b'\xff\xff\xff\xff')
    o.flush()
`

// A zlibJudge is a running judgeScript.
type zlibJudge struct {
	in  io.WriteCloser
	out io.Reader
}

func startJudge(t *testing.T) *zlibJudge {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3, whose zlib is the oracle")
	}
	cmd := exec.Command(python, "-c", judgeScript)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("python3: %v: %s", err, &stderr)
		}
	})
	return &zlibJudge{in: in, out: out}
}

func (z *zlibJudge) send(t *testing.T, command byte, body []byte) {
	t.Helper()
	head := binary.LittleEndian.AppendUint32([]byte{command}, uint32(len(body)))
	if _, err := z.in.Write(append(head, body...)); err != nil {
		t.Fatal(err)
	}
}

// connection starts a new one.
func (z *zlibJudge) connection(t *testing.T, bits int, takeover bool) {
	flag := byte(0)
	if takeover {
		flag = 1
	}
	z.send(t, 'n', []byte{byte(bits), flag})
}

// message inflates p, and says whether zlib took it.
func (z *zlibJudge) message(t *testing.T, p []byte) ([]byte, bool) {
	t.Helper()
	z.send(t, 'm', p)
	var head [4]byte
	if _, err := io.ReadFull(z.out, head[:]); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 1<<32-1 {
		return nil, false
	}
	msg := make([]byte, n)
	if _, err := io.ReadFull(z.out, msg); err != nil {
		t.Fatal(err)
	}
	return msg, true
}

// The real zlib inflates what we make, with exactly the window that was agreed.
//
// Checklist: D8, D9
func TestZlibInflatesWithThatWindow(t *testing.T) {
	z := startJudge(t)
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for _, k := range kinds {
			r := newRand(uint64(bits))
			c := NewCompressor(bits, takeover, level)
			z.connection(t, bits, takeover)
			for i, size := range []int{0, 1, 300, 20, 1000, 256, 4000, 0, 9000, 65536, 700} {
				if raceDetector && size > 10000 {
					continue
				}
				msg := k.make(r, i, size)
				if got, ok := z.message(t, c.Append(nil, msg)); !ok || !bytes.Equal(got, msg) {
					t.Fatalf("%s, message %d of %d bytes: zlib takes it: %t, and reads %d bytes", k.name, i, len(msg), ok, len(got))
				}
			}
		}
	})
}

// The judge is one: it takes a distance of the window, and no larger one.
func TestZlibChecksTheWindow(t *testing.T) {
	z := startJudge(t)
	for bits := minWindowBits; bits < maxWindowBits; bits++ {
		for _, distance := range []int{1 << bits, 1<<bits + 1} {
			// distance bytes in a stored block, then a match in fixed codes.
			var b blockWriter
			plain := bytes.Repeat([]byte("0123456789abcde"), distance)[:distance]
			b.keep(plain)
			b.flushRaw()
			tokens := []uint32{lengthToken(4), distanceToken(distance), endSymbol}
			b.put(fixedBlock, blockHeaderBits)
			b.tokens(tokens, &fixedCodes, bodyBits(tokens, &fixedCodes), 0)
			b.end()
			z.connection(t, bits, false)
			got, ok := z.message(t, b.out)
			if want := distance == 1<<bits; ok != want || ok && string(got) != string(plain)+"0123" {
				t.Errorf("window of %d bits, distance %d: taken %t, want %t", bits, distance, ok, want)
			}
		}
	}
}

// No distance is above the window, by an inflater of ours that checks each.
//
// Checklist: D9
func TestNoDistanceAboveTheWindow(t *testing.T) {
	modes(t, func(t *testing.T, bits int, takeover bool, level Level) {
		for _, k := range kinds {
			r := newRand(uint64(bits))
			c := NewCompressor(bits, takeover, level)
			var history []byte
			for i, size := range []int{0, 1, 300, 20, 1000, 256, 4000, 700} {
				msg := k.make(r, i, size)
				if got, err := inflatePlain(c.Append(nil, msg), history, 1<<bits); err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%s, message %d of %d bytes: got %d (%v)", k.name, i, len(msg), len(got), err)
				}
				if takeover {
					history = append(history, msg...)
				}
			}
		}
	})
}

// bodyBits is the number of bits that tokens take in these codes.
func bodyBits(tokens []uint32, codes *[symbolMask + 1]codeword) (n int) {
	for _, t := range tokens {
		n += int(codes[t&symbolMask] >> 24)
	}
	return n
}
