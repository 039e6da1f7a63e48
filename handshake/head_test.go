package handshake

import (
	"fmt"
	"strings"
	"testing"
)

const (
	goodRequest = "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Key: " + rfcKey + "\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n" +
		"sec-websocket-protocol: chat\r\nSec-WebSocket-Protocol:\tsuperchat \r\nX-Empty:\r\n\r\n"
	goodResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + rfcAccept + "\r\n\r\n"
	frames = "\x81\x85\x01\x02\x03\x04Hello\r\n\r\n" // what may follow a head
)

// request is a request head with the given lines behind the good ones.
func request(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// badHeads break the grammar or a cap. at is the number of bytes with which it must be known, 0 for all of them.
var badHeads = []struct {
	name   string
	head   string
	status int
	at     int
}{
	{"obs-fold", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, 32},
	{"obs-fold by tab", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n", 400, 32},
	{"obs-fold before the first", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, 17},
	{"space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, 21},
	{"tab before colon", "GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", 400, 21},
	{"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400, 15},
	{"bare LF in a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", 400, 24},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400, 26},
	{"bare LF in a name", "GET / HTTP/1.1\r\nHost\n: h\r\n\r\n", 400, 21},
	{"bare CR", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400, 25},
	{"bare CR in the first line", "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", 400, 7},
	{"bare CR at the end", "GET / HTTP/1.1\r\nHost: h\r\n\rX", 400, 27},
	{"two CR", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", 400, 16},
	{"NUL", "GET / HTTP/1.1\r\nHost: h\x00\r\n\r\n", 400, 24},
	{"NUL in a name", "GET / HTTP/1.1\r\nHo\x00st: h\r\n\r\n", 400, 19},
	{"control byte", "GET / HTTP/1.1\r\nHost: h\x1b[31m\r\n\r\n", 400, 24},
	{"DEL", "GET / HTTP/1.1\r\nHost: h\x7f\r\n\r\n", 400, 24},
	{"TLS", "\x16\x03\x01\x02\x00", 400, 1},
	{"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400, 21},
	{"no name", "GET / HTTP/1.1\r\n: h\r\n\r\n", 400, 17},
	{"name with separator", "GET / HTTP/1.1\r\nHo(st: h\r\n\r\n", 400, 19},
	{"name outside ASCII", "GET / HTTP/1.1\r\nHöst: h\r\n\r\n", 400, 18},
	{"empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, 2},
	{"no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n", 400, 14},
	{"empty target", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400, 15},
	{"no version", "GET /\r\nHost: h\r\n\r\n", 400, 7},
	{"two spaces", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400, 17},
	{"space in target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, 19},
	{"tabs", "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", 400, 16},
	{"space behind", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400, 17},
	{"method no token", "G=T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, 16},
	{"no method", " / HTTP/1.1\r\nHost: h\r\n\r\n", 400, 13},
	{"version lower case", "GET / http/1.1\r\nHost: h\r\n\r\n", 400, 16},
	{"version long", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, 17},
	{"version short", "GET / HTTP/1\r\nHost: h\r\n\r\n", 400, 14},
	{"version sign", "GET / HTTP/1.+\r\nHost: h\r\n\r\n", 400, 16},
	{"version comma", "GET / HTTP/1,1\r\nHost: h\r\n\r\n", 400, 16},
	{"version letter", "GET / HTTP/x.1\r\nHost: h\r\n\r\n", 400, 16},
	{"other protocol", "GET / RTSP/1.0\r\nHost: h\r\n\r\n", 400, 16},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 16},
	{"HTTP/0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505, 16},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400, 19},
	{"empty fragment", "GET /# HTTP/1.1\r\nHost: h\r\n\r\n", 400, 17},
	{"fragment in absolute-form", "GET http://h/#a HTTP/1.1\r\nHost: h\r\n\r\n", 400, 26},
	{"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400, 20},
	{"authority-form", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400, 23},
	{"relative target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400, 16},
	{"ws target", "GET ws://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, 22},
	{"userinfo in target", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, 26},
	{"no host in target", "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", 400, 24},
	{"malformed escape", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, 19},
	{"cut escape", "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, 18},
	{"target outside ASCII", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400, 18},
	{"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, 0},
	{"no header", "GET / HTTP/1.1\r\n\r\n", 400, 0},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 400, 0},
	{"absolute-form without Host", "GET http://h/ HTTP/1.1\r\n\r\n", 400, 0},
	{"long target", "GET /" + strings.Repeat("a", MaxLine) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, MaxLine + 1},
	{"long field", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", MaxLine) + "\r\n\r\n", 431, 16 + MaxLine + 1},
	{"long name", "GET / HTTP/1.1\r\n" + strings.Repeat("a", MaxLine) + ": b\r\n\r\n", 431, 16 + MaxLine + 1},
	{"long line by its LF", "GET / HTTP/1.1\r\nA:" + strings.Repeat("a", MaxLine-2) + "\n\r\n", 431, 16 + MaxLine + 1},
	{"many fields", "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", MaxHeaders+1) + "\r\n", 431, 16 + 6*MaxHeaders + 1},
	{"long head", "GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 5) + "\r\n", 431, MaxHead},
	{"long head in a name", "GET / HTTP/1.1\r\n" + longName(), 431, MaxHead},
	{"endless name", "GET / HTTP/1.1\r\n" + strings.Repeat("a", 1<<20), 431, 16 + MaxLine + 1},
	{"endless value", "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 1<<20), 431, 16 + MaxLine + 1},
	{"endless first line", strings.Repeat("G", 1<<20), 414, MaxLine + 1},
}

// longName reaches MaxHead inside a field name.
func longName() string {
	return strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 4) + strings.Repeat("c", 4000) + ": d\r\n\r\n"
}

// Checklist: S1, S2, S12, S13, S16, S17
func TestParseRequestRefusesBadHeads(t *testing.T) {
	for _, tt := range badHeads {
		t.Run(tt.name, func(t *testing.T) {
			r, n, err := ParseRequest([]byte(tt.head))
			if err == nil || r != nil || n != 0 {
				t.Fatalf("ParseRequest = %+v, %d, %v, want an error", r, n, err)
			}
			checkStatus(t, err, tt.status)
			if tt.at == 0 {
				return
			}
			// The error is known with its byte, not before and not later.
			if _, _, err := ParseRequest([]byte(tt.head[:tt.at-1])); err != ErrShort {
				t.Errorf("one byte before: %v, want ErrShort", err)
			}
			if _, _, again := ParseRequest([]byte(tt.head[:tt.at])); fmt.Sprint(again) != err.Error() {
				t.Errorf("with its byte: %v, want %v", again, err)
			}
		})
	}
}

// scanBytewise gives the verdict of a scanner that sees one more byte each time.
func scanBytewise(s *HeadScanner, b []byte) (end int, err error) {
	for n := range len(b) + 1 {
		if end, err = s.Scan(b[:n]); err != ErrShort {
			return end, err
		}
	}
	return end, err
}

// Checklist: S13, S17, V13
func TestHeadVerdictUnderEverySplit(t *testing.T) {
	heads := []string{goodRequest + frames, goodResponse + frames}
	for _, tt := range badHeads {
		heads = append(heads, tt.head)
	}
	for _, response := range []bool{false, true} {
		for _, head := range heads {
			b := []byte(head)
			whole := HeadScanner{Response: response}
			end, err := whole.Scan(b)
			bytewise := HeadScanner{Response: response}
			if e, er := scanBytewise(&bytewise, b); e != end || fmt.Sprint(er) != fmt.Sprint(err) {
				t.Errorf("%.60q by bytes: %d, %v, want %d, %v", head, e, er, end, err)
			}
			step := 1 + min(len(b), MaxHead)/1000 // long heads are repetitive
			for cut := 0; cut < min(len(b), MaxHead+10); cut += step {
				split := HeadScanner{Response: response}
				if e, er := split.Scan(b[:cut]); er != ErrShort {
					if e != end || fmt.Sprint(er) != fmt.Sprint(err) {
						t.Errorf("%.60q up to %d: %d, %v, want %d, %v", head, cut, e, er, end, err)
					}
				}
				if e, er := split.Scan(b); e != end || fmt.Sprint(er) != fmt.Sprint(err) {
					t.Errorf("%.60q split at %d: %d, %v, want %d, %v", head, cut, e, er, end, err)
				}
			}
		}
	}
}

// Checklist: S17, V13
func TestHeadCapsAreInclusive(t *testing.T) {
	line := "GET /" + strings.Repeat("a", MaxLine-len("GET / HTTP/1.1")) + " HTTP/1.1"
	field := "A: " + strings.Repeat("a", MaxLine-3)
	name := strings.Repeat("n", MaxLine-1) + ":"
	const host = "\r\nHost: h\r\n"
	full := "GET / HTTP/1.1" + host + strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 4)
	full += "B: " + strings.Repeat("c", MaxHead-len(full)-len("B: \r\n\r\n")) + "\r\n\r\n"
	for _, head := range []string{
		line + host + "\r\n",
		"GET / HTTP/1.1" + host + field + "\r\n\r\n",
		"GET / HTTP/1.1" + host + name + "\r\n\r\n",
		"GET / HTTP/1.1" + host + strings.Repeat("A: b\r\n", MaxHeaders-1) + "\r\n",
		full,
	} {
		if _, n, err := ParseRequest([]byte(head + frames)); err != nil || n != len(head) {
			t.Errorf("%.60q with %d bytes: %d, %v", head, len(head), n, err)
		}
	}
	if len(full) != MaxHead {
		t.Errorf("the full head has %d bytes, want %d", len(full), MaxHead)
	}
}

// Frames behind the head are not looked at, and not lost.
//
// Checklist: S15, V14
func TestHeadEndsBeforeTheFrames(t *testing.T) {
	for more := range len(frames) + 1 {
		_, n, err := ParseRequest([]byte(goodRequest + frames[:more]))
		if err != nil || n != len(goodRequest) {
			t.Errorf("request with %d bytes behind it: %d, %v, want %d", more, n, err, len(goodRequest))
		}
		_, n, err = ParseResponse([]byte(goodResponse + frames[:more]))
		if err != nil || n != len(goodResponse) {
			t.Errorf("response with %d bytes behind it: %d, %v, want %d", more, n, err, len(goodResponse))
		}
	}
}

func TestScanRepeatsItsVerdict(t *testing.T) {
	var s HeadScanner
	for range 2 {
		if end, err := s.Scan([]byte(goodRequest)); end != len(goodRequest) || err != nil {
			t.Errorf("Scan = %d, %v, want %d", end, err, len(goodRequest))
		}
	}
	var bad HeadScanner
	_, first := bad.Scan([]byte("\n"))
	if _, again := bad.Scan([]byte("\n" + goodRequest)); first == nil || again != first {
		t.Errorf("Scan = %v, then %v", first, again)
	}
}

func TestHeadScannerPanicsOnItsOwnMistake(t *testing.T) {
	defer func() {
		if s, _ := recover().(string); !strings.HasPrefix(s, "websocket: internal error") {
			t.Errorf("panic is %q", s)
		}
	}()
	(&HeadScanner{state: atLastLF + 1}).Scan([]byte("x"))
}

func TestErrorText(t *testing.T) {
	long := strings.Repeat("\x1b", 1000)
	_, _, err := ParseRequest([]byte("GET /" + strings.Repeat("%", 1000) + " HTTP/1.1\r\n"))
	if err == nil || len(err.Error()) > 300 || !strings.HasPrefix(err.Error(), "websocket: malformed") {
		t.Errorf("error is %v", err)
	}
	err = CheckOrigin([]string{long}, "http", "h", nil)
	if err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 4*maxQuoted+200 {
		t.Errorf("error is %v", err)
	}
	want := `websocket: method is "POST", want GET (RFC 6455, section 4.2.1)`
	err = (&Request{Method: "POST"}).Check()
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
