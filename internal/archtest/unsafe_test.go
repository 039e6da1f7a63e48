package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unsafeAllowed has the files that may import unsafe or use //go:linkname, each
// with its reason. There is none.
var unsafeAllowed = map[string]string{
	"bench/ws/worker/calls.go": "ptrace takes pointers, and syscall has no function for what counts system calls",
	"conn/sys_linux.go":        "system calls that syscall has no function for, or only one that gives the processor away",
}

func TestNothingIsUnsafe(t *testing.T) {
	used := map[string]bool{}
	for _, name := range sources(t, root, true) {
		what := unsafeUse(t, filepath.Join(root, name), nil)
		if what == "" {
			continue
		}
		used[name] = true
		if unsafeAllowed[name] == "" {
			t.Errorf("%s uses %s and has no reason in the list", name, what)
		}
	}
	for name := range unsafeAllowed {
		if !used[name] {
			t.Errorf("%s is in the list and needs it no more", name)
		}
	}
}

// unsafeUse says which of the two a file uses, or "". The text of the file is
// src, if that is not nil.
func unsafeUse(t *testing.T, file string, src any) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return strings.Trim(s.Path.Value, "\"`") == "unsafe" }) {
		return "unsafe"
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				return "//go:linkname"
			}
		}
	}
	return ""
}

func TestUnsafeUse(t *testing.T) {
	for src, want := range map[string]string{
		"package x\n\nimport \"unsafe\"\n\nvar _ unsafe.Pointer\n": "unsafe",
		"package x\n\nimport _ \"unsafe\"\n":                       "unsafe",
		"package x\n\nimport u `unsafe`\n\nvar _ u.Pointer\n":      "unsafe",
		"package x\n\n//go:linkname now time.now\nfunc now()\n":    "//go:linkname",
		"package x\n\n// unsafe, go:linkname\nfunc now() {}\n":     "",
		"package x\n\nconst s = `//go:linkname a b`\n":             "",
	} {
		if got := unsafeUse(t, "x.go", src); got != want {
			t.Errorf("got %q, want %q; source %q", got, want, src)
		}
	}
}
