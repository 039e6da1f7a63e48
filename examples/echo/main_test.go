package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket"
)

// start runs the program on a free port until the test ends or stop is called;
// stop returns what run returned.
func start(t *testing.T) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", w) }()
	t.Cleanup(cancel)

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("run printed no address: %v", err)
	}
	url = strings.TrimSpace(strings.TrimPrefix(line, "open "))
	return url, func() error { cancel(); return <-ended }
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1)+"echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestPageIsServed(t *testing.T) {
	url, _ := start(t)
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), "new WebSocket") {
		t.Errorf("GET %s: got status %d, %d bytes, error %v; want 200 and the page", url, resp.StatusCode, len(body), err)
	}
}

func TestMessagesComeBack(t *testing.T) {
	url, _ := start(t)
	c := dial(t, url)
	for _, want := range []websocket.Message{
		{Type: websocket.Text, Data: []byte("Grüße, 世界")},
		{Type: websocket.Binary, Data: []byte{0, 0xff, 0x80}},
		{Type: websocket.Text},
	} {
		if err := c.Write(t.Context(), want.Type, want.Data); err != nil {
			t.Fatal(err)
		}
		mt, p, err := c.Read(t.Context())
		if err != nil || mt != want.Type || string(p) != string(want.Data) {
			t.Errorf("echo of %v %q: got %v %q, error %v", want.Type, want.Data, mt, p, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestInterruptSaysGoodbye(t *testing.T) {
	url, stop := start(t)
	c := dial(t, url)
	read := make(chan error, 1)
	go func() {
		_, _, err := c.Read(t.Context())
		read <- err
	}()

	begin := time.Now()
	if err := stop(); err != nil {
		t.Errorf("run: got %v, want nil", err)
	}
	if took := time.Since(begin); took > shutdownTimeout {
		t.Errorf("shutdown took %v, want no waiting for a peer that answers", took)
	}
	var closed *websocket.CloseError
	if err := <-read; !errors.As(err, &closed) || closed.Code != websocket.CloseGoingAway {
		t.Errorf("what the page sees: got %v, want close code 1001", err)
	}
}
