package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tidewire/websocket/conn"
)

// What one handshake leaves in the pool is not seen by the next: long and short heads, answers and refusals in turn,
// each through its own connection and some at the same time.
func TestHandshakesShareNothing(t *testing.T) {
	plain := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		sampleAccept + "\r\n"
	long := strings.Repeat("x", 3*keptAnswer)
	o := &Options{
		Subprotocols: []string{"chat"},
		Authorize: func(r *http.Request, h http.Header) error {
			if s := r.Header.Get("X-Echo"); s != "" {
				h.Set("X-Echo", s)
			}
			return nil
		},
	}
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			l := d.open(t, o, echo, ignore)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for _, tt := range []struct {
						lines []string
						want  string
					}{
						{[]string{"X-Echo: " + long, "Cookie: " + strings.Repeat("c", keptHead)}, plain + "X-Echo: " + long + "\r\n\r\n"},
						{nil, plain + "\r\n"},
						{[]string{"Sec-WebSocket-Protocol: chat"}, plain + "Sec-WebSocket-Protocol: chat\r\n\r\n"},
						{[]string{"X-Echo: short"}, plain + "X-Echo: short\r\n\r\n"},
						{[]string{"Origin: http://other.example"}, ""},
						{nil, plain + "\r\n"},
					} {
						p := l.dial()
						p.send(request(tt.lines...))
						if tt.want == "" {
							p.refused(http.StatusForbidden)
							continue
						}
						if got := p.head(); got != tt.want {
							t.Errorf("response = %q, want %q", got, tt.want)
						}
						p.send(masked(1, "hello"))
						p.text("hello")
						p.send(byeFrame())
						p.closed(conn.CloseNormal, "")
						p.nc.Close()
					}
				})
			}
			all.Wait()
		})
	}
}

// Under net/http the address that counts is the request's, which a proxy's middleware may have put there.
func TestGroupLimitPerIPUnderNetHTTP(t *testing.T) {
	g := &Group{LimitPerIP: 1}
	open := func(addr string) error {
		r := newRequest()
		r.RemoteAddr = addr
		c, err := Upgrade(takeover{ResponseWriter: httptest.NewRecorder(), nc: &written{}}, r, &Options{Group: g})
		if err == nil {
			t.Cleanup(func() { c.CloseNow() })
		}
		return err
	}
	if err := open("192.0.2.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := open("192.0.2.1:2"); err == nil || !strings.Contains(err.Error(), "too many connections") {
		t.Errorf("second connection from one address: %v, want a refusal", err)
	}
	if err := open("192.0.2.2:1"); err != nil {
		t.Errorf("another address: %v", err)
	}
}
