//go:build linux

package child

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestExplainStart(t *testing.T) {
	for errno, text := range map[syscall.Errno]string{
		syscall.EAGAIN: "ulimit -u", syscall.ENOMEM: "memory.max", syscall.E2BIG: "ProcessConfig.Env", syscall.EMFILE: "ulimit -n", syscall.ENOENT: "",
	} {
		if err := explainStart(errno); !errors.Is(err, errno) || !strings.Contains(err.Error(), text) {
			t.Error(err)
		}
	}
}

// Where there are no pidfds, a thread waits for the end of a child, which is
// reaped all the same.
func TestReapWithoutPidfd(t *testing.T) {
	for script, want := range map[string]int{"exit 7": 7, "kill -9 $$": -9, "read line; exit 0": 0} {
		cmd := exec.Command("/bin/sh", "-c", script)
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		c := &Child{PID: cmd.Process.Pid, done: make(chan struct{})}
		go func() { c.reap(-1); close(c.done) }()
		if strings.HasPrefix(script, "read") {
			if !c.Alive() {
				t.Errorf("%s: has ended", script)
			}
			in.Write([]byte("\n"))
		}
		<-c.Done()
		if c.Alive() || c.ExitCode() != want {
			t.Errorf("%s: alive %v, exit code %d", script, c.Alive(), c.ExitCode())
		}
		if err := c.Signal(syscall.SIGKILL); err != os.ErrProcessDone {
			t.Errorf("%s: a signal to whoever has the id now: %v", script, err)
		}
		cmd.Process.Release()
		in.Close()
	}
}

// A program that waits for all its children takes the status of ours: they have
// ended nevertheless, and did not end well (cpython's _try_wait, which gives
// such a child 255).
func TestReapedBySomebodyElse(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	c := &Child{PID: cmd.Process.Pid, done: make(chan struct{})}
	c.reap(-1)
	if c.Alive() || c.ExitCode() != 255 {
		t.Errorf("alive %v, exit code %d", c.Alive(), c.ExitCode())
	}
	if err := c.Signal(syscall.SIGKILL); err != os.ErrProcessDone {
		t.Error(err)
	}
}
