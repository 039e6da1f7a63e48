package client

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/tidewire/websocket/internal/wiretest"
)

// A proxy's greeting in each scheme, and the way through it to ws and wss servers with the first bytes of the
// server in the same segment as the proxy's last ones. The target is behind the proxy and verified under its own name.
//
// Checklist: C2, C3, C4
func TestProxies(t *testing.T) {
	ca := newAuthority(t)
	proxyTLS := &tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "proxy.example")}}
	targetTLS := &tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, "example.com")}}
	for _, scheme := range []string{"http", "https", "socks5", "socks5h", "SOCKS5"} {
		for _, user := range []string{"", "user:p%20ss@", "user@"} {
			for _, target := range []string{"ws://example.com/", "wss://example.com:444/"} {
				proxyURL := scheme + "://" + user + "proxy.example:99"
				t.Run(proxyURL+" "+target, func(t *testing.T) {
					w := newWorld(t, func(p *peer, _ int) {
						if scheme == "https" {
							p = p.secure(proxyTLS)
						}
						want := "example.com:80"
						if strings.HasPrefix(target, "wss") {
							want = "example.com:444"
						}
						if strings.HasPrefix(strings.ToLower(scheme), "socks") {
							p.socks(want, user)
						} else {
							p.connect(want, user)
						}
						if strings.HasPrefix(target, "wss") {
							p = p.secure(targetTLS)
						}
						p.accept(helloFrame)
					})
					o := w.options()
					o.TLS = &tls.Config{RootCAs: ca.pool}
					o.Proxy = through(proxyURL)
					mustRead(t, mustDial(t, t.Context(), target, o), "Hello")
					if got := w.dialed(); got[0] != "proxy.example:99" {
						t.Errorf("dialed %q, want the proxy", got)
					}
				})
			}
		}
	}
}

// connect is a proxy's side of CONNECT, with an interim response and lengths that mean nothing.
func (p *peer) connect(addr, user string) {
	head := p.head()
	want := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if user != "" {
		name, password, _ := strings.Cut(strings.TrimSuffix(user, "@"), ":")
		password, _ = url.PathUnescape(password)
		want += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)) + "\r\n"
	}
	if head != want+"\r\n" {
		p.t.Errorf("proxy got %q, want %q", head, want)
	}
	p.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nContent-Length: 7\r\n\r\n")
}

// socks is a SOCKS5 proxy that wants user and password if they are offered.
func (p *peer) socks(addr, user string) {
	if user == "" {
		p.expect("\x05\x01\x00") // version 5, one method: none
		p.say("\x05\x00")
	} else {
		p.expect("\x05\x02\x00\x02") // version 5, two methods: none, password
		p.say("\x05\x02")
		name, password, _ := strings.Cut(strings.TrimSuffix(user, "@"), ":")
		password, _ = url.PathUnescape(password)
		p.expect(fmt.Sprintf("\x01%c%s%c%s", len(name), name, len(password), password))
		p.say("\x01\x00")
	}
	host, port := "example.com", map[string]string{"example.com:80": "\x00\x50", "example.com:444": "\x01\xbc"}[addr]
	p.expect("\x05\x01\x00\x03" + string(rune(len(host))) + host + port) // CONNECT to a name
	p.say("\x05\x00\x00\x03\x05bound\x00\x01")
}

// expect reads exactly what must come.
func (p *peer) expect(want string) {
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		c, err := p.r.ReadByte()
		if err != nil {
			break
		}
		got = append(got, c)
	}
	if string(got) != want {
		p.t.Errorf("proxy got %q, want %q", got, want)
	}
}

// A server that speaks first: its interim response begins behind the proxy's head, in the same segment, and goes on after
// the request; cut at every byte.
//
// Checklist: C3, V14
func TestEarlyBytesBehindProxy(t *testing.T) {
	const interim = "HTTP/1.1 103 Early\r\n\r\n"
	for cut := range len(interim) + 1 {
		w := newWorld(t, func(p *peer, _ int) {
			p.head()
			p.say("HTTP/1.1 200 OK\r\n\r\n" + interim[:cut])
			if r := p.request(); r != nil {
				p.say(interim[cut:] + switching(r.Key, "") + helloFrame)
				p.drain()
			}
		})
		o := w.options()
		o.Proxy = through("http://proxy")
		mustRead(t, mustDial(t, t.Context(), "ws://h/", o), "Hello")
	}
}

