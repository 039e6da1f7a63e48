//go:build linux

package worker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// marker is the first argument of a child, which no user types.
const marker = "worker-of-bench"

// A Place is where a child runs.
type Place struct {
	CPU   int // the only one it may use; -1: all
	Procs int // GOMAXPROCS
}

// A Worker is a child. One goroutine at a time may use it.
type Worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *os.File
	answer *bufio.Reader
	err    error // ends every call, once set
}

type question struct {
	Method string
	Arg    json.RawMessage
}

type answer struct {
	Error  string
	Result json.RawMessage
}

// Start starts a child that plays role. The thread that calls it must not end before
// the child: the kernel would end it then.
func Start(role string, p Place) (*Worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, marker, role, strconv.Itoa(p.CPU))
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(p.Procs))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	w := &Worker{cmd: cmd}
	if w.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out, w.answer = out.(*os.File), bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// PID is the child's process.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// Call asks the child and waits for its answer, at most for the time given. What is
// wrong with the pipe, or takes longer, ends the child.
func (w *Worker) Call(method string, arg, result any, limit time.Duration) error {
	if w.err != nil {
		return w.err
	}
	if err := w.call(method, arg, result, limit); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

func (w *Worker) call(method string, arg, result any, limit time.Duration) error {
	a, err := w.exchange(method, arg, limit)
	if err != nil {
		w.err = err
		w.Stop()
		return err
	}
	if a.Error != "" {
		return fmt.Errorf("%s", a.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Result, result)
}

func (w *Worker) exchange(method string, arg any, limit time.Duration) (*answer, error) {
	p, err := json.Marshal(arg)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(question{Method: method, Arg: p})
	if err != nil {
		return nil, err
	}
	if err := w.out.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	line, err = w.answer.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the child has ended or does not answer: %w", err)
	}
	a := new(answer)
	return a, json.Unmarshal(line, a)
}

// Kill ends the child while a Call may be waiting for it, which then fails.
func (w *Worker) Kill() { w.cmd.Process.Kill() }

// Stop ends the child and waits for its end. It may be called again.
func (w *Worker) Stop() {
	w.in.Close()
	w.Kill()
	w.cmd.Wait() // the second time it says only that
}
