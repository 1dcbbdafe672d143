//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// unruly is an error, or the value of a panic, whose methods do what its
// fields say: "panic", "goexit", "loop".
type unruly struct{ Error_, Is_, As_, Unwrap_, String_ string }

func (u *unruly) do(what string) {
	switch what {
	case "panic":
		panic("a method panics")
	case "goexit":
		runtime.Goexit()
	}
}

func (u *unruly) Error() string   { u.do(u.Error_); return "unruly" }
func (u *unruly) Is(e error) bool { u.do(u.Is_); return e == os.ErrPermission }
func (u *unruly) As(any) bool     { u.do(u.As_); return false }
func (u *unruly) Unwrap() error {
	u.do(u.Unwrap_)
	if u.Unwrap_ == "loop" {
		return u
	}
	return nil
}

type unrulyValue struct{ How string }

func (u unrulyValue) String() string { (&unruly{}).do(u.How); return "value" }

// unrulyTask is what a task does: it returns the error, or panics with it, or
// with the value. A nil *unruly is an error too.
type unrulyTask struct {
	Error *unruly
	Panic bool
	Value *unrulyValue
	Fine  bool
}

var testUnruly = Register("test.unruly", func(_ context.Context, x unrulyTask) (int, error) {
	switch {
	case x.Fine:
		return os.Getpid(), nil
	case x.Value != nil:
		panic(*x.Value)
	case x.Panic:
		panic(x.Error)
	}
	return 0, x.Error
})

var unrulyTasks = []struct {
	what string
	task unrulyTask
	want string // in the message
	is   bool   // os.ErrPermission, which its method Is says it is
}{
	{"a nil error", unrulyTask{}, "panic: runtime error: invalid memory address or nil pointer dereference (in the method Error of a *procs.unruly)", false},
	{"Error panics", unrulyTask{Error: &unruly{Error_: "panic"}}, "panic: a method panics (in the method Error of a *procs.unruly)", true},
	{"Error ends its goroutine", unrulyTask{Error: &unruly{Error_: "goexit"}}, "runtime.Goexit was called (in the method Error of a *procs.unruly)", true},
	{"Is panics", unrulyTask{Error: &unruly{Is_: "panic"}}, "unruly", false},
	{"Is ends its goroutine", unrulyTask{Error: &unruly{Is_: "goexit"}}, "unruly", false},
	{"As panics", unrulyTask{Error: &unruly{As_: "panic"}}, "unruly", true},
	{"As ends its goroutine", unrulyTask{Error: &unruly{As_: "goexit"}}, "unruly", true},
	{"Unwrap panics", unrulyTask{Error: &unruly{Unwrap_: "panic"}}, "unruly", true},
	{"Unwrap ends its goroutine", unrulyTask{Error: &unruly{Unwrap_: "goexit"}}, "unruly", false},
	{"Unwrap returns its error", unrulyTask{Error: &unruly{Unwrap_: "loop"}}, "unruly", true},
	{"a panic with a nil error", unrulyTask{Panic: true}, "panic: <nil>", false},
	{"a panic whose error panics", unrulyTask{Panic: true, Error: &unruly{Error_: "panic"}}, "panic: %!v(PANIC=Error method: a method panics)", true},
	{"a panic whose error ends its goroutine", unrulyTask{Panic: true, Error: &unruly{Error_: "goexit"}},
		"panic: (a *procs.unruly whose own text cannot be had)", true},
	{"a panic whose value panics", unrulyTask{Value: &unrulyValue{"panic"}}, "panic: %!v(PANIC=String method: a method panics)", false},
	{"a panic whose value ends its goroutine", unrulyTask{Value: &unrulyValue{"goexit"}},
		"panic: (a procs.unrulyValue whose own text cannot be had)", false},
}

// The methods of a task's error are the task's: what they do fails it, and
// neither its worker nor the tasks beside it (riverqueue/river#806).
func TestPoolErrorMethods(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1, GOMAXPROCS: 4})
	pid, err := Apply(soon(t), p, testUnruly, unrulyTask{Fine: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range unrulyTasks {
		check := func(where string, err error, index int) {
			t.Helper()
			var remote *RemoteError
			if err == nil || err.Error() != c.want || errors.Is(err, os.ErrPermission) != c.is || !errors.As(err, &remote) || remote.Index != index {
				t.Errorf("%s, %s: %v, %#v", c.what, where, err, remote)
			} else if remote.Panic && !strings.Contains(remote.Stack, "usercode_test.go") {
				t.Errorf("%s, %s: the stack is %s", c.what, where, remote.Stack)
			}
		}
		_, err := Apply(soon(t), p, testUnruly, c.task)
		check("a task", err, -1)
		fine := unrulyTask{Fine: true}
		_, err = Map(soon(t), p, testUnruly, []unrulyTask{fine, fine, c.task, fine}, Chunk(4))
		if !c.task.Panic && c.task.Value == nil {
			check("a chunk", err, 2)
		} else if err == nil {
			t.Errorf("%s: no error of a chunk", c.what)
		}
		if now, err := Apply(soon(t), p, testUnruly, fine); now != pid || err != nil {
			t.Fatalf("%s: the worker was %d and is %d: %v", c.what, pid, now, err)
		}
	}
}

// The same where a worker runs other tasks meanwhile: no innocent one fails.
func TestPoolErrorMethodsInnocent(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, GOMAXPROCS: 4})
	var rs []*AsyncResult[int]
	for i := range 600 {
		x := unrulyTask{Fine: true}
		if i%20 == 10 {
			x = unrulyTasks[i/20%len(unrulyTasks)].task
		}
		rs = append(rs, ApplyAsync(p, testUnruly, x))
	}
	for i, r := range rs {
		if _, err := r.Get(soon(t)); (err != nil) != (i%20 == 10) || errors.Is(err, ErrWorkerDied) {
			t.Errorf("task %d: %v", i, err)
		}
	}
}

