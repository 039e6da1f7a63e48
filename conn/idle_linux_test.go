package conn

import (
	"net"
	"net/netip"
	"testing"
	"unsafe"
)

// What a served connection holds is its Conn and this.
func TestTakenOverSocketIsSmall(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the figures are those of 64 bits")
	}
	if got := unsafe.Sizeof(fdWire{}); got > 48 {
		t.Errorf("fdWire takes %d bytes, want 48 at most", got)
	}
	var a, b fdWire
	local, remote := netip.MustParseAddrPort("192.0.2.2:443"), netip.MustParseAddrPort("192.0.2.1:80")
	a.setAddrs(local, remote)
	b.setAddrs(local, remote)
	if a.addrs.Load() != b.addrs.Load() {
		t.Error("two peers with IPv4 have a block for addresses each")
	}
}

// The addresses of a socket that was taken over are what those of the net.Conn were.
func TestTakenOverSocketKeepsItsAddresses(t *testing.T) {
	for _, on := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", on)
		if err != nil {
			t.Logf("%s: %v", on, err) // no IPv6 here
			continue
		}
		l.Close()
		_, nc := connected(t, "tcp", on)
		local, remote := nc.LocalAddr().String(), nc.RemoteAddr().String()
		c := New(nc, Setup{Role: Server, TakeOver: true}, quiet())
		if w, ok := c.wire.(*fdWire); !ok || w.addrs.Load().local.lent != nil {
			t.Fatal("the socket was not taken over")
		}
		for _, when := range []string{"open", "closed"} {
			if c.LocalAddr().String() != local || c.RemoteAddr().String() != remote {
				t.Errorf("%s: addresses are %v and %v, want %s and %s", when, c.LocalAddr(), c.RemoteAddr(), local, remote)
			}
			c.CloseNow()
		}
	}
}

func TestTakenOverSocketKeepsTheFormOfItsPeersAddress(t *testing.T) {
	for _, s := range []string{"192.0.2.1:80", "[::ffff:192.0.2.1]:80", "[2001:db8::1]:65535", "[fe80::1%eth0]:1", "[::]:0"} {
		want := netip.MustParseAddrPort(s)
		var w fdWire
		w.setAddrs(netip.MustParseAddrPort("192.0.2.2:443"), want)
		if got := w.remoteAddr().(*net.TCPAddr).AddrPort(); got != want {
			t.Errorf("remote address is %v, want %v", got, want)
		}
		if got := w.localAddr().String(); got != "192.0.2.2:443" {
			t.Errorf("local address is %v", got)
		}
	}
}
