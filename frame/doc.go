// Package frame is the wire format of RFC 6455, section 5: values in, bytes
// out, no state.
//
// Call [ParseHeader] on the first bytes that came; it says [ErrShort] until
// there are enough, and [HeaderLen] tells from the second byte how many that
// is. The payload follows: [Mask] unmasks it in place, [UTF8] checks text as it
// arrives, and [ParseClose] reads that of a close frame. In the other direction
// [Header.Append] writes the header, Mask masks a payload, and [AppendClose]
// makes the payload of a close frame.
//
// Input that is accepted allocates nothing, but for the reason that ParseClose
// copies. A broken rule is an [*Error]: it names the section, and the code to
// close the connection with.
//
// The package refuses to know who sent a frame, what came before it, and which
// extensions were agreed: whether a frame may come now, masked or not, with
// these RSV bits, is decided in internal/protocol. It does no I/O, holds no
// buffer, and knows no clock. Everything in it is safe for concurrent use.
package frame
