// Package deflate compresses and inflates WebSocket messages: DEFLATE (RFC 1951), and
// permessage-deflate (RFC 7692), which two sides agree on in the opening handshake.
//
// A client sends what [Offer] makes of its [Params] and judges the response with
// [Confirm]; a server chooses with [Answer]. What they agree on says for each
// direction ([Params.FromServer], [Params.FromClient]) how large the sender's window
// is and whether it is kept from message to message. With that one side makes a
// [Compressor], and the other a [Decompressor]:
//
//	d := deflate.NewDecompressor(agreed.FromClient().WindowBits, agreed.FromClient().Takeover)
//	msg, err := d.Append(buf[:0], payload, true, limit)
//
// A window is really what it is called, from 256 bytes to 32 KiB, in both directions:
// no distance that we write is larger, and one that we read is an error. Below 1 KiB
// there is little to gain (RFC 7692, section 7.3). Context takeover halves similar
// messages of 256 bytes once more and makes those of 1 KiB a third smaller; it costs
// the window for each direction of each connection. All other memory is of pools, and
// given back between messages.
//
// Compression tells by its length whether two texts are alike. Where an attacker sees
// the lengths on the wire and can put text of his own beside a secret, in one message
// or with context takeover in one connection, he can guess the secret bit by bit, TLS
// or not (CRIME and BREACH; RFC 7692, section 8). So compression is off until it is
// asked for, no takeover is the default then, and messages with secrets go out
// uncompressed.
//
// The package refuses to know frames, connections and clocks, and where the pieces of
// a message come from. A Compressor or Decompressor belongs to one goroutine at a time;
// the functions are safe for concurrent use.
package deflate
