package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// TestAdvisoryEnding replays what public advisories of WebSocket
// implementations were about, as far as it is about control frames and endings.
func TestAdvisoryEnding(t *testing.T) {
	t.Run("CVE-2024-23672", adviseGivingBack)
	t.Run("CVE-2019-0564", adviseMethodsAfterAReset)
	t.Run("fastws-11", adviseLongControl)
	t.Run("nats-baec9e86e", adviseBadClose)
	t.Run("CVE-2026-45736", adviseMemoryBesideAReason)
	t.Run("CVE-2021-3690", advisePongFlood)
	t.Run("close hang", adviseClosingWithoutEnd)
}

// A closed connection must be given back, however it was closed.
func adviseGivingBack(t *testing.T) {
	for _, e := range endings {
		inBothRoles(t, func(t *testing.T, role Role) {
			var w Wheel
			near, far := wiretest.Pipe(0)
			c := New(near, Setup{Role: role, Wheel: &w}, nil)
			e.do(c, &peer{t: t, nc: far, role: 1 - role})
			<-c.Done()
			synctest.Wait()
			if n, stacks := ours(); !near.Closed() || w.n != 0 || n != 0 {
				t.Errorf("%s: socket closed %v, %d connections in the wheel, %d goroutines; want all gone\n%s",
					e.name, near.Closed(), w.n, n, stacks)
			}
			far.Close()
		})
	}
}

// A reset in any state is an error of that connection and nothing else.
func adviseMethodsAfterAReset(t *testing.T) {
	for _, state := range states {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			state.do(t, c, p)
			synctest.Wait()
			p.nc.Reset()
			readUntilEnd(c)
			<-c.Done()
			everyMethod(c)
		})
	}
}

// The length of a control frame is at most 125, in whatever form it is written.
func adviseLongControl(t *testing.T) {
	lengths := []uint64{126, 127, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<63 + 2, 1<<64 - 1}
	for _, op := range []frame.Opcode{frame.Close, frame.Ping, frame.Pong} {
		for _, n := range lengths {
			inBothRoles(t, func(t *testing.T, role Role) {
				c, p := newPeer(t, role, quiet())
				p.send(longControl(p.role, op, n))
				err := readOnce(context.Background(), c)
				if brokenRule(err) != CloseProtocolError {
					t.Errorf("Read of a %v of %d bytes returned %v, want 1002", op, n, err)
				}
				p.expectClose(CloseProtocolError)
			})
		}
	}
}

// A Close of one byte, of over 125 bytes, or with a code that means nothing.
func adviseBadClose(t *testing.T) {
	for _, body := range []string{"\x03", "\x00\x00", "\x03\xe7", "\x03\xec", "\x03\xed", "\x03\xee", "\x03\xf7", "\x13\x88", "\xff\xff",
		closePayload(CloseNormal, strings.Repeat("x", 124))} {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			p.message(frame.Close, body)
			if err := readOnce(context.Background(), c); brokenRule(err) != CloseProtocolError {
				t.Errorf("Read of a Close with %.8x returned %v, want 1002", body, err)
			}
			p.expectClose(CloseProtocolError)
		})
	}
}

// What a Close sends is what it was given: no byte of memory beside it.
func adviseMemoryBesideAReason(t *testing.T) {
	for _, reason := range []string{"", "x", strings.Repeat("é", 61), strings.Repeat("x", 123)} {
		inBothRoles(t, func(t *testing.T, role Role) {
			b := getBuffer(smallBuffer) // what a pool may hold
			b.b = append(b.b, strings.Repeat("secret", 500)...)
			putBuffer(b)
			c, p := newPeer(t, role, quiet())
			c.BeginClose(CloseNormal, reason)
			p.expect(frame.Close, closePayload(CloseNormal, reason))
			p.expectNothing()
		})
	}
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		c.BeginClose(CloseNoStatus, "")
		p.expect(frame.Close, "")
		p.expectNothing()
	})
}

// Pongs cost nothing, however many come.
func advisePongFlood(t *testing.T) {
	n := 200_000
	if raced() {
		n = 20_000
	}
	for _, waiting := range []bool{false, true} {
		inBothRoles(t, func(t *testing.T, role Role) {
			c, p := newPeer(t, role, quiet())
			go readUntilEnd(c)
			if waiting {
				go c.Ping(context.Background())
			}
			flood := append(p.frame(true, frame.Pong, "unasked"), p.frame(true, frame.Pong, "\x00\x00\x00\x00\x00\x00\x00\x09")...)
			p.send(flood)
			synctest.Wait()
			before := heap()
			for range n {
				p.nc.Write(flood)
			}
			synctest.Wait()
			if grown := heap() - before; grown > 1<<20 {
				t.Errorf("%d pongs cost %d bytes, want none", 2*n, grown)
			}
			if s := c.Stats(); s.FramesIn != int64(2*n+2) || s.FramesOut > 1 || c.Err() != nil { // one is our Ping
				t.Errorf("%d pongs were read, want %d; %d frames were sent, Err = %v", s.FramesIn, 2*n+2, s.FramesOut, c.Err())
			}
		})
	}
}

// The peer that tells us goodbye and the one that broke a rule hold nothing of
// ours once the close timeout is over, though they stay.
func adviseClosingWithoutEnd(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		c, p := newPeer(t, role, quiet())
		fillSocket(c, p)
		p.send([]byte{0x83, 0x00})
		if err := readOnce(context.Background(), c); brokenRule(err) == 0 {
			t.Errorf("Read returned %v, want the broken rule", err)
		}
		<-c.Done()
		synctest.Wait()
		if n, stacks := ours(); n != 0 {
			t.Errorf("%d goroutines are left, want none\n%s", n, stacks)
		}
		if err := c.Err(); !errors.As(err, new(*frame.Error)) {
			t.Errorf("Err is %v, want the broken rule", err)
		}
	})
}

// longControl is the header of a control frame of n bytes.
func longControl(role Role, op frame.Opcode, n uint64) []byte {
	var mask byte
	if role == Client {
		mask = 0x80
	}
	b := []byte{0x80 | byte(op), mask | 127}
	if n < 1<<16 {
		b[1] = mask | 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	} else {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	if mask != 0 {
		b = append(b, 1, 2, 3, 4)
	}
	return b
}

// heap is what lives on it.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
