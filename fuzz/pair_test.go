package fuzz

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/internal/wiretest"
)

// A script is two bytes a step: whose turn and what, then how. Every side does its
// steps one after the other, both sides at the same time.
type step struct {
	do  action
	how byte
}

type action byte

const (
	doWrite action = iota
	doWriter
	doPost
	doPrepared
	doPing
	doSleep
	doStall
	doClose
	doBeginClose
	doCloseNow
	doReset
	doHalfClose
	actions
)

// parse returns the steps of both sides; a script of over 64 steps is cut.
func parse(script []byte) (sides [2][]step) {
	for i := 0; i+1 < len(script) && i < 128; i += 2 {
		side := script[i] & 1
		sides[side] = append(sides[side], step{action(script[i]>>1) % actions, script[i+1]})
	}
	return sides
}

// network says what lies between the two: how its pieces are cut and where it
// breaks.
type network struct {
	size       uint16 // of the pipe
	cut        byte   // pieces of 1 to cut bytes in a Read and a Write, 0: none
	fault      byte   // what happens to the client's sending, and whose deadlines are missing
	at         uint16 // behind this many of its bytes
	clientRead byte   // how it reads
	serverRead byte
}

// sizes of messages: around every border that conn has.
var sizes = [...]int{0, 1, 125, 126, 1000, 4096, 16<<10 - 1, 16 << 10, 16<<10 + 1, 65_535, 65_536, 70_000}

// fate is what a sender knows of a message.
type fate byte

const (
	never fate = iota // was refused before anything of it was sent
	maybe             // the call failed
	sure              // is with the kernel, or committed
)

type sentMessage struct {
	message
	fate fate
}

// side is one end of the conversation.
type side struct {
	t    *testing.T
	c    *conn.Conn
	pipe *wiretest.Conn
	role conn.Role
	sent []sentMessage
	got  []message
	read chan struct{} // closed at the end of reading

	broke bool // the script broke the stream

	pings chan struct{} // one for each that has returned
	asked int
}

// Property: two connections back to back, under any script of writes, posts, pings,
// cancellations and closes, on a network that cuts, stalls, breaks at any byte, or
// has no deadlines: nothing panics or hangs; every call ends with a documented
// error; what arrives is what was sent, whole, in order, without a gap; all of it
// arrives if nothing broke; and BeginClose ends both within CloseTimeout.
// Checklist: T2
func FuzzPair(f *testing.F) {
	f.Add(uint16(0), byte(0), byte(0), uint16(0), byte(0), byte(0), []byte{})
	f.Add(uint16(100), byte(3), byte(0), uint16(0), byte(1), byte(2), everything())
	f.Add(uint16(4096), byte(0), byte(0), uint16(0), byte(3), byte(3), everything())
	for fault := range byte(16) {
		f.Add(uint16(1000), fault, fault, uint16(fault)*500, fault, fault+1, everything())
		f.Add(uint16(60_000), byte(200), fault, uint16(7), byte(4), fault, []byte{0, 11, 1, 11, 0, 9, 1, 9, 6, 3, 7, 3, 2, 201, 3, 203})
	}
	f.Fuzz(func(t *testing.T, size uint16, cut, fault byte, at uint16, clientRead, serverRead byte, script []byte) {
		n := network{size, cut, fault, at, clientRead, serverRead}
		synctest.Test(t, func(t *testing.T) { converse(t, n, parse(script)) })
	})
}

// everything is a script with every action that does not end the connection, on
// both sides.
func everything() (script []byte) {
	for how := range byte(16) {
		for do := range byte(doStall) + 1 {
			script = append(script, do<<1|how&1, how*17)
		}
	}
	return script
}

func converse(t *testing.T, n network, script [2][]step) {
	client, server := n.sides(t)
	both := []*side{client, server}

	// 1. The script, while both read.
	client.startReading(n.clientRead)
	server.startReading(n.serverRead)
	over := make(chan struct{})
	for i, s := range both {
		go func() {
			for _, step := range script[i] {
				s.do(step)
			}
			for range s.asked {
				<-s.pings
			}
			over <- struct{}{}
		}()
	}
	<-over
	<-over

	// 2. The end. If nothing broke, it is to be a normal one, and complete.
	client.pipe.Stall(false)
	server.pipe.Stall(false)
	synctest.Wait()
	clean := true
	for _, s := range both {
		err := s.c.Post(conn.Text, []byte("last"))
		clean = clean && err == nil && s.c.Err() == nil && !s.broke
		s.sent = append(s.sent, sentMessage{message{conn.Text, "last"}, maybe})
	}
	start := time.Now()
	client.c.BeginClose(conn.CloseNormal, "")
	if !clean {
		server.c.BeginClose(conn.CloseNormal, "")
	}
	for _, s := range both {
		<-s.c.Done()
		<-s.read
	}
	if waited := time.Since(start); waited > 5*time.Second {
		t.Errorf("BeginClose took %v, CloseTimeout is 5s", waited)
	}

	// 3. What came of it.
	for i, s := range both {
		e := ended(t, s.c)
		s.judge(both[1-i].got)
		// An unread fault behind the last byte may break the end itself.
		if clean && n.fault&3 == 0 && !conn.IsNormal(e) {
			t.Errorf("the %v's end is %v although nothing broke", s.role, e)
		}
		if clean && conn.IsNormal(client.c.Err()) && conn.IsNormal(server.c.Err()) {
			s.wantAll(both[1-i].got)
		}
	}
}

