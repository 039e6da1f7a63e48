package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tidewire/websocket"
)

// Checklist: P7, P11, D8, D9

// TestNoDistanceBeyondTheWindow records what both of our ends send under every agreed
// window and has zlib inflate it with that window and no more. With half of it zlib
// has to fail: so it does look, and we do use the window.
func TestNoDistanceBeyondTheWindow(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		lack(t, err.Error())
	}
	for bits := 8; bits <= 15; bits++ {
		for _, takeover := range []bool{true, false} {
			for _, level := range []websocket.CompressionLevel{websocket.FastCompression, websocket.BetterCompression} {
				k := &websocket.Compression{Takeover: takeover, Threshold: -1, WindowBits: bits, PeerWindowBits: bits, Level: level}
				t.Run(fmt.Sprintf("%d bits, takeover %v, %v", bits, takeover, level), func(t *testing.T) {
					noDistanceBeyondTheWindow(t, k)
				})
			}
		}
	}
}

func noDistanceBeyondTheWindow(t *testing.T, k *websocket.Compression) {
	fromClient, fromServer, want := recordConversation(t, k, windowMessages(k.WindowBits))
	if k.WindowBits == 8 {
		want += "zlib has no smaller window\n"
	} else {
		want += "half of the window is too little\n"
	}
	if got := inflate(t, k, fromClient, fromServer); got != want+want {
		t.Errorf("client and server sent and should have sent:\n%s\n%s", got, want+want)
	}
}

// windowMessages repeat themselves at the ends of a window, within a message and from
// one to the next.
func windowMessages(bits int) []message {
	all := []message{{"JSON", websocket.Text, [][]byte{records(3000)}}}
	for _, distance := range []int{-64, -1, 0, 1, 64} {
		once := randomLetters(1<<bits + distance)
		all = append(all,
			message{"once", websocket.Binary, [][]byte{once}},
			message{"twice", websocket.Text, [][]byte{once, once}})
	}
	// Smaller noise may be sent compressed, to bring it into the window.
	return append(all, message{"noise", websocket.Binary, [][]byte{noise(1000 + 1<<bits/8)}})
}

// randomLetters makes n bytes that compress, though nothing in them repeats for long.
func randomLetters(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(16))
	}
	return b
}

// inflate has zlib inflate what was recorded.
func inflate(t *testing.T, k *websocket.Compression, streams ...[]byte) (lines string) {
	memory := "fresh"
	if k.Takeover {
		memory = "takeover"
	}
	args := []string{"peers/python/inflate.py", strconv.Itoa(k.WindowBits), memory}
	for i, b := range streams {
		name := filepath.Join(t.TempDir(), strconv.Itoa(i))
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.CommandContext(t.Context(), "python3", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("inflate.py: %v\n%s", err, &stderr)
	}
	return string(out)
}

// recordConversation connects two of our ends, has each send all messages in all ways
// to the other, and returns what went over the wire and the lines that inflate.py
// should make of it.
func recordConversation(t *testing.T, k *websocket.Compression, all []message) (fromClient, fromServer []byte, want string) {
	opts := &websocket.Options{Compression: k}
	said := make(chan string, 1)
	url := serve(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn, _ *http.Request) error {
		for range len(all) * len(ways) {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		said <- sayAll(t, c, all)
		return c.Discard(ctx)
	}, &websocket.ServerOptions{Conn: opts}).ServeHTTP)
	proxy := record(t, strings.Trim(strings.TrimPrefix(url, "ws:"), "/"))

	c, err := websocket.Dial(bounded(t), "ws://"+proxy.addr+"/", &websocket.ClientOptions{Conn: opts})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	want = sayAll(t, c, all)
	for range len(all) * len(ways) {
		if _, _, err := c.Read(bounded(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CloseWith(bounded(t), websocket.CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
	if got := <-said; got != want {
		t.Errorf("the server sent %s, and the client %s", got, want)
	}
	proxy.ended.Wait()
	return proxy.fromClient.Bytes(), proxy.fromServer.Bytes(), want
}

// sayAll sends all messages in all ways.
func sayAll(t *testing.T, c *websocket.Conn, all []message) (lines string) {
	for _, m := range all {
		whole := bytes.Join(m.parts, nil)
		for _, way := range ways {
			if err := way.send(bounded(t), c, m); err != nil {
				t.Errorf("%s of %s: %v", way.name, m.name, err)
			}
			lines += fmt.Sprintf("%d %s %x\n", m.mtype, expectedForm(way.name, m.name), sha256.Sum256(whole))
		}
	}
	return lines
}

// expectedForm is how a message goes out: as it is where that was asked for, or where
// compression does not make it shorter.
func expectedForm(way, message string) string {
	if message == "noise" || way == "Write, uncompressed" {
		return "plain"
	}
	return "deflated"
}

// recorder is a proxy for one connection that keeps a copy of what goes through.
type recorder struct {
	addr                   string
	ended                  sync.WaitGroup
	fromClient, fromServer bytes.Buffer // to be read once all has ended
}

func record(t *testing.T, server string) *recorder {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	r := &recorder{addr: ln.Addr().String()}
	r.ended.Go(func() {
		in, err := ln.Accept()
		if err != nil {
			return // the test is over
		}
		defer in.Close()
		out, err := net.Dial("tcp", server)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		r.ended.Go(func() { pass(out, in, &r.fromClient) })
		pass(in, out, &r.fromServer)
	})
	return r
}

// pass copies until the end of from, and ends to with it.
func pass(to, from net.Conn, copied io.Writer) {
	io.Copy(to, io.TeeReader(from, copied))
	to.(*net.TCPConn).CloseWrite()
}
