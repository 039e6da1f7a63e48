package fuzz

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
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
	for i := 0; i+1 < len(script) && i < 256; i += 2 {
		side := script[i] & 1
		sides[side] = append(sides[side], step{action(script[i]>>1) % actions, script[i+1]})
	}
	return sides
}

// network says what lies between the two: how its pieces are cut and where it
// breaks.
type network struct {
	size       uint16 // of the pipe, less 100
	cut        byte   // pieces of 1 to cut bytes in a Read and a Write, 0: none
	fault      byte   // what happens to the client's sending, whose deadlines are missing, and what is compressed
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
	by   way
	read chan struct{} // closed at the end of reading

	broke bool // the script broke the stream
	timed bool // the wire has deadlines

	pings chan struct{} // one for each that has returned
	asked int
}

// Property: two connections back to back, with compression of any kind or none, under
// any script of writes, posts, pings, cancellations and closes, on a network that
// cuts, stalls, breaks at any byte, or has no deadlines: nothing panics or hangs; every call ends with a documented
// error; what arrives is what was sent, whole, in order, without a gap; all of it
// arrives if nothing broke; and BeginClose ends both within CloseTimeout.
// Checklist: T2, D8
func FuzzPair(f *testing.F) {
	f.Add(uint16(0), byte(0), byte(0), uint16(0), byte(0), byte(0), []byte{})
	for _, script := range [][]byte{everything(), canceled()} {
		for how := range byte(12) {
			f.Add(uint16(how)*3000, how%5*50, how, uint16(how)*500, how, how*5/2, script)
			f.Add(uint16(100), byte(0), byte(0), uint16(0), how*7, how, script)
		}
		for k := range byte(16) { // each kind of compression, on a whole and on a torn network
			f.Add(uint16(k)*3000, k%5*50, k<<4, uint16(0), k, k*5/2, script)
			f.Add(uint16(k)*3000, k%5*50, k<<4|k, uint16(k)*99, k*7, k, script)
		}
	}
	f.Add(uint16(100), byte(0), byte(0), uint16(0), byte(4), byte(4), bytes.Repeat([]byte{byte(doSleep) << 1, 250}, 100)) // nothing for hours
	// No deadlines, and nobody reads.
	f.Add(uint16(60_000), byte(200), byte(0x3f), uint16(7), byte(0x11), byte(0x1d), []byte{0, 11, 1, 11, 0, 9, 1, 9})
	// Resets, half closes, stalls and closes between large writes.
	f.Add(uint16(60_000), byte(200), byte(1), uint16(7), byte(4), byte(5), []byte{0, 11, 1, 11, 0, 9, 1, 9, 12, 9, 13, 9, 2, 201, 3, 203})
	for end := doClose; end < actions; end++ {
		f.Add(uint16(60_000), byte(7), byte(0), uint16(0), byte(end), byte(4), []byte{0, 10, 1, 11, 6, 3, 7, 3, byte(end) << 1, 5, 1, 10, byte(end)<<1 | 1, 5})
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

// canceled is a script of calls whose contexts end at every moment, with large
// messages that the other side does not take yet, so that a write is cut between
// two bytes.
func canceled() (script []byte) {
	for how := byte(4 << 5); how != 0; how++ {
		if n := sizes[how%byte(len(sizes))]; n >= 16<<10 {
			script = append(script, byte(doStall)<<1|1, how%3, byte(how&1), how, byte(doWriter<<1|action(how&1)), how, byte(how&1^1), how)
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
		clean = clean && err == nil && s.c.Err() == nil && !s.broke && s.by != notBefore
		s.sent = append(s.sent, sentMessage{message{t: conn.Text, p: "last"}, maybe})
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
	a, b := wiretest.Pipe(100 + int(n.size))
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
	return n.newSide(t, conn.Client, a, nc, n.fault&4 == 0), n.newSide(t, conn.Server, b, b, n.fault&8 == 0)
}

// compression is what both ends have agreed on, and how they compress: nothing, or
// windows of any two sizes, with takeover or not.
func (n network) compression() (*deflate.Params, *conn.Options) {
	k := int(n.fault >> 4)
	if k == 0 {
		return nil, nil
	}
	takeover, bits := k&1 != 0, 8+k>>1
	level := conn.FastCompression
	if k&4 != 0 {
		level = conn.BetterCompression
	}
	p := &deflate.Params{
		ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover,
		ServerMaxWindowBits: bits, ClientMaxWindowBits: 23 - bits,
	}
	// What was agreed on bounds the windows.
	return p, &conn.Options{Compression: &conn.Compression{Takeover: true, Level: level, Threshold: -1, WindowBits: 15}}
}

func (n network) wrap(nc net.Conn) net.Conn {
	if n.cut > 0 {
		nc = wiretest.Chop(nc, wiretest.Random(uint64(n.size), 16*int(n.cut)))
		nc = wiretest.Split(nc, wiretest.Random(uint64(n.cut), 16*int(n.cut)))
	}
	return nc
}

func (n network) newSide(t *testing.T, role conn.Role, pipe *wiretest.Conn, nc net.Conn, timed bool) *side {
	nc = n.wrap(nc)
	if !timed {
		nc = wiretest.NoDeadlines(nc)
	}
	p, o := n.compression()
	return &side{
		t: t, role: role, pipe: pipe, timed: timed, c: conn.New(nc, conn.Setup{Role: role, Deflate: p}, o),
		read: make(chan struct{}), pings: make(chan struct{}, 64),
	}
}

// stall stops the delivery to an end for a while.
func stall(pipe *wiretest.Conn, d time.Duration) {
	pipe.Stall(true)
	time.AfterFunc(d, func() { pipe.Stall(false) })
}

// byTurns is a way of the pair's: many short calls that are canceled.
// notBefore reads nothing before the connection has ended.
const (
	byTurns   = ways
	notBefore = ways + 1
)

// startReading reads to the end, in the way that how names.
func (s *side) startReading(how byte) {
	s.by = way(how) % (notBefore + 1)
	go func() {
		defer close(s.read)
		by := s.by
		switch by {
		case byTurns:
			for turn := range 1_000_000 {
				if s.c.Err() != nil {
					break
				}
				// Longer and longer, or a long silence would take a million turns.
				d := time.Duration(3+turn*turn/1000) * time.Millisecond
				s.readBriefly(d, way(int(how>>4)+turn)%(ways+1))
			}
			by = byRead
		case notBefore:
			<-s.c.Done()
			by = byRead
		}
		got, _ := readAll(context.Background(), s.c, by)
		s.got = append(s.got, got...)
	}()
}

// readBriefly reads messages for a while. One way more than those of readAll: it begins
// a message through Reader and leaves it.
func (s *side) readBriefly(d time.Duration, by way) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	switch by {
	case ways:
		documented(s.t, ctx, "Reader", s.glance(ctx, 10))
	case byReader:
		// Bytes that are handed out are this call's alone, so hand out none.
		documented(s.t, ctx, "Reader", s.glance(ctx, 0))
	default:
		got, err := readAll(ctx, s.c, by)
		s.got = append(s.got, got...)
		documented(s.t, ctx, "a read", err)
	}
}

// glance reads up to n bytes of a message. If that is at least one, no later read
// call returns the rest (see conn.Conn.Reader).
func (s *side) glance(ctx context.Context, n int) error {
	t, r, err := s.c.Reader(ctx)
	if err != nil {
		return err
	}
	b := make([]byte, n)
	n, err = r.Read(b)
	if n > 0 || err == io.EOF {
		s.got = append(s.got, message{t: t, p: string(b[:n]), cut: err != io.EOF})
	}
	if err == io.EOF {
		err = nil
	}
	return err
}

// payload is the next message: text that is its own witness.
func (s *side) payload(how byte) message {
	typ := conn.Text
	if how&16 > 0 {
		typ = conn.Binary
	}
	mark := fmt.Sprintf("<%v %d é>", s.role, len(s.sent))
	n := sizes[how%byte(len(sizes))]
	return message{t: typ, p: strings.Repeat(mark, n/len(mark)) + mark[:n%len(mark)/2]}
}

// context is the context of one call: one that never ends, has ended, or ends soon.
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
	if !s.timed {
		// Without deadlines there is no WriteTimeout: a Write to a peer that reads
		// nothing is bounded by its context alone.
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
	posted := message{t: conn.Binary, p: fmt.Sprintf("<%v %d, posted>", s.role, len(s.sent))}
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
				if m.isOf(s.sent[i].message) && s.sent[i].fate != never {
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
