package contest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
	"net"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// gobwasContestant upgrades in place, reads frames through wsutil.Reader and a bufio.Reader
// into pooled buffers that have room for the header of the answer, and writes each answer
// with one call. Where connections wait it reads from the socket itself, without a buffer.
func gobwasContestant() *Contestant {
	return &Contestant{
		Name: "gobwas",
		Uses: "Upgrader on the socket, wsutil.Reader over a bufio.Reader (none where memory is measured), one Write for header and payload; utf8.Valid for text; wsflate with compress/flate at level 1; CompileFrame",
		Raw: func(j *Job) func(net.Conn) {
			return (&gobwasServer{job: j}).upgrade
		},
		HTTP: func(j *Job) http.Handler {
			return http.HandlerFunc((&gobwasServer{job: j}).upgradeHTTP)
		},
		Prepare: func(p []byte) (any, error) {
			return ws.CompileFrame(ws.NewBinaryFrame(p))
		},
		Compression: Alone,
	}
}

// gobwasHelpers is the first example of the package's README: two helpers on the socket,
// which check text by themselves.
func gobwasHelpers() *Contestant {
	return &Contestant{
		Name: "gobwas-wsutil",
		Uses: "Upgrader on the socket, ReadClientData and WriteServerMessage",
		Raw: func(j *Job) func(net.Conn) {
			return func(nc net.Conn) {
				defer nc.Close()
				if _, err := ws.Upgrade(nc); err != nil {
					return
				}
				for {
					p, op, err := wsutil.ReadClientData(nc)
					if err != nil {
						return
					}
					j.Work()
					if wsutil.WriteServerMessage(nc, op, p) != nil {
						return
					}
				}
			}
		},
		Variant: true,
		Groups:  []string{"echo", "text"},
	}
}

type gobwasServer struct{ job *Job }

func (s *gobwasServer) upgrade(nc net.Conn) {
	var u ws.Upgrader
	if s.job.Flate {
		e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		u.Negotiate = e.Negotiate
	}
	if _, err := u.Upgrade(nc); err != nil || s.job.Handshake {
		nc.Close()
		return
	}
	s.start(nc)
}

func (s *gobwasServer) upgradeHTTP(w http.ResponseWriter, r *http.Request) {
	switch nc, _, _, err := ws.UpgradeHTTP(r, w); {
	case err != nil:
	case s.job.Handshake:
		nc.Close()
	default:
		s.start(nc)
	}
}

func (s *gobwasServer) start(nc net.Conn) {
	s.job.Join(&gobwasPeer{nc: nc})
	go (&gobwasConn{job: s.job, nc: nc}).serve()
}

// A gobwasConn is one connection at work.
type gobwasConn struct {
	job    *Job
	nc     net.Conn
	reader wsutil.Reader
	state  wsflate.MessageState
}

// room is for the header of an answer, in front of its payload.
const room = ws.MaxHeaderSize

var gobwasBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (c *gobwasConn) serve() {
	defer c.nc.Close()
	c.reader = wsutil.Reader{
		Source:         c.nc,
		State:          ws.StateServerSide,
		OnIntermediate: wsutil.ControlFrameHandler(c.nc, ws.StateServerSide),
	}
	if !c.job.Lean {
		c.reader.Source = bufio.NewReader(c.nc)
	}
	if c.job.Flate {
		c.reader.State |= ws.StateExtended
		c.reader.Extensions = []wsutil.RecvExtension{&c.state}
	}
	for {
		h, err := c.reader.NextFrame()
		if err == nil {
			err = c.frame(h)
		}
		if err != nil {
			return
		}
	}
}