// sides makes the two ends.
func (n network) sides(t *testing.T) (client, server *side) {
	a, b := wiretest.Pipe(1 + int(n.size))
	for _, pipe := range []*wiretest.Conn{a, b} {
		// As in FuzzStream: a pipe cannot be drained without waiting.
		pipe.SetManners(wiretest.Manners{QuietClose: true})
	}
	var nc net.Conn = a
	do := func() {}
	switch n.fault & 3 {
	case 1:
		do = a.Reset
	case 2:
		do = func() { a.CloseWrite() }
	case 3:
		do = func() { stall(b, 3*time.Second) }
	}
	if n.fault&3 > 0 {
		nc = wiretest.After(a, wiretest.OpWrite, int64(n.at), do)
	}
	return newSide(t, conn.Client, a, n.wrap(nc, n.fault&4 > 0)), newSide(t, conn.Server, b, n.wrap(b, n.fault&8 > 0))
}

func (n network) wrap(nc net.Conn, noDeadlines bool) net.Conn {
	if n.cut > 0 {
		nc = wiretest.Chop(nc, wiretest.Random(uint64(n.size), 16*int(n.cut)))
		nc = wiretest.Split(nc, wiretest.Random(uint64(n.cut), 16*int(n.cut)))
	}
	if noDeadlines {
		nc = wiretest.NoDeadlines(nc)
	}
	return nc
}

func newSide(t *testing.T, role conn.Role, pipe *wiretest.Conn, nc net.Conn) *side {
	return &side{
		t: t, role: role, pipe: pipe, c: conn.New(nc, conn.Setup{Role: role}, nil),
		read: make(chan struct{}), pings: make(chan struct{}, 64),
	}
}

// stall stops the delivery to an end for a while.
func stall(pipe *wiretest.Conn, d time.Duration) {
	pipe.Stall(true)
	time.AfterFunc(d, func() { pipe.Stall(false) })
}

// startReading reads to the end, as how says: in one way, or in many short calls
// that are canceled, in turns.
func (s *side) startReading(how byte) {
	go func() {
		defer close(s.read)
		by := way(how) % (ways + 1)
		if by < ways {
			s.got, _ = readAll(context.Background(), s.c, by)
			return
		}
		for turn := way(how >> 4); s.c.Err() == nil; turn++ {
			s.readBriefly(turn % ways)
		}
		got, _ := readAll(context.Background(), s.c, byRead)
		s.got = append(s.got, got...)
	}()
}

// readBriefly reads messages until 3 ms have gone. A message that Reader has begun
// to hand out is read to its end, for the next call would drop the rest.
func (s *side) readBriefly(by way) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
	defer cancel()
	if by == byReader {
		begin, stop := context.WithTimeout(context.Background(), 3*time.Millisecond)
		defer stop()
		if _, _, err := s.c.Reader(begin); err != nil {
			documented(s.t, begin, "Reader", err)
			return
		}
		by = byRead // abandoned before its first byte: the next call returns it
	}
	got, err := readAll(ctx, s.c, by)
	s.got = append(s.got, got...)
	documented(s.t, ctx, "a read", err)
}

// payload is the next message: text that is its own witness.
func (s *side) payload(how byte) message {
	typ := conn.Text
	if how&16 > 0 {
		typ = conn.Binary
	}
	mark := fmt.Sprintf("<%v %d é>", s.role, len(s.sent))
	n := sizes[how%byte(len(sizes))]
	return message{typ, strings.Repeat(mark, n/len(mark)) + mark[:n%len(mark)/2]}
}

// context is the context of one call: none that ends, one that has ended, or one
// that ends soon.
func (s *side) context(how byte) (context.Context, context.CancelFunc) {
	switch how >> 5 {
	case 4:
		return context.WithTimeout(context.Background(), 0)
	case 5:
		return context.WithTimeout(context.Background(), time.Nanosecond)
	case 6:
		return context.WithTimeout(context.Background(), time.Millisecond)
	case 7:
		return context.WithTimeout(context.Background(), time.Minute)
	}
	return context.Background(), func() {}
}

