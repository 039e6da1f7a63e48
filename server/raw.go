package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/handshake"
)

// UpgradeConn reads an opening handshake from a socket that has just been accepted, answers it, and makes a connection
// of it, without net/http. It returns the request too. Bytes that arrived behind the request are not lost.
//
// UpgradeConn owns nc: on an error it has closed it. If the request cannot be accepted, the client has got a complete
// HTTP response, and the error is a *[handshake.Error] or what [Options.Authorize] returned: 408 if the request was
// not there within HandshakeTimeout, 431 or 414 if it passed the limits of [handshake.HeadScanner] (32 KiB in all), and
// what [Upgrade] answers too. If the socket failed or the client went, the error is that of the socket. A panic of
// Authorize closes nc and goes on.
//
// If nc is a *[tls.Conn], its handshake is made first, within the same time (RFC 6455, section 4.2.2, step 1).
func UpgradeConn(nc net.Conn, o *Options) (*conn.Conn, *handshake.Request, error) {
	p := newOpening(o)
	p.nc = nc
	opened := false
	defer func() {
		p.unbind()
		if !opened {
			nc.Close()
		}
		p.free()
	}()
	if err := p.receive(); err != nil {
		return nil, nil, err
	}
	if err := p.decide(); err != nil {
		return nil, nil, err
	}
	c, err := p.open(p.in[p.end:], nil)
	if err != nil {
		return nil, nil, err
	}
	opened = true
	return c, p.req, nil
}

// receive makes the TLS handshake and reads the request.
func (p *opening) receive() error {
	if cap(p.in) == 0 {
		p.in = make([]byte, 0, firstRead)
	}
	p.in = p.in[:p.readNow(p.in[:cap(p.in)])]
	err := p.scan()
	if err == handshake.ErrShort {
		p.bind(p.options.timeout())
		if err := p.handshakeTLS(); err != nil {
			return err
		}
		err = p.read()
	}
	if err != nil {
		if broken := (*handshake.Error)(nil); errors.As(err, &broken) {
			p.refuse(p.nc, err)
		}
	}
	return err
}

// decide judges the request, and refuses it if it has to.
func (p *opening) decide() error {
	p.unbind() // Authorize takes as long as it takes
	if p.stretchesStack() {
		stretch(0)
	}
	if p.options.Authorize != nil {
		p.header = make(http.Header)
	}
	err := p.judge()
	if err != nil {
		p.refuse(p.nc, err)
	}
	return err
}

// bind gives what follows d of time; 0 is no limit. What was there is lifted by the next bind or by the connection.
func (p *opening) bind(d time.Duration) {
	p.unbind()
	if d > 0 && p.nc.SetDeadline(time.Now().Add(d)) != nil {
		nc := p.nc // p is somebody else's when the timer is late
		p.timer = time.AfterFunc(d, func() { nc.Close() })
	}
}

func (p *opening) unbind() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// handshakeTLS makes the TLS handshake, if nc is to have one.
func (p *opening) handshakeTLS() error {
	t, ok := p.nc.(interface{ HandshakeContext(context.Context) error })
	if !ok {
		return nil
	}
	err := t.HandshakeContext(context.Background()) // bounded by the deadline of nc
	if err == nil {
		return nil
	}
	if plain := (tls.RecordHeaderError{}); errors.As(err, &plain) && plain.Conn != nil && isHTTP(plain.RecordHeader) {
		// A client that speaks HTTP gets an answer in HTTP, below TLS.
		err := &handshake.Error{Status: 400, Place: "RFC 6455, section 4.2.2", Msg: "request without TLS on a port with TLS"}
		p.refuse(plain.Conn, err)
		return err
	}
	return fmt.Errorf("websocket: TLS handshake: %w", err)
}

