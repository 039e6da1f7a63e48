package conn

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// bombs are payloads of zeros, by their inflated size: 1,000 to 1.
var bombs = struct {
	sync.Mutex
	made map[int]string
}{made: make(map[int]string)}

func bomb(t testing.TB, n int) string {
	t.Helper()
	bombs.Lock()
	defer bombs.Unlock()
	if bombs.made[n] == "" {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, 9)
		if err != nil {
			t.Fatal(err)
		}
		zeros := make([]byte, 1<<20)
		for left := n; left > 0; left -= len(zeros) {
			w.Write(zeros[:min(left, len(zeros))])
		}
		w.Flush()
		bombs.made[n] = strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
	}
	return bombs.made[n]
}

// counted is a script that counts what is read until the Close goes out: what comes
// then is dropped unread.
type counted struct {
	script
	n       int64
	atClose chan int64 // with room for one
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	c.atClose <- c.n
	return len(p), nil
}

// allocated is how many bytes f allocates in all.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// bombIn is a bomb as a peer sends it: in one frame or in 65,536 fragments.
func bombIn(role Role, payload string, frames int) []byte {
	if frames == 1 {
		return compressed(frameOf(role, fin, frame.Binary, payload))
	}
	var b []byte
	op := frame.Binary
	for i := range frames {
		n := len(payload) / (frames - i)
		f := frameOf(role, i == frames-1, op, payload[:n])
		payload = payload[n:]
		if i == 0 {
			f = compressed(f)
		}
		b = append(b, f...)
		op = frame.Continuation
	}
	return b
}

// 200 MiB in 200 KiB end with 1009 at the limit of 1 MiB: all that is allocated for
// it is a few times the limit, and the peer has sent a few KiB behind what inflates
// to it.
// Checklist: D12, G10, Z3
func TestAdvisoryBombs(t *testing.T) {
	for i, id := range []string{
		"CVE-2018-1000518", "CVE-2026-1526", "CVE-2026-27571", "CVE-2026-54464", "CVE-2016-10544", "tornado-2391",
	} {
		t.Run(id, func(t *testing.T) { stopBomb(t, both[i%2], []int{1, 65_536}[i/2%2]) })
	}
}

func stopBomb(t *testing.T, role Role, frames int) {
	const limit = 1 << 20
	payload := bomb(t, 200<<20)
	in := bombIn(1-role, payload, frames)
	for _, way := range collecting {
		o := quiet()
		o.ReadLimit = limit
		s := &counted{script: script{in: bytes.NewReader(in)}, atClose: make(chan int64, 1)}
		c := New(s, Setup{Role: role, Deflate: deflating(15, frames == 1)}, o)
		var got string
		var err error
		used := allocated(func() { got, err = way.begin(c)(t.Context(), 0) })
		if got != "" || brokenRule(err) != CloseTooBig || closeError(t, err).Sent != CloseTooBig {
			t.Errorf("%v, %d frames, %s: %d bytes, %v; want 1009", role, frames, way.name, len(got), err)
		}
		// Memory is made in steps of twice as much: 2 x limit in all.
		if most := int64(3*limit + 256<<10); used > most && !raced() {
			t.Errorf("%v, %d frames, %s: %d bytes allocated, want at most %d", role, frames, way.name, used, most)
		}
		if n := float64(<-s.atClose) / float64(len(in)) * float64(len(payload)); n > 2*gatherMax+smallBuffer {
			t.Errorf("%v, %d frames, %s: %.0f compressed bytes were read", role, frames, way.name, n)
		}
	}
}

// What is inflated beyond the limit, by what Append wrote: not more than 32 KiB.
// Checklist: D12
func TestBombInflatesLittleBeyondTheLimit(t *testing.T) {
	const limit = 1 << 20
	in := bombIn(Client, bomb(t, 200<<20), 1)
	buf := bytes.Repeat([]byte{0xa5}, 3*limit) // zeros show what was written
	o := quiet()
	o.ReadLimit = limit
	c := New(&script{in: bytes.NewReader(in)}, Setup{Role: Server, Deflate: deflating(15, false)}, o)
	if _, got, err := c.ReadAppend(t.Context(), buf[:0]); len(got) != 0 || brokenRule(err) != CloseTooBig {
		t.Fatalf("ReadAppend: %d bytes, %v", len(got), err)
	}
	written := bytes.LastIndexByte(buf, 0) + 1
	t.Logf("%d bytes beyond the limit", written-limit)
	if written < limit/2 || written > limit+32<<10 {
		t.Errorf("%d bytes were written for a limit of %d", written, limit)
	}

	// A Reader stops as near, though its buffer has room for all.
	o.StreamLimit = limit
	c = New(&script{in: bytes.NewReader(in)}, Setup{Role: Server, Deflate: deflating(15, false)}, o)
	_, r, err := c.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range buf {
		buf[i] = 0xa5
	}
	at := 0
	for err == nil {
		var n int
		n, err = r.Read(buf[at:])
		at += n
	}
	written = bytes.LastIndexByte(buf, 0) + 1
	if at > limit || written > limit+1 || brokenRule(err) != CloseTooBig {
		t.Errorf("Reader: %d bytes, %d written, %v; want at most %d and 1009", at, written, err, limit)
	}
}

