package fuzz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var listed = regexp.MustCompile(`(?m)^//\t(\./\S*) +(Fuzz\w+) +\S`)

// The list in doc.go is the list of the fuzz targets of this module, and each of
// them says in its first comment what it holds to be true.
func TestListIsTrue(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range listed.FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	want := targets(t, "..")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("doc.go lists\n\t%s\nthe module has\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// targets returns the fuzz targets below root, "./folder FuzzX", sorted. Nested
// modules have lists of their own.
func targets(t *testing.T, root string) []string {
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != root && (exists(filepath.Join(path, "go.mod")) || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
		case strings.HasSuffix(path, "_test.go"):
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			for _, name := range targetsOf(t, path) {
				found = append(found, "./"+filepath.ToSlash(folder)+" "+name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// targetsOf returns the fuzz targets of one file.
func targetsOf(t *testing.T, path string) (names []string) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
			continue
		}
		names = append(names, fn.Name.Name)
		if fn.Doc == nil {
			t.Errorf("%s: %s does not say what it holds to be true", path, fn.Name.Name)
		}
	}
	return names
}
