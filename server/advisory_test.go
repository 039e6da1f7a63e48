package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/frame"
	"github.com/tidewire/websocket/internal/wiretest"
)

// What broke elsewhere, tried here.
func TestAdvisory(t *testing.T) {
	// The check of the user must not be passed by asking for an upgrade.
	for _, id := range []string{"CVE-2021-4236", "CVE-2025-54376", "CVE-2025-55070"} {
		t.Run(id, func(t *testing.T) { synctest.Test(t, testHooksRunForUpgrades) })
	}
	// Connections without end.
	for _, id := range []string{"CVE-2026-53522", "CVE-2025-69199"} {
		t.Run(id, func(t *testing.T) { synctest.Test(t, testCaps) })
	}
	t.Run("CVE-2023-43669", testHeaderByteByByte)
	t.Run("CVE-2024-37890", func(t *testing.T) { synctest.Test(t, testHeaderCountFlood) })
	t.Run("CVE-2026-54465", func(t *testing.T) { synctest.Test(t, testHeaderCountFlood) })
	t.Run("CVE-2026-59898", func(t *testing.T) { synctest.Test(t, testDraftsAndForcedUpgrades) })
	t.Run("CVE-2026-54463", func(t *testing.T) { synctest.Test(t, testDraftsAndForcedUpgrades) })
	t.Run("CVE-2026-61666", func(t *testing.T) { synctest.Test(t, testMalformedHost) })
	t.Run("CVE-2026-2229", func(t *testing.T) { synctest.Test(t, testWindowBitsOutOfRange) })
	for _, id := range []string{"CVE-2021-32640", "CVE-2020-7662", "CVE-2020-7663"} {
		t.Run(id, func(t *testing.T) { synctest.Test(t, testLongOffers) })
	}
	for _, id := range []string{"ws-3.3.1", "CVE-2022-21676", "CVE-2022-41940", "CVE-2023-31125"} {
		t.Run(id, func(t *testing.T) { synctest.Test(t, testOffersOfBuiltInNames) })
	}
	t.Run("211fcb3ec", TestDeclinedMeansNoCompression)
	t.Run("CVE-2024-23672", testEndedConnectionsAreForgotten)
	t.Run("slowloris", func(t *testing.T) { synctest.Test(t, testSlowloris) })
	for _, id := range []string{"CVE-2019-13209", "CVE-2026-22689", "CVE-2026-32815", "CVE-2026-34403", "CVE-2026-42283",
		"CVE-2026-44514", "CVE-2026-44985", "CVE-2026-55883", "GHSA-q355-h244-969h"} {
		t.Run(id, func(t *testing.T) { synctest.Test(t, testForeignPageIsRefused) })
	}
}

func testHooksRunForUpgrades(t *testing.T) {
	var order []string
	say := func(s string) { order = append(order, s) }
	o := &Options{Authorize: func(r *http.Request, h http.Header) error {
		say("Authorize")
		if r.Header.Get("Authorization") == "" {
			return &Refusal{Status: http.StatusUnauthorized}
		}
		return nil
	}}
	inner := Handler(func(_ context.Context, c *conn.Conn, _ *http.Request) error {
		say("serve")
		return nil
	}, o)
	l := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say("middleware")
		inner.ServeHTTP(w, r)
	})})
	p := l.dial()
	p.send(request())
	p.refused(http.StatusUnauthorized)
	p = l.dial().opens("Authorization: yes")
	p.endsWith(1000, "")
	if got, want := strings.Join(order, " "), "middleware Authorize middleware Authorize serve"; got != want {
		t.Errorf("order = %s, want %s", got, want)
	}
}

func testCaps(t *testing.T) {
	const most = 10
	for _, d := range doors {
		g := &Group{Limit: most}
		l := d.open(t, &Options{Group: g}, read, ignore)
		var open []*peer
		for i := range 3 * most {
			p := l.dial()
			p.send(request())
			if got, want := p.head()[9:12], map[bool]string{true: "101", false: "503"}[i < most]; got != want {
				t.Errorf("%s: connection %d got %s, want %s", d.name, i, got, want)
			}
			open = append(open, p)
		}
		for _, p := range open {
			p.nc.Close()
		}
		synctest.Wait()
		if g.Len() != 0 {
			t.Errorf("%s: Len = %d after all have gone", d.name, g.Len())
		}
	}
}

