//go:build linux

package load

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	kpflate "github.com/klauspost/compress/flate"

	"github.com/tidewire/websocket/bench/internal/corpus"
)

// A Stream describes the messages of a connection.
type Stream struct {
	Kind  corpus.Kind
	Size  int    // of a message, in bytes
	Depth int    // messages that are under way at the same time: they are sent and awaited together
	Text  bool   // as text frames
	Flate string // "", Alone or Takeover
	Most  int    // different messages, if it is not 0
}

// How the messages of a stream are compressed (RFC 7692, section 7.1.1).
const (
	Alone    = "alone"    // each by itself
	Takeover = "takeover" // with what the messages before have left
)

// windowBits are of a client with takeover, whose server may ask for no more than 4 KiB.
const windowBits = 12

// Offer is what the client says in its handshake, the same to every server.
func (s Stream) Offer() string {
	switch s.Flate {
	case Alone:
		return "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	case Takeover:
		return "permessage-deflate; client_max_window_bits"
	default:
		return ""
	}
}

// A program is a stream as bytes to send.
type program struct {
	messages [][]byte // what is in the frames
	frames   [][]byte // masked
	batches  [][]byte // Depth frames, one behind the other; they are the same memory
	depth    int
	ordered  bool // a link sends it from its beginning
}

const (
	programBytes = 2 << 20 // of all messages together, about
	fewest, most = 4, 512  // of them
)

// compile makes the frames: different messages, under different keys.
func (s Stream) compile() (*program, error) {
	n := max(fewest, min(programBytes/s.Size, most))
	if s.Most > 0 {
		n = min(n, s.Most)
	}
	n = (n + s.Depth - 1) / s.Depth * s.Depth
	p := &program{messages: corpus.Make(s.Kind, s.Size, n).Messages, depth: s.Depth, ordered: s.Flate == Takeover}
	payloads, err := s.payloads(p.messages)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(6455, uint64(s.Size)))
	var all []byte
	var ends []int
	for _, payload := range payloads {
		all = appendFrame(all, s.first(), payload, r.Uint32())
		ends = append(ends, len(all))
	}
	start, batch := 0, 0
	for i, end := range ends {
		p.frames = append(p.frames, all[start:end])
		if start = end; (i+1)%s.Depth == 0 {
			p.batches = append(p.batches, all[batch:end])
			batch = end
		}
	}
	return p, nil
}

// first is the first byte of the frames (RFC 6455, section 5.2).
func (s Stream) first() byte {
	b := byte(0x82) // FIN+binary
	if s.Text {
		b = 0x81
	}
	if s.Flate != "" {
		b |= 0x40 // RSV1: compressed (RFC 7692, section 6)
	}
	return b
}

func appendFrame(b []byte, first byte, payload []byte, mask uint32) []byte {
	const masked = 0x80
	b = append(b, first)
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	b = binary.BigEndian.AppendUint32(b, mask)
	start := len(b)
	b = append(b, payload...)
	unmask(b[start:], mask)
	return b
}

func unmask(p []byte, mask uint32) {
	for i := range p {
		p[i] ^= byte(mask >> (24 - 8*(i&3)))
	}
}

// payloads compresses the messages, if they are to be. With takeover they make a ring: what
// the first one refers to is in no message, and every other one refers to the ones before
// it, so the ring can be sent round and round.
func (s Stream) payloads(messages [][]byte) ([][]byte, error) {
	if s.Flate == "" {
		return messages, nil
	}
	var b bytes.Buffer
	w, err := s.compressor(&b)
	if err != nil {
		return nil, err
	}
	var payloads [][]byte
	for _, m := range messages {
		b.Reset()
		if s.Flate == Alone {
			w.Reset(&b)
		}
		if _, err := w.Write(m); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
		// The four bytes at the end do not go out (RFC 7692, section 7.2.1).
		payloads = append(payloads, bytes.Clone(b.Bytes()[:b.Len()-4]))
	}
	return payloads, nil
}

type compressor interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

// compressor is what common clients have: level 6 of the algorithm of zlib, or where the
// window is to be small another encoder, because compress/flate has only the largest.
func (s Stream) compressor(b *bytes.Buffer) (compressor, error) {
	if s.Flate == Takeover {
		return kpflate.NewWriterWindow(b, 1<<windowBits)
	}
	return flate.NewWriter(b, 6)
}

// An inflater makes messages of what a server has compressed.
type inflater struct {
	takeover bool
	window   []byte
}

func (f *inflater) inflate(payload []byte) ([]byte, error) {
	const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff" // RFC 7692, section 7.2.2, and a last block
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte(tail))), f.window)
	m, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("inflating: %w", err)
	}
	if f.takeover {
		f.window = append(f.window, m...)
		f.window = f.window[max(0, len(f.window)-1<<15):]
	}
	return m, nil
}
