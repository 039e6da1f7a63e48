//go:build unix

package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// BenchmarkEcho is a round trip over loopback TCP, beside the same bytes without
// any protocol: compare the two of one size, in one run. cpu-ns/op is the process's
// time for both ends together, and says more than the time on the wall.
func BenchmarkEcho(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name+"/raw", func(b *testing.B) { benchmarkRawEcho(b, size.n) })
		b.Run(size.name+"/tidewire", func(b *testing.B) { benchmarkEcho(b, size.n) })
	}
}

func benchmarkEcho(b *testing.B, n int) {
	client, server := tcpConns(b, quiet())
	go echo(context.Background(), server)
	p, buf := make([]byte, n), make([]byte, 0, n)
	defer reportCPU(b, n)()
	for b.Loop() {
		if err := client.Write(context.Background(), Binary, p); err != nil {
			b.Fatal(err)
		}
		if _, _, err := client.ReadAppend(context.Background(), buf); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRawEcho(b *testing.B, n int) {
	dialed, accepted := loopback(b)
	dialed.SetDeadline(time.Time{})
	accepted.SetDeadline(time.Time{})
	go rawEcho(accepted, n)
	p := make([]byte, n)
	defer reportCPU(b, n)()
	for b.Loop() {
		if _, err := dialed.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(dialed, p); err != nil {
			b.Fatal(err)
		}
	}
}

// rawEcho sends back n bytes at a time, as a message of that size is.
func rawEcho(nc net.Conn, n int) {
	p := make([]byte, n)
	for {
		if _, err := io.ReadFull(nc, p); err != nil {
			return
		}
		if _, err := nc.Write(p); err != nil {
			return
		}
	}
}

// reportCPU measures until the function that it returns is called.
func reportCPU(b *testing.B, n int) func() {
	b.SetBytes(int64(n))
	b.ReportAllocs()
	start := cpuTime(b)
	return func() { b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op") }
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPipelined is an echo of 16 messages at a time, beside the same bytes
// without any protocol, answered in one write.
func BenchmarkPipelined(b *testing.B) {
	const depth = 16
	for _, n := range []int{16, 128, 1 << 10} {
		b.Run(fmt.Sprintf("%d/raw", n), func(b *testing.B) {
			dialed, accepted := loopback(b)
			dialed.SetDeadline(time.Time{})
			accepted.SetDeadline(time.Time{})
			go rawEcho(accepted, depth*n)
			pipelined(b, dialed, make([]byte, depth*n), depth*n, depth)
		})
		b.Run(fmt.Sprintf("%d/tidewire", n), func(b *testing.B) {
			dialed, accepted := loopback(b)
			dialed.SetDeadline(time.Time{})
			accepted.SetDeadline(time.Time{})
			server := New(accepted, Setup{Role: Server}, quiet())
			defer server.CloseNow()
			go echo(context.Background(), server)
			out := bytes.Repeat(frameOf(Client, true, frame.Binary, strings.Repeat("x", n)), depth)
			in := len(frameOf(Server, true, frame.Binary, strings.Repeat("x", n)))
			pipelined(b, dialed, out, depth*in, depth)
		})
	}
}

// pipelined sends out and reads in bytes, an op being one of depth messages.
func pipelined(b *testing.B, nc net.Conn, out []byte, in, depth int) {
	p := make([]byte, in)
	defer reportCPU(b, len(out)/depth)()
	for i := 0; b.Loop(); i++ {
		if i%depth != 0 {
			continue
		}
		if _, err := nc.Write(out); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is a message from a socket that has it at hand, on a connection that
// keeps its reader between two messages and on one that gives it back.
func BenchmarkRead(b *testing.B) {
	for _, mode := range []struct {
		name   string
		frugal bool
	}{{"kept", false}, {"frugal", true}} {
		b.Run(mode.name, func(b *testing.B) {
			near, _ := wiretest.Pipe(0)
			c := New(near, Setup{Role: Server}, quiet())
			defer c.CloseNow()
			hello := frameOf(Client, true, frame.Text, "hello")
			w := &onceWire{wire: c.wire}
			c.wire, c.frugal = w, mode.frugal
			in, buf := make([]byte, len(hello)), make([]byte, 0, 64)
			defer reportCPU(b, len(hello))()
			for b.Loop() {
				copy(in, hello) // the one before is unmasked
				w.in = in
				if _, _, err := c.ReadAppend(context.Background(), buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
