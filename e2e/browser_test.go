package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidewire/websocket"
)

// TestBrowserTalksToEcho is the newcomer's first minute: the example runs, its page
// is opened in a browser, what is typed comes back, and an interrupt ends it all.
func TestBrowserTalksToEcho(t *testing.T) {
	d := startChromium(t)
	defer d.close()
	url, interrupt := startEcho(t)

	d.open(url)
	d.when(`!document.querySelector("#text").disabled`, `true`)
	for i, text := range []string{"hello", "Grüße, 世界 🌊"} {
		d.enter(text)
		echoes := `document.querySelectorAll("#log .echo")`
		got := d.when(fmt.Sprintf(`%s.length > %d`, echoes, i), `[...`+echoes+`].pop().textContent`)
		if got != text {
			t.Errorf("echo in the page: got %q, want %q", got, text)
		}
	}

	if err := interrupt(); err != nil {
		t.Errorf("the example after an interrupt: %v", err)
	}
	if got := d.lastNote("closed"); !strings.HasPrefix(got, "closed with 1001") {
		t.Errorf("last line of the page: got %q, want closed with 1001", got)
	}
}

func TestBrowserCloses(t *testing.T) {
	d := startChromium(t)
	defer d.close()
	url, _ := startEcho(t)

	d.open(url)
	d.when(`!document.querySelector("#close").disabled`, `document.querySelector("#close").click()`)
	if got := d.lastNote("closed"); !strings.HasPrefix(got, "closed with 1000") {
		t.Errorf("last line of the page: got %q, want closed with 1000", got)
	}
}

// lastNote waits until the last note in the page's log begins with prefix.
func (d *devTools) lastNote(prefix string) string {
	d.t.Helper()
	notes := `[...document.querySelectorAll("#log .note")]`
	got, _ := d.when(fmt.Sprintf(`%s.pop()?.textContent.startsWith(%q)`, notes, prefix), notes+`.pop().textContent`).(string)
	return got
}

// startEcho builds and runs examples/echo. interrupt sends it what Ctrl-C would
// and waits for its end.
func startEcho(t *testing.T) (url string, interrupt func() error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "echo")
	build := exec.Command("go", "build", "-o", program, "github.com/tidewire/websocket/examples/echo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the example: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-addr", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() }) // t.Context has ended: it is killed, if it still runs
	return lineAfter(t, out, "open "), func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return cmd.Wait()
	}
}

// TestBrowserCompresses opens a page whose script sends messages of many sizes and
// compares what comes back. A Chromium always offers permessage-deflate with
// client_max_window_bits.
func TestBrowserCompresses(t *testing.T) {
	d := startChromium(t)
	defer d.close()
	for _, tt := range []struct {
		name        string
		compression websocket.Compression
		agreed      string
	}{
		{"each message by itself", websocket.Compression{},
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"takeover with the largest windows", websocket.Compression{Takeover: true, WindowBits: 15, PeerWindowBits: 15},
			"permessage-deflate"},
		{"takeover as it is by default", websocket.Compression{Takeover: true, Threshold: -1},
			"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"},
		{"small windows", websocket.Compression{Takeover: true, Threshold: -1, WindowBits: 8, PeerWindowBits: 9},
			"permessage-deflate; server_max_window_bits=8; client_max_window_bits=9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ended := make(chan *websocket.Conn, 1)
			url := serveEchoPage(t, &tt.compression, ended)
			d.open(url)
			if got := d.when(`document.title !== ""`, `document.title`); got != "all came back" {
				t.Errorf("the page says %q", got)
			}
			c := <-ended
			if c.Extensions() != tt.agreed {
				t.Errorf("agreed on: got %q, want %q", c.Extensions(), tt.agreed)
			}
			if s := c.Stats(); s.WireIn > s.BytesIn*8/10 || s.WireOut > s.BytesOut*8/10 {
				t.Errorf("%d bytes came as %d, %d went as %d: got no less than eight tenths", s.BytesIn, s.WireIn, s.BytesOut, s.WireOut)
			}
		})
	}
}

// TestDevToolsCompress looks at the other role: Chromium is the server of its DevTools.
func TestDevToolsCompress(t *testing.T) {
	d := startChromium(t)
	defer d.close()
	d.call("Browser.getVersion", nil)
	d.call("Target.getTargets", nil)
	if got := d.conn.Extensions(); !strings.HasPrefix(got, "permessage-deflate") {
		t.Errorf("agreed on: got %q, want permessage-deflate", got)
	}
	if s := d.conn.Stats(); s.WireIn >= s.BytesIn {
		t.Errorf("%d bytes came as %d on the wire", s.BytesIn, s.WireIn)
	}
}

// echoPage sends every message when the one before has come back, closes, and says in
// its title how it went.
const echoPage = `<!DOCTYPE html><script>
	const sizes = [0, 1, 2, 125, 126, 511, 512, 1000, 4095, 4096, 16384, 32768, 65535, 65536, 100000, 1000000];
	const records = n => {
		let s = "";
		for (let i = 0; s.length < n; i++) s += JSON.stringify({id: i * 7919 % 65536, name: "user " + i % 100, tags: ["alpha", "beta"]});
		return s.slice(0, n);
	};
	const noise = n => {
		const b = new Uint8Array(n);
		for (let i = 0; i < n; i += 65536) crypto.getRandomValues(b.subarray(i, i + 65536));
		return b.buffer;
	};
	const messages = sizes.flatMap(n => [records(n), noise(n / 4), "世界 🌊".repeat(n / 8), records(n)]);

	const equal = (a, b) => {
		if (typeof a === "string") return a === b;
		const x = new Uint8Array(a), y = new Uint8Array(b);
		return b instanceof ArrayBuffer && x.length === y.length && x.every((v, i) => v === y[i]);
	};
	const socket = new WebSocket(location.href.replace("http", "ws") + "echo");
	socket.binaryType = "arraybuffer";
	let next = 0;
	let verdict = "all came back";
	const send = () => next < messages.length ? socket.send(messages[next]) : socket.close(1000);
	socket.onopen = send;
	socket.onmessage = event => {
		if (!equal(messages[next], event.data)) {
			verdict = "message " + next + " came back as another";
			socket.close(1000);
			return;
		}
		next++;
		send();
	};
	socket.onclose = event => document.title = event.code === 1000 ? verdict : "closed with " + event.code + " after message " + next;
</script>`

// serveEchoPage serves the page and its echo. ended gets the connection at its end.
func serveEchoPage(t *testing.T, k *websocket.Compression, ended chan<- *websocket.Conn) (url string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, echoPage)
	})
	mux.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn, _ *http.Request) error {
		defer func() { ended <- c }()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.ServerOptions{Conn: &websocket.Options{Compression: k, ReadLimit: 4 << 20}}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL + "/"
}