// limit bytes pass, one more does not, whatever limits and however it is read.
// Checklist: D12
func TestLimitsOfCompressedMessagesAreExact(t *testing.T) {
	for _, limit := range []int{1, 100, 5000, 70_000} {
		for _, way := range allWays() {
			for _, cut := range []bool{false, true} {
				for over := range 2 {
					for _, set := range []bool{false, true} { // SetReadLimit later
						text := `"` + noise(3, limit+over) // no JSON
						text = text[:limit+over]
						payload := newPacker(15, false).pack(text)
						o := quiet()
						o.ReadLimit, o.StreamLimit = int64(limit), int64(limit)
						if set {
							o.ReadLimit = -1
						}
						var cuts []int
						if cut {
							cuts = []int{len(payload) / 2, len(payload) - 1, len(payload)}
						}
						in := packedIn(Client, frame.Text, payload, cuts...)
						c := New(&script{in: bytes.NewReader(in)}, Setup{Role: Server, Deflate: deflating(15, true)}, o)
						if set {
							c.SetReadLimit(int64(limit))
						}
						what := fmt.Sprintf("%s, limit %d, %d bytes, cut %v", way.name, limit, len(text), cut)
						if over == 0 {
							wantRead(t, what, way.begin(c), text)
						} else if got, err := way.begin(c)(t.Context(), len(text)); brokenRule(err) != CloseTooBig {
							t.Errorf("%s: %d bytes, %v; want 1009", what, len(got), err)
						}
					}
				}
			}
		}
	}
}

// MaxRatio ends what grows too much, also where no limit does, and only above 64 KiB.
// Checklist: D12
func TestMaxRatio(t *testing.T) {
	for _, test := range []struct {
		size, ratio int
		bad         bool
	}{
		{1 << 20, 100, true}, {1 << 20, 2000, false}, {1 << 20, 0, false}, {1 << 20, -1, false},
		{ratioFree, 1, false}, {ratioFree + 1, 1, true}, {ratioFree + 1, 1000, false},
	} {
		payload := bomb(t, test.size)
		for _, way := range allWays() {
			o := packing(Compression{MaxRatio: test.ratio})
			o.ReadLimit, o.StreamLimit = -1, -1
			c := New(&script{in: bytes.NewReader(bombIn(Client, payload, 1))}, Setup{Role: Server, Deflate: deflating(15, false)}, o)
			got, err := way.begin(c)(t.Context(), test.size)
			switch {
			case test.bad:
				if brokenRule(err) != CloseTooBig || !strings.Contains(err.Error(), "times its size") {
					t.Errorf("%s, %+v: %d bytes, %v; want 1009", way.name, test, len(got), err)
				}
			case err != nil || len(got) != test.size && got != notJSON:
				t.Errorf("%s, %+v: %d bytes, %v", way.name, test, len(got), err)
			}
		}
	}
}

// A message that is dropped has no limit, compressed or not.
func TestDiscardOfABomb(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		in := append(bombIn(Client, bomb(t, 8<<20), 1), frameOf(Client, fin, frame.Close, "")...)
		o := quiet()
		o.StreamLimit = 1000
		c := New(&script{in: bytes.NewReader(in)}, Setup{Role: Server, Deflate: deflating(15, takeover)}, o)
		var err error
		if used := allocated(func() { err = c.Discard(t.Context()) }); used > 256<<10 && !raced() {
			t.Errorf("takeover %v: %d bytes allocated", takeover, used)
		}
		if !IsNormal(err) {
			t.Errorf("takeover %v: %v, want the Close behind the message", takeover, err)
		}
	}
}