// A process's error, too, is asked for its text and its exit code.
func TestProcessErrorMethods(t *testing.T) {
	for _, c := range unrulyTasks {
		if c.task.Panic || c.task.Value != nil {
			continue // the end of a process, as everywhere in Go
		}
		var errs bytes.Buffer
		_, code := runs(t, func(pc ProcessConfig) *Process { return NewProcess(testUnruly, c.task, pc) }, ProcessConfig{Name: "U", Stderr: &errs})
		if code != 1 || !strings.HasPrefix(errs.String(), "procs: U: ") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, and it prints %s", c.what, code, errs.String())
		}
	}
}

// testProcessGoexit is told where a process calls runtime.Goexit: it has
// another goroutine, without which Go would notice that none is left.
var testProcessGoexit = Register("test.processgoexit", func(_ context.Context, place string) (int, error) {
	go func() { time.Sleep(time.Hour) }()
	switch place {
	case "function":
		runtime.Goexit()
	case "atexit":
		AtExit(func() { fmt.Println("first") })
		AtExit(func() { runtime.Goexit() })
		AtExit(func() { panic("at exit") })
		AtExit(func() { fmt.Println("last") })
		return 0, ExitCode(7)
	}
	return 0, nil
})

// A process whose main goroutine is ended ends (sourcegraph/conc#29,
// alitto/pond#135), and so does one with an unruly function of AtExit.
func TestProcessGoexit(t *testing.T) {
	for place, want := range map[string]struct {
		out, err string
		code     int
	}{
		"function": {"", "procs: G: procs: the task called runtime.Goexit\n", 1},
		"atexit":   {"last\nfirst\n", "procs: G: a function of AtExit: panic: at exit\nprocs: G: a function of AtExit: runtime.Goexit was called\n", 7},
	} {
		var errs bytes.Buffer
		out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testProcessGoexit, place, c) }, ProcessConfig{Name: "G", Stderr: &errs})
		if out != want.out || errs.String() != want.err || code != want.code {
			t.Errorf("%s: %q, %q, exit code %d", place, out, errs.String(), code)
		}
	}
}

var testInitGoexit = Register("test.initgoexit", func(context.Context, int) (int, error) {
	go func() { time.Sleep(time.Hour) }()
	runtime.Goexit()
	return 0, nil
})

// A worker whose initializer ends its goroutine breaks the pool as one whose
// initializer fails; and so it is if encoding the initializer's argument does.
func TestPoolInitializerGoexit(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Initializer: NewInitializer(testInitGoexit, 0)})
	_, err := Apply(soon(t), p, testSquare, 3)
	if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "runtime.Goexit") {
		t.Error(err)
	}
	_, err = NewPool(PoolConfig{Workers: 2, Initializer: NewInitializer(testGoner, goner{"encoding parent"})})
	if !errors.Is(err, ErrEncode) || !strings.Contains(err.Error(), "runtime.Goexit") {
		t.Error(err)
	}
}

// asking is an argument whose MarshalBinary asks what it is an argument for.
type asking struct{ ask func() }

func (a *asking) MarshalBinary() ([]byte, error) {
	if a.ask != nil {
		a.ask()
	}
	return []byte{1}, nil
}

func (a *asking) UnmarshalBinary([]byte) error { return nil }

var testAsking = Register("test.asking", func(context.Context, *asking) (int, error) { return 1, nil })

