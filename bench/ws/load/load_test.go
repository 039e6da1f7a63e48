//go:build linux

package load

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket/bench/internal/corpus"
)

// wire has server frames of every kind of length, control frames among them.
func wire() (b []byte, messages int) {
	frame := func(head ...byte) {
		b = append(b, head...)
		n := int(payloadLen(head))
		b = append(b, bytes.Repeat([]byte{0x81}, n)...)
	}
	frame(0x82, 0)                                  // FIN+binary, empty
	frame(0x82, 5)                                  // FIN+binary, 5 bytes
	frame(0x89, 4)                                  // FIN+ping
	frame(0x01, 126, 1, 0)                          // text, 256 bytes
	frame(0x80, 1)                                  // FIN+continuation
	frame(0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0)        // FIN+text, 65,536 bytes
	frame(0x8a, 0)                                  // FIN+pong
	b = append(b, 0x82, 0x82, 1, 2, 3, 4, 'm', 'm') // FIN+binary, masked, 2 bytes
	return b, 5
}

func TestScannerCountsMessagesAtEverySplit(t *testing.T) {
	b, want := wire()
	for split := range len(b) {
		if split == 400 { // inside the large payload all are alike
			split = len(b) - 40
		}
		var s scanner
		if got := s.scan(b[:split]) + s.scan(b[split:]); got != want {
			t.Fatalf("split at %d: got %d messages, want %d", split, got, want)
		}
	}
	var s scanner
	got := 0
	for i := range b {
		got += s.scan(b[i : i+1])
	}
	if got != want {
		t.Errorf("byte by byte: got %d messages, want %d", got, want)
	}
}

// serverSide answers the handshake of one connection and then does what it is told.
func serverSide(t *testing.T, extensions string, do func(nc net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		r := bufio.NewReader(nc)
		for line := ""; line != "\r\n"; {
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		response := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\n"
		if extensions != "" {
			response += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		}
		nc.Write([]byte(response + "\r\n"))
		do(nc)
	}()
	return ln.Addr().String()
}

// echoBytes sends back what it gets, as raw TCP does; with a fault it turns one bit.
func echoBytes(fault int) func(net.Conn) {
	return func(nc net.Conn) {
		b := make([]byte, 64<<10)
		for seen := 0; ; {
			n, err := nc.Read(b)
			if err != nil {
				return
			}
			if fault >= seen && fault < seen+n {
				b[fault-seen] ^= 1
			}
			seen += n
			nc.Write(b[:n])
		}
	}
}

func TestVerifyTakesRightAnswers(t *testing.T) {
	for _, s := range []Stream{
		{Kind: corpus.Random, Size: 16, Depth: 1},
		{Kind: corpus.Text, Size: 1 << 10, Depth: 16, Text: true},
		{Kind: corpus.Random, Size: 1 << 20, Depth: 1},
		{Kind: corpus.JSON, Size: 1 << 10, Depth: 1, Text: true, Flate: Alone},
		{Kind: corpus.JSON, Size: 1 << 10, Depth: 1, Text: true, Flate: Takeover},
	} {
		p, err := s.compile()
		if err != nil {
			t.Fatal(err)
		}
		extensions := s.Offer()
		_, bytes, err := verify(serverSide(t, extensions, echoBytes(-1)), s, p, 10*time.Second)
		if s.Flate == Takeover {
			// The second time round the bytes refer to nothing that is not there.
			if err != nil {
				t.Errorf("%+v: %v", s, err)
			}
			continue
		}
		if err != nil || bytes < 10 {
			t.Errorf("%+v: %v bytes a message, %v", s, bytes, err)
		}
	}
}

func TestVerifyRejectsWrongAnswers(t *testing.T) {
	s := Stream{Kind: corpus.Random, Size: 128, Depth: 1}
	p, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	frame := len(p.frames[0])
	for _, test := range []struct {
		name, extensions string
		stream           Stream
		do               func(net.Conn)
		want             string
	}{
		{"a bit of the payload", "", s, echoBytes(3*frame - 1), "message 2 comes back with 128 bytes and other contents"},
		{"an end", "", s, func(net.Conn) {}, "message 0"},
		{"an extension nobody offered", "permessage-deflate", s, echoBytes(-1), "offered"},
		{"a header twice", "", s, func(nc net.Conn) { nc.Write([]byte{0x82, 0, 0x82, 0}) }, "comes back with 0 bytes"},
	} {
		_, _, err := verify(serverSide(t, test.extensions, test.do), test.stream, p, 10*time.Second)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestResponsesAreChecked(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nsec-websocket-accept: " + accept + "\r\n\r\n"
	for n := range len(good) {
		if _, _, err := checkResponse([]byte(good[:n])); err != errShort {
			t.Fatalf("%d bytes: got %v, want %v", n, err, errShort)
		}
	}
	if _, n, err := checkResponse([]byte(good + "\x82\x00")); n != len(good) || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, len(good))
	}
	for _, bad := range []string{
		strings.Replace(good, "101", "403", 1),
		strings.Replace(good, accept, "x"+accept, 1),
	} {
		if _, _, err := checkResponse([]byte(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestQuantilesAreWithinABucket(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Microsecond, 0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Millisecond} {
		got := h.quantile(q)
		if got < want || float64(got) > 1.04*float64(want) {
			t.Errorf("quantile %v: got %v, want %v or up to 4 %% more", q, got, want)
		}
	}
	for ns := uint64(1); ns < 1<<40; ns = ns*9/8 + 1 {
		if edge := upper(bucket(ns)); edge < ns || bucket(edge) != bucket(ns) || bucket(edge+1) == bucket(ns) {
			t.Fatalf("%d ns lie in bucket %d, whose edge is %d", ns, bucket(ns), edge)
		}
	}
}