// 1,000 bombs at once: the heap stays below 2 x limit for each.
// Checklist: D12, Z3
func TestThousandBombsAtOnce(t *testing.T) {
	const limit = 1 << 20
	n := 1000
	if raced() || testing.Short() {
		n = 50 // memory is ten times as much under the race detector, and poisoned
	}
	in := bombIn(Client, bomb(t, 200<<20), 1)
	before := heapAlloc()
	var peak int64
	errs := make(chan error, n)
	for range n {
		go func() {
			o := quiet()
			o.ReadLimit = limit
			c := New(&script{in: bytes.NewReader(in)}, Setup{Role: Server, Deflate: deflating(15, true)}, o)
			_, _, err := c.Read(context.Background())
			errs <- err
		}()
	}
	for i := range n {
		if err := <-errs; brokenRule(err) != CloseTooBig {
			t.Fatalf("a bomb: %v, want 1009", err)
		}
		if i%10 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, int64(m.HeapInuse)-before)
		}
	}
	t.Logf("%d bombs: %d KiB of heap at most, %d KiB each", n, peak>>10, peak>>10/int64(n))
	if peak > int64(n)*2*limit {
		t.Errorf("%d bombs at once: %d bytes of heap, want less than %d", n, peak, n*2*limit)
	}
}

// Bombs that stop just below the limit are held: each holds less than twice it.
// Checklist: D12, Z3
func TestHeldBombs(t *testing.T) {
	const limit, n = 1 << 20, 40
	payload := bomb(t, limit-1000)
	for _, call := range everyDelivery() {
		if each := heldBy(t, call, n, true, payload, len(payload)-1); each >= 2*limit {
			t.Errorf("%s: %d bytes for each, want less than %d", call.name, each, 2*limit)
		}
	}
}

// A peer that sends 100 bytes of a compressed message and stops holds these, and no
// working space; a Reader holds that, because it gives what there is.
// Checklist: F12, D12
func TestStalledCompressedMessagesHoldLittle(t *testing.T) {
	n := 1000
	if raced() {
		n = 100
	}
	payload := newPacker(15, false).pack(noise(3, 4000))
	for _, takeover := range []bool{false, true} {
		for _, call := range everyDataCall() {
			most := int64(8 << 10)
			if call.name == "Reader" {
				most = 96 << 10
			}
			each := heldBy(t, call, n, takeover, payload, 100)
			t.Logf("%s, takeover %v: %d bytes for each", call.name, takeover, each)
			if each >= most && !raced() {
				t.Errorf("%s, takeover %v: %d bytes for each, want less than %d", call.name, takeover, each, most)
			}
		}
	}
}

// heldBy is what each of n connections holds when that much of a payload has come and
// no more does.
func heldBy(t *testing.T, call readCall, n int, takeover bool, payload string, some int) (each int64) {
	synctest.Test(t, func(t *testing.T) {
		in := compressed(frameOf(Client, fin, frame.Binary, payload))
		ends := make([]*wiretest.Conn, n)
		cs := make([]*Conn, n)
		results := make([]<-chan outcome, n)
		for i := range ends {
			var near *wiretest.Conn
			near, ends[i] = wiretest.Pipe(4 << 10)
			o := quiet()
			cs[i] = New(near, Setup{Role: Server, Deflate: deflating(15, takeover)}, o)
			results[i] = call.start(context.Background(), cs[i])
			ends[i].Write(in[:1])
		}
		synctest.Wait()
		before := heapAlloc()
		for _, far := range ends {
			far.Write(in[1 : 8+some])
		}
		synctest.Wait()
		each = (heapAlloc() - before) / int64(n)
		for i, c := range cs {
			c.CloseNow()
			<-results[i]
		}
	})
	return each
}

// A limit costs a Reader nothing: each Read is as full as without one. And no Read
// inflates more than one byte beyond the limit, however much room it has.
//
// Checklist: D12
func TestReadsUnderAStreamLimit(t *testing.T) {
	const limit, size = 100_000, 10_000
	payload := newPacker(15, false).pack(strings.Repeat("0123456789", 30_000))
	for _, role := range both {
		o := quiet()
		o.StreamLimit = limit
		c, p := newPackedPeer(t, role, deflating(15, false), o)
		p.send(packedIn(p.role, frame.Text, payload))
		r := nextReader(t, c, Text)
		for at := range (limit - size) / size {
			if n, err := r.Read(make([]byte, size)); n != size || err != nil {
				t.Fatalf("%v: Read %d is %d bytes, %v; want %d", role, at, n, err, size)
			}
		}
		last := make([]byte, 2*limit)
		if n, err := r.Read(last); n != 0 || brokenRule(err) != CloseTooBig {
			t.Errorf("%v: the last Read is %d bytes, %v; want 1009", role, n, err)
		}
		if n := len(bytes.TrimRight(last, "\x00")); n > size+1 {
			t.Errorf("%v: %d bytes were inflated beyond the limit", role, n-size)
		}
	}
}
