package fuzz

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/protocol"
	"github.com/tidewire/websocket/internal/wiretest"
)

// limits are small, so that the fuzzer meets them.
const (
	readLimit    = 1000
	maxFragments = 20
)

// outcome is what one stream came to.
type outcome struct {
	messages []message
	code     conn.CloseCode // of the peer's Close
	sent     conn.CloseCode // of ours
	reason   string
	remote   bool
	end      string // of the stream: "", "EOF", "unexpected EOF" or the broken rule
}

func (o *outcome) equal(p *outcome) bool {
	return slices.Equal(o.messages, p.messages) && o.code == p.code && o.sent == p.sent &&
		o.reason == p.reason && o.remote == p.remote && o.end == p.end
}

// play gives the stream and its end to a connection, cut as cuts say, and reads in
// one way. It also returns what the connection sent.
func play(t *testing.T, role conn.Role, by way, stream, cuts []byte) (outcome, []byte) {
	return playSetup(t, conn.Setup{Role: role}, by, stream, cuts)
}

func playSetup(t *testing.T, s conn.Setup, by way, stream, cuts []byte) (outcome, []byte) {
	start := time.Now()
	a, b := wiretest.Pipe(1 << 20)
	// A server that closes a pipe over bytes behind the peer's Close cannot look for
	// them without waiting; on TCP it does.
	b.SetManners(wiretest.Manners{QuietClose: true})
	a.Write(stream)
	a.CloseWrite()
	c := conn.New(wiretest.Split(b, pieces(cuts)), s, &conn.Options{
		ReadLimit: readLimit, StreamLimit: readLimit, MaxFragments: maxFragments,
	})
	got, err := readAll(context.Background(), c, by)
	<-c.Done()
	if waited := time.Since(start); waited > 0 {
		t.Errorf("the end took %v although everything was there", waited)
	}
	var e *conn.CloseError
	if !errors.As(err, &e) {
		t.Fatalf("reading ended with %v, want a *CloseError", err)
	}
	if last := ended(t, c); last != e {
		t.Errorf("reading ended with %v, the connection with %v", e, last)
	}
	o := outcome{messages: got, code: e.Code, sent: e.Sent, reason: e.Reason, remote: e.Remote}
	var rule *frame.Error
	switch {
	case errors.As(err, &rule):
		o.end = rule.Error()
	case errors.Is(err, deflate.ErrCorrupt):
		o.end = "corrupt"
	case errors.Is(err, io.ErrUnexpectedEOF):
		o.end = "unexpected EOF"
	case errors.Is(err, io.EOF):
		o.end = "EOF"
	case e.Unwrap() != nil:
		t.Errorf("reading ended with %v, want a rule or the end of the stream", err)
	}
	return o, rest(t, a)
}

// plainPlay is play in plain words: whole frames, one after the other.
func plainPlay(role conn.Role, stream []byte) (o outcome, pings []string) {
	const rsv1 = false
	in := protocol.NewInbound(role, rsv1, maxFragments)
	fail := func(err error) (outcome, []string) {
		var rule *frame.Error
		errors.As(err, &rule)
		o.code, o.sent, o.remote, o.end = conn.CloseAbnormal, rule.Code, true, err.Error()
		return o, pings
	}
	var p []byte
	var t frame.Opcode
	for {
		h, err := frame.ParseHeader(stream)
		if err == frame.ErrShort {
			return o.streamEnded(len(stream) > 0 || in.InMessage()), pings
		}
		if err == nil {
			err = in.Header(h)
		}
		if err != nil {
			return fail(err)
		}
		if h.Opcode.IsData() && h.Length > int64(readLimit-len(p)) {
			return fail(&frame.Error{Code: conn.CloseTooBig, Section: "10.4", Msg: "message is larger than the limit of 1000 bytes"})
		}
		body := slices.Clone(stream[h.Len():])
		body = body[:min(int64(len(body)), h.Length)]
		if err := in.Payload(body); err != nil {
			return fail(err)
		}
		if int64(len(body)) < h.Length {
			return o.streamEnded(true), pings
		}
		stream = stream[h.Len()+len(body):]
		if h.Opcode.IsData() {
			p, t = append(p, body...), in.Message()
		}
		whole, err := in.End()
		switch {
		case err != nil:
			return fail(err)
		case whole:
			o.messages = append(o.messages, message{t: conn.MessageType(t), p: string(p)})
			p = nil
		case h.Opcode == frame.Ping:
			pings = append(pings, string(body))
		case h.Opcode == frame.Close:
			code, reason, err := frame.ParseClose(body)
			if err != nil {
				return fail(err)
			}
			o.code, o.sent, o.reason, o.remote = code, code, reason, true
			return o, pings
		}
	}
}

func (o outcome) streamEnded(inside bool) outcome {
	o.code, o.remote, o.end = conn.CloseAbnormal, true, "EOF"
	if inside {
		o.end = "unexpected EOF"
	}
	return o
}

// Property: however a byte stream is cut on its way into a connection and however
// the messages are read, the same messages come out, then the same error; what goes
// back is a Pong for the last Ping at least, in order, and the same Close.
// Checklist: T2, T4
func FuzzStream(f *testing.F) {
	for _, role := range []conn.Role{conn.Server, conn.Client} {
		for i, stream := range streams(1 - role) {
			f.Add(role == conn.Client, byte(i), stream, []byte{byte(i % 7), 0, 1})
			f.Add(role == conn.Client, byte(i), stream, []byte{0})
		}
	}
	f.Fuzz(func(t *testing.T, client bool, by byte, stream, cuts []byte) {
		role := conn.Server
		if client {
			role = conn.Client
		}
		synctest.Test(t, func(t *testing.T) {
			want, pings := plainPlay(role, stream)
			got, sent := play(t, role, way(by)%ways, stream, cuts)
			if !got.equal(&want) {
				t.Fatalf("%v, way %d, cut by %v:\ngot  %+v\nwant %+v\nstream % x", role, way(by)%ways, cuts, got, want, stream)
			}
			const whole = true
			code, others, pongs := legal(t, role, sent, whole)
			if code != want.sent || others > len(pongs) {
				t.Errorf("sent a Close of %v and %d frames besides %d pongs, want %v", code, others-len(pongs), len(pongs), want.sent)
			}
			if !answers(pings, pongs) {
				t.Errorf("%d pings %q are answered by %q", len(pings), pings, pongs)
			}
		})
	})
}

// answers reports whether pongs answer pings: all of them, if they are few, else
// some in their order and the last one (RFC 6455, sections 5.5.2 and 5.5.3).
func answers(pings, pongs []string) bool {
	const few = 16
	if len(pings) <= few {
		return slices.Equal(pings, pongs)
	}
	if len(pongs) == 0 || pongs[len(pongs)-1] != pings[len(pings)-1] {
		return false
	}
	for _, p := range pings {
		if len(pongs) > 0 && pongs[0] == p {
			pongs = pongs[1:]
		}
	}
	return len(pongs) == 0
}