// No method of a value is called with a lock of ours held: it may ask the
// pool, and the process, that it is an argument of (python/cpython#91555).
func TestEncodingAsks(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	ask := func() { p.Size(); p.PIDs(); p.Resize(2) }
	if _, err := Apply(soon(t), p, testAsking, &asking{ask}); err != nil {
		t.Error(err)
	}
	for _, chunk := range []int{1, 3} {
		if _, err := Map(soon(t), p, testAsking, []*asking{{ask}, {ask}, nil, {ask}}, Chunk(chunk)); err != nil {
			t.Error(err)
		}
	}
	var child *Process
	a := &asking{func() { child.PID(); child.IsAlive(); child.Terminate(); _ = child.String() }}
	child = NewProcess(testAsking, a, ProcessConfig{})
	done := make(chan error)
	go func() { done <- child.Start() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-soon(t).Done():
		t.Fatal("Start hangs")
	}
	join(t, child)
}

// While a method of its argument runs, a process is neither started nor not:
// nobody else starts or closes it. If the method ends the goroutine, it can be
// started again.
func TestProcessStartGoexit(t *testing.T) {
	var child *Process
	var again, closed error
	a := &asking{func() { again, closed = child.Start(), child.Close(); runtime.Goexit() }}
	child = NewProcess(testAsking, a, ProcessConfig{})
	over := make(chan struct{})
	go func() { defer close(over); child.Start() }()
	<-over
	if again != ErrStarted || closed != ErrRunning {
		t.Error(again, closed)
	}
	a.ask = nil
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	join(t, child)
}

// unrulyFile is a reader and writer that does something else.
type unrulyFile struct{ do func() }

func (u unrulyFile) Read([]byte) (int, error)  { u.do(); return 0, io.EOF }
func (u unrulyFile) Write([]byte) (int, error) { u.do(); return 0, io.ErrShortWrite }

var testSayMuch = Register("test.saymuch", func(context.Context, int) (int, error) {
	io.Copy(io.Discard, os.Stdin)
	for range 100 { // more than a pipe holds
		if _, err := os.Stderr.Write(make([]byte, 4096)); err != nil {
			return 0, ExitCode(3)
		}
	}
	return 0, nil
})

// A reader or writer of the program's that panics, or ends its goroutine, is
// one that fails: nobody waits for it.
func TestStdioUnruly(t *testing.T) {
	for what, do := range map[string]func(){"fails": func() {}, "panics": func() { panic("a file") }, "goexit": runtime.Goexit} {
		_, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testSayMuch, 0, c) },
			ProcessConfig{Stdin: unrulyFile{do}, Stderr: unrulyFile{do}})
		if code != -int(syscall.SIGPIPE) {
			t.Errorf("%s: exit code %d", what, code)
		}
	}
}

// wrapsUnruly fails to be decoded with an error whose methods panic.
type wrapsUnruly struct{ Where string }

func (w *wrapsUnruly) MarshalBinary() ([]byte, error) { return []byte(w.Where), nil }

func (w *wrapsUnruly) UnmarshalBinary(b []byte) error {
	if ParentProcess() == nil {
		return &unruly{As_: "panic", Is_: "panic", Unwrap_: "panic"}
	}
	return nil
}

var testWrapsUnruly = Register("test.wrapsunruly", func(context.Context, int) (wrapsUnruly, error) { return wrapsUnruly{}, nil })

// The error of a result that cannot be decoded is not asked by the pool's
// collector, where a panic would end the program.
func TestPoolDecodingErrorMethods(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	for _, chunk := range []int{1, 2} {
		if _, err := Map(soon(t), p, testWrapsUnruly, []int{1, 2, 3}, Chunk(chunk)); err == nil || !strings.Contains(err.Error(), "unruly") {
			t.Error(err)
		}
	}
}

// registers is an error whose Is registers another.
type registers struct{ once *sync.Once }

func (r registers) Error() string { return "registers" }

func (r registers) Is(error) bool {
	r.once.Do(func() { RegisterError(fmt.Sprintf("test.registered.%p", r.once), errors.New("late")) })
	return false
}

// No lock is held while errors are asked.
func TestErrorRegistersError(t *testing.T) {
	done := make(chan []byte)
	go func() { done <- encodeError(registers{new(sync.Once)}) }()
	select {
	case b := <-done:
		if err := decodeError(b); err.Error() != "registers" {
			t.Error(err)
		}
	case <-soon(t).Done():
		t.Fatal("it hangs")
	}
}

// RegisterError refuses a name that is taken, and leaves the first.
func TestRegisterErrorTwice(t *testing.T) {
	first := errors.New("first")
	name := fmt.Sprintf("test.registered.%p", first) // with -count every run has its own
	RegisterError(name, first)
	mustPanic(t, "a second one", func() { RegisterError(name, errors.New("second")) })
	mustPanic(t, "no name", func() { RegisterError("", first) })
	mustPanic(t, "no error", func() { RegisterError("test.registered.nil", nil) })
	if err := decodeError(encodeError(fmt.Errorf("with: %w", first))); !errors.Is(err, first) {
		t.Error(err)
	}
	if names := sentinels.of(errors.Join(first, io.EOF, first)); !slices.Equal(names, []string{name, "io.EOF"}) {
		t.Error(names)
	}
}