// A header of 1 MiB, byte by byte, is refused after 32 KiB, and each byte is looked at once.
func testHeaderByteByByte(t *testing.T) {
	client, server := wiretest.Pipe(0)
	go func() {
		io.WriteString(client, request("X: "+strings.Repeat(strings.Repeat("x", 1020)+"\r\nX: ", 1024)))
		client.CloseWrite()
	}()
	start := time.Now()
	_, _, err := UpgradeConn(wiretest.Split(server, wiretest.Fixed(1)), nil)
	if err == nil || !strings.Contains(err.Error(), "head is longer than 32768 bytes") {
		t.Errorf("UpgradeConn = %v, want a head that is too long", err)
	}
	if got := server.BytesRead(); got > 64<<10 {
		t.Errorf("%d bytes were read, want 64 KiB at most", got)
	}
	// 64 KiB at one Read each are some milliseconds; looking at all of them again at each byte would be 2^31 looks.
	if got := time.Since(start); got > 5*time.Second {
		t.Errorf("it took %v", got)
	}
	client.Close()
}

func testHeaderCountFlood(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, nil, echo, ignore)
		for _, n := range []int{50, 2000, 20000} {
			var lines []string
			for i := range n {
				lines = append(lines, fmt.Sprintf("X-%d: y", i))
			}
			p := l.dial()
			p.nc.(*wiretest.Conn).SetManners(wiretest.Linux()) // or a reset may overtake the 431 of such a flood
			go io.WriteString(p.nc, request(lines...))
			got := p.head()[9:12]
			if n == 50 && got != "101" || got != "101" && got != "431" {
				t.Errorf("%s: %d lines: %s, want 101 or 431", d.name, n, got)
			}
			p.nc.Close()
		}
	}
}

func testDraftsAndForcedUpgrades(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, nil, never(t), ignore)
		for _, test := range []struct {
			text   string
			status int
		}{
			{without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 7"), 426},
			{without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426},
			{without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 0"), 426},
			{head("GET / HTTP/1.1", "Host: a", "Upgrade: WebSocket", "Connection: Upgrade",
				"Sec-WebSocket-Key1: 1", "Sec-WebSocket-Key2: 2") + "12345678", 426},
			{without("Upgrade"), 426},
			{without("Connection"), 400},
			{without("Connection", "Connection: close"), 400},
		} {
			p := l.dial()
			p.t = named{t, d.name + ": " + test.text}
			p.send(test.text)
			p.refused(test.status)
		}
	}
}

func testMalformedHost(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, nil, never(t), ignore)
		for _, host := range []string{"[", "]", "[::1", "a:b", "a:99999", "a b", "a/b", "user@a", "\xff", ":80", "a,b"} {
			p := l.dial()
			p.t = named{t, fmt.Sprintf("%s: Host %q", d.name, host)}
			p.send(without("Host", "Host: "+host))
			p.refused(http.StatusBadRequest)
		}
	}
}

func testForeignPageIsRefused(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, nil, never(t), ignore)
		for _, origin := range []string{
			"https://evil.example", "null", "http://example.com.evil.example", "http://example.com:8080", "file://",
		} {
			p := l.dial()
			p.send(request("Origin: "+origin, "Cookie: session=1"))
			p.refused(http.StatusForbidden)
		}
	}
}