// Bytes behind the proxy's head belong to TLS. A TLS server does not speak first, so what comes early is nonsense, and must
// be seen by TLS and not be lost.
//
// Checklist: C3
func TestEarlyBytesBelongToTLS(t *testing.T) {
	w := newWorld(t, func(p *peer, _ int) {
		p.head()
		p.say("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH\r\n")
		p.drain()
	})
	o := w.options()
	o.Proxy = through("http://proxy")
	mustFail(t, t.Context(), "wss://h/", o, 0, "does not look like a TLS handshake")

	a, b := wiretest.Pipe(0)
	b.Write([]byte("def"))
	b.Close()
	all := make([]byte, 0, 6)
	for nc, p := (&ahead{Conn: a, early: []byte("abc")}), make([]byte, 2); ; {
		n, err := nc.Read(p)
		if all = append(all, p[:n]...); err != nil {
			break
		}
	}
	if string(all) != "abcdef" {
		t.Errorf("read %q, want abcdef", all)
	}
}

// Checklist: C3
func TestProxyRefuses(t *testing.T) {
	for _, row := range []struct {
		answer string
		status int
		text   string
		body   string
	}{
		{"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nlogin", 407, "status 407, want 2xx", "login"},
		{"HTTP/1.1 502 Bad Gateway\r\n\r\nno route", 502, "status 502", "no route"},
		{"HTTP/1.1 302 Found\r\nLocation: ws://evil/\r\n\r\n", 302, "status 302", ""},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 101, "status 101", ""},
		{"HTTP/1.1 199 Interim\r\n\r\n", 0, "unexpected EOF", ""},
		{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 6), 0, "proxy sent more than 5 interim", ""},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n", 0, "more than 100 header lines", ""},
		{"HTTP/1.1 200 " + strings.Repeat("x", 9<<10), 0, "longer than 8192", ""},
		{"nonsense\r\n\r\n", 0, "malformed status line", ""},
		{"", 0, "reading the answer of the proxy: unexpected EOF", ""},
	} {
		w := newWorld(t, func(p *peer, _ int) {
			p.head()
			p.say(row.answer)
		})
		o := w.options()
		o.MaxRedirects = 5
		o.Proxy = through("http://user:hunter2@proxy")
		o.Jar = jarFunc(func() { t.Error("a proxy's answer sets cookies") })
		e := mustFail(t, t.Context(), "ws://h/", o, row.status, row.text)
		if string(e.Body) != row.body || e.Proxy != (row.status != 0) || strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%q: body %q, Proxy %v, %q", row.answer, e.Body, e.Proxy, e)
		}
		w.allClosed()
	}
}

// Checklist: C3
func TestSOCKSRefuses(t *testing.T) {
	ok := "\x05\x00"
	for _, row := range []struct{ proxy, answer, text string }{
		{"socks5://p", "", "unexpected EOF"},
		{"socks5://p", "\x05", "unexpected EOF"},
		{"socks5://p", "\x04\x00", "SOCKS version 4"},
		{"socks5://p", "HTTP/1.1 400 Bad\r\n\r\n", "SOCKS version 72"},
		{"socks5://p", "\x05\xff", "none of our ways"},
		{"socks5://p", "\x05\x02", "login method 2, which was not offered"},
		{"socks5://u:hunter2@p", "\x05\x01", "login method 1"},
		{"socks5://u:hunter2@p", "\x05\x02\x01\x01", "refused user and password"},
		{"socks5://u:hunter2@p", "\x05\x02\x02\x00", "refused user and password"},
		{"socks5://u:hunter2@p", "\x05\x02\x01", "unexpected EOF"},
		{"socks5://p", ok + "\x04\x00\x00\x01", "SOCKS version 4"},
		{"socks5://p", ok + "\x05\x01\x00\x01", "general failure"},
		{"socks5://p", ok + "\x05\x05\x00\x01", "connection refused"},
		{"socks5://p", ok + "\x05\x08\x00\x01", "address type not supported"},
		{"socks5://p", ok + "\x05\x09\x00\x01", "reply 9"},
		{"socks5://p", ok + "\x05\x00\x00\x02", "address type 2"},
		{"socks5://p", ok + "\x05\x00\x00", "unexpected EOF"},
		{"socks5://p", ok + "\x05\x00\x00\x01\x00\x00", "unexpected EOF"},
		{"socks5://p", ok + "\x05\x00\x00\x03", "unexpected EOF"},
		{"socks5://p", ok + "\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "unexpected EOF"},
	} {
		w := newWorld(t, func(p *peer, _ int) {
			p.say(row.answer)
			p.Conn.(*wiretest.Conn).CloseWrite()
			p.drain()
		})
		o := w.options()
		o.Proxy = through(row.proxy)
		e := mustFail(t, t.Context(), "ws://h/", o, 0, row.text)
		if strings.Contains(e.Error(), "hunter2") || !strings.Contains(e.Error(), `proxy "socks5://p:1080"`) {
			t.Errorf("%q: error is %q", row.answer, e)
		}
		w.allClosed()
	}
	// The proxy goes between its answers.
	refuse := errors.New("no way")
	for call, row := range map[int]string{2: "socks5://u:p@p", 3: "socks5://u:p@p"} {
		w := newWorld(t, func(p *peer, _ int) { p.say("\x05\x02\x01\x00"); p.drain() })
		o := &Options{Proxy: through(row), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := w.DialContext(ctx, network, addr)
			return wiretest.FailAt(nc, wiretest.OpWrite, call, refuse), err
		}}
		mustFail(t, t.Context(), "ws://h/", o, 0, "no way")
	}
}

