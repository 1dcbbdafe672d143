//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
)

// soon is a context for what must not hang.
var soon = proctest.Soon

var (
	testExit = Register("test.exit", func(_ context.Context, code int) (int, error) { os.Exit(code); return 0, nil })
	testHang = Register("test.hang", func(context.Context, int) (int, error) { time.Sleep(time.Hour); return 0, nil })
	testFail = Register("test.fail", func(_ context.Context, s string) (int, error) { return 0, errors.New(s) })
	testSay  = Register("test.say", func(_ context.Context, s string) (int, error) {
		fmt.Print(s)
		fmt.Fprintf(os.Stderr, "%s|%d|%v", CurrentProcess().Name(), os.Getppid(), CurrentProcess().Daemon())
		return 0, nil
	})
)

func TestProcess(t *testing.T) {
	var out, errs bytes.Buffer
	p := NewProcess(testSay, "hello", ProcessConfig{Name: "speaker", Stdout: &out, Stderr: &errs, Daemon: true})
	if _, ok := p.ExitCode(); ok || p.IsAlive() || p.PID() != 0 {
		t.Fatal("has a past before it started")
	}
	if err := p.Join(soon(t)); !errors.Is(err, ErrNotStarted) {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); !errors.Is(err, ErrStarted) {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, ok := p.ExitCode(); code != 0 || !ok || p.IsAlive() {
		t.Fatal(code, ok)
	}
	if out.String() != "hello" || errs.String() != fmt.Sprintf("speaker|%d|true", os.Getpid()) {
		t.Fatalf("%q %q", out.String(), errs.String())
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestProcessExitCodes(t *testing.T) {
	var errs bytes.Buffer
	for _, c := range []struct {
		p    *Process
		do   func(*Process) error
		code int
	}{
		{p: NewProcess(testExit, 7, ProcessConfig{}), code: 7},
		{p: NewProcess(testFail, "no", ProcessConfig{Stderr: &errs}), code: 1},
		{p: NewProcess(testHang, 0, ProcessConfig{}), do: (*Process).Kill, code: -int(syscall.SIGKILL)},
		{p: NewProcess(testHang, 0, ProcessConfig{}), do: (*Process).Terminate, code: -int(syscall.SIGTERM)},
	} {
		if err := c.p.Start(); err != nil {
			t.Fatal(err)
		}
		if c.do != nil {
			if !c.p.IsAlive() {
				t.Fatal("not alive")
			}
			if err := c.p.Close(); !errors.Is(err, ErrRunning) {
				t.Fatal(err)
			}
			if err := c.do(c.p); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if code, ok := c.p.ExitCode(); code != c.code || !ok {
			t.Errorf("%v: exit code %d %v, want %d", c.p, code, ok, c.code)
		}
	}
	if want := "no\n"; !bytes.HasSuffix(errs.Bytes(), []byte(want)) {
		t.Errorf("%q", errs.String())
	}
}