func (s *side) do(step step) {
	ctx, cancel := s.context(step.how)
	defer cancel()
	switch step.do {
	case doWrite:
		m := s.payload(step.how)
		s.note(ctx, "Write", m, s.c.Write(ctx, m.t, []byte(m.p)))
	case doWriter:
		s.stream(ctx, step.how)
	case doPost:
		m := s.payload(step.how)
		s.note(ctx, "Post", m, s.c.Post(m.t, []byte(m.p)))
	case doPrepared:
		s.prepared(ctx, step.how)
	case doPing:
		s.ping(step.how)
	case doSleep:
		time.Sleep(time.Duration(step.how) * time.Duration(step.how) * time.Millisecond)
	case doStall:
		stall(s.pipe, time.Duration(step.how)*100*time.Millisecond)
	case doClose:
		err := s.c.CloseWith(ctx, conn.CloseCode(4000+int(step.how)), "bye")
		documented(s.t, ctx, "Close", err)
	case doBeginClose:
		s.c.BeginClose(conn.CloseGoingAway, "")
	case doCloseNow:
		s.c.CloseNow()
	case doReset:
		s.broke = true
		s.pipe.Reset()
	case doHalfClose:
		s.broke = true
		s.pipe.CloseWrite()
	default:
		panic("fuzz: unknown action")
	}
}

// note remembers a message and what its call said.
func (s *side) note(ctx context.Context, what string, m message, err error) {
	documented(s.t, ctx, what, err)
	f := sure
	switch {
	case err == conn.ErrQueueFull:
		f = never
	case err != nil:
		f = maybe
	}
	s.sent = append(s.sent, sentMessage{m, f})
}

// stream sends a message in pieces, and, between them, posts another one, which
// goes behind it.
func (s *side) stream(ctx context.Context, how byte) {
	m := s.payload(how)
	w, err := s.c.Writer(ctx, m.t)
	if err != nil {
		documented(s.t, ctx, "Writer", err)
		return
	}
	third := len(m.p) / 3
	_, err = w.Write([]byte(m.p[:third]))
	posted := message{conn.Binary, fmt.Sprintf("<%v %d, posted>", s.role, len(s.sent))}
	postErr := s.c.Post(posted.t, []byte(posted.p))
	if err == nil {
		_, err = w.Write([]byte(m.p[third:]))
	}
	if err == nil {
		err = w.Close()
	} else {
		w.Close() // fails again, or the message is over
	}
	s.note(ctx, "Writer", m, err)
	s.note(ctx, "Post", posted, postErr)
}

func (s *side) prepared(ctx context.Context, how byte) {
	var ms []*conn.Prepared
	var sent []message
	for range 3 {
		m := s.payload(how)
		m.p += fmt.Sprint(len(sent))
		p, err := conn.Prepare(m.t, []byte(m.p))
		if err != nil {
			s.t.Fatalf("Prepare: %v", err)
		}
		ms, sent = append(ms, p), append(sent, m)
	}
	var err error
	if how&16 > 0 {
		err = s.c.PostPrepared(ms...)
	} else {
		err = s.c.WritePrepared(ctx, ms...)
	}
	for _, m := range sent {
		s.note(ctx, "prepared messages", m, err)
	}
}

// ping pings beside everything else. It may also fail because nobody reads.
func (s *side) ping(how byte) {
	s.asked++
	go func() {
		ctx, cancel := s.context(how | 0x80)
		defer cancel()
		if d, err := s.c.Ping(ctx); err != nil && !strings.HasPrefix(err.Error(), "websocket: ") || d < 0 {
			s.t.Errorf("Ping: got %v, %v", d, err)
		}
		s.pings <- struct{}{}
	}()
}

// judge wants got to be what s has sent, in its order, whole, and without a gap
// but for messages whose calls failed. Messages may be equal, so it follows all
// places at which got may have arrived.
func (s *side) judge(got []message) {
	places := map[int]bool{0: true}
	for n, m := range got {
		next := map[int]bool{}
		for place := range places {
			for i := place; i < len(s.sent); i++ {
				if s.sent[i].message == m && s.sent[i].fate != never {
					next[i+1] = true
				}
				if s.sent[i].fate == sure {
					break // must not be missing
				}
			}
		}
		if len(next) == 0 {
			s.t.Fatalf("message %d, %.40q (%d bytes), came: the %v had sent %v", n, m.p, len(m.p), s.role, s.sent)
		}
		places = next
	}
}

func (m sentMessage) String() string {
	return fmt.Sprintf("%s %.40q (%d bytes)", [...]string{"never", "maybe", "sure"}[m.fate], m.p, len(m.p))
}

// wantAll wants all messages that were surely sent.
func (s *side) wantAll(got []message) {
	n := 0
	for _, m := range s.sent {
		if m.fate == sure {
			n++
		}
	}
	if len(got) < n+1 { // and "last"
		s.t.Errorf("%d messages of the %v came, %d were sent", len(got), s.role, n+1)
	}
}
