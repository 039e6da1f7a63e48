package conn

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
)

// BenchmarkCorkedMessage is how long a lone message takes from Write to its peer while
// another frame waits to be read: under 0.5 ms is promised. In "busy" the next one
// follows at once, in "rare" the sweeper's goroutine has ended in between. What the
// machine itself adds is seen in "uncorked": it is the same with a flush at each Write.
func BenchmarkCorkedMessage(b *testing.B) {
	const rare = 3 * sweepAtMost
	for _, bb := range []struct {
		name         string
		delay, pause time.Duration
	}{
		{"uncorked/busy", -1, 0}, {"uncorked/rare", -1, rare},
		{"corked/busy", 0, 0}, {"corked/rare", 0, rare},
	} {
		b.Run(bb.name, func(b *testing.B) {
			o := quiet()
			o.FlushDelay = bb.delay
			benchmarkCorked(b, o, bb.pause)
		})
	}
}

func benchmarkCorked(b *testing.B, o *Options, pause time.Duration) {
	client, accepted := loopback(b)
	c := New(accepted, Setup{Role: Server}, o)
	defer c.CloseNow()
	client.Write(bytes.Repeat(frameOf(Client, true, frame.Text, "again"), 3))
	if _, _, err := c.Read(b.Context()); err != nil {
		b.Fatal(err)
	}
	if corks := o.FlushDelay >= 0; c.more.Load() != corks {
		b.Skip("the system has split a write of 33 bytes")
	}
	client.SetReadDeadline(time.Time{})
	took := make([]time.Duration, 0, b.N)
	in := make([]byte, 2+1)
	for b.Loop() {
		begin := time.Now()
		if err := c.Write(b.Context(), Text, []byte("x")); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, in); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
		time.Sleep(pause)
	}
	slices.Sort(took)
	at := func(part float64) float64 {
		return float64(took[int(part*float64(len(took)-1))]) / float64(time.Microsecond)
	}
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(0, "ns/op")
}
