//go:build !race && amd64

package server

import (
	"net"
	"strings"
	"testing"

	"github.com/tidewire/websocket/internal/alone"
)

// A goroutine that is begun with the socket gets through UpgradeConn on the 2 KiB of stack that it was born with: to grow
// it in the depths of a handshake costs as much as reading the head, and it stays large.
func TestUpgradeConnKeepsSmallStack(t *testing.T) {
	// Goroutines of other tests have left stacks of all sizes behind.
	if !alone.Run(t) {
		return
	}
	// Without lists, with few fields, and with so many that their map is larger.
	for _, text := range []string{request(), request("Origin: http://example.com", "A: b", "C: d", "E: f", "G: h", "I: j")} {
		upgradesOnSmallStack(t, text)
	}
}

func upgradesOnSmallStack(t *testing.T, text string) {
	const n = 400
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted []net.Conn
	for range n {
		far, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close()
		if _, err := far.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, nc)
	}
	o := &Options{Group: new(Group)}
	before := alone.StackBytes()
	opened, over := make(chan error), make(chan struct{})
	for _, nc := range accepted {
		go func() {
			c, _, err := UpgradeConn(nc, o)
			opened <- err
			<-over
			if err == nil {
				c.CloseNow()
			}
		}()
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
	}
	// Some meet an empty pool or a full span on the way, which goes deeper.
	if each := (alone.StackBytes() - before) / n; each > 3<<10 {
		t.Errorf("%d lines: a goroutine that has been through UpgradeConn has a stack of %d bytes", strings.Count(text, "\n"), each)
	}
	close(over)
}
