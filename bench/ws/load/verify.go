//go:build linux

package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// verify sends every message of a program to a server, twice, and wants each of them
// back. It gives the extensions that were agreed on and the mean of the bytes that an
// answer had on the wire.
func verify(addr string, s Stream, p *program, limit time.Duration) (extensions string, wire float64, err error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return "", 0, err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", 0, err
	}
	r := &checker{r: bufio.NewReaderSize(nc, 64<<10)}
	if extensions, err = r.open(nc, addr, s); err != nil {
		return "", 0, err
	}
	const rounds = 2
	for range rounds {
		if err := r.echoes(nc, p); err != nil {
			return "", 0, err
		}
	}
	return extensions, float64(r.bytes) / float64(rounds*len(p.messages)), nil
}

// A checker reads messages with all care.
type checker struct {
	r     *bufio.Reader
	flate inflater
	bytes int
}

func (c *checker) open(nc net.Conn, addr string, s Stream) (extensions string, err error) {
	if _, err := nc.Write(request(addr, s.Offer())); err != nil {
		return "", err
	}
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		b, err := c.r.ReadByte()
		if err != nil {
			return "", fmt.Errorf("reading the response: %w", err)
		}
		head = append(head, b)
	}
	if extensions, _, err = checkResponse(head); err != nil {
		return "", err
	}
	if agreed := strings.Contains(extensions, "permessage-deflate"); agreed != (s.Flate != "") {
		return "", fmt.Errorf("offered %q, got %q", s.Offer(), extensions)
	}
	if s.Flate == Takeover && strings.Contains(extensions, "client_no_context_takeover") {
		return "", errors.New("the server does not want context takeover")
	}
	c.flate.takeover = !strings.Contains(extensions, "server_no_context_takeover")
	return extensions, nil
}

// echoes sends the batches and checks the answers. It writes and reads at the same time:
// a large message may not fit into the buffers of two sockets.
func (c *checker) echoes(nc net.Conn, p *program) error {
	for i, batch := range p.batches {
		sent := make(chan error, 1)
		go func() {
			_, err := nc.Write(batch)
			sent <- err
		}()
		for j, want := range p.messages[i*p.depth : (i+1)*p.depth] {
			got, err := c.message()
			if err != nil {
				return fmt.Errorf("message %d: %w", i*p.depth+j, err)
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("message %d comes back with %d bytes and other contents; %d were sent", i*p.depth+j, len(got), len(want))
			}
		}
		if err := <-sent; err != nil {
			return err
		}
	}
	return nil
}

// message reads the frames of a message. Control frames between them are let by.
func (c *checker) message() ([]byte, error) {
	var m []byte
	compressed := false
	for {
		first, payload, err := c.frame()
		switch {
		case err != nil:
			return nil, err
		case first&0x0f >= 0x8:
			continue
		case first&0x0f != 0: // not a continuation
			compressed = first&0x40 != 0
		}
		m = append(m, payload...)
		if first&0x80 != 0 { // FIN
			if compressed {
				return c.flate.inflate(m)
			}
			return m, nil
		}
	}
}

func (c *checker) frame() (first byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(c.r, head[:2]); err != nil {
		return 0, nil, err
	}
	n := headerLen(head[1])
	if _, err := io.ReadFull(c.r, head[2:n]); err != nil {
		return 0, nil, err
	}
	size := payloadLen(head[:n])
	if size > 16<<20 {
		return 0, nil, fmt.Errorf("a frame of %d bytes", size)
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(c.r, payload); err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 != 0 { // masked: raw TCP sends back what it got
		unmask(payload, binary.BigEndian.Uint32(head[n-4:n]))
	}
	c.bytes += n + len(payload)
	return head[0], payload, nil
}
