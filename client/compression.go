package client

import (
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
)

// maxWindowBits is what a server uses that nobody has told otherwise (RFC 7692, section 7.1.2.1).
const maxWindowBits = 15

// offers are the extensions that Dial offers, the favourite first: none, or permessage-deflate.
//
// A smaller window of the server is a demand, and a server that cannot meet it declines (RFC 7692, section 7.1.2.1).
// So it is offered another way, to forget its window behind each message: then we have nothing to remember of it.
func offers(o *conn.Options) []handshake.Extension {
	if o == nil || o.Compression == nil {
		return nil
	}
	want := o.Compression.Params(conn.Client)
	if want.ServerMaxWindowBits == maxWindowBits {
		return deflate.Offer(want)
	}
	instead := want
	instead.ServerMaxWindowBits, instead.ServerNoContextTakeover = maxWindowBits, true
	return deflate.Offer(want, instead)
}

// verdict judges a response: the subprotocol, empty for none, and what was agreed on about compression, nil for none.
func (d *dialing) verdict(offer *handshake.Offer, r *handshake.Response) (protocol string, agreed *deflate.Params, err error) {
	protocol, answered, err := offer.Judge(r)
	if err != nil {
		return "", nil, err
	}
	params, ok, err := deflate.Confirm(d.offered, answered)
	if !ok {
		return protocol, nil, err
	}
	return protocol, &params, nil
}
