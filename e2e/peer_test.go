package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidewire/websocket"
)

// patience bounds every single wait for a peer.
const patience = 20 * time.Second

// setup is how a peer starts. It reads it from its first argument.
type setup struct {
	Role         string   `json:"role"` // client or server
	URL          string   `json:"url"`
	Origin       string   `json:"origin"`
	Subprotocols []string `json:"subprotocols"`
	Refuse       int      `json:"refuse"` // a server answers handshakes with this status
	Deflate      *deflate `json:"deflate"`
}

// deflate is how a peer compresses, if it is to. 0 bits leave the matter to us.
type deflate struct {
	ServerNoContextTakeover bool `json:"server_no_context_takeover"`
	ClientNoContextTakeover bool `json:"client_no_context_takeover"`
	ServerMaxWindowBits     int  `json:"server_max_window_bits"`
	ClientMaxWindowBits     int  `json:"client_max_window_bits"`
}

// command is what a peer is told to do, a line each on its standard input.
type command struct {
	Do     string              `json:"do"`    // send, ping or close
	Type   string              `json:"type"`  // of a message: text or binary
	Parts  [][]byte            `json:"parts"` // of a message: its fragments
	Code   websocket.CloseCode `json:"code"`  // 1005: an empty Close
	Reason string              `json:"reason"`
}

// event is what a peer tells, a line each on its standard output.
type event struct {
	Event       string              `json:"event"` // listening, open, refused, message, pong or close
	Port        int                 `json:"port"`
	Subprotocol string              `json:"subprotocol"`
	Extensions  string              `json:"extensions"` // of the response
	Status      int                 `json:"status"`
	Type        string              `json:"type"`
	Data        []byte              `json:"data"`
	Code        websocket.CloseCode `json:"code"`
	Reason      string              `json:"reason"`
}

// peer is a running process of another implementation, with one connection.
type peer struct {
	t        *testing.T
	commands io.Writer
	events   chan event
	stderr   bytes.Buffer // to be read once events is closed
}

// language is an implementation: how its program is started.
type language struct {
	name    string
	program []string
	install func() (dir string, err error)
	pathVar string // environment variable that names the installed packages
	subdir  string // of the installed packages
}

var languages = []language{
	{"node", []string{"node", "peers/node/peer.js"}, nodePackages, "NODE_PATH", "node_modules"},
	{"python", []string{"python3", "peers/python/peer.py"}, pythonPackages, "PYTHONPATH", ""},
}

// start runs a peer until the test ends.
func (l language) start(t *testing.T, s setup) *peer {
	t.Helper()
	if _, err := exec.LookPath(l.program[0]); err != nil {
		lack(t, err.Error())
	}
	dir, err := l.install()
	if err != nil {
		t.Fatal(err)
	}
	if s.Subprotocols == nil {
		s.Subprotocols = []string{}
	}
	arg, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}

	p := &peer{t: t, events: make(chan event, 1024)}
	cmd := exec.CommandContext(t.Context(), l.program[0], append(l.program[1:], string(arg))...)
	cmd.Env = append(os.Environ(), l.pathVar+"="+filepath.Join(dir, l.subdir))
	cmd.Stderr = &p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.commands = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(p.events)
		p.listen(out)
		cmd.Wait()
	}()
	t.Cleanup(func() { <-ended }) // t.Context has ended, so the process is killed
	return p
}

func (p *peer) listen(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			e = event{Event: fmt.Sprintf("no event: %q", line)}
		}
		p.events <- e
	}
}

func (p *peer) tell(c command) {
	p.t.Helper()
	line, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.commands.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("telling the peer to %s: %v", c.Do, err)
	}
}

// expect returns the next event, which must be of this kind.
func (p *peer) expect(kind string) event {
	p.t.Helper()
	select {
	case e, ok := <-p.events:
		if !ok {
			p.t.Fatalf("the peer ended, want %s from it; it said:\n%s", kind, &p.stderr)
		}
		if e.Event != kind {
			p.t.Fatalf("peer: got %+v, want %s", e, kind)
		}
		return e
	case <-time.After(patience):
		p.t.Fatalf("peer: got nothing for %v, want %s", patience, kind)
	}
	panic("unreachable")
}

// side is one way to be connected: the peer's language and role, and whether we and
// it compress.
type side struct {
	language    language
	peerRole    string
	compression *websocket.Compression
	deflate     *deflate
}

// everySide runs a scenario against every language in both roles.
func everySide(t *testing.T, scenario func(t *testing.T, s side)) {
	for _, l := range languages {
		for _, role := range []string{"client", "server"} {
			t.Run(l.name+" "+role, func(t *testing.T) { scenario(t, side{language: l, peerRole: role}) })
		}
	}
}

// connect opens a connection between us and a new peer, which has told of it.
func (s side) connect(t *testing.T, subprotocols ...string) (*websocket.Conn, *peer, event) {
	t.Helper()
	if s.peerRole == "client" {
		return s.accept(t, subprotocols)
	}
	p := s.language.start(t, setup{Role: "server", Subprotocols: subprotocols, Deflate: s.deflate})
	url := fmt.Sprintf("ws://127.0.0.1:%d/", p.expect("listening").Port)
	c, err := websocket.Dial(t.Context(), url, &websocket.ClientOptions{Subprotocols: subprotocols, Conn: s.options()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, p, p.expect("open")
}

// accept has the peer connect to a server of ours.
func (s side) accept(t *testing.T, subprotocols []string) (*websocket.Conn, *peer, event) {
	t.Helper()
	conns := make(chan *websocket.Conn, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, &websocket.ServerOptions{Subprotocols: subprotocols, Conn: s.options()})
		if err != nil {
			t.Errorf("Upgrade: %v", err)
			return
		}
		conns <- c
	})
	p := s.language.start(t, setup{Role: "client", URL: url, Subprotocols: subprotocols, Deflate: s.deflate})
	open := p.expect("open")
	c := <-conns
	t.Cleanup(func() { c.CloseNow() })
	return c, p, open
}

func (s side) options() *websocket.Options { return &websocket.Options{Compression: s.compression} }

// serve runs a server until the test ends and returns its ws URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "http", "ws", 1) + "/"
}
