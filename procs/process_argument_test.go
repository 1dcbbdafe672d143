//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// anyArg is an argument of any type, and where the child sends it back.
type anyArg struct {
	To *Conn
	V  any
}

type namedInt int

func init() {
	RegisterType[[]int]()
	RegisterType[[1]int]()
	RegisterType[namedInt]()
	RegisterType[*pipeNote]()
}

var testAnyArg = Register("test.anyarg", func(_ context.Context, a anyArg) (int, error) {
	return 0, a.To.Send(anyValue{a.V})
})

// Arguments arrive as they were sent, with their types.
func TestProcessArguments(t *testing.T) {
	for _, v := range []any{1, "str", []int{1}, [1]int{1}, namedInt(7), nil, 2.25, []byte("b"), []any{1, 2.25, nil, "x"},
		map[string]any{"hello": 23, "bye": 2.54}, &pipeNote{Text: "t", Nums: []float64{1}}} {
		t.Run(fmt.Sprintf("%T", v), func(t *testing.T) {
			r, w := testPipePair(t, OneWay)
			p := NewProcess(testAnyArg, anyArg{w, v}, ProcessConfig{Daemon: true})
			if err := errors.Join(p.Start(), p.Join(soon(t))); err != nil {
				t.Fatal(err)
			}
			var got anyValue
			if err := r.Recv(&got); err != nil || !reflect.DeepEqual(got.V, v) {
				t.Errorf("%#v arrived as %#v (%v)", v, got.V, err)
			}
		})
	}
}

// talker is a Runner that answers in upper case until it gets an empty string.
type talker struct {
	Ours, Theirs *Conn
	quiet        bool // travels, too
}

func (k talker) Run(context.Context) error {
	if err := k.Theirs.Close(); err != nil {
		return err
	}
	for {
		var s string
		if err := k.Ours.Recv(&s); err != nil {
			return err
		}
		if s == "" {
			return ExitCode(4)
		}
		if k.quiet {
			s = strings.ToUpper(s)
		}
		if err := k.Ours.Send(s); err != nil {
			return err
		}
	}
}

func init() { RegisterType[talker]() }

// A process can be started from a value that knows how to run.
func TestProcessOf(t *testing.T) {
	child, parent := testPipePair(t, Duplex)
	k := talker{child, parent, true}
	p := NewProcessOf(k, ProcessConfig{Daemon: true})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	child.Close()
	for _, s := range []string{"hello", "world"} {
		var got string
		if err := errors.Join(parent.Send(s), parent.Recv(&got)); err != nil || got != strings.ToUpper(s) {
			t.Fatal(got, err)
		}
	}
	if err := errors.Join(parent.Send(""), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.ExitCode(); code != 4 {
		t.Error(code)
	}
	t.Run("unregistered", func(t *testing.T) {
		if err := NewProcessOf(stranger{}, ProcessConfig{}).Start(); !errors.Is(err, ErrEncode) {
			t.Error(err)
		}
	})
}

type stranger struct{}

func (stranger) Run(context.Context) error { return nil }

// Run does here what a child would do.
func TestProcessRun(t *testing.T) {
	if err := NewProcess(testHalf, 3, ProcessConfig{}).Run(soon(t)); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	p := NewProcess(testHalf, 4, ProcessConfig{})
	if err := errors.Join(p.Run(soon(t)), p.Run(soon(t)), p.Start(), p.Join(soon(t))); err != nil { // it is not started by that
		t.Error(err)
	}
}

// The program to run may be named in all ways that the system knows.
func TestProcessExecutable(t *testing.T) {
	exe := must(os.Executable())(t)
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]ProcessConfig{
		"absolute": {Executable: exe},
		"link":     {Executable: filepath.Join(dir, "link")},
		"relative": {Executable: "./link", Dir: dir},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testCat2, 0, c) }, c)
			if code != 0 || !strings.HasPrefix(out, `"" EOF`) {
				t.Error(code, out)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		err := NewProcess(testSay, "x", ProcessConfig{Name: "p", Executable: "/does/not/exist"}).Start()
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start p") {
			t.Error(err)
		}
	})
	t.Run("no program", func(t *testing.T) {
		p := NewProcess(testSay, "x", ProcessConfig{Executable: dir})
		if err := p.Start(); !errors.Is(err, os.ErrPermission) {
			t.Error(err)
		}
		if p.IsAlive() || p.PID() != 0 || slices.Contains(ActiveChildren(), p) {
			t.Error("what could not be started is there:", p)
		}
	})
}

// inflation is for children that tell how many descriptors they have.
type inflation struct {
	Counts *Queue[int]
	Gate   *Event
}

var testCountFDs = Register("test.countfds", func(ctx context.Context, in inflation) (int, error) {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); !strings.HasPrefix(to, "anon_inode:[event") { // the poller comes when it is needed
			n++
		}
	}
	if err := in.Counts.Put(ctx, n); err != nil {
		return 0, err
	}
	return 0, in.Gate.Wait(ctx)
})

// Children have no more descriptors the more of them there are.
func TestChildDescriptors(t *testing.T) {
	in := inflation{must(NewQueue[int](0))(t), must(NewEvent())(t)}
	defer in.Counts.Close()
	defer in.Gate.Close()
	const n = 5
	var ps []*Process
	for range n {
		p := NewProcess(testCountFDs, in, ProcessConfig{})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	var counts []int
	for range n {
		counts = append(counts, must(in.Counts.Get(soon(t)))(t))
	}
	in.Gate.Set()
	for _, p := range ps {
		if err := p.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Min(counts) != slices.Max(counts) {
		t.Error(counts)
	}
}

var testStatFD = Register("test.statfd", func(_ context.Context, fd int) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != unix.EBADF {
		return 0, fmt.Errorf("descriptor %d: %v", fd, err)
	}
	return 0, nil
})

// A socket with a number that no new process has is not there in a child.
func TestCloseFDs(t *testing.T) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	high, err := unix.FcntlInt(uintptr(s), syscall.F_DUPFD_CLOEXEC, 150)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(high)
	var errs strings.Builder
	if _, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testStatFD, high, c) }, ProcessConfig{Stderr: &errs}); code != 0 {
		t.Error(code, errs.String())
	}
}

// What the kernel refuses comes with a sentence about what to do, and is found
// by its number.
func TestStartTooLong(t *testing.T) {
	env := append(os.Environ(), "X="+strings.Repeat("x", 4<<20))
	p := NewProcess(testSquare, 1, ProcessConfig{Env: env})
	err := p.Start()
	if !errors.Is(err, syscall.E2BIG) || !strings.Contains(err.Error(), "argument list too long (") {
		t.Error(err)
	}
	if _, err := NewPool(PoolConfig{Workers: 1, Env: env}); !errors.Is(err, syscall.E2BIG) {
		t.Error(err)
	}
	if err := p.Close(); err != nil { // it was not started
		t.Error(err)
	}
}
