package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// Stream makes a byte stream of a connection: what is written goes out in messages
// of type t, of up to 16 KiB, and what messages of either type bring is read
// without their borders. A normal end is io.EOF, any other the error of
// [Conn.Read]. A deadline ends a call and not the connection; what a Read had begun
// the next one goes on with. Close is [Conn.Close].
//
// One goroutine may read while another writes; beside a Stream nothing else should
// read from c.
func Stream(c *Conn, t MessageType) net.Conn {
	s := &stream{c: c, t: t}
	s.readBy.init()
	s.writeBy.init()
	return s
}

type stream struct {
	c *Conn
	t MessageType

	readMu sync.Mutex // one Read at a time
	r      *messageReader
	readBy deadline

	writeMu sync.Mutex // one Write at a time
	writeBy deadline
}

// Read is io.Reader's. It returns no empty read for an empty message.
func (s *stream) Read(p []byte) (int, error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	ctx := s.readBy.context()
	for {
		n, err := s.read(ctx, p)
		if err == io.EOF { // of one message, which may come with its last bytes
			s.r, err = nil, nil
			if n == 0 {
				continue
			}
		}
		return n, streamError(ctx, err)
	}
}

func (s *stream) read(ctx context.Context, p []byte) (int, error) {
	if s.r == nil {
		r := &messageReader{c: s.c}
		if _, err := r.begin(ctx); err != nil {
			return 0, err
		}
		s.r = r
	}
	return s.r.read(ctx, p)
}

// streamError says it as a net.Conn does.
func streamError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return os.ErrDeadlineExceeded
	case IsNormal(err):
		return io.EOF
	}
	return err
}

// Write is io.Writer's. Each message is committed whole, so that a deadline never
// cuts one, and counts as written once it is.
func (s *stream) Write(p []byte) (n int, err error) {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	ctx := s.writeBy.context()
	for n < len(p) && err == nil {
		part := s.part(p[n:])
		var m outgoing
		bad := s.c.judgeOutgoing(&m, s.t, part)
		if bad != nil {
			return n, bad
		}
		var committed bool
		if committed, err = s.c.sendMessage(ctx, &m); committed {
			n += len(part)
		}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// part is what the next message holds: text is cut between two code points.
func (s *stream) part(p []byte) []byte {
	if len(p) <= copyMax {
		return p
	}
	n := copyMax
	for s.t&^plain == Text && n > copyMax-utf8.UTFMax && !utf8.RuneStart(p[n]) {
		n--
	}
	return p[:n]
}

func (s *stream) Close() error         { return s.c.Close() }
func (s *stream) LocalAddr() net.Addr  { return s.c.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

func (s *stream) SetDeadline(t time.Time) error {
	s.readBy.set(t)
	s.writeBy.set(t)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.readBy.set(t)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writeBy.set(t)
	return nil
}

// deadline is a net.Conn's deadline as a context: moving it moves the end of the
// calls that are waiting.
type deadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
}

func (d *deadline) init() { d.ctx, d.cancel = context.WithCancel(context.Background()) }

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ctx.Err() != nil {
		d.init()
	}
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		d.cancel()
	default:
		d.timer = time.AfterFunc(left, d.cancel)
	}
}
