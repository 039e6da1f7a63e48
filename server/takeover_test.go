package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/internal/wiretest"
)

// perConn is what a connection with both windows of 12 bits may keep, the default with takeover, in bytes.
const perConn = 12 << 10

// browserOffer lets the server choose the client's window.
const browserOffer = pmd + "; client_max_window_bits"

// inGroup are options of connections of g that compress with takeover.
func inGroup(g *Group, k conn.Compression) *Options {
	o := compressing(k)
	o.Group = g
	return o
}

// reserved is the memory that g has given out, in bytes.
func (g *Group) reserved() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.takeover
}

// opensWith opens a connection that offers, and returns the answer.
func (l listener) opensWith(list string) (*peer, string) {
	l.t.Helper()
	p := l.dial()
	p.send(request(offers(list)...))
	return p, extensions(l.t, p.head())
}

// remembers reports whether an answer leaves one of the two sides its window.
func remembers(answer string) bool {
	return !strings.Contains(answer, "server_no_context_takeover") || !strings.Contains(answer, "client_no_context_takeover")
}

// What a connection is counted with: both directions, as far as they are remembered.
func TestTakeoverMemory(t *testing.T) {
	takeover := conn.Compression{Takeover: true}
	better := conn.Compression{Takeover: true, Level: conn.BetterCompression}
	for _, test := range []struct {
		k     conn.Compression
		offer string
		want  int64
	}{
		{takeover, browserOffer, perConn},
		{takeover, pmd + "; client_max_window_bits; server_max_window_bits=10", 1<<10 + 1<<10 + 4<<10},
		{takeover, pmd + "; client_max_window_bits=9", 4<<10 + 4<<10 + 512},
		{takeover, pmd + "; client_max_window_bits=9; server_no_context_takeover", 512},
		{takeover, pmd + "; client_max_window_bits; client_no_context_takeover", 8 << 10},
		{takeover, pmd, 8 << 10}, // it cannot use less than 15 bits, and is told to forget
		{takeover, pmd + "; server_no_context_takeover", 0},
		{takeover, pmd + "; server_max_window_bits=99", 0},
		{better, browserOffer, 20 << 10},
		{conn.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15}, browserOffer, 32<<10 + 16<<10 + 32<<10},
		{conn.Compression{}, browserOffer, 0},
	} {
		var g Group
		p := place{g: &g}
		inGroup(&g, test.k).agree(parsed(t, test.offer), &p)
		if g.takeover != test.want || p.memory != test.want {
			t.Errorf("%+v, %q: the group counts %d bytes, the place %d, want %d", test.k, test.offer, g.takeover, p.memory, test.want)
		}
	}
	// What the group counts is what the codec says of the terms.
	d := deflate.Direction{WindowBits: 12, Takeover: true}
	if got := d.CompressorMemory(deflate.Fast) + d.DecompressorMemory(); got != perConn {
		t.Errorf("the codec holds %d bytes with windows of 12 bits, want %d: defaultTakeoverMemory counts on it", got, perConn)
	}
}

// As many connections have takeover as fit to the byte. The others open, are told to forget after each message and
// count for nothing; when one of the first ends, the next one has takeover again.
//
// Checklist: P3, P4
func TestGroupBoundsTakeoverMemory(t *testing.T) {
	const forgets = pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12"
	for _, test := range []struct {
		limit int64
		fit   int
	}{
		{1, 0}, {perConn - 1, 0}, {perConn, 1}, {2*perConn - 1, 1}, {2 * perConn, 2}, {2*perConn + 1, 2}, {-1, 4}, {0, 4},
	} {
		for _, d := range doors {
			synctest.Test(t, func(t *testing.T) {
				g := &Group{TakeoverMemory: test.limit}
				l := d.open(t, inGroup(g, conn.Compression{Takeover: true}), read, ignore)
				var peers []*peer
				for i := range 4 {
					p, got := l.opensWith(browserOffer)
					if want := i < test.fit; remembers(got) != want || !want && got != forgets {
						t.Errorf("%s: %d bytes: connection %d is told %q, want takeover %v", d.name, test.limit, i, got, want)
					}
					peers = append(peers, p)
				}
				if got := g.reserved(); got != int64(test.fit)*perConn {
					t.Errorf("%s: %d bytes: %d are reserved, want %d", d.name, test.limit, got, test.fit*perConn)
				}
				for i, p := range peers {
					p.nc.Close()
					synctest.Wait()
					p, got := l.opensWith(browserOffer)
					if want := test.fit > 0; remembers(got) != want {
						t.Errorf("%s: %d bytes: in the place of %d: %q, want takeover %v", d.name, test.limit, i, got, want)
					}
					p.nc.Close()
					synctest.Wait()
				}
				if got := g.reserved(); got != 0 {
					t.Errorf("%s: %d bytes: %d are reserved when all have ended", d.name, test.limit, got)
				}
			})
		}
	}
}

