package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
