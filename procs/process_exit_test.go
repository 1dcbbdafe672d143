//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wayOut says how a function ends its process.
type wayOut struct {
	How  string
	Code int
	Text string
}

var testWayOut = Register("test.wayout", func(_ context.Context, w wayOut) (int, error) {
	switch w.How {
	case "ExitCode":
		return 0, ExitCode(w.Code)
	case "wrapped ExitCode":
		return 0, fmt.Errorf("%s: %w", w.Text, ExitCode(w.Code))
	case "error":
		return 0, errors.New(w.Text)
	case "Exit":
		Exit(w.Code)
	case "os.Exit":
		os.Exit(w.Code)
	case "panic":
		panic(w.Text)
	}
	return w.Code, nil // which nobody looks at
})

func TestProcessExitCodes(t *testing.T) {
	for _, c := range []struct {
		way    wayOut
		code   int
		errors []string // are on standard error; none: nothing is
	}{
		{wayOut{How: "return"}, 0, nil},
		{wayOut{How: "return", Code: 8}, 0, nil},
		{wayOut{How: "error", Text: "ignore this"}, 1, []string{"procs: exits: ignore this\n"}},
		{wayOut{How: "ExitCode", Code: 0}, 0, nil},
		{wayOut{How: "ExitCode", Code: 1}, 1, nil},
		{wayOut{How: "ExitCode", Code: 8}, 8, nil},
		{wayOut{How: "wrapped ExitCode", Code: 8, Text: "why"}, 8, nil},
		{wayOut{How: "Exit", Code: 7}, 7, nil},
		{wayOut{How: "os.Exit", Code: 7}, 7, nil},
		{wayOut{How: "panic", Text: "aargh"}, 2, []string{"panic: aargh", "process_exit_test.go:"}}, // the whole trace
	} {
		t.Run(fmt.Sprintf("%s %d", c.way.How, c.way.Code), func(t *testing.T) {
			var errs bytes.Buffer
			_, code := runs(t, func(config ProcessConfig) *Process { return NewProcess(testWayOut, c.way, config) },
				ProcessConfig{Name: "exits", Daemon: true, Stderr: &errs})
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if (errs.Len() == 0) != (len(c.errors) == 0) {
				t.Errorf("standard error: %q", errs.String())
			}
			for _, want := range c.errors {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("standard error: %q, which has no %q", errs.String(), want)
				}
			}
		})
	}
}

var testAtExitOrder = Register("test.atexitorder", func(_ context.Context, how string) (int, error) {
	for i := range 4 {
		AtExit(func() {
			fmt.Print(i)
			if i == 2 {
				AtExit(func() { fmt.Print("(late)") })
			}
		})
	}
	if how == "Exit" {
		Exit(0)
	}
	if how == "error" {
		return 0, ExitCode(3)
	}
	return 0, nil
})

var testAtExitTogether = Register("test.atexittogether", func(context.Context, int) (int, error) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				AtExit(func() { fmt.Print("x") })
			}
		})
	}
	wg.Wait()
	return 0, nil
})

func TestAtExit(t *testing.T) {
	for how, code := range map[string]int{"return": 0, "Exit": 0, "error": 3} {
		t.Run(how, func(t *testing.T) {
			out, got := runs(t, func(c ProcessConfig) *Process { return NewProcess(testAtExitOrder, how, c) }, ProcessConfig{})
			if out != "32(late)10" || got != code {
				t.Error(out, got)
			}
		})
	}
	t.Run("many goroutines", func(t *testing.T) {
		out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testAtExitTogether, 0, c) }, ProcessConfig{})
		if out != strings.Repeat("x", 80) || code != 0 {
			t.Error(len(out), code)
		}
	})
}

// broken says which standard file a process closes, and whether another file
// takes its number at once.
type broken struct {
	File  int
	Taken bool
}

// testBreakStdio closes a standard file of its own, and starts a child
// afterwards.
var testBreakStdio = Register("test.breakstdio", func(ctx context.Context, b broken) (int, error) {
	if err := []*os.File{os.Stdin, os.Stdout, os.Stderr}[b.File].Close(); err != nil {
		return 0, err
	}
	if b.Taken {
		other, err := os.CreateTemp("", "not for children")
		if err != nil {
			return 0, err
		}
		defer os.Remove(other.Name())
		// Most times other has the number now. If the runtime was faster, what
		// took it must not be the child's either.
		defer func() {
			if s, err := other.Stat(); err != nil || s.Size() != 0 {
				os.Exit(40) // the child wrote here
			}
		}()
	}
	p := NewProcess(testSayTwice, "x", ProcessConfig{})
	if err := p.Start(); err != nil {
		return 0, ExitCode(10)
	}
	if err := p.Join(ctx); err != nil {
		return 0, err
	}
	if code, _ := p.ExitCode(); code != 0 {
		return 0, ExitCode(20 + code)
	}
	return 0, nil
})

