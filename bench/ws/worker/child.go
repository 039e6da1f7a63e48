//go:build linux

package worker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// Methods are what a child can be asked.
type Methods map[string]func(arg json.RawMessage) (any, error)

// Method makes one of a function with an argument.
func Method[A, R any](f func(A) (R, error)) func(json.RawMessage) (any, error) {
	return func(p json.RawMessage) (any, error) {
		var arg A
		if err := json.Unmarshal(p, &arg); err != nil {
			return nil, err
		}
		return f(arg)
	}
}

// Main is the first thing that a program calls which starts children. In a child it
// plays the role and does not return.
func Main(roles map[string]func() Methods) {
	if len(os.Args) != 4 || os.Args[1] != marker {
		return
	}
	cpu, err := strconv.Atoi(os.Args[3])
	role := roles[os.Args[2]]
	if err != nil || role == nil {
		fmt.Fprintln(os.Stderr, "worker: wrong arguments")
		os.Exit(2)
	}
	if cpu >= 0 {
		if err := pin(cpu); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(2)
		}
	}
	serve(role())
	os.Exit(0)
}

// serve answers until the pipe ends.
func serve(methods Methods) {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if out.Encode(methods.answer(line)) != nil {
			return
		}
	}
}

func (m Methods) answer(line []byte) (a answer) {
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{Error: err.Error()}
	}
	method := m[q.Method]
	if method == nil {
		return answer{Error: fmt.Sprintf("no method %q", q.Method)}
	}
	result, err := method(q.Arg)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if a.Result, err = json.Marshal(result); err != nil {
		a.Error = err.Error()
	}
	return a
}
