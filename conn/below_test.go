package conn

import (
	"crypto/tls"
	"testing"

	"github.com/tidewire/websocket/internal/wiretest"
)

func TestCloseNowReachesTheSocketBelowAllTLS(t *testing.T) {
	a, _ := wiretest.Pipe(0)
	proxy := tls.Client(a, &tls.Config{ServerName: "proxy"})
	server := tls.Client(proxy, &tls.Config{ServerName: "server"})
	for _, test := range []struct {
		name string
		w    *anyWire
		tls  bool
	}{
		{"plain", newAnyWire(a), false},
		{"TLS", newAnyWire(proxy), true},
		{"TLS in TLS", newAnyWire(server), true},
	} {
		if test.w.below != a || test.w.tls != test.tls {
			t.Errorf("%s: below is %T, TLS %v, want the pipe, %v", test.name, test.w.below, test.w.tls, test.tls)
		}
	}
}
