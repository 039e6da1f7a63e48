package deflate

import (
	"fmt"

	"github.com/tidewire/websocket/handshake"
)

// Offer is what a client puts into Sec-WebSocket-Extensions for each way that will
// do, the favourite first (RFC 7692, section 5). For each of them
//
//   - ServerNoContextTakeover and ServerMaxWindowBits below 15 are demands: a server
//     that cannot meet them declines. A further offer without them is what it may
//     take then.
//   - ClientNoContextTakeover and ClientMaxWindowBits below 15 are hints: the client
//     keeps to them by itself, for a server may not answer them. That the server may
//     ask for a smaller window is always offered.
func Offer(wants ...Params) []handshake.Extension {
	var offers []handshake.Extension
	for _, want := range wants {
		p := element{serverNoTakeover: want.ServerNoContextTakeover, clientNoTakeover: want.ClientNoContextTakeover, clientBits: anyBits}
		if bits := windowBits(want.ServerMaxWindowBits); bits < maxWindowBits {
			p.serverBits = bits
		}
		if bits := windowBits(want.ClientMaxWindowBits); bits < maxWindowBits {
			p.clientBits = bits
		}
		offers = append(offers, p.extension())
	}
	return offers
}

// Answer is the server's choice among the extensions that a client offered: the
// first permessage-deflate that it understands (RFC 7692, sections 5 and 7). An
// offer with anything unknown, wrong or double is passed over, never an error.
// accept is the one element for the response; what was agreed is for both
// directions. ok is false if there is no such offer: then the response has no
// element, and nothing is compressed.
//
// want is what the server would like: its own window and takeover, and of the client
// the most that it wants to remember. What the client demands is always met. A
// client with a larger window that did not offer to use less is told to forget it
// after each message, so that what we keep stays bounded.
func Answer(offered []handshake.Extension, want Params) (accept handshake.Extension, agreed Params, ok bool) {
	for _, e := range offered {
		if e.Name != Name {
			continue
		}
		if offer, ok := parse(e); ok {
			p := answer(offer, want)
			return p.extension(), p.agreed(), true
		}
	}
	return handshake.Extension{}, Params{}, false
}

func answer(offer element, want Params) (p element) {
	// Offered, it must be in the response to be accepted; unasked, it may be there
	// (RFC 7692, section 7.1.1.1).
	p.serverNoTakeover = offer.serverNoTakeover || want.ServerNoContextTakeover
	// As an offer this is a hint. The response makes it binding, which costs the client
	// nothing that it had not in mind (RFC 7692, section 7.1.1.2).
	p.clientNoTakeover = offer.clientNoTakeover || want.ClientNoContextTakeover
	// The same or less than was offered; unasked, anything (RFC 7692, section 7.1.2.1).
	if bits := min(windowBits(want.ServerMaxWindowBits), windowBits(offer.serverBits)); bits < maxWindowBits || offer.serverBits != 0 {
		p.serverBits = bits
	}
	// Only if it was offered, and not above what was (RFC 7692, section 7.1.2.2).
	bits := windowBits(want.ClientMaxWindowBits)
	switch {
	case offer.clientBits == 0:
		p.clientNoTakeover = p.clientNoTakeover || bits < maxWindowBits
	case offer.clientBits != anyBits:
		p.clientBits = min(bits, offer.clientBits)
	case bits < maxWindowBits:
		p.clientBits = bits
	}
	return p
}

// agreed are the parameters that the element of a response sets: absent, a window
// has 15 bits.
func (p element) agreed() Params {
	return Params{
		ServerNoContextTakeover: p.serverNoTakeover,
		ClientNoContextTakeover: p.clientNoTakeover,
		ServerMaxWindowBits:     windowBits(p.serverBits),
		ClientMaxWindowBits:     windowBits(p.clientBits),
	}
}

// Confirm is the client's judgement of the extensions in a response, after Offer.
// What counts is the response, whatever was offered (RFC 7692, section 5). ok is false
// if the server declined: then nothing is compressed. An error is a *handshake.Error
// with which the client fails the connection (RFC 7692, section 7).
func Confirm(offered, answered []handshake.Extension) (agreed Params, ok bool, err error) {
	var accept *handshake.Extension
	for i, e := range answered {
		switch {
		case e.Name != Name:
			continue
		case accept != nil:
			return Params{}, false, failf("RFC 7692, section 5", "server agrees to permessage-deflate twice")
		}
		accept = &answered[i]
	}
	switch {
	case accept == nil:
		return Params{}, false, nil
	// Another one would want RSV1 too, or data that is not compressed. We know none
	// that does not.
	case len(answered) > 1:
		return Params{}, false, failf("RFC 7692, section 5", "server combines permessage-deflate with another extension")
	}
	p, ok := parse(*accept)
	if !ok || p.clientBits == anyBits {
		return Params{}, false, failf("RFC 7692, section 7", "server agrees to %q, which is malformed", cut(*accept))
	}
	for _, e := range offered {
		if offer, ok := parse(e); ok && e.Name == Name && p.answers(offer) {
			return p.agreed(), true, nil
		}
	}
	return Params{}, false, failf("RFC 7692, section 7", "server agrees to %q, which was not offered", cut(*accept))
}

// answers reports whether p is a response to offer. Nothing demanded may be missing,
// and client_max_window_bits not be there unasked; the rest is the server's choice
// (RFC 7692, sections 7.1.1 and 7.1.2).
func (p element) answers(offer element) bool {
	switch {
	case offer.serverNoTakeover && !p.serverNoTakeover:
		return false
	case offer.serverBits != 0 && (p.serverBits == 0 || p.serverBits > offer.serverBits):
		return false
	case p.clientBits == 0:
		return true
	default:
		return offer.clientBits == anyBits || p.clientBits <= offer.clientBits
	}
}

// maxQuoted is how much of a peer's text an error repeats, as in a Close.
const maxQuoted = 123

func cut(e handshake.Extension) string {
	s := string(e.Append(nil))
	return s[:min(len(s), maxQuoted)]
}

func failf(place, format string, args ...any) error {
	return &handshake.Error{Place: place, Msg: fmt.Sprintf(format, args...)}
}
