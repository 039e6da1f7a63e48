package websocket

import (
	"context"
	"net"
	"net/http"

	"github.com/tidewire/websocket/client"
	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/server"
)

// A connection and what it carries.
type (
	Conn        = conn.Conn
	Message     = conn.Message
	Receiver    = conn.Receiver
	MessageType = conn.MessageType
	Prepared    = conn.Prepared
	Stats       = conn.Stats
	CloseCode   = conn.CloseCode
	CloseError  = conn.CloseError
)

// Options of a connection, and of the two ways to get one.
type (
	Options       = conn.Options
	ServerOptions = server.Options
	ClientOptions = client.Options
)

// Compression of messages, off by default.
type (
	Compression      = conn.Compression
	CompressionLevel = conn.CompressionLevel
)

// How hard a connection looks for repetitions.
const (
	FastCompression   = conn.FastCompression
	BetterCompression = conn.BetterCompression
)

// What a server and a client have beside connections.
type (
	Group          = server.Group
	Refusal        = server.Refusal
	Gate           = client.Gate
	HandshakeError = client.HandshakeError
)

// The types of messages (RFC 6455, section 5.6).
const (
	Text   = conn.Text
	Binary = conn.Binary
)

// The close codes that have a meaning of their own (RFC 6455, section 7.4).
const (
	CloseNormal             = conn.CloseNormal
	CloseGoingAway          = conn.CloseGoingAway
	CloseProtocolError      = conn.CloseProtocolError
	CloseUnsupportedData    = conn.CloseUnsupportedData
	CloseNoStatus           = conn.CloseNoStatus
	CloseAbnormal           = conn.CloseAbnormal
	CloseInvalidPayload     = conn.CloseInvalidPayload
	ClosePolicyViolation    = conn.ClosePolicyViolation
	CloseTooBig             = conn.CloseTooBig
	CloseMandatoryExtension = conn.CloseMandatoryExtension
	CloseInternalError      = conn.CloseInternalError
	CloseServiceRestart     = conn.CloseServiceRestart
	CloseTryAgainLater      = conn.CloseTryAgainLater
	CloseBadGateway         = conn.CloseBadGateway
	CloseTLSHandshake       = conn.CloseTLSHandshake
)

// Errors to compare with errors.Is.
var (
	ErrClosed    = conn.ErrClosed
	ErrQueueFull = conn.ErrQueueFull
	ErrAbandoned = conn.ErrAbandoned
	ErrServing   = conn.ErrServing
)

// Upgrade is [server.Upgrade].
func Upgrade(w http.ResponseWriter, r *http.Request, o *ServerOptions) (*Conn, error) {
	return server.Upgrade(w, r, o)
}

// Handler is [server.Handler].
func Handler(serve func(ctx context.Context, c *Conn, r *http.Request) error, o *ServerOptions) http.Handler {
	return server.Handler(serve, o)
}

// Dial is [client.Dial].
func Dial(ctx context.Context, url string, o *ClientOptions) (*Conn, error) {
	return client.Dial(ctx, url, o)
}

// Prepare is [conn.Prepare].
func Prepare(t MessageType, p []byte) (*Prepared, error) { return conn.Prepare(t, p) }

// IsNormal is [conn.IsNormal].
func IsNormal(err error) bool { return conn.IsNormal(err) }

// Stream is [conn.Stream].
func Stream(c *Conn, t MessageType) net.Conn { return conn.Stream(c, t) }

// ReadJSON is [conn.ReadJSON].
func ReadJSON[T any](ctx context.Context, c *Conn) (T, error) { return conn.ReadJSON[T](ctx, c) }

// WriteJSON is [conn.WriteJSON].
func WriteJSON(ctx context.Context, c *Conn, v any) error { return conn.WriteJSON(ctx, c, v) }