// frame does what the first frame of a message, or a control frame, asks for.
func (c *gobwasConn) frame(h ws.Header) error {
	if h.OpCode.IsControl() {
		return wsutil.ControlHandler{Src: &c.reader, Dst: c.nc, State: ws.StateServerSide, DisableSrcCiphering: true}.Handle(h)
	}
	b := gobwasBuffers.Get().(*bytes.Buffer)
	defer gobwasBuffers.Put(b)
	b.Reset()
	b.Write(make([]byte, room))
	if err := c.read(b, h); err != nil {
		return err
	}
	if h.OpCode == ws.OpText && c.job.Text && !utf8.Valid(b.Bytes()[room:]) {
		return errNotText
	}
	c.job.Work()
	return c.answer(b, h.OpCode)
}

// read appends the message to b.
func (c *gobwasConn) read(b *bytes.Buffer, h ws.Header) error {
	if c.job.Flate && c.state.IsCompressed() {
		return c.inflate(b)
	}
	if !h.Fin {
		_, err := b.ReadFrom(&c.reader)
		return err
	}
	if h.Length == 0 {
		_, err := c.reader.Read(nil) // the end of the message
		if err == io.EOF {
			err = nil
		}
		return err
	}
	b.Grow(int(h.Length))
	p := b.AvailableBuffer()[:h.Length]
	_, err := io.ReadFull(&c.reader, p)
	b.Write(p) // which is there already
	return err
}

// answer writes what is in b behind the room.
func (c *gobwasConn) answer(b *bytes.Buffer, op ws.OpCode) error {
	h := ws.Header{Fin: true, OpCode: op}
	if c.job.Flate {
		out := gobwasBuffers.Get().(*bytes.Buffer)
		defer gobwasBuffers.Put(out)
		out.Reset()
		out.Write(make([]byte, room))
		if err := deflateInto(out, b.Bytes()[room:]); err != nil {
			return err
		}
		h.Rsv = ws.Rsv(true, false, false)
		b = out
	}
	h.Length = int64(b.Len() - room)
	n := ws.HeaderSize(h)
	frame := b.Bytes()[room-n:]
	if err := ws.WriteHeader(&fixed{frame}, h); err != nil {
		return err
	}
	_, err := c.nc.Write(frame)
	return err
}

// fixed is the memory that a header is written into.
type fixed struct{ b []byte }

func (f *fixed) Write(p []byte) (int, error) {
	n := copy(f.b, p)
	f.b = f.b[n:]
	return n, nil
}

var gobwasReaders = sync.Pool{New: func() any {
	return wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
}}

func (c *gobwasConn) inflate(b *bytes.Buffer) error {
	r := gobwasReaders.Get().(*wsflate.Reader)
	defer gobwasReaders.Put(r)
	r.Reset(&c.reader)
	_, err := b.ReadFrom(r)
	return err
}

var gobwasWriters = sync.Pool{New: func() any {
	return wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // the level is right
		return f
	})
}}

func deflateInto(b *bytes.Buffer, p []byte) error {
	w := gobwasWriters.Get().(*wsflate.Writer)
	defer gobwasWriters.Put(w)
	w.Reset(b)
	if _, err := w.Write(p); err != nil {
		return err
	}
	return w.Flush()
}

// A gobwasPeer has one writer at a time: a frame is one write.
type gobwasPeer struct {
	mu sync.Mutex
	nc net.Conn
}

func (p *gobwasPeer) Write(m []byte) error {
	frame, err := ws.CompileFrame(ws.NewBinaryFrame(m))
	if err != nil {
		return err
	}
	return p.Deliver(frame)
}

func (p *gobwasPeer) Deliver(prepared any) error {
	frame, ok := prepared.([]byte)
	if !ok {
		return errNotBytes
	}
	return p.send(frame)
}

func (p *gobwasPeer) DeliverAll(prepared []any) error {
	b := gobwasBuffers.Get().(*bytes.Buffer)
	defer gobwasBuffers.Put(b)
	b.Reset()
	frames, err := joined(b.AvailableBuffer(), prepared)
	if err != nil {
		return err
	}
	b.Write(frames) // to keep what has grown
	return p.send(frames)
}

func (p *gobwasPeer) send(frames []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.nc.Write(frames)
	return err
}
