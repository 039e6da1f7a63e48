// Package protocol is the rules of one WebSocket connection as small state
// machines: RFC 6455, sections 5 and 7, without bytes on a wire.
//
// [Inbound] judges what the peer sends, [Outbound] what we are about to send,
// and [Closing] is the closing handshake as a table of states and events. Each
// looks at values and gives a verdict; a step that returns an error has changed
// nothing. Every rule sees both roles.
//
// The package does no I/O, reads no clock, starts no goroutine and takes no
// lock. One goroutine at a time may use a value of it.
package protocol
