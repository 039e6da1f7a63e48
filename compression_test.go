package websocket_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidewire/websocket"
)

// Whatever a server and a client of ours want of compression, they agree, both say the same of it, and messages of any
// size come through, again and again.
//
// Checklist: P3, P4, P5, P6, P8, P10, D3, D8, D15
func TestBothSidesAgreeOnCompression(t *testing.T) {
	wants := []*websocket.Compression{
		nil,
		{},
		{WindowBits: 9, PeerWindowBits: 10, Level: websocket.BetterCompression},
		{Takeover: true},
		{Takeover: true, WindowBits: 15, PeerWindowBits: 15, Threshold: -1},
		{Takeover: true, WindowBits: 8, PeerWindowBits: 11, Level: websocket.BetterCompression},
		{Takeover: true, PeerWindowBits: 8, MaxRatio: 2000},
	}
	for i, ours := range wants {
		for j, theirs := range wants {
			t.Run(fmt.Sprintf("server %d client %d", i, j), func(t *testing.T) {
				agree(t, ours, theirs)
			})
		}
	}
}

// agree opens a connection between two that want this, and talks.
func agree(t *testing.T, ours, theirs *websocket.Compression) {
	told := make(chan string, 1)
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn, r *http.Request) error {
		told <- c.Extensions()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.ServerOptions{Conn: &websocket.Options{Compression: ours}}))
	defer s.Close()
	ctx := t.Context()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.URL, "http"), &websocket.ClientOptions{Conn: &websocket.Options{Compression: theirs}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	got, want := c.Extensions(), <-told
	if got != want || strings.HasPrefix(got, "permessage-deflate") != (ours != nil && theirs != nil) {
		t.Errorf("the client says %q, the server %q", got, want)
	}
	if forgets := strings.Count(got, "_no_context_takeover"); got != "" && (!ours.Takeover || !theirs.Takeover) && forgets != 2 {
		t.Errorf("%q, and only one side wants to remember", got)
	}
	for round := range 3 {
		for _, size := range []int{0, 1, 100, 600, 5000, 100_000} {
			for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary, websocket.Text.Uncompressed()} {
				message := strings.Repeat(fmt.Sprintf("%d tides come and go, ", round), size/20+1)[:size]
				if err := c.Write(ctx, kind, []byte(message)); err != nil {
					t.Fatalf("%q: %d bytes: Write = %v", got, size, err)
				}
				if _, p, err := c.Read(ctx); err != nil || string(p) != message {
					t.Fatalf("%q: %d bytes: Read = %d bytes, %v", got, size, len(p), err)
				}
			}
		}
	}
	if stats := c.Stats(); (got != "") != (stats.WireOut < stats.BytesOut/2) || (got != "") != (stats.WireIn < stats.BytesIn) {
		t.Errorf("%q: %+v", got, stats)
	}
	if err := c.Close(); err != nil {
		t.Errorf("%q: Close = %v", got, err)
	}
}
