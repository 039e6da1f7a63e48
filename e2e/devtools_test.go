package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidewire/websocket"
)

// devTools is a client of Chromium's DevTools, which speak JSON over WebSocket:
// a request has an id and its answer the same one; what has no id is an event.
type devTools struct {
	t       *testing.T
	conn    *websocket.Conn
	session string // of the page, once there is one
	lastID  int
}

type request struct {
	ID        int            `json:"id"`
	SessionID string         `json:"sessionId,omitempty"`
	Method    string         `json:"method"`
	Params    map[string]any `json:"params"`
}

type reply struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// startChromium runs a headless Chromium until the test ends and connects to it.
// The flags keep it from reaching for the network; none of them is about
// WebSocket.
func startChromium(t *testing.T) *devTools {
	t.Helper()
	program := findChromium(t)
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir, which fails the test if a dying child still writes there.
	t.Cleanup(func() { os.RemoveAll(profile) })
	cmd := exec.CommandContext(t.Context(), program,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+profile, "--remote-debugging-port=0", "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() }) // t.Context has ended, so the process is killed

	url := lineAfter(t, stderr, "DevTools listening on ")
	go io.Copy(io.Discard, stderr)
	c, err := websocket.Dial(bounded(t), url, &websocket.ClientOptions{Conn: &websocket.Options{
		ReadLimit:   16 << 20,
		Compression: &websocket.Compression{Takeover: true, Threshold: -1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &devTools{t: t, conn: c}
}

// close asks Chromium to end by itself, so that its own children end as well.
func (d *devTools) close() {
	d.session = ""
	d.call("Browser.close", nil)
	d.conn.CloseNow()
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lack(t, "no Chromium on this machine")
	return ""
}

// lineAfter reads until a line begins with prefix and returns the rest of it.
func lineAfter(t *testing.T, r io.Reader, prefix string) string {
	t.Helper()
	var seen strings.Builder
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if rest, ok := strings.CutPrefix(line, prefix); ok && err == nil {
			return strings.TrimSpace(rest)
		}
		seen.WriteString(line)
		if err != nil {
			t.Fatalf("no line began with %q: %v; there was:\n%s", prefix, err, &seen)
		}
	}
}

// open makes a page, goes to url and waits until it has loaded.
func (d *devTools) open(url string) {
	d.t.Helper()
	target := d.call("Target.createTarget", map[string]any{"url": "about:blank"})
	attached := d.call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})
	d.session = attached["sessionId"].(string)
	d.call("Page.enable", nil)
	d.call("Page.navigate", map[string]any{"url": url})
	d.wait(func(r reply) bool { return r.Method == "Page.loadEventFired" })
}

// when waits until a JavaScript condition holds in the page, and returns the value
// of an expression.
func (d *devTools) when(condition, expression string) any {
	d.t.Helper()
	const script = `new Promise(resolve => {
		const look = () => { if (%s) resolve(%s); };
		new MutationObserver(look).observe(document,
			{ subtree: true, childList: true, attributes: true, characterData: true });
		look();
	})`
	got := d.call("Runtime.evaluate", map[string]any{
		"expression":   fmt.Sprintf(script, condition, expression),
		"awaitPromise": true, "returnByValue": true,
	})
	if got["exceptionDetails"] != nil {
		d.t.Fatalf("the page threw: %v", got["exceptionDetails"])
	}
	return got["result"].(map[string]any)["value"]
}

// enter types into whatever has the focus and presses Enter.
func (d *devTools) enter(text string) {
	d.t.Helper()
	d.call("Input.insertText", map[string]any{"text": text})
	for _, kind := range []string{"keyDown", "keyUp"} {
		d.call("Input.dispatchKeyEvent", map[string]any{
			"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r",
		})
	}
}

// call sends a request and returns the result of its answer.
func (d *devTools) call(method string, params map[string]any) map[string]any {
	d.t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	d.lastID++
	id := d.lastID
	err := websocket.WriteJSON(bounded(d.t), d.conn, request{ID: id, SessionID: d.session, Method: method, Params: params})
	if err != nil {
		d.t.Fatalf("%s: %v", method, err)
	}
	answer := d.wait(func(r reply) bool { return r.ID == id })
	if answer.Error != nil {
		d.t.Fatalf("%s: %s", method, answer.Error)
	}
	var result map[string]any
	if err := json.Unmarshal(answer.Result, &result); err != nil {
		d.t.Fatalf("%s: %v", method, err)
	}
	return result
}

// wait reads messages until one is wanted.
func (d *devTools) wait(wanted func(reply) bool) reply {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	for {
		r, err := websocket.ReadJSON[reply](ctx, d.conn)
		if err != nil {
			d.t.Fatalf("DevTools: %v", err)
		}
		if wanted(r) {
			return r
		}
	}
}