// 1,500 half requests are all gone when the time is over, and with them all goroutines, or synctest would say so.
func testSlowloris(t *testing.T) {
	raw := wiretest.Listen(512)
	viaHTTP := wiretest.Listen(512)
	s := &http.Server{Handler: Handler(nil, nil), ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent()}
	go s.Serve(viaHTTP)
	defer s.Close()
	go func() {
		for {
			nc, err := raw.Accept()
			if err != nil {
				return
			}
			go UpgradeConn(nc, nil)
		}
	}()
	defer raw.Close()
	start := time.Now()
	ended := make(chan time.Duration)
	for i := range 1500 {
		l := []*wiretest.Listener{raw, viaHTTP}[i%2]
		nc, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			io.WriteString(nc, request()[:1+i%100])
			io.Copy(io.Discard, nc)
			ended <- time.Since(start)
			nc.Close()
		}()
	}
	for range 1500 {
		if got := <-ended; got < 9*time.Second || got > 11*time.Second {
			t.Fatalf("a half request was gone after %v, want 10 s +-10 %%", got)
		}
	}
}

// Connections that ended, in whatever way, are forgotten: the Conn is garbage, and so is its request.
func testEndedConnectionsAreForgotten(t *testing.T) {
	ways := map[string]func(p *peer){
		"Close":              func(p *peer) { p.send(byeFrame()) },
		"Close 4000":         func(p *peer) { p.send(masked(frame.Close, "\x0f\xa0x")) },
		"FIN":                func(p *peer) { p.nc.(*wiretest.Conn).CloseWrite() },
		"close":              func(p *peer) { p.nc.Close() },
		"reset":              func(p *peer) { p.nc.(*wiretest.Conn).Reset() },
		"reset in a frame":   func(p *peer) { p.send("\x81\x85abcd"); p.nc.(*wiretest.Conn).Reset() },
		"FIN in a header":    func(p *peer) { p.send("\x81"); p.nc.Close() },
		"FIN in a message":   func(p *peer) { p.send("\x01\x80abcd"); p.nc.Close() },
		"unmasked frame":     func(p *peer) { p.send("\x81\x00") },
		"reserved opcode":    func(p *peer) { p.send("\x83\x80abcd") },
		"RSV1":               func(p *peer) { p.send("\xc1\x80abcd") },
		"bad UTF-8":          func(p *peer) { p.send(masked(frame.Text, "\xff")) },
		"bad Close":          func(p *peer) { p.send(masked(frame.Close, "x")) },
		"too big":            func(p *peer) { p.send("\x82\xff\x00\x00\x00\x00\xff\xff\xff\xffabcd") },
		"length 2^63":        func(p *peer) { p.send("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd") },
		"ping, then nothing": func(p *peer) { p.send(masked(frame.Ping, "x")) },
		"nothing at all":     func(p *peer) {},
		"stops reading":      func(p *peer) { p.nc.(*wiretest.Conn).Stall(true) },
		"half a close":       func(p *peer) { p.send(byeFrame()[:3]) },
		"data after Close":   func(p *peer) { p.send(byeFrame() + masked(frame.Text, "late")) },
	}
	var mu sync.Mutex
	var conns []weak.Pointer[conn.Conn]
	var requests []weak.Pointer[http.Request]
	synctest.Test(t, func(t *testing.T) {
		var g Group
		l := serveHTTP(t, &http.Server{Handler: Handler(func(_ context.Context, c *conn.Conn, r *http.Request) error {
			mu.Lock()
			conns = append(conns, weak.Make(c))
			requests = append(requests, weak.Make(r))
			mu.Unlock()
			read(c)
			return nil
		}, &Options{Group: &g})})
		for _, end := range ways {
			p := l.dial().opens()
			end(p)
			defer p.nc.Close()
		}
		<-time.After(5 * time.Minute) // the silent ones are pinged and given up
		if g.Len() != 0 {
			t.Errorf("Len = %d after all connections have ended, in %d ways", g.Len(), len(ways))
		}
	})
	for range 5 {
		runtime.GC()
	}
	for i := range conns {
		if conns[i].Value() != nil || requests[i].Value() != nil {
			t.Errorf("connection %d: the Conn is kept %v, its request %v", i, conns[i].Value() != nil, requests[i].Value() != nil)
		}
	}
	if len(conns) != len(ways) {
		t.Errorf("%d connections were served, want %d", len(conns), len(ways))
	}
}
