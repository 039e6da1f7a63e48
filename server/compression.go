package server

import (
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
)

// agree answers what the client offered, if the connections are to compress: with the first permessage-deflate that is
// sound. One that is not is passed over, and nobody is refused for it (RFC 7692, section 7). What the connection may
// hold from message to message is reserved in p. element is for the 101, empty if nothing is agreed to.
func (o *Options) agree(offered []handshake.Extension, p *place) (element string, agreed *deflate.Params) {
	if o.Conn == nil || o.Conn.Compression == nil {
		return "", nil
	}
	k := o.Conn.Compression
	want := k.Params(conn.Server)
	accept, params, ok := deflate.Answer(offered, want)
	if !ok {
		return "", nil
	}
	if !p.reserve(takeoverMemory(params, k.Level)) {
		// Both may be said to a client that did not ask for them (RFC 7692, sections 7.1.1.1 and 7.1.1.2).
		want.ServerNoContextTakeover, want.ClientNoContextTakeover = true, true
		accept, params, _ = deflate.Answer(offered, want)
	}
	return string(accept.Append(nil)), &params
}

// takeoverMemory is the most that our side of a connection holds between messages, in bytes. The server's window in p is
// that of our compressor: no answer of ours is above what we want.
func takeoverMemory(p deflate.Params, level deflate.Level) int64 {
	return int64(p.FromServer().CompressorMemory(level) + p.FromClient().DecompressorMemory())
}
