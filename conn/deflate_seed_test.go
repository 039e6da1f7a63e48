package conn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidewire/websocket/deflate"
)

// alike are kinds of messages that are alike, and each too small to shrink by itself.
var alike = map[string]func(i int) string{
	"presence": func(i int) string {
		return fmt.Sprintf(`{"type":"presence","user":"u%04d","state":"on"}`, i*7919%10_000)
	},
	"caret": func(i int) string { return fmt.Sprintf(`{"caret":[%d,%d]}`, 1000+i*13%900, 100+i*7%900) },
	"poll":  func(i int) string { return fmt.Sprintf(`42["poll",%d]`, 1000+i) },
}

// noiseOf is a message that is like no other.
func noiseOf(i, size int) []byte { return []byte(noise(uint64(i), size)) }

// Small messages that are alike find one another, although none of them shrinks by
// itself: with takeover some go out compressed all the same.
//
// Checklist: D8
func TestSeedsLetSmallMessagesShrink(t *testing.T) {
	for name, kind := range alike {
		if n := len(deflate.NewCompressor(12, false, FastCompression).Append(nil, []byte(kind(0)))); n < len(kind(0)) {
			t.Fatalf("%s: %d bytes shrink to %d by themselves", name, len(kind(0)), n)
		}
		for _, role := range both {
			for i := range 4 { // a Prepared refers to nothing
				p := oneWay(role, 12, true)
				c, out := sender(t, role, p, packing(Compression{Takeover: true, Threshold: -1}))
				in := judgedBy(role, p)
				send := waysToSend(t, c)[i]
				for n := range 20 {
					msg := kind(n)
					if err := send.do(Text, []byte(msg)); err != nil {
						t.Fatal(err)
					}
					m := out.message()
					in.wants(t, m, true, []byte(msg))
					if n > 0 && len(m.p) > len(msg)*2/3 {
						t.Errorf("%s, %v, %s: message %d takes %d bytes of %d", name, role, send.name, n, len(m.p), len(msg))
					}
				}
			}
		}
	}
}

// What changes later is found too: also behind any number of messages that are like
// no other.
func TestSeedsLater(t *testing.T) {
	for name, kind := range alike {
		for skip := range seedEvery + 1 {
			p := oneWay(Server, 12, true)
			c, out := sender(t, Server, p, packing(Compression{Takeover: true, Threshold: -1}))
			in := judgedBy(Server, p)
			write := waysToSend(t, c)[0]
			for i := range 2*seedEvery + skip {
				if err := write.do(Text, noiseOf(i, 12)); err != nil {
					t.Fatal(err)
				}
				if _, err := in.read(out.message()); err != nil {
					t.Fatal(err)
				}
			}
			wire := 0
			for i := range seedEvery + 1 {
				if err := write.do(Text, []byte(kind(i))); err != nil {
					t.Fatal(err)
				}
				m := out.message()
				if got, err := in.read(m); err != nil || string(got) != kind(i) {
					t.Fatalf("%s: message %d is %q, %v", name, i, got, err)
				}
				wire = len(m.p)
			}
			if n := len(kind(seedEvery)); wire > n*2/3 {
				t.Errorf("%s behind %d others: message %d still takes %d bytes of %d", name, 2*seedEvery+skip, seedEvery, wire, n)
			}
		}
	}
}

// Messages that are like no other cost next to nothing more, and those too large to
// be a seed, or sent without takeover, nothing.
//
// Checklist: D3
func TestSeedsCostLittle(t *testing.T) {
	const n = 2000
	for _, test := range []struct {
		bits, size int
		takeover   bool
		most       int // bytes more for all of them
	}{
		{12, 12, true, n/2 + 7*firstSeeds},
		{12, 8, true, n/2 + 7*firstSeeds},
		{12, 512, true, n/2 + 7*firstSeeds},
		{12, 513, true, 0},
		{8, 33, true, 0},
		{12, 7, true, 0},
		{15, 4096, true, n/2 + 7*firstSeeds},
		{15, 4097, true, 0},
		{15, 12, false, 0},
		{15, 512, false, 0},
	} {
		for _, role := range both {
			for i := range 2 {
				p := oneWay(role, test.bits, test.takeover)
				c, out := sender(t, role, p, packing(Compression{Takeover: true, WindowBits: test.bits, Threshold: -1}))
				in := judgedBy(role, p)
				send := waysToSend(t, c)[i]
				r, more, packed := newRand(1), 0, 0
				msg := make([]byte, test.size)
				for k := range n * 12 / (12 + test.size/8) {
					for i := range msg {
						msg[i] = byte(r.Uint32())
					}
					if err := send.do(Binary, msg); err != nil {
						t.Fatal(err)
					}
					m := out.message()
					in.wants(t, m, m.packed, msg)
					if more += len(m.p) - len(msg); m.packed {
						packed++
					}
					if test.most > 0 && k <= firstSeeds && m.packed != (k < firstSeeds) {
						t.Errorf("%+v, %v, %s: message %d is compressed: %v", test, role, send.name, k, m.packed)
					}
				}
				if more > test.most || test.most == 0 && packed > 0 {
					t.Errorf("%+v, %v, %s: %d bytes more, %d messages compressed", test, role, send.name, more, packed)
				}
			}
		}
	}
}

// A message that compression leaves as long as it was has not become smaller.
//
// Checklist: D3
func TestMessageThatStaysAsLongIsPlain(t *testing.T) {
	equal := 0
	for i := range 200 {
		msg := []byte(strings.Repeat(string(noiseOf(i, 12)), 2)[:13+i%8])
		if len(deflate.NewCompressor(15, false, FastCompression).Append(nil, msg)) != len(msg) {
			continue
		}
		equal++
		for _, role := range both {
			c, out := sender(t, role, oneWay(role, 15, false), packing(Compression{WindowBits: 15}))
			for _, send := range waysToSend(t, c) {
				judgedBy(role, oneWay(role, 15, false)).wantsSent(t, out, send, false, msg)
			}
		}
	}
	if equal == 0 {
		t.Error("no such message was tried")
	}
}
