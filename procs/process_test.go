//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"weak"

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

func TestCurrentProcess(t *testing.T) {
	me := CurrentProcess()
	if !me.IsAlive() || me.Daemon() || len(me.AuthKey()) != 32 || me.PID() != os.Getpid() || me.PPID() != os.Getppid() || me.Name() != "MainProcess" {
		t.Error(me, len(me.AuthKey()), me.PPID())
	}
	if code, ok := me.ExitCode(); ok {
		t.Error("has an exit code:", code)
	}
	if ParentProcess() != nil {
		t.Error("has a parent:", ParentProcess())
	}
	if err := me.Join(soon(t)); err == nil {
		t.Error("joined itself")
	}
	for name, do := range map[string]func() error{"Start": me.Start, "Close": me.Close, "Terminate": me.Terminate, "Kill": me.Kill,
		"Run": func() error { return me.Run(soon(t)) }} {
		if err := do(); !errors.Is(err, ErrNotParent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lifeArgs are what a child needs to tell what it knows.
type lifeArgs struct {
	To    *Conn
	Gate  *Event
	Words []string
}

type lifeReport struct {
	Name   string
	Key    []byte
	PID    int
	Daemon bool
	Words  []string
}

var testLife = Register("test.life", func(ctx context.Context, in lifeArgs) (int, error) {
	me := CurrentProcess()
	if err := in.To.Send(lifeReport{me.Name(), me.AuthKey(), os.Getpid(), me.Daemon(), in.Words}); err != nil {
		return 0, err
	}
	return 0, in.Gate.Wait(ctx)
})

// What a process is before, while and after it runs, and what its child knows
// of itself.
func TestProcessLife(t *testing.T) {
	r, w := testPipePair(t, OneWay)
	gate := must(NewEvent())(t)
	defer gate.Close()
	p := NewProcess(testLife, lifeArgs{w, gate, []string{"1", "2"}}, ProcessConfig{Name: "SomeProcess", Daemon: true})
	check := func(when string, alive bool, wantCode bool) {
		t.Helper()
		if p.IsAlive() != alive || slices.Contains(ActiveChildren(), p) != alive {
			t.Errorf("%s: alive %v, children %v", when, p.IsAlive(), ActiveChildren())
		}
		if code, ok := p.ExitCode(); ok != wantCode || code != 0 {
			t.Errorf("%s: exit code %v %v", when, code, ok)
		}
		if p.Name() != "SomeProcess" || !p.Daemon() || p.PPID() != os.Getpid() || !bytes.Equal(p.AuthKey(), CurrentProcess().AuthKey()) {
			t.Errorf("%s: %v, parent %d, key %x", when, p, p.PPID(), p.AuthKey())
		}
	}
	check("before", false, false)
	if p.PID() != 0 {
		t.Error(p.PID())
	}
	if err := p.Join(soon(t)); !errors.Is(err, ErrNotStarted) {
		t.Error(err)
	}
	if err := p.Terminate(); !errors.Is(err, ErrNotStarted) {
		t.Error(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	check("running", true, false)
	if err := p.Start(); !errors.Is(err, ErrStarted) {
		t.Error(err)
	}
	if err := p.Run(soon(t)); !errors.Is(err, ErrStarted) {
		t.Error(err)
	}
	var got lifeReport
	if err := r.Recv(&got); err != nil {
		t.Fatal(err)
	}
	want := lifeReport{"SomeProcess", CurrentProcess().AuthKey(), p.PID(), true, []string{"1", "2"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the child says %+v, not %+v", got, want)
	}
	select {
	case <-p.Sentinel():
		t.Error("the sentinel is closed while the process runs")
	default:
	}
	gate.Set()
	<-p.Sentinel()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	check("joined", false, true)
	if err := errors.Join(p.Join(gone()), p.Terminate(), p.Kill()); err != nil {
		t.Error("what has ended cannot be joined or ended again:", err)
	}
}

func TestProcessStdio(t *testing.T) {
	var out, errs bytes.Buffer
	p := NewProcess(testSay, "hello", ProcessConfig{Name: "speaker", Stdout: &out, Stderr: &errs, Daemon: true})
	if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	if out.String() != "hello" || errs.String() != fmt.Sprintf("speaker|%d|true", os.Getpid()) {
		t.Fatalf("%q %q", out.String(), errs.String())
	}
}

// A process is a daemon as its configuration says; by default it is what we
// are, because daemons have no children.
func TestProcessDaemonFlag(t *testing.T) {
	for _, c := range []struct {
		config ProcessConfig
		want   bool
	}{
		{ProcessConfig{}, CurrentProcess().Daemon()},
		{ProcessConfig{Daemon: true}, true},
		{ProcessConfig{Daemon: false}, false},
	} {
		var errs bytes.Buffer
		c.config.Stderr = &errs
		var daemon bool
		runs(t, func(config ProcessConfig) *Process {
			p := NewProcess(testSay, "", config)
			daemon = p.Daemon()
			return p
		}, c.config)
		if daemon != c.want || !strings.HasSuffix(errs.String(), fmt.Sprintf("|%v", c.want)) {
			t.Errorf("%+v: %v, and the child says %q", c.config, daemon, errs.String())
		}
	}
}

// Terminate and Kill end a process that does not end by itself; before, a Join
// that may not wait changes nothing.
func TestProcessStops(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*Process) error
		code int
	}{
		{"Terminate", (*Process).Terminate, -int(syscall.SIGTERM)},
		{"Kill", (*Process).Kill, -int(syscall.SIGKILL)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewProcess(testHang, 0, ProcessConfig{Daemon: true})
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			expired, cancel := context.WithTimeout(context.Background(), -time.Second)
			defer cancel()
			for _, ctx := range []context.Context{gone(), expired} {
				if err := p.Join(ctx); !errors.Is(err, ctx.Err()) {
					t.Error(err)
				}
				if code, ok := p.ExitCode(); !p.IsAlive() || !slices.Contains(ActiveChildren(), p) || ok {
					t.Error("not alive", code, ok)
				}
			}
			if err := errors.Join(c.do(p), p.Join(soon(t)), p.Join(soon(t))); err != nil {
				t.Fatal(err)
			}
			if code, ok := p.ExitCode(); p.IsAlive() || slices.Contains(ActiveChildren(), p) || code != c.code || !ok {
				t.Error("alive", code, ok)
			}
		})
	}
}

func TestProcessClose(t *testing.T) {
	gate := must(NewEvent())(t)
	defer gate.Close()
	p := NewProcess(testAwait, gate, ProcessConfig{Daemon: true})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); !errors.Is(err, ErrRunning) || !p.IsAlive() {
		t.Error(err)
	}
	gate.Set()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, ok := p.ExitCode(); code != 0 || !ok {
		t.Error(code, ok)
	}
	pid := p.PID()
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, do := range map[string]func() error{"Join": func() error { return p.Join(soon(t)) }, "Terminate": p.Terminate,
		"Kill": p.Kill, "Start": p.Start, "Run": func() error { return p.Run(soon(t)) }} {
		if err := do(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, ok := p.ExitCode(); ok || p.IsAlive() || p.PID() != pid {
		t.Error(code, p.IsAlive(), p.PID())
	}
	w := weak.Make(p)
	p = nil
	collected(t, "the process", func() bool { return w.Value() == nil })
}

// testAwait waits for an event.
var testAwait = Register("test.await", func(ctx context.Context, e *Event) (int, error) { return 0, e.Wait(ctx) })

// collected waits until the garbage collector has taken something that nobody
// should hold any more.
func collected(t *testing.T, what string, ok func() bool) {
	t.Helper()
	proctest.Eventually(t, what+" is collected", func() bool { runtime.GC(); return ok() })
}

// A process that was started has let go of its argument: the child has it.
func TestProcessKeepsNoArgument(t *testing.T) {
	arg := &lifeArgs{Words: []string{"large"}}
	w := weak.Make(arg)
	p := NewProcess(testForget, arg, ProcessConfig{})
	arg = nil
	if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	collected(t, "the argument", func() bool { return w.Value() == nil })
	if code, ok := p.ExitCode(); code != 0 || !ok {
		t.Error(code, ok)
	}
}

var testForget = Register("test.forget", func(_ context.Context, a *lifeArgs) (int, error) {
	if len(a.Words) != 1 {
		return 0, os.ErrInvalid
	}
	return 0, nil
})