// A literal address goes out as an address, of either family, without its zone.
func TestSOCKSAddresses(t *testing.T) {
	for _, row := range []struct{ host, port, want string }{
		{"127.0.0.1", "80", "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"},
		{"::1", "65535", "\x05\x01\x00\x04" + strings.Repeat("\x00", 15) + "\x01\xff\xff"},
		{"a.example", "443", "\x05\x01\x00\x03\x09a.example\x01\xbb"},
		{strings.Repeat("a", 255), "1", "\x05\x01\x00\x03\xff" + strings.Repeat("a", 255) + "\x00\x01"},
	} {
		if got := appendSocksRequest(nil, row.host, row.port); string(got) != row.want {
			t.Errorf("request for %s is %q, want %q", row.host, got, row.want)
		}
	}
	for url, want := range map[string]string{
		"ws://127.0.0.1/": "127.0.0.1:80", "ws://[::1]:81/": "[::1]:81", "wss://[fe80::1%25eth0]/": "[fe80::1]:443",
	} {
		heads := make(chan string, 1)
		w := newWorld(t, func(p *peer, _ int) { heads <- p.head() })
		o := w.options()
		o.Proxy = through("http://proxy")
		mustFail(t, t.Context(), url, o, 0, "unexpected EOF")
		if head := <-heads; !strings.HasPrefix(head, "CONNECT "+want+" HTTP/1.1\r\nHost: "+want+"\r\n") {
			t.Errorf("%s: proxy got %q", url, head)
		}
	}
}

