package client

import (
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/internal/wiretest"
)

// Whatever a server or a proxy answers, and then goes: Dial ends at once with a connection or a *HandshakeError, has read
// little, and after an error the socket is closed. synctest fails on anything that stays behind.
func FuzzAnswer(f *testing.F) {
	proxies := []string{"", "http://p", "https://p", "socks5://p", "socks5://u:p@p"}
	for _, seed := range []string{
		"", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: //other/a?b\r\nSet-Cookie: a=b\r\n\r\n", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + switching("AAAAAAAAAAAAAAAAAAAAAA==", ""),
		"\x05\x00\x05\x00\x00\x03\x01a\x00\x50HTTP/1.1 101\r\n\r\n", "\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50",
		"\x15\x03\x03\x00\x02\x02\x28",
	} {
		for i := range proxies {
			f.Add(byte(i), false, []byte(seed))
		}
		f.Add(byte(0), true, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, proxy byte, secure bool, answer []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(p *peer, _ int) {
				p.say(string(answer))
				p.Conn.(*wiretest.Conn).CloseWrite()
				p.drain()
			})
			o := w.options()
			o.MaxRedirects = 1
			if raw := proxies[int(proxy)%len(proxies)]; raw != "" {
				o.Proxy = through(raw)
			}
			url := "ws://h/"
			if secure {
				url = "wss://h/"
			}
			c, err := Dial(t.Context(), url, o)
			if c != nil {
				t.Fatalf("%q made a connection without the key", answer)
			}
			if _, ok := err.(*HandshakeError); !ok || err.Error() == "" {
				t.Fatalf("Dial = %T %v; want a *HandshakeError", err, err)
			}
			for i := range w.dialed() {
				if n := w.end(i).BytesRead(); n > 256<<10 {
					t.Errorf("%d bytes were read", n)
				}
			}
			w.allClosed()
		})
	})
}