var testSayTwice = Register("test.saytwice", func(_ context.Context, s string) (int, error) {
	_, err := fmt.Print(s)
	_, err2 := fmt.Fprint(os.Stderr, s)
	return 0, errors.Join(err, err2)
})

// Who has closed its standard files can end well, and have children; those do
// not write into what took the place.
func TestProcessBrokenStdio(t *testing.T) {
	for which, name := range []string{"stdin", "stdout", "stderr"} {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s taken=%v", name, taken), func(t *testing.T) {
				var errs bytes.Buffer
				_, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testBreakStdio, broken{which, taken}, c) },
					ProcessConfig{Stderr: &errs})
				if code != 0 {
					t.Error(code, errs.String())
				}
			})
		}
	}
	t.Run("of the configuration", func(t *testing.T) {
		f := must(os.CreateTemp(t.TempDir(), "closed"))(t)
		f.Close()
		for name, c := range map[string]ProcessConfig{"stdin": {Stdin: f}, "stdout": {Stdout: f}, "stderr": {Stderr: f}} {
			c.Name = "p"
			want := "procs: standard files of p: " + name + ": file already closed"
			if err := NewProcess(testSay, "x", c).Start(); !errors.Is(err, os.ErrClosed) || err.Error() != want {
				t.Error(err)
			}
		}
		if err := NewProcess(testSay, "x", ProcessConfig{Stdout: (*os.File)(nil)}).Start(); !errors.Is(err, os.ErrInvalid) {
			t.Error(err)
		}
	})
}

var testKillParent = Register("test.killparent", func(context.Context, int) (int, error) {
	for range 20 {
		syscall.Kill(os.Getppid(), syscall.SIGUSR1)
		time.Sleep(time.Millisecond)
	}
	return 0, nil
})

// Signals that come meanwhile do not end Join.
func TestJoinSignals(t *testing.T) {
	got := make(chan os.Signal, 100)
	signal.Notify(got, syscall.SIGUSR1)
	defer signal.Stop(got)
	gate := must(NewEvent())(t)
	defer gate.Close()
	p, killer := NewProcess(testAwait, gate, ProcessConfig{}), NewProcess(testKillParent, 0, ProcessConfig{})
	if err := errors.Join(p.Start(), killer.Start()); err != nil {
		t.Fatal(err)
	}
	joined := make(chan error, 1)
	go func() { joined <- p.Join(soon(t)) }()
	if err := killer.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	<-got
	select {
	case err := <-joined:
		t.Fatal("joined what still runs:", err)
	default:
	}
	gate.Set()
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	if code, ok := p.ExitCode(); code != 0 || !ok {
		t.Error(code, ok)
	}
}

func TestManyProcesses(t *testing.T) {
	start := func(mk func() *Process) (ps []*Process) {
		for range 20 {
			p := mk()
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		return ps
	}
	end := func(ps []*Process, want int) {
		t.Helper()
		for _, p := range ps {
			if err := p.Join(soon(t)); err != nil {
				t.Fatal(err)
			}
			if code, ok := p.ExitCode(); code != want || !ok {
				t.Error(code, ok)
			}
		}
		if left := ActiveChildren(); len(left) != 0 {
			t.Error(left)
		}
	}
	end(start(func() *Process { return NewProcess(testNap, 10*time.Millisecond, ProcessConfig{}) }), 0)
	ps := start(func() *Process { return NewProcess(testHang, 0, ProcessConfig{}) })
	if n := len(ActiveChildren()); n != len(ps) {
		t.Error(n)
	}
	for _, p := range ps {
		if !slices.Contains(ActiveChildren(), p) {
			t.Error("not active:", p)
		}
		p.Terminate()
	}
	end(ps, -int(syscall.SIGTERM))
}

// testStubborn says that it has begun, and does not end when it is asked to.
var testStubborn = Register("test.stubborn", func(_ context.Context, begun *Event) (int, error) {
	signal.Ignore(syscall.SIGTERM)
	if err := begun.Set(); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

var testStubbornParent = Register("test.stubbornparent", func(ctx context.Context, begun *Event) (int, error) {
	p := NewProcess(testStubborn, begun, ProcessConfig{Daemon: true})
	if err := errors.Join(p.Start(), begun.Wait(ctx)); err != nil {
		return 0, err
	}
	fmt.Print(p.PID())
	return 0, nil
})

// A daemon that ignores SIGTERM does not keep its parent.
func TestExitStubbornDaemon(t *testing.T) {
	begun := must(NewEvent())(t)
	defer begun.Close()
	out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testStubbornParent, begun, c) }, ProcessConfig{})
	var pid int
	if _, err := fmt.Sscan(out, &pid); err != nil || code != 0 {
		t.Fatal(out, code)
	}
	waitGone(t, pid)
}
