package client

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestAdvisory replays public advisories of other clients, one subtest each.
func TestAdvisory(t *testing.T) {
	t.Run("CVE-2022-31080", endlessBodyIsCut)
	for _, id := range []string{"CVE-2020-15133", "CVE-2020-11050", "CVE-2018-8034"} {
		t.Run(id, strangersCertificateIsRefused)
	}
	t.Run("CVE-2020-35678", redirectInjectsNothing)
	t.Run("CVE-2026-1527", optionsInjectNothing)
	t.Run("CVE-2018-1002105", refusedUpgradeLeavesNoTunnel)
	t.Run("ws 2022-02", func(t *testing.T) { secretsStayHome(t, "ws://other/") })      // another host
	t.Run("ws 2022-05", func(t *testing.T) { secretsStayHome(t, "ws://h:81/") })       // another port
	t.Run("ws 2022-07", insecureRedirectIsRefused)                                     // wss to ws
	t.Run("websockets 16.1", func(t *testing.T) { secretsStayHome(t, "ws://sub.h/") }) // a subdomain
}

// The server refuses, and its body has 1 GiB: 1 KiB is kept, and hardly more is read.
func endlessBodyIsCut(t *testing.T) {
	const gib = 1 << 30
	for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n", gib), "", "Transfer-Encoding: chunked\r\n"} {
		var sent atomic.Int64
		w := newWorld(t, func(p *peer, _ int) {
			p.request()
			p.say("HTTP/1.1 500 Oops\r\n" + head + "\r\n")
			if strings.HasPrefix(head, "Transfer") {
				p.say("40000000\r\n") // a chunk of 1 GiB
			}
			for block := strings.Repeat("x", 64<<10); sent.Load() < gib && p.say(block); {
				sent.Add(int64(len(block)))
			}
		})
		e := mustFail(t, t.Context(), "ws://h/", w.options(), 500, "status 500")
		if read := w.end(0).BytesRead(); len(e.Body) != 1<<10 || read > 16<<10 {
			t.Errorf("%q: body has %d bytes, %d bytes were read", head, len(e.Body), read)
		}
		w.allClosed()
		w.l.Close()
		w.wait.Wait()
		if n := sent.Load(); n > 1<<20 {
			t.Errorf("%q: the server got rid of %d bytes", head, n)
		}
	}
}

// A certificate that is good, for another name, or that nobody vouches for.
func strangersCertificateIsRefused(t *testing.T) {
	ca, unknown := newAuthority(t), newAuthority(t)
	for _, cert := range []tls.Certificate{ca.leaf(nil, "evil.example"), unknown.leaf(nil, "h")} {
		w := newWorld(t, func(p *peer, _ int) {
			if p.secure(&tls.Config{Certificates: []tls.Certificate{cert}}) != nil && p.head() != "" {
				t.Error("the request was sent to a stranger")
			}
		})
		o := w.options()
		o.TLS = &tls.Config{RootCAs: ca.pool}
		mustFail(t, t.Context(), "wss://h/", o, 0, "certificate")
		w.allClosed()
	}
}

// A location cannot add lines to the next request.
func redirectInjectsNothing(t *testing.T) {
	for _, location := range []string{"/a\r\nX-Evil: 1", "/a%0d%0aX-Evil: 1", "/a%0d%0aX-Evil:1", "ws://h\x01/", "/a\x00b", "/a\tX", "ws://h\\evil/", "ws://evil@h/"} {
		w, heads := chain(t, 302, location)
		o := w.options()
		o.MaxRedirects = 1
		if c, err := Dial(t.Context(), "ws://h/", o); err == nil {
			c.CloseNow()
		}
		for _, head := range heads() {
			if strings.Contains(head, "\r\nX-Evil") || lines(head) != 5 {
				t.Errorf("redirected to %q: sent %q", location, head)
			}
		}
	}
}

// No option of ours can add a line, or reach the socket if it tries.
func optionsInjectNothing(t *testing.T) {
	const evil = "a\r\nX-Evil: 1"
	w := newWorld(t, func(p *peer, _ int) { t.Error("a connection was begun") })
	for _, o := range []*Options{
		{Header: http.Header{"X-A": {evil}}}, {Header: http.Header{evil: {"a"}}}, {Header: http.Header{"Host": {evil}}},
		{Header: http.Header{"Cookie": {evil}}}, {Header: http.Header{"Proxy-Authorization": {evil}}}, {Subprotocols: []string{evil}},
	} {
		o.DialContext = w.DialContext
		mustFail(t, t.Context(), "ws://h/", o, 0, "")
	}
	for _, url := range []string{"ws://h/" + evil, "ws://h/?" + evil, "ws://h" + evil + "/"} {
		mustFail(t, t.Context(), url, w.options(), 0, "")
	}
}

// After anything but a 101 the socket is closed and cannot be used as a tunnel.
func refusedUpgradeLeavesNoTunnel(t *testing.T) {
	for _, status := range []int{200, 400, 403, 503} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.request()
				p.say(fmt.Sprintf("HTTP/1.1 %d No\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", status))
				if rest := p.drain(); len(rest) > 0 {
					t.Errorf("after a %d the client sends %q", status, rest)
				}
			})
			mustFail(t, t.Context(), "ws://h/", w.options(), status, "")
			w.allClosed()
		})
	}
}

func secretsStayHome(t *testing.T, location string) {
	w, heads := chain(t, 302, location)
	o := w.options()
	o.Header = secrets()
	o.MaxRedirects = 1
	mustDial(t, t.Context(), "ws://h/", o)
	if all := heads(); len(all) != 2 || strings.Contains(all[1], "hunter2") {
		t.Errorf("redirected to %s: sent %q", location, all)
	}
}

func insecureRedirectIsRefused(t *testing.T) {
	ca := newAuthority(t)
	w := newWorld(t, func(p *peer, i int) {
		if i > 0 {
			t.Error("an insecure redirect was followed")
			return
		}
		p = p.secure(&tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "h")}})
		p.head()
		p.say("HTTP/1.1 302 Found\r\nLocation: ws://h:443/\r\n\r\n")
	})
	o := w.options()
	o.MaxRedirects = 10
	o.TLS = &tls.Config{RootCAs: ca.pool}
	mustFail(t, t.Context(), "wss://h/", o, 302, "from wss to ws")
	w.allClosed()
}
