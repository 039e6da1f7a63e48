package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goTool runs the go command in the module root and returns its lines.
func goTool(t *testing.T, env []string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return strings.Fields(string(out))
}

// Whoever links conn does not link net/http, on no system.
func TestConnDoesNotDependOnHTTP(t *testing.T) {
	for _, system := range []string{"linux/amd64", "windows/amd64", "darwin/arm64", "freebsd/amd64", "plan9/386", "js/wasm"} {
		goos, goarch, _ := strings.Cut(system, "/")
		env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"}
		deps := goTool(t, env, "list", "-deps", "./conn")
		if !slices.Contains(deps, module+"/frame") {
			t.Errorf("%s: conn does not depend on frame: is this its list, of %d packages?", system, len(deps))
		}
		if slices.Contains(deps, "net/http") {
			t.Errorf("%s: conn depends on net/http", system)
		}
	}
}

func TestRootModuleStandsAlone(t *testing.T) {
	if got := goTool(t, []string{"GOWORK=off"}, "list", "-m", "all"); !slices.Equal(got, []string{module}) {
		t.Errorf("go list -m all: got %q, want %s alone", got, module)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if err := judgeRootModule(string(text)); err != nil {
		t.Errorf("go.mod: %v", err)
	}
}

// Modules of their own use this checkout of the library, and no go.work hides
// what they ask for.
func TestNestedModulesUseThisCheckout(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped(d.Name()):
			return fs.SkipDir
		case d.Name() == "go.work":
			t.Errorf("%s: there must be none", path)
		case d.Name() == "go.mod" && filepath.Dir(path) != root:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			up, err := filepath.Rel(filepath.Dir(path), root)
			if err != nil {
				return err
			}
			if err := judgeNestedModule(string(text), filepath.ToSlash(up)+"/"); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func judgeRootModule(text string) error {
	for line := range strings.Lines(text) {
		switch f := strings.Fields(line); {
		case len(f) == 0:
		case slices.Contains([]string{"require", "replace", "exclude", "tool", "require(", "replace(", "tool("}, f[0]):
			return fmt.Errorf("it has the line %q", strings.TrimSpace(line))
		}
	}
	return nil
}

func judgeNestedModule(text, up string) error {
	want := []string{"replace", module, "=>", up}
	for line := range strings.Lines(text) {
		if slices.Equal(strings.Fields(line), want) {
			return nil
		}
	}
	return fmt.Errorf("it lacks the line %q", strings.Join(want, " "))
}

func TestJudgeModules(t *testing.T) {
	const head = "module " + module + "\n\ngo 1.25.0\n"
	if err := judgeRootModule(head); err != nil {
		t.Errorf("a root without dependencies: %v", err)
	}
	for _, more := range []string{"require golang.org/x/net v0.1.0\n", "require (\n)\n", "\treplace a => b\n", "require(\n)\n"} {
		if judgeRootModule(head+more) == nil {
			t.Errorf("a root with %q is accepted", more)
		}
	}
	const line = "replace " + module + " => ../\n"
	if err := judgeNestedModule("module x\n\n"+line, "../"); err != nil {
		t.Errorf("a nested module: %v", err)
	}
	for _, text := range []string{"module x\n", "module x\n// " + line, "module x\n" + strings.Replace(line, "../", "../../", 1)} {
		if judgeNestedModule(text, "../") == nil {
			t.Errorf("a nested module %q is accepted", text)
		}
	}
}
