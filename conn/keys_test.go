package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// counting replaces the entropy source by bytes that count up, and returns how
// many were drawn.
func counting(t testing.TB) *int {
	t.Helper()
	old := readEntropy
	t.Cleanup(func() { readEntropy = old })
	drawn := new(int)
	readEntropy = func(p []byte) (int, error) {
		for i := range p {
			p[i] = byte(*drawn * 7 >> 2)
			*drawn++
		}
		return len(p), nil
	}
	return drawn
}

// sendEveryKind makes c send each kind of frame: short, long, fragments, posted,
// prepared, ping, pong, close.
func sendEveryKind(c *Conn) (frames int, err error) {
	ctx := context.Background()
	w, err := c.Writer(ctx, Binary)
	if err != nil {
		return 0, err
	}
	_, werr := w.Write(text(2*fragmentSize + 10))
	m, perr := Prepare(Text, []byte("prepared"))
	_, _, ping := c.sendPing(ctx)
	c.pong([]byte("pong"))
	err = errors.Join(werr, perr, ping, w.Close(),
		c.Write(ctx, Text, []byte("short")),
		c.Write(ctx, Binary, text(100_000)),
		c.Write(ctx, Text, nil),
		c.Post(Text, []byte("posted")),
		c.WritePrepared(ctx, m, m),
		c.PostPrepared(m))
	c.BeginClose(CloseNormal, "bye")
	return 13, err
}

// Four fresh bytes of the entropy source for every frame, in order, none twice.
//
// Checklist: K1, F1, Z2
func TestEveryFrameOfAClientHasItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drawn := counting(t)
		c, p := narrow(t, Client, 1<<20, quiet())
		want, err := sendEveryKind(c)
		if err != nil {
			t.Fatal(err)
		}
		var stream [4 << 10]byte
		*drawn = 0
		readEntropy(stream[:])
		kinds := map[frame.Opcode]int{}
		for i := range want {
			h, _, err := p.next()
			if err != nil || !h.Masked {
				t.Fatalf("frame %d: %+v, %v", i, h, err)
			}
			if [4]byte(stream[4*i:]) != h.Key {
				t.Errorf("%v, frame %d: key % x, want the next four bytes of entropy % x", h.Opcode, i, h.Key, stream[4*i:][:4])
			}
			kinds[h.Opcode]++
		}
		for _, op := range []frame.Opcode{frame.Text, frame.Binary, frame.Continuation, frame.Ping, frame.Pong, frame.Close} {
			if kinds[op] == 0 {
				t.Errorf("no %v frame among %v", op, kinds)
			}
		}
		p.expectNothing()
	})
}

// A server draws no entropy and masks nothing.
//
// Checklist: F3
func TestServerNeverMasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drawn := counting(t)
		c, p := narrow(t, Server, 1<<20, quiet())
		want, err := sendEveryKind(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if h, _, err := p.next(); err != nil || h.Masked {
				t.Fatalf("frame %d: %+v, %v", i, h, err)
			}
		}
		if *drawn != 0 {
			t.Errorf("a server has drawn %d bytes of entropy", *drawn)
		}
	})
}

// Two connections never share a batch of keys.
//
// Checklist: K1
func TestKeysAreNotShared(t *testing.T) {
	drawn := counting(t)
	var a, b keys
	a.next()
	b.next()
	for range 15 {
		a.next()
		b.next()
	}
	if *drawn != 128 {
		t.Errorf("32 keys of two connections drew %d bytes, want 128", *drawn)
	}
	a.next()
	if *drawn != 192 {
		t.Errorf("one more key drew %d bytes, want 64", *drawn-128)
	}
}

// 2^16 keys look like noise: each of the 32 bits is set in half of them, no two bits
// go together, and hardly a key comes twice.
//
// Checklist: K1
func TestKeysLookLikeNoise(t *testing.T) {
	const n = 1 << 16
	var k keys
	var ones [32]int
	var pairs [31]int
	seen := make(map[uint32]bool, n)
	for range n {
		key := k.next()
		v := uint32(key[0])<<24 | uint32(key[1])<<16 | uint32(key[2])<<8 | uint32(key[3])
		seen[v] = true
		for i := range ones {
			bit := v >> i & 1
			ones[i] += int(bit)
			if i > 0 && bit == v>>(i-1)&1 {
				pairs[i-1]++
			}
		}
	}
	far := func(got int) bool { return math.Abs(float64(got)-n/2) > 7*math.Sqrt(n)/2 } // seven sigma
	for i, got := range ones {
		if far(got) {
			t.Errorf("bit %d is set in %d of %d keys", i, got, n)
		}
	}
	for i, got := range pairs {
		if far(got) {
			t.Errorf("bits %d and %d are equal in %d of %d keys", i, i+1, got, n)
		}
	}
	if twice := n - len(seen); twice > 20 { // 0.5 are to be expected
		t.Errorf("%d of %d keys came twice", twice, n)
	}
}

// Checklist: K4
func TestSendingLeavesTheCallersBytesAlone(t *testing.T) {
	for _, role := range both {
		near, far := wiretest.Pipe(0)
		c := New(near, Setup{Role: role}, quiet())
		defer c.CloseNow()
		go io.Copy(io.Discard, far)
		shared := text(100_000)
		small := shared[50_000:50_100]
		// Many goroutines send the same memory at the same time: under the race detector
		// a write to it would be seen.
		result := make(chan error, 40)
		for i := range cap(result) {
			go func() {
				ctx := context.Background()
				switch i % 5 {
				case 0:
					result <- c.Write(ctx, Binary, shared)
				case 1:
					result <- c.Write(ctx, Text, small)
				case 2:
					result <- c.Post(Text, small)
				case 3:
					m, err := Prepare(Binary, small)
					result <- errors.Join(err, c.WritePrepared(ctx, m))
				case 4:
					w, err := c.Writer(ctx, Binary)
					if err == nil {
						_, err = w.Write(shared)
					}
					result <- errors.Join(err, w.Close())
				}
			}()
		}
		for range cap(result) {
			if err := within(t, "one of many writers", result); err != nil {
				t.Error(err)
			}
		}
		if !bytes.Equal(shared, text(len(shared))) {
			t.Errorf("%v: sending has changed the caller's bytes", role)
		}
	}
}
