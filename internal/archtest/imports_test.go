package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module root, seen from this folder, where go test runs us.
var root = filepath.Join("..", "..")

// skipped are folders that hold no source of ours, or none that go builds.
func skipped(name string) bool {
	switch name {
	case "build", "node_modules", "testdata":
		return true
	}
	return name != "." && name != ".." && (name[0] == '.' || name[0] == '_')
}

// sources returns the Go files below dir that are not tests, whatever their
// build tags; nested modules only if asked for. Names use slashes and are
// relative to dir.
func sources(t *testing.T, dir string, nested bool) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && name != "." && (skipped(d.Name()) || !nested && exists(filepath.Join(path, "go.mod"))):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// imports returns the import paths of a file.
func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func folderOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return "."
}

func TestImportsGoDownOnly(t *testing.T) {
	names := sources(t, root, false)
	if !slices.Contains(names, "frame/header.go") || !slices.Contains(names, "internal/archtest/doc.go") {
		t.Fatalf("the module was not found: %d files", len(names))
	}
	for _, name := range names {
		if _, ok := policyOf(folderOf(name)); !ok {
			t.Errorf("%s: its folder has no row in the policy table", name)
		}
		for _, path := range imports(t, filepath.Join(root, name)) {
			if err := judge(folderOf(name), path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The two pure floors, and what they use of this module, know no I/O, no lock
// and no clock, whatever the table has come to say.
func TestPureFloors(t *testing.T) {
	seen := map[string]bool{}
	todo := []string{"frame", "internal/protocol"}
	for len(todo) > 0 {
		folder := todo[0]
		todo = todo[1:]
		if seen[folder] {
			continue
		}
		seen[folder] = true
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no files (%v)", folder, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, path := range imports(t, file) {
				first, _, _ := strings.Cut(path, "/")
				switch first {
				case "io", "net", "sync", "time", "context", "os", "runtime":
					t.Errorf("%s imports %s", file, path)
				}
				if own, ok := ownFolder(path); ok {
					todo = append(todo, own)
				}
			}
		}
	}
}

// The reader of this test sees files of other systems, and not tests, nested
// modules and what is not ours.
func TestSourcesReadsEveryBuildTag(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/a.go":                "package a\n\nimport \"errors\"\n",
		"a/a_plan9.go":          "package a\n\nimport \"net/http\"\n",
		"a/tagged.go":           "//go:build never\n\npackage a\n\nimport (\n\t_ \"time\"\n\tx \"sync\"\n)\n",
		"a/a_test.go":           "package a\n",
		"a/testdata/x.go":       "package x\n",
		"build/x.go":            "package x\n",
		"e2e/node_modules/x.go": "package x\n",
		".ci/x.go":              "package x\n",
		"nested/go.mod":         "module nested\n",
		"nested/x.go":           "package x\n",
		"top.go":                "package top\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	want := []string{"a/a.go", "a/a_plan9.go", "a/tagged.go", "top.go"}
	if got := sources(t, dir, false); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want = []string{"a/a.go", "a/a_plan9.go", "a/tagged.go", "nested/x.go", "top.go"}
	if got := sources(t, dir, true); !slices.Equal(got, want) {
		t.Errorf("with nested modules: got %q, want %q", got, want)
	}
	if got := imports(t, filepath.Join(dir, "a/tagged.go")); !slices.Equal(got, []string{"time", "sync"}) {
		t.Errorf("imports of a tagged file: got %q", got)
	}
	if got := folderOf("top.go") + " " + folderOf("a/b/c.go"); got != ". a/b" {
		t.Errorf("folderOf: got %q", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
