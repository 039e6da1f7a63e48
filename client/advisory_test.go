package client

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/conn"
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
	t.Run("CVE-2026-2229", windowBitsOutOfRange)
	for _, id := range []string{"CVE-2021-32640", "CVE-2020-7662", "CVE-2020-7663"} {
		t.Run(id, longAgreements)
	}
	t.Run("ws-3.3.1", agreementsOfBuiltInNames)
	t.Run("211fcb3ec", rsv1WithoutAgreement)
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

// Windows that no codec has fail the handshake, and are never asked of ours.
func windowBitsOutOfRange(t *testing.T) {
	for _, bits := range []string{"1000", "16", "7", "0", "-1", "256", "4294967304", "18446744073709551624", "1" + strings.Repeat("0", 1000), "NaN", "1e1", "0x8", "8.0"} {
		for _, side := range []string{"server", "client"} {
			w, o := answeredWith(t, large, 1<<20, pmd+"; "+side+"_max_window_bits="+bits)
			if e := mustFail(t, t.Context(), "ws://h/", o, 101, "malformed"); len(e.Error()) > 300 {
				t.Errorf("the error has %d bytes: %.400v", len(e.Error()), e)
			}
			w.allClosed()
		}
	}
}

// Lists that made others look at each byte again and again are judged at once, and their text is not repeated whole.
func longAgreements(t *testing.T) {
	const long = 7 << 10 // bytes; the head would be refused above 8 KiB a line
	for _, list := range []string{
		pmd + strings.Repeat(" ", long) + "x", pmd + strings.Repeat(" ;", long/2), pmd + `; x="` + strings.Repeat(`\c`, long/2),
		pmd + `; x="` + strings.Repeat(`\c`, long/2) + `"`, pmd + strings.Repeat("; x", long/3), pmd + strings.Repeat("; server_no_context_takeover", 100),
		strings.Repeat("x, ", long/3) + pmd, strings.Repeat(pmd+", ", 100),
	} {
		w, o := answeredWith(t, large, 1<<20, list)
		if e := mustFail(t, t.Context(), "ws://h/", o, 101, ""); len(e.Error()) > 700 {
			t.Errorf("%.40q: the error has %d bytes", list, len(e.Error()))
		}
		w.allClosed()
	}
	_, o := answeredWith(t, large, 1<<20, strings.Repeat(", ", long/4)+pmd+strings.Repeat(" ", long/4))
	mustDial(t, t.Context(), "ws://h/", o)
}

// Names that are properties of every object elsewhere are names like others here: unknown ones.
func agreementsOfBuiltInNames(t *testing.T) {
	for _, name := range []string{"constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "valueOf", "nil", "0"} {
		for _, list := range []string{name, name + "; " + name, pmd + "; " + name, pmd + "; " + name + "=" + name, pmd + ", " + name} {
			w, o := answeredWith(t, large, 1<<20, list)
			mustFail(t, t.Context(), "ws://h/", o, 101, "server agrees to ")
			w.allClosed()
		}
	}
}

// A server that did not agree, or was not asked, must not compress: an RSV1 is a broken rule, 1002.
//
// Checklist: P10, X7
func TestNoAgreementMeansNoCompression(t *testing.T) { rsv1WithoutAgreement(t) }

func rsv1WithoutAgreement(t *testing.T) {
	for _, options := range []*conn.Options{nil, {Compression: &large}, {Compression: &takeover}} {
		w := newWorld(t, func(p *peer, _ int) {
			p.say(switching(p.request().Key, "") + compressed([]byte(helloDeflated)))
			p.drain()
		})
		o := w.options()
		o.Conn = options
		c := mustDial(t, t.Context(), "ws://h/", o)
		_, m, err := c.Read(t.Context())
		if !sentClose(err, conn.CloseProtocolError) {
			t.Errorf("%+v: Read = %q, %v; want a Close with 1002", options, m, err)
		}
	}
}
