//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The key and its answer are those of RFC 6455, section 1.3: nothing here has to hash.
const (
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// request is the opening handshake, of the length of a browser's (RFC 6455, section 4.1).
func request(addr, offer string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET /chat?room=tide HTTP/1.1\r\nHost: %s\r\n", addr)
	b.WriteString("Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36\r\n" +
		"Upgrade: websocket\r\nOrigin: http://" + addr + "\r\nSec-WebSocket-Version: 13\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\n")
	if offer != "" {
		b.WriteString("Sec-WebSocket-Extensions: " + offer + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

var errShort = errors.New("the response is not complete")

// checkResponse looks at the head of a response. It gives the extensions that the server
// has chosen and the length of the head.
func checkResponse(b []byte) (extensions string, n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return "", 0, errShort
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	if !strings.HasPrefix(lines[0], "HTTP/1.1 101") {
		return "", 0, fmt.Errorf("the server answers %q", lines[0])
	}
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if got := header.Get("Sec-WebSocket-Accept"); got != accept {
		return "", 0, fmt.Errorf("Sec-WebSocket-Accept: got %q, want %q", got, accept)
	}
	return header.Get("Sec-WebSocket-Extensions"), end + 4, nil
}
