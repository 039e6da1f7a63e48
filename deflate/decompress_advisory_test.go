package deflate

import (
	"strings"
	"testing"

	"github.com/tidewire/websocket/handshake"
)

// What public advisories of WebSocket implementations were about, as far as inflating
// and negotiating go.
func TestAdvisory(t *testing.T) {
	for _, tt := range []struct {
		ids  string // separated by a space
		test func(t *testing.T)
	}{
		{"CVE-2018-1000518 CVE-2026-1526 CVE-2026-27571 CVE-2016-10544 tornado-2391 CVE-2021-21419", bombStops},
		{"CVE-2026-54464", limitIsOnWhatIsInflated},
		{"CVE-2026-2229", windowBitsOutOfRange},
		{"nats-409d394aa", emptyPayload},
		{"CVE-2026-29035", nothingIsWrittenBehindTheRoom},
		{"nats-d1b647e3a nats-e59cd4487", pooledMemoryIsNotShared},
	} {
		for _, id := range strings.Fields(tt.ids) {
			t.Run(id, tt.test)
		}
	}
}

// A bomb of 200 to 1, as a client or a server gets it.
func bombStops(t *testing.T) {
	const limit = 64 << 10
	for _, takeover := range []bool{false, true} {
		d := NewDecompressor(15, takeover)
		out, err := d.Append(nil, bomb(t, 4<<20), true, limit)
		if err != ErrTooLarge || len(out) != 0 {
			t.Errorf("takeover %t: %d bytes, %v", takeover, len(out), err)
		}
	}
}

// The compressed message is far below the limit, the pieces of it all the more.
func limitIsOnWhatIsInflated(t *testing.T) {
	payload := bomb(t, 1<<20)
	limit := int64(len(payload) + 1)
	d := new(Decompressor)
	var out []byte
	var err error
	for i := 0; i < len(payload) && err == nil; i++ {
		out, err = d.Append(out, payload[i:i+1], i == len(payload)-1, limit)
	}
	if err != ErrTooLarge || int64(len(out)) > limit {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

func windowBitsOutOfRange(t *testing.T) {
	for _, bits := range []string{"1000", "0", "7", "16", "-1", "999999999999999999999999"} {
		for _, name := range []string{serverMaxWindowBits, clientMaxWindowBits} {
			e := []handshake.Extension{{Name: Name, Params: []handshake.Param{{Name: name, Value: bits, HasValue: true}}}}
			if _, p, ok := Answer(e, Params{}); ok {
				t.Errorf("%s=%s is answered: %+v", name, bits, p)
			}
			if p, ok, err := Confirm(Offer(Params{}), e); ok || err == nil {
				t.Errorf("%s=%s is confirmed: %+v", name, bits, p)
			}
		}
	}
}

func emptyPayload(t *testing.T) {
	d := NewDecompressor(15, true)
	for range 3 {
		if out, err := d.Append(nil, nil, true, 0); len(out) != 0 || err != nil {
			t.Errorf("%x, %v", out, err)
		}
	}
}

// Matches and literals that reach the end of the room, at every room.
func nothingIsWrittenBehindTheRoom(t *testing.T) {
	msg := append(jsonMessage(newRand(23), 1, 600), make([]byte, 300)...)
	payload := deflateStd(t, 6, msg, nil)
	buf := make([]byte, len(msg)+fastRoom+40)
	for room := range len(buf) - 20 {
		for i := range buf {
			buf[i] = 0xa5
		}
		d := new(Decompressor)
		n, _, _ := d.Fill(buf[:room:room], payload, true)
		if n != min(room, len(msg)) {
			t.Fatalf("room for %d: %d bytes", room, n)
		}
		for i := room; i < len(buf); i++ {
			if buf[i] != 0xa5 {
				t.Fatalf("room for %d: byte %d is written", room, i)
			}
		}
	}
}

// What one connection has inflated is not what another can refer to, though both use
// the same memory.
func pooledMemoryIsNotShared(t *testing.T) {
	secret := textMessage(newRand(29), 1<<15)
	payload := deflateStd(t, 6, secret, nil)
	var look bitWriter
	look.put(0b010, 3)
	look.code(1, 7) // a length of 3
	look.code(0, 5) // one byte back
	look.code(0, 7)
	look.put(0, 3)
	p := make([]byte, 100)
	for range 20 {
		d := new(Decompressor)
		fill(d, payload, 999, 5000) // the window is of the pool
		if n, _, err := new(Decompressor).Fill(p, look.out, true); err != ErrCorrupt || n != 0 {
			t.Fatalf("it sees %q, %v", p[:n], err)
		}
		if out, err := new(Decompressor).Append(p[:50], look.out, true, 99); err != ErrCorrupt {
			t.Fatalf("it sees %q, %v", out, err)
		}
	}
}
