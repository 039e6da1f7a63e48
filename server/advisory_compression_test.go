package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Windows that no codec has are never asked of ours: the offer is passed over, and the next one taken.
func testWindowBitsOutOfRange(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, compressing(conn.Compression{Takeover: true}), echo, ignore)
		for _, bits := range []string{"1000", "16", "7", "0", "-1", "256", "65544", "4294967304", "18446744073709551624",
			"1" + strings.Repeat("0", 1000), "NaN", "Infinity", "1e1", "0x8", "8.0"} {
			for _, side := range []string{"server", "client"} {
				offer := pmd + "; " + side + "_max_window_bits=" + bits
				if got := l.asked(offer); got != "" {
					t.Errorf("%s: %.60q is answered with %q", d.name, offer, got)
				}
				if got, want := l.asked(offer, pmd+"; client_max_window_bits"), pmd+"; server_max_window_bits=12; client_max_window_bits=12"; got != want {
					t.Errorf("%s: %.60q and a good one are answered with %q, want %q", d.name, offer, got, want)
				}
			}
		}
	}
}

// Lists that made others look at each byte again and again. The answer is a 101 or a whole refusal, at once.
func testLongOffers(t *testing.T) {
	const long = 7 << 10 // bytes; the head would be refused above 8 KiB a line
	for _, d := range doors {
		l := d.open(t, compressing(conn.Compression{}), echo, ignore)
		for _, test := range []struct {
			list   string
			status int
		}{
			{pmd + strings.Repeat(" ", long), 101},
			{strings.Repeat(", ", long/2) + pmd, 101},
			{pmd + strings.Repeat(" ", long) + "x", 400},
			{pmd + strings.Repeat(" ;", long/2), 400},
			{pmd + `; x="` + strings.Repeat(`\c`, long/2), 400},
			{pmd + `; x="` + strings.Repeat(`\c`, long/2) + `"`, 101}, // well-formed, and not known: passed over
			{pmd + `; x="` + strings.Repeat(`\`, long-1) + `"`, 400},
			{strings.Repeat(pmd+`; x="\c`, long/26), 400},
			{pmd + strings.Repeat("; server_no_context_takeover", 100), 101},
			{pmd + strings.Repeat("; x", long/3), 400}, // over the limit of 128
			{strings.Repeat(pmd+"; x, ", 60) + pmd, 101},
			{strings.Repeat("x, ", long/3) + pmd, 400},
		} {
			p := l.dial()
			p.nc.(*wiretest.Conn).SetManners(wiretest.Linux())
			p.send(request(offers(test.list)...))
			if got := p.head()[9:12]; got != fmt.Sprint(test.status) {
				t.Errorf("%s: %.60q... of %d bytes: %s, want %d", d.name, test.list, len(test.list), got, test.status)
			}
			p.nc.Close()
		}
	}
}

// Names that are properties of every object elsewhere are names like others here.
func testOffersOfBuiltInNames(t *testing.T) {
	for _, d := range doors {
		l := d.open(t, compressing(conn.Compression{}), echo, ignore)
		for _, name := range []string{"constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "valueOf", "nil", "0"} {
			for _, offer := range []string{name, name + "; " + name, pmd + "; " + name, pmd + "; " + name + "=" + name} {
				if got := l.asked(offer); got != "" {
					t.Errorf("%s: %q is answered with %q", d.name, offer, got)
				}
				if got := l.asked(offer + ", " + pmd); got != pmdAlone {
					t.Errorf("%s: %q in front of a good one is answered with %q, want %q", d.name, offer, got, pmdAlone)
				}
			}
		}
	}
}
