package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httputil"
	"slices"
	"strconv"

	"github.com/tidewire/websocket/handshake"
)

// An inbox reads what a server or a proxy answers. It parses heads itself: http.ReadResponse deletes Connection headers,
// and what it has read too much is lost.
//
//	buf[:end]  a head | buf[end:]  what came behind it: another head, a body, frames, or a tunnel's first bytes
type inbox struct {
	src  io.Reader
	from string // who answers, for errors: "server", "proxy"
	buf  []byte // arrived and not consumed
}

// response reads up to the final response. Interim ones are skipped (RFC 9110, section 15.2).
func (in *inbox) response(ctx context.Context) (*handshake.Response, error) {
	for range handshake.MaxInterim + 1 {
		r, err := in.head(ctx)
		if err != nil || !r.Interim() {
			return r, err
		}
	}
	return nil, fmt.Errorf("websocket: %s sent more than %d interim responses (RFC 9110, section 15.2)", in.from, handshake.MaxInterim)
}

// head reads one head. Whatever the peer sends, little more than handshake.MaxHead is read.
func (in *inbox) head(ctx context.Context) (*handshake.Response, error) {
	s := handshake.HeadScanner{Response: true}
	for {
		end, err := s.Scan(in.buf)
		switch err {
		case nil:
			r, _, err := handshake.ParseResponse(in.buf[:end])
			in.buf = in.buf[end:]
			return r, err
		case handshake.ErrShort:
			if err := in.fill(); err != nil {
				return nil, during(ctx, err, "reading the answer of the %s", in.from)
			}
		default:
			return nil, err
		}
	}
}

// fill waits for more bytes.
func (in *inbox) fill() error {
	had := len(in.buf)
	in.buf = slices.Grow(in.buf, readSize)
	n, err := in.src.Read(in.buf[had : had+readSize])
	in.buf = in.buf[:had+n]
	if n > 0 {
		return nil // an error that came with bytes comes again
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// body reads the beginning of r's body, as far as it comes (RFC 9112, section 6.3). The connection is of no use afterwards.
func (in *inbox) body(r *handshake.Response) []byte {
	if r.Status < 200 || r.Status == 204 || r.Status == 304 {
		return nil
	}
	src := io.MultiReader(bytes.NewReader(in.buf), in.src)
	length := r.Header["Content-Length"]
	switch {
	case handshake.HasToken(r.Header["Transfer-Encoding"], "chunked"):
		src = httputil.NewChunkedReader(src)
	case len(length) > 0:
		// A length that makes no sense is no length: the body then ends with the connection, or with our patience.
		if n, err := strconv.ParseInt(length[0], 10, 64); err == nil {
			src = io.LimitReader(src, n)
		}
	}
	b, _ := io.ReadAll(io.LimitReader(src, maxBody)) // what came before an error is worth showing
	return b
}
