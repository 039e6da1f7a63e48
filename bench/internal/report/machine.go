package report

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// A Machine is where and with what a benchmark ran.
type Machine struct {
	Date    string            // UTC
	CPU     string            // its name, if the system tells
	Cores   int               // that the program may use
	System  string            // linux/amd64
	Go      string            // go1.26.8
	Modules map[string]string // versions of what was linked
}

// ThisMachine looks around.
func ThisMachine() Machine {
	m := Machine{
		Date:    time.Now().UTC().Format("2006-01-02 15:04"),
		CPU:     cpuName(),
		Cores:   runtime.NumCPU(),
		System:  runtime.GOOS + "/" + runtime.GOARCH,
		Go:      runtime.Version(),
		Modules: map[string]string{},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			m.Modules[dep.Path] = dep.Version
		}
	}
	return m
}

// String is one line of it.
func (m Machine) String() string {
	return fmt.Sprintf("%s UTC, %d cores of %s, %s, %s", m.Date, m.Cores, m.CPU, m.System, m.Go)
}

func cpuName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
