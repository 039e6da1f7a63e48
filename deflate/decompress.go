package deflate

import (
	"errors"
	"io"
	"math"
)

var (
	// ErrCorrupt says that a message is no DEFLATE data, is cut off or goes on
	// behind its end, or looks back further than the window.
	ErrCorrupt = errors.New("websocket: compressed message is corrupt (RFC 7692, section 7.2.2)")
	// ErrTooLarge says that a message is larger than the limit once inflated.
	ErrTooLarge = errors.New("websocket: inflated message is larger than the limit (RFC 6455, section 10.4)")

	errLent = errors.New("websocket: Fill goes on with what Append has begun, without Keep")
)

// A Decompressor inflates the messages of one direction of a connection (RFC
// 7692, section 7.2.2). A message is given in pieces, cut at any byte, the last
// of them marked. The 00 00 ff ff that the sender took off is not put back by the
// caller.
//
// [Decompressor.Append] collects a message in one slice, [Decompressor.Fill]
// streams it. After an error nothing more is inflated, until Reset.
//
// Between messages it holds, with context takeover, as many bytes as have come, up
// to the window; without, nothing. In the middle of a message it has about 13 KiB
// of working space from a pool besides, and Fill without takeover a window: whoever
// fears peers that stop there collects some KiB before the first call.
//
// The zero value has a window of 32 KiB and no context takeover. One goroutine at
// a time.
type Decompressor struct {
	windowBits uint8 // 0: maxWindowBits
	takeover   bool

	past   ring
	window *window   // past.buf, if it is of the pool
	z      *inflater // of the message that has begun; nil between messages
	lent   int       // bytes of the message that are not in past: dst of Append ends with them
	size   int64     // of the message so far
	err    error
}

// NewDecompressor returns a Decompressor for a peer whose window is 2^windowBits
// bytes, 8 to 15, and who keeps it from message to message if takeover is true.
// Any other number means 15, which reads what was made with every window.
func NewDecompressor(windowBits int, takeover bool) *Decompressor {
	if windowBits < minWindowBits || windowBits > maxWindowBits {
		windowBits = maxWindowBits
	}
	return &Decompressor{windowBits: uint8(windowBits), takeover: takeover}
}

// Append inflates src, the next piece of a message, behind dst, and returns the
// longer slice. end says that src, which may be empty, is the last piece.
//
// From the second piece on dst ends with what Append made of the message so far: it
// is looked at again. (The same bytes in another slice will do.) What is between
// the length and the capacity of dst is written over.
//
// limit is how many bytes the message may have in all; negative means no limit.
// The slice grows with what was inflated, up to limit and 288 bytes, and no more
// than that was inflated when the error is ErrTooLarge. With an error dst comes
// back as it was.
func (d *Decompressor) Append(dst, src []byte, end bool, limit int64) ([]byte, error) {
	if !d.begin(src, end) {
		return dst, d.err
	}
	op, base, most := len(dst), max(0, len(dst)-d.lent), math.MaxInt-fastRoom
	if limit >= 0 && limit-d.size < int64(most-op) {
		most = op + int(max(0, limit-d.size))
	}
	out := dst[:min(cap(dst), most+fastRoom)]
	for {
		if len(out)-op < fastRoom {
			out = grow(out, op, most+fastRoom, len(src))
		}
		var o outcome
		op, o = d.z.run(&d.past, out, op, base, false)
		switch {
		case op > most:
			return dst, d.fail(ErrTooLarge)
		case o == corrupt:
			return dst, d.fail(ErrCorrupt)
		case o == ended:
			d.finish(out[base:op])
			return out[:op], nil
		case o == needInput:
			d.size += int64(op - len(dst))
			d.lent = op - base
			return out[:op], nil
		}
	}
}