// Smaller terms fit where larger ones do not.
func TestTakeoverMemoryOfSmallTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{TakeoverMemory: perConn + 4<<10}
		l := doors[2].open(t, inGroup(g, conn.Compression{Takeover: true}), read, ignore)
		for _, step := range []struct {
			offer     string
			remembers bool
			reserved  int64
		}{
			{browserOffer, true, perConn},
			{browserOffer, false, perConn},
			{browserOffer + "; server_no_context_takeover", true, perConn + 4<<10}, // to the last byte
			{pmd + "; client_max_window_bits=8; server_no_context_takeover", false, perConn + 4<<10},
			{browserOffer + "; server_no_context_takeover; client_no_context_takeover", false, perConn + 4<<10},
		} {
			p, got := l.opensWith(step.offer)
			defer p.nc.Close()
			if remembers(got) != step.remembers || g.reserved() != step.reserved {
				t.Errorf("%q: answered with %q, %d bytes are reserved; want takeover %v and %d", step.offer, got, g.reserved(), step.remembers, step.reserved)
			}
		}
	})
}

// Without a Group nothing bounds takeover.
func TestTakeoverWithoutAGroup(t *testing.T) {
	var p place
	_, agreed := compressing(conn.Compression{Takeover: true}).agree(parsed(t, browserOffer), &p)
	if agreed == nil || !agreed.FromServer().Takeover || !agreed.FromClient().Takeover || p.memory != 0 {
		t.Errorf("agreed on %v with %d bytes reserved, want takeover in both directions", agreed, p.memory)
	}
}

// A handshake that fails behind the answer gives the memory back, in whatever way it fails.
func TestFailedHandshakesGiveTakeoverMemoryBack(t *testing.T) {
	g := &Group{TakeoverMemory: perConn}
	o := inGroup(g, conn.Compression{Takeover: true})
	empty := func(t *testing.T, what string) {
		t.Helper()
		synctest.Wait()
		if got := g.reserved(); got != 0 {
			t.Errorf("%s: %d bytes are reserved", what, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		// 1. A response that we cannot make, and a refusal before it.
		for _, answer := range []error{nil, &Refusal{Status: 401}} {
			o := *o
			o.Authorize = func(_ *http.Request, h http.Header) error {
				h.Set("Connection", "mine")
				return answer
			}
			for _, d := range doors {
				p := d.open(t, &o, never(t), ignore).dial()
				p.send(request(offers(browserOffer)...))
				p.head()
				p.nc.Close()
				empty(t, d.name)
			}
		}
		// 2. A writer that cannot give the socket away.
		r := newRequest()
		r.Header.Set("Sec-WebSocket-Extensions", browserOffer)
		if _, err := Upgrade(httptest.NewRecorder(), r, o); err == nil {
			t.Error("Upgrade without a socket")
		}
		empty(t, "no socket")
		// 3. A client that has gone.
		_, server := wiretest.Pipe(0)
		broken := errors.New("broken")
		w := takeover{ResponseWriter: httptest.NewRecorder(), nc: wiretest.FailAt(server, wiretest.OpWrite, 1, broken)}
		if _, err := Upgrade(w, r, o); !errors.Is(err, broken) {
			t.Errorf("Upgrade = %v, want the socket's error", err)
		}
		empty(t, "the client has gone")
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v: a place was not given up", err)
		}
	})
}

// Handshakes at the same time share the memory to the byte, and churn leaves nothing behind.
func TestConcurrentHandshakesKeepTheTakeoverBound(t *testing.T) {
	const fit, clients, rounds = 7, 32, 10
	synctest.Test(t, func(t *testing.T) {
		g := &Group{TakeoverMemory: fit*perConn + 1}
		l := doors[2].open(t, inGroup(g, conn.Compression{Takeover: true}), read, ignore)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range rounds {
					l.asked(browserOffer)
					if got := g.reserved(); got > fit*perConn || got%perConn != 0 {
						t.Errorf("%d bytes are reserved, the bound is %d", got, fit*perConn+1)
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if got := g.reserved(); got != 0 {
			t.Errorf("%d bytes are reserved when all have ended", got)
		}
		var remembering atomic.Int32
		for range clients {
			all.Go(func() {
				p, got := l.opensWith(browserOffer)
				if remembers(got) {
					remembering.Add(1)
				}
				t.Cleanup(func() { p.nc.Close() })
			})
		}
		all.Wait()
		if got := remembering.Load(); got != fit || g.reserved() != fit*perConn {
			t.Errorf("%d of %d connections have takeover, %d bytes are reserved; want %d and %d", got, clients, g.reserved(), fit, fit*perConn)
		}
	})
}
