//go:build !race

package server

import (
	"net/http"
	"testing"

	"github.com/tidewire/websocket/conn"
)

// What a handshake allocates beside the connection is what its caller keeps: the request with its text, its fields and
// its lists; under net/http the lists alone. (The race detector drops what is put into a sync.Pool.)
func TestHandshakesAllocateLittle(t *testing.T) {
	w := &written{}
	g := &given{header: make(http.Header), nc: w}
	short := newRequest()
	upgradeConn := func(in string) func() (*conn.Conn, error) {
		return func() (*conn.Conn, error) {
			w.in, w.n = in, 0
			c, _, err := UpgradeConn(w, nil)
			return c, err
		}
	}
	base := testing.AllocsPerRun(500, func() { conn.New(w, conn.Setup{Role: conn.Server}, nil).CloseNow() })
	for _, tt := range []struct {
		name string
		most float64
		open func() (*conn.Conn, error)
	}{
		{"UpgradeConn, 5 fields", 7, upgradeConn(request())},
		{"UpgradeConn, 13 fields", 11, upgradeConn(browserRequest)},
		{"Upgrade", 1, func() (*conn.Conn, error) { return Upgrade(g, short, nil) }},
	} {
		got := testing.AllocsPerRun(500, func() {
			c, err := tt.open()
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
		}) - base
		if got > tt.most {
			t.Errorf("%s: %v allocations beside the connection, want at most %v", tt.name, got, tt.most)
		}
	}
}
