package contest

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"sync"
)

// rawTCP is what Go's sockets cost. It answers the opening handshake with a constant and
// then sends back whatever comes, a whole read in one write. A client must not mind that
// the frames are still masked.
func rawTCP() *Contestant {
	return &Contestant{
		Name:    Base,
		Uses:    "net.Conn: reads up to 64 KiB, answers a whole read with one write, knows nothing of frames",
		Raw:     func(j *Job) func(net.Conn) { return (&rawServer{job: j}).serve },
		HTTP:    func(j *Job) http.Handler { return http.HandlerFunc((&rawServer{job: j}).hijack) },
		Prepare: func(p []byte) (any, error) { return appendBinary(nil, p), nil },
	}
}

// bareResponse has the answer to the one key of the load (RFC 6455, section 1.3).
const bareResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

type rawServer struct{ job *Job }

func (s *rawServer) serve(nc net.Conn) {
	defer nc.Close()
	if answerBarely(nc) != nil || s.job.Handshake {
		return
	}
	s.echo(nc)
}

// answerBarely waits for the end of a request and answers it, whatever it says.
func answerBarely(nc net.Conn) error {
	request := make([]byte, 1024)
	for have := 0; ; {
		n, err := nc.Read(request[have:])
		if err != nil {
			return err
		}
		have += n
		if bytes.HasSuffix(request[:have], []byte("\r\n\r\n")) {
			break
		}
		if have == len(request) {
			return errors.New("a request of more than 1 KiB")
		}
	}
	_, err := nc.Write([]byte(bareResponse))
	return err
}

func (s *rawServer) hijack(w http.ResponseWriter, r *http.Request) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := nc.Write([]byte(bareResponse)); err != nil || s.job.Handshake {
		nc.Close()
		return
	}
	go func() { // so as not to keep what net/http has
		defer nc.Close()
		s.echo(nc)
	}()
}

func (s *rawServer) echo(nc net.Conn) {
	s.job.Join(rawPeer{nc})
	size := 64 << 10
	if s.job.Lean {
		size = 512
	}
	buffer := make([]byte, size)
	for {
		n, err := nc.Read(buffer)
		if err != nil {
			return
		}
		s.job.Work()
		if _, err := nc.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A rawPeer gets one write for each message.
type rawPeer struct{ nc net.Conn }

func (p rawPeer) Write(m []byte) error {
	b := rawFrames.Get().(*[]byte)
	defer rawFrames.Put(b)
	*b = appendBinary((*b)[:0], m)
	_, err := p.nc.Write(*b)
	return err
}

// DeliverAll makes one write of them.
func (p rawPeer) DeliverAll(prepared []any) (err error) {
	b := rawFrames.Get().(*[]byte)
	defer rawFrames.Put(b)
	if *b, err = joined((*b)[:0], prepared); err == nil {
		_, err = p.nc.Write(*b)
	}
	return err
}

var rawFrames = sync.Pool{New: func() any { return new([]byte) }}

func (p rawPeer) Deliver(prepared any) error {
	frame, ok := prepared.([]byte)
	if !ok {
		return errNotBytes
	}
	_, err := p.nc.Write(frame)
	return err
}

// appendBinary appends a short message as a server sends it (RFC 6455, section 5.2).
func appendBinary(b, p []byte) []byte {
	if len(p) < 126 {
		return append(append(b, 0x82, byte(len(p))), p...)
	}
	return append(append(b, 0x82, 126, byte(len(p)>>8), byte(len(p))), p...)
}