// Each TLS is verified under the name of who is at its end.
//
// Checklist: C4
func TestProxyAndTargetHaveTheirOwnNames(t *testing.T) {
	ca := newAuthority(t)
	for name, row := range map[string]struct {
		proxyCert, targetCert, serverName string
		text                              string
	}{
		"good":                   {"proxy.example", "example.com", "", ""},
		"target shows proxy's":   {"proxy.example", "proxy.example", "", `TLS with "example.com"`},
		"proxy shows target's":   {"example.com", "example.com", "", `TLS with "proxy.example"`},
		"name is for the target": {"proxy.example", "other.example", "other.example", ""},
		"not for the proxy":      {"other.example", "other.example", "other.example", `TLS with "proxy.example"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				if p = p.secure(&tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, row.proxyCert)}}); p == nil {
					return
				}
				if p.head() != "" {
					p.say("HTTP/1.1 200 OK\r\n\r\n")
				}
				if p = p.secure(&tls.Config{Certificates: []tls.Certificate{ca.leaf(nil, row.targetCert)}}); p != nil {
					p.accept(helloFrame)
				}
			})
			o := w.options()
			o.TLS = &tls.Config{RootCAs: ca.pool, ServerName: row.serverName}
			o.Proxy = through("https://proxy.example")
			if row.text != "" {
				mustFail(t, t.Context(), "wss://example.com/", o, 0, row.text)
				w.allClosed()
				return
			}
			mustRead(t, mustDial(t, t.Context(), "wss://example.com/", o), "Hello")
			if got := w.dialed()[0]; got != "proxy.example:443" {
				t.Errorf("dialed %q, want the https port", got)
			}
		})
	}
}

// A Proxy-Authorization of the caller goes to the proxy, unless its URL has a user, and never further.
func TestCallersProxyAuthorization(t *testing.T) {
	for proxyURL, want := range map[string]string{
		"http://proxy":          "Proxy-Authorization: Bearer abc\r\n",
		"http://user:pw@proxy/": "Proxy-Authorization: Basic dXNlcjpwdw==\r\n",
	} {
		heads := make(chan string, 2)
		w := newWorld(t, func(p *peer, _ int) {
			heads <- p.head()
			p.say("HTTP/1.1 200 OK\r\n\r\n")
			heads <- p.head()
		})
		o := w.options()
		o.Header = http.Header{"proxy-authorization": {"Bearer abc"}}
		o.Proxy = through(proxyURL)
		mustFail(t, t.Context(), "ws://h/", o, 0, "unexpected EOF")
		if head := <-heads; !strings.Contains(head, want) || strings.Count(head, "Authorization") != 1 {
			t.Errorf("%s got %q, want %q", proxyURL, head, want)
		}
		if head := <-heads; strings.Contains(strings.ToLower(head), "authorization") {
			t.Errorf("server got %q", head)
		}
	}
}

func TestProxyFunc(t *testing.T) {
	refuse := errors.New("no way")
	var asked []string
	o := &Options{Proxy: func(u *url.URL) (*url.URL, error) {
		asked = append(asked, u.String())
		return nil, refuse
	}}
	for _, u := range []string{"ws://h/a%2Fb?c=d", "wss://h:444", "wss://[::1]/?"} {
		if e := mustFail(t, t.Context(), u, o, 0, "choosing a proxy: no way"); !errors.Is(e, refuse) {
			t.Errorf("%v does not unwrap", e)
		}
	}
	if want := []string{"http://h/a%2Fb?c=d", "https://h:444/", "https://[::1]/?"}; !slices.Equal(asked, want) {
		t.Errorf("Proxy was asked for %q, want %q", asked, want)
	}
	// An error of url.Parse shows the URL; ours does not.
	o.Proxy = through("http://user:hunter2@[proxy")
	if e := mustFail(t, t.Context(), "ws://h/", o, 0, "missing ']' in host"); strings.Contains(e.Error(), "hunter2") {
		t.Errorf("%v shows a password", e)
	}
	if u, err := NoProxy(&url.URL{}); u != nil || err != nil {
		t.Errorf("NoProxy = %v, %v", u, err)
	}
}

const envTargets = "TIDEWIRE_TEST_PROXY_TARGETS"

// printProxies is the child: it prints which proxy the environment has for each target.
func printProxies(targets []string) {
	for _, target := range targets {
		d, err := newDialing(target, nil)
		if err != nil {
			fmt.Println(err)
			continue
		}
		switch p, err := d.chooseProxy(); {
		case err != nil:
			fmt.Println("error")
		case p == nil:
			fmt.Println("direct")
		default:
			fmt.Println(p)
		}
	}
}

// The environment is read once in a process, so each row is a process of its own.
//
// Checklist: C2
func TestProxyFromEnvironment(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skipf("cannot run this test's program again: %v", err)
	}
	const targets = "ws://example.com/ wss://example.com/ ws://a.example.com:8080/ wss://10.1.2.3/ ws://[2001:db8::1]/ ws://localhost/ wss://127.0.0.1/"
	for _, row := range []struct{ env, want string }{
		{"", "direct direct direct direct direct direct direct"},
		{"HTTP_PROXY=http://p:1", "http://p:1 direct http://p:1 direct http://p:1 direct direct"},
		{"http_proxy=p:1", "http://p:1 direct http://p:1 direct http://p:1 direct direct"},
		{"HTTPS_PROXY=https://u:pw@s", "direct https://s:443 direct https://s:443 direct direct direct"},
		{"https_proxy=socks5://s", "direct socks5://s:1080 direct socks5://s:1080 direct direct direct"},
		{"HTTP_PROXY=http://p:1 HTTPS_PROXY=socks5h://s:2", "http://p:1 socks5h://s:2 http://p:1 socks5h://s:2 http://p:1 direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 NO_PROXY=*", "direct direct direct direct direct direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 NO_PROXY=example.com", "direct direct direct http://s:2 http://p:1 direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 no_proxy=.example.com", "http://p:1 http://s:2 direct http://s:2 http://p:1 direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 NO_PROXY=example.com:443,x", "http://p:1 direct http://p:1 http://s:2 http://p:1 direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 NO_PROXY=10.0.0.0/8,2001:db8::/32", "http://p:1 http://s:2 http://p:1 direct direct direct direct"},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=s:2 NO_PROXY=10.1.2.3", "http://p:1 http://s:2 http://p:1 direct http://p:1 direct direct"},
		{"HTTP_PROXY=p:1 REQUEST_METHOD=GET", "error direct error direct error error direct"},
		{"ALL_PROXY=p:1", "direct direct direct direct direct direct direct"},
		{"HTTP_PROXY=ftp://p", "error direct error direct error direct direct"},
	} {
		cmd := exec.Command(exe)
		cmd.Env = append(strings.Fields(row.env), envTargets+"="+targets, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.Output()
		if got := strings.Join(strings.Fields(string(out)), " "); got != row.want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", row.env, got, err, row.want)
		}
	}
}