// isHTTP reports whether the first bytes of a client look like a request line.
func isHTTP(start [5]byte) bool {
	method, _, ok := strings.Cut(string(start[:]), " ")
	if !ok {
		method = string(start[:])
	}
	return method != "" && strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// read collects the rest of the request's head. Each byte is looked at when it arrives, and only then.
func (p *opening) read() error {
	for {
		p.in = slices.Grow(p.in, 1) // doubles; the scanner stops at MaxHead
		n, readErr := p.nc.Read(p.in[len(p.in):cap(p.in)])
		p.in = p.in[:len(p.in)+n]
		switch err := p.scan(); {
		case err != handshake.ErrShort:
			return err
		case readErr != nil:
			return p.cutShort(readErr)
		}
	}
}

// scan looks at what has arrived, and makes the request of it when it is complete.
func (p *opening) scan() (err error) {
	if p.end, err = p.scanner.Scan(p.in); err == nil {
		p.req, err = p.scanner.Request(p.in)
	}
	return err
}

// cutShort is the error of a head that ends too early.
func (p *opening) cutShort(err error) error {
	closedByTimer := p.timer != nil && !p.timer.Stop()
	if ne := net.Error(nil); closedByTimer || errors.As(err, &ne) && ne.Timeout() {
		return &handshake.Error{
			Status: http.StatusRequestTimeout,
			Place:  "RFC 9110, section 15.5.9",
			Msg:    fmt.Sprintf("the request was not complete within %v", p.options.timeout()),
		}
	}
	if err == io.EOF && len(p.in) > 0 {
		return &handshake.Error{Status: 400, Place: "RFC 9112, section 8", Msg: "the request ends in its head"}
	}
	return fmt.Errorf("websocket: reading the request of the handshake: %w", err)
}

// refuse writes the complete response that refuses with err to nc, which the caller closes.
func (p *opening) refuse(nc net.Conn, err error) {
	status, more, body := answer(err)
	h := make(handshake.Header)
	for _, fields := range []handshake.Header{p.header, more} {
		for name, values := range fields {
			h[http.CanonicalHeaderKey(name)] = values
		}
	}
	// A server with a clock dates its answers (RFC 9110, section 6.6.1).
	h["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	p.bind(lingerTime)
	nc.Write(handshake.AppendRefusal(nil, status, h, body)) // the client has gone if it fails; err tells the caller enough
	if status != http.StatusRequestTimeout {                // a client that is too slow gets no more time
		linger(nc)
	}
}

// linger ends our side and reads what the client still sends, so that the socket can be closed without a reset.
func linger(nc net.Conn) {
	half, ok := nc.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		io.CopyN(io.Discard, nc, lingerBytes)
	}
}

// withTLS is a *tls.Conn, or what wraps one.
type withTLS interface{ ConnectionState() tls.ConnectionState }

// tlsState is nil if nc is without TLS.
func tlsState(nc net.Conn) *tls.ConnectionState {
	t, ok := nc.(withTLS)
	if !ok {
		return nil
	}
	state := t.ConnectionState()
	return &state
}

// remoteAddr is the client's address as net/http writes it.
func remoteAddr(nc net.Conn) string {
	if addr := nc.RemoteAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// toHTTP makes the request for Authorize, as net/http would have. r has been checked.
func toHTTP(r *handshake.Request, remote string, state *tls.ConnectionState) *http.Request {
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if name != "Host" { // net/http has it in a field of its own
			header[name] = values
		}
	}
	path, query, asked := strings.Cut(r.Target, "?")
	plain, _ := url.PathUnescape(path) // Check has looked at the escapes
	return &http.Request{
		Method:     r.Method,
		URL:        &url.URL{Path: plain, RawPath: path, RawQuery: query, ForceQuery: asked && query == ""},
		Proto:      r.Proto,
		ProtoMajor: 1, // of the version, "HTTP/1.1", Check lets no other major pass
		ProtoMinor: int(r.Proto[len("HTTP/1.")] - '0'),
		Header:     header,
		Body:       http.NoBody,
		Host:       r.Host,
		RemoteAddr: remote,
		RequestURI: r.Target,
		TLS:        state,
	}
}
