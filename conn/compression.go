package conn

import "github.com/tidewire/websocket/deflate"

// Compression turns permessage-deflate on (RFC 7692). A client offers it and a
// server agrees to it; with a peer that does not know it nothing is compressed.
// The zero value works: every message of 512 bytes or more is compressed by itself.
//
// Compression tells by its length whether two texts are alike. Where an attacker
// sees lengths on the wire and can put text of his own beside a secret, in one
// message or, with Takeover, in one connection, he can guess the secret bit by bit,
// TLS or not (CRIME, BREACH; RFC 7692, section 8). Send messages that hold secrets
// with [MessageType.Uncompressed].
//
// Options.QueueBytes judges what is posted by its size before it is compressed, and
// counts that while it waits behind an open Writer; a [Prepared], and what waits for
// the socket, by what it is on the wire.
//
// A program may share one Compression between Options and must not change it
// afterwards.
type Compression struct {
	// Takeover lets a message refer to the messages before it (context takeover,
	// RFC 7692, section 7.1.1), in both directions, if the peer agrees. Small messages
	// that are alike become half as large once more; each connection then holds up to
	// both windows, and while it sends a table as large as its own window besides,
	// of 16 KiB at most.
	Takeover bool

	// Level says how hard to look for repetitions. Default [FastCompression].
	Level CompressionLevel

	// Threshold is the size in bytes from which on a message is compressed. One that
	// does not become smaller goes out as it is; with Takeover some of those that are
	// small go out compressed all the same, a few bytes longer, so that later ones that
	// are alike have something to refer to. A Writer does not know how long its message
	// will be: one of 16 KiB or more is compressed whatever Threshold says. Default 512;
	// negative: every message.
	Threshold int

	// WindowBits bounds our own window, and PeerWindowBits what the peer may refer
	// back to: 2^bits bytes, 8 to 15. Any other number means the default, which is 15,
	// and with Takeover 12: 4 KiB for each direction (RFC 7692, section 7.1.2). Below
	// 10 there is little to gain (RFC 7692, section 7.3).
	WindowBits, PeerWindowBits int

	// MaxRatio ends the connection with 1009 when a message has become larger than
	// 64 KiB and more than MaxRatio times what came on the wire, also where no limit
	// bounds it: in a Reader without Options.StreamLimit, and where a message is dropped
	// (by Discard, or behind a Reader that was left) that with Takeover is inflated
	// nevertheless, because later ones may refer to it. That costs time and no memory.
	// Honest zeros reach 1,030. Default: none.
	MaxRatio int
}

// CompressionLevel says how hard a connection looks for repetitions.
type CompressionLevel = deflate.Level

const (
	// FastCompression takes the first repetition it finds.
	FastCompression = deflate.Fast
	// BetterCompression looks longer: up to a fifth less on the wire for 1.3 to 3 times
	// the time, and with Takeover about twice the memory while it sends.
	BetterCompression = deflate.Better
)

// Params is what a side with this Compression asks of the handshake.
func (k *Compression) Params(r Role) deflate.Params {
	own, peer := k.windowBits(k.WindowBits), k.windowBits(k.PeerWindowBits)
	p := deflate.Params{
		ServerNoContextTakeover: !k.Takeover,
		ClientNoContextTakeover: !k.Takeover,
		ServerMaxWindowBits:     own,
		ClientMaxWindowBits:     peer,
	}
	if r == Client {
		p.ServerMaxWindowBits, p.ClientMaxWindowBits = peer, own
	}
	return p
}

func (k *Compression) windowBits(bits int) int {
	switch {
	case 8 <= bits && bits <= 15: // RFC 7692, section 7.1.2
		return bits
	case k.Takeover:
		return takeoverWindowBits
	}
	return maxWindowBits
}

// threshold is Threshold with its default filled in.
func (k *Compression) threshold() int { return orDefault(k.Threshold, defaultThreshold) }
