//go:build unix

package conn

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// BenchmarkWriters are goroutines that send messages of 128 bytes over one connection,
// beside a write for each: compare the two of one number, in one run. cpu-ns/op is the
// process's time, and so has that of the peer, which drops what comes.
func BenchmarkWriters(b *testing.B) {
	const n = 128
	one := frameOf(Server, true, frame.Binary, string(make([]byte, n)))
	for _, writers := range []int{1, 2, 8, 64} {
		b.Run(fmt.Sprintf("%d/raw", writers), func(b *testing.B) {
			near, far := loopback(b)
			go io.Copy(io.Discard, far)
			defer reportCPU(b, n)()
			shout(b, writers, func() error {
				_, err := near.Write(one)
				return err
			})
		})
		b.Run(fmt.Sprintf("%d/tidewire", writers), func(b *testing.B) {
			near, far := loopback(b)
			go io.Copy(io.Discard, far)
			c := New(near, Setup{Role: Server}, quiet())
			defer c.CloseNow()
			writes := countWrites(c)
			p := make([]byte, n)
			defer reportCPU(b, n)()
			shout(b, writers, func() error { return c.Write(context.Background(), Binary, p) })
			b.ReportMetric(float64(writes.Load())/float64(b.N), "writes/op")
		})
	}
}

// shout has send called b.N times, by so many goroutines.
func shout(b *testing.B, writers int, send func() error) {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range (b.N + i) / writers {
				if err := send(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkFanOut sends one message to many connections, beside a write for each.
func BenchmarkFanOut(b *testing.B) {
	const n, conns = 128, 100
	one := frameOf(Server, true, frame.Binary, string(make([]byte, n)))
	var near [conns]*net.TCPConn
	open := func(b *testing.B) {
		for i := range near {
			var far net.Conn
			near[i], far = loopback(b)
			go io.Copy(io.Discard, far)
		}
	}
	b.Run("raw", func(b *testing.B) {
		open(b)
		defer reportCPU(b, n)()
		for i := range b.N {
			if _, err := near[i%conns].Write(one); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tidewire", func(b *testing.B) {
		open(b)
		var cs [conns]*Conn
		for i := range cs {
			cs[i] = New(near[i], Setup{Role: Server}, quiet())
			defer cs[i].CloseNow()
		}
		m, err := Prepare(Binary, make([]byte, n))
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		defer reportCPU(b, n)()
		for i := range b.N {
			if err := cs[i%conns].WritePrepared(context.Background(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
