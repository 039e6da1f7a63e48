package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// installed is where the peers' packages go: git ignores it.
const installed = "../build/e2e"

// lack skips a test for what the machine has not got; CI must have it all.
func lack(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// nodePackages and pythonPackages install once and return the folder.
var (
	nodePackages = sync.OnceValues(func() (string, error) {
		return install("node", []string{"package.json", "package-lock.json"}, func(dir string) *exec.Cmd {
			cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
			cmd.Dir = dir
			return cmd
		})
	})
	pythonPackages = sync.OnceValues(func() (string, error) {
		return install("python", []string{"requirements.txt"}, func(dir string) *exec.Cmd {
			return exec.Command("python3", "-m", "pip", "--disable-pip-version-check",
				"install", "-q", "--upgrade", "--target", dir, "-r", filepath.Join(dir, "requirements.txt"))
		})
	})
)

// install copies the manifests of peers/NAME to build/e2e/NAME and runs command
// there, unless it has done so for the very same manifests before: then a file
// named done has their text.
func install(name string, manifests []string, command func(dir string) *exec.Cmd) (string, error) {
	dir, err := filepath.Abs(filepath.Join(installed, name))
	if err != nil {
		return "", err
	}
	var all []byte
	for _, m := range manifests {
		b, err := os.ReadFile(filepath.Join("peers", name, m))
		if err != nil {
			return "", err
		}
		all = append(all, b...)
	}
	done := filepath.Join(dir, "done")
	if b, err := os.ReadFile(done); err == nil && bytes.Equal(b, all) {
		return dir, nil
	}
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755),
		os.CopyFS(dir, os.DirFS(filepath.Join("peers", name))))
	if err != nil {
		return "", err
	}
	if out, err := command(dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing the packages of the %s peer: %w\n%s", name, err, out)
	}
	return dir, os.WriteFile(done, all, 0o644)
}