// grow returns a slice with out[:op] and room for the fast loop behind it. It is
// never longer than most, which has that room. It doubles, but takes the last step
// from a third of the way, so that old and new together stay below 5/3 of most.
func grow(out []byte, op, most, input int) []byte {
	size := max(2*len(out), op+min(4*input, 2*input+4096)+fastRoom)
	if size > most || len(out) > most/3 {
		size = most
	}
	grown := make([]byte, size)
	copy(grown, out[:op])
	return grown
}

// Fill inflates from src, the next piece of a message, to p until either is used
// up. It returns how many bytes it has written and how many of src it has used; the
// next call begins with the others. end says that src, which may be empty, is the
// last piece. io.EOF says that the message is complete, and comes with its last
// bytes. All of p may be used as scratch space. Some KiB are fastest.
//
// Bytes that came before an error were of the message; a limit is for the caller to
// watch. What Append has begun goes on with Fill after Keep.
func (d *Decompressor) Fill(p, src []byte, end bool) (n, used int, err error) {
	switch {
	case d.lent > 0:
		return 0, 0, errLent
	case d.begin(src, end):
	case d.err == nil && end:
		return 0, 0, io.EOF
	default:
		return 0, 0, d.err
	}
	n, o := d.z.run(&d.past, p, 0, 0, true)
	switch {
	case o == corrupt || d.z.tail && d.z.left() < 0: // p may hold what the zeros said
		return 0, 0, d.fail(ErrCorrupt)
	case o == ended:
		d.finish(p[:n])
		return n, len(src), io.EOF
	}
	used = len(src)
	if !d.z.tail {
		used = d.z.pos
	}
	d.size += int64(n)
	d.save(p[:n])
	return n, used, nil
}

// Keep takes back what Append has returned of an unfinished message, so that the
// rest is for Fill, or for Append with a slice that does not end with it.
func (d *Decompressor) Keep(dst []byte) {
	d.save(dst[max(0, len(dst)-d.lent):])
	d.lent = 0
}

// Reset forgets the history, the message under way and the error. Without context
// takeover that is how a message is dropped; with it, the rest has to be inflated.
func (d *Decompressor) Reset() {
	d.clear()
	d.err = nil
}

// begin takes the inflater that the message has, or a new one, and feeds it. It
// reports false if there is nothing to do: after an error, and for an empty
// payload, which is an empty message (RFC 7692, section 7.2.3.6, has such a last
// fragment; a whole message of that kind is ours to allow).
func (d *Decompressor) begin(src []byte, end bool) bool {
	switch {
	case d.err != nil || d.z == nil && len(src) == 0:
		return false
	case d.z == nil:
		d.z = newInflater(d.bits())
	case d.z.tail && len(src) == 0 && end:
		return true // Fill had no room for what is in the tail
	case d.z.tail:
		d.fail(ErrCorrupt) // goes on behind its end
		return false
	}
	d.z.feed(src, end)
	return true
}

// finish ends a message. p is what is not in past yet.
func (d *Decompressor) finish(p []byte) {
	if d.takeover {
		d.past.save(p, 1<<d.bits())
	} else {
		d.forget()
	}
	d.z.release()
	d.z, d.lent, d.size = nil, 0, 0
}

// fail ends the Decompressor and returns err.
func (d *Decompressor) fail(err error) error {
	d.clear()
	d.err = err
	return err
}

func (d *Decompressor) clear() {
	if d.z != nil {
		d.z.release()
	}
	d.z, d.lent, d.size = nil, 0, 0
	d.forget()
}

// save appends p to the history. Without takeover it is wanted for the rest of the
// message only, so its memory is of the pool.
func (d *Decompressor) save(p []byte) {
	if len(p) > 0 && !d.takeover && d.window == nil {
		d.window = windows.Get().(*window)
		d.past = ring{buf: d.window[:1<<d.bits()]}
	}
	d.past.save(p, 1<<d.bits())
}

func (d *Decompressor) forget() {
	d.past = ring{}
	if d.window != nil {
		windows.Put(d.window)
		d.window = nil
	}
}

func (d *Decompressor) bits() int {
	if d.windowBits == 0 {
		return maxWindowBits
	}
	return int(d.windowBits)
}
