//go:build unix

package conn

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkEchoCompressed is a round trip over loopback TCP in which both ends
// compress and inflate, beside the same messages plain. Nothing is allocated.
func BenchmarkEchoCompressed(b *testing.B) {
	for _, n := range []int{256, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%d/plain", n), func(b *testing.B) { benchmarkEchoCompressed(b, n, nil) })
		b.Run(fmt.Sprintf("%d/alone", n), func(b *testing.B) { benchmarkEchoCompressed(b, n, &Compression{}) })
		b.Run(fmt.Sprintf("%d/takeover", n), func(b *testing.B) { benchmarkEchoCompressed(b, n, &Compression{Takeover: true}) })
	}
}

func benchmarkEchoCompressed(b *testing.B, n int, k *Compression) {
	o, s := quiet(), Setup{}
	if k != nil {
		o = packing(*k)
		s.Deflate = agreed(b, o)
	}
	dialed, accepted := loopback(b)
	client := New(dialed, Setup{Role: Client, Deflate: s.Deflate}, o)
	server := New(accepted, Setup{Role: Server, Deflate: s.Deflate}, o)
	b.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	go echo(context.Background(), server)
	var msgs [][]byte
	for i := range 64 {
		msgs = append(msgs, records(uint64(i), n))
	}
	buf := make([]byte, 0, n+inflateSlack)
	roundTrip := func(i int) {
		if err := client.Write(context.Background(), Text, msgs[i%64]); err != nil {
			b.Fatal(err)
		}
		if _, p, err := client.ReadAppend(context.Background(), buf); err != nil || len(p) != n {
			b.Fatal(len(p), err)
		}
	}
	for i := range 64 { // pools and windows fill up
		roundTrip(i)
	}
	defer reportCPU(b, n)()
	for i := 0; b.Loop(); i++ {
		roundTrip(i)
	}
	stats := client.Stats()
	b.ReportMetric(float64(stats.WireOut)/float64(stats.BytesOut), "wire/byte")
}
