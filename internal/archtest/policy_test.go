package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidewire/websocket"

// policy says what the non-test files of a folder may import.
type policy struct {
	std    []string // packages of the standard library...
	anyStd bool     // ...or all of them
	not    []string // but these and what is below them
	own    []string // folders of this module...
	anyOwn bool     // ...or all of them
}

// base is what every floor may use: no clock, no lock, no I/O.
var base = []string{
	"errors", "fmt", "strconv", "strings", "slices", "bytes",
	"encoding/binary", "math", "math/bits", "unicode/utf8",
}

var noHTTP = []string{"net/http"}

// policies has a row for each folder. A name that ends in "/..." stands for the
// folder and everything in it. "." is the module root.
var policies = map[string]policy{
	// floor 0
	"internal/cpu": {std: base},
	"frame":        {std: base, own: []string{"internal/cpu"}},
	"handshake":    {std: with(base, "encoding/base64", "path", "net/url")},

	// floor 1
	"internal/protocol": {std: base, own: []string{"frame"}},
	"deflate":           {std: with(base, "io", "sync"), own: []string{"internal/cpu", "handshake"}},

	// floor 2
	"conn": {anyStd: true, not: noHTTP, own: []string{"frame", "internal/protocol", "deflate"}},

	// floor 3: HTTP in, HTTP out; these do not know frames
	"server": {anyStd: true, own: []string{"conn", "deflate", "handshake"}},
	"client": {anyStd: true, own: []string{"conn", "deflate", "handshake"}},

	// layers and the front door
	"hub": {anyStd: true, not: noHTTP, own: []string{"conn"}},
	".":   {anyStd: true, own: []string{"conn", "server", "client"}},

	// tools for tests; the scripted peer of conntest speaks in frames
	"internal/wiretest":  {anyStd: true, not: noHTTP},
	"internal/alone":     {anyStd: true, not: noHTTP},
	"internal/archtest":  {},
	"internal/checklist": {},
	"conntest":           {anyStd: true, own: []string{"conn", "server", "client", "internal/wiretest", "frame", "handshake"}},

	// programs
	"cmd/...":      {anyStd: true, anyOwn: true},
	"examples/...": {anyStd: true, anyOwn: true},
	"autobahn/...": {anyStd: true, anyOwn: true},
	"fuzz/...":     {anyStd: true, anyOwn: true},
}

func with(list []string, more ...string) []string { return append(slices.Clip(list), more...) }

// judge returns an error unless the folder may import the path. Whether unsafe
// may be used is for unsafe_test.go to say.
func judge(folder, path string) error {
	p, ok := policyOf(folder)
	own, isOwn := ownFolder(path)
	switch {
	case !ok:
		return fmt.Errorf("%s has no row in the policy table", folder)
	case path == "unsafe":
		return nil
	case isOwn && (p.anyOwn || slices.Contains(p.own, own)):
		return nil
	case isOwn:
		return fmt.Errorf("%s must not import %s", folder, path)
	case !isStd(path):
		return fmt.Errorf("%s imports %s: the module has no dependencies", folder, path)
	case slices.ContainsFunc(p.not, func(not string) bool { return path == not || strings.HasPrefix(path, not+"/") }):
		return fmt.Errorf("%s must not import %s", folder, path)
	case !p.anyStd && !slices.Contains(p.std, path):
		return fmt.Errorf("%s must not import %s", folder, path)
	}
	return nil
}

// policyOf finds the row of the folder or of the nearest "/..." above it.
func policyOf(folder string) (policy, bool) {
	if p, ok := policies[folder]; ok {
		return p, true
	}
	for dir := folder; dir != ""; {
		if p, ok := policies[dir+"/..."]; ok {
			return p, true
		}
		dir = dir[:max(0, strings.LastIndexByte(dir, '/'))]
	}
	return policy{}, false
}

// ownFolder returns the folder of a package of this module.
func ownFolder(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// isStd reports whether the path is of the standard library: its first part is
// no host name. The import "C" is cgo, and no part of it.
func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && path != "C"
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		folder, path string
		ok           bool
	}{
		{"frame", "encoding/binary", true},
		{"frame", module + "/internal/cpu", true},
		{"frame", "io", false},
		{"frame", "net", false},
		{"frame", "sync", false},
		{"frame", "sync/atomic", false},
		{"frame", "time", false},
		{"frame", "context", false},
		{"frame", module + "/deflate", false},
		{"deflate", module + "/frame", false},
		{"deflate", module + "/handshake", true},
		{"internal/protocol", module + "/frame", true},
		{"internal/protocol", "time", false},
		{"handshake", "net/url", true},
		{"handshake", "crypto/sha1", false},
		{"conn", "net", true},
		{"conn", "net/http", false},
		{"conn", "net/http/httptrace", false},
		{"conn", module + "/handshake", false},
		{"conn", module, false},
		{"server", module + "/frame", false},
		{"server", "net/http", true},
		{"client", "crypto/tls", true},
		{"client", module + "/internal/protocol", false},
		{"client", module + "/server", false},
		{".", module + "/conn", true},
		{".", module + "/frame", false},
		{"hub", module + "/conn", true},
		{"hub", module + "/server", false},
		{"conn", module + "/internal/wiretest", false},
		{"examples", module, true},
		{"examples/echo", module, true},
		{"cmd/ws", module + "/conn", true},
		{"examplesque", module, false},
		{"brand/new", "errors", false},
		{"server", "golang.org/x/net/proxy", false},
		{"examples/echo", "golang.org/x/net/proxy", false},
		{"conn", "C", false},
		{"conn", module + "extra", false},
	} {
		if err := judge(tt.folder, tt.path); (err == nil) != tt.ok {
			t.Errorf("judge(%q, %q) = %v, want it allowed: %v", tt.folder, tt.path, err, tt.ok)
		}
	}
}
