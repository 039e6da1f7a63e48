package handshake

import (
	"fmt"
	"strings"
	"testing"
)

// browserRequest is what a browser sends, about 600 bytes.
const browserRequest = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: https://example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef\r\nSec-WebSocket-Key: " + rfcKey + "\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

func BenchmarkParseRequest(b *testing.B) {
	in := []byte(browserRequest)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseRequest(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseResponse(b *testing.B) {
	in := []byte(goodResponse)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseResponse(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r, _, err := ParseRequest([]byte(browserRequest))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

// The whole server side of one handshake.
func BenchmarkServe(b *testing.B) {
	in := []byte(browserRequest)
	out := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		r, _, err := ParseRequest(in)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Check(); err != nil {
			b.Fatal(err)
		}
		if err := CheckOrigin(r.Header["Origin"], "https", r.Host, nil); err != nil {
			b.Fatal(err)
		}
		if _, err = AppendResponse(out, r, "", "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAcceptKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		AcceptKey(rfcKey)
	}
}

// A head that comes byte by byte costs the same for each byte, however long it is.
func BenchmarkScanByBytes(b *testing.B) {
	for _, lines := range []int{1, 5, 30} {
		in := []byte("GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", lines) + "\r\n")
		b.Run(fmt.Sprintf("%dB", len(in)), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				var s HeadScanner
				if _, err := scanBytewise(&s, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What cost other parsers quadratic or exponential time: the throughput stays the same from 1 KiB to 1 MiB.
func BenchmarkHostileLists(b *testing.B) {
	for _, hostile := range []struct{ name, head, fill string }{
		{"escapes", `a; b="`, `\c`},
		{"spaces", "a", " "},
		{"commas", "a", " ,"},
		{"params", "a", ";b"},
		{"elements", "a", ",b"},
	} {
		for size := 1 << 10; size <= 1<<20; size <<= 5 {
			lines := []string{hostile.head + strings.Repeat(hostile.fill, size/len(hostile.fill))}
			b.Run(fmt.Sprintf("%s/%dKiB", hostile.name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(lines[0])))
				b.ReportAllocs()
				for b.Loop() {
					ParseExtensions(lines)
					HasToken(lines, "upgrade")
				}
			})
		}
	}
}
