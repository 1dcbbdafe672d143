//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// runs starts a process, waits for it and returns its standard output and exit
// code.
func runs(t *testing.T, make func(ProcessConfig) *Process, c ProcessConfig) (string, int) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout = &out
	p := make(c)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		p.Kill()
		t.Fatal(err)
	}
	code, ok := p.ExitCode()
	if !ok {
		t.Fatal("no exit code")
	}
	return out.String(), code
}

var testFamily *Func[int, int]

func init() { testFamily = Register("test.family", family) } // it names itself

func family(ctx context.Context, depth int) (int, error) {
	me, parent := CurrentProcess(), ParentProcess()
	fmt.Printf("%s<%s %v %v;", me.Name(), parent.Name(), parent.PID() == os.Getppid(), parent.IsAlive())
	if depth == 0 {
		return 0, nil
	}
	for range 2 {
		p := NewProcess(testFamily, depth-1, ProcessConfig{Stdout: os.Stdout})
		if err := p.Start(); err != nil {
			return 0, err
		}
		if err := p.Join(ctx); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func TestProcessFamily(t *testing.T) {
	out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testFamily, 2, c) }, ProcessConfig{Name: "A"})
	want := "A<MainProcess true true;" +
		"A:1<A true true;A:1:1<A:1 true true;A:1:2<A:1 true true;" +
		"A:2<A true true;A:2:1<A:2 true true;A:2:2<A:2 true true;"
	if out != want || code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	if ParentProcess() != nil || CurrentProcess().Name() != "MainProcess" || CurrentProcess().PID() != os.Getpid() {
		t.Fatal(CurrentProcess())
	}
}

var testDaemonChild = Register("test.daemonchild", func(context.Context, int) (int, error) {
	err := NewProcess(testSay, "x", ProcessConfig{}).Start()
	_, perr := NewPool(PoolConfig{})
	fmt.Print(errors.Is(err, ErrDaemon), errors.Is(perr, ErrDaemon))
	return 0, nil
})

func TestDaemonsHaveNoChildren(t *testing.T) {
	if out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testDaemonChild, 0, c) }, ProcessConfig{Daemon: true}); out != "true true" || code != 0 {
		t.Fatal(out, code)
	}
}

// testEnds starts a daemon and an ordinary process, and returns: the first is
// killed, the second waited for.
var testEnds = Register("test.ends", func(context.Context, int) (int, error) {
	AtExit(func() { fmt.Print("first registered;") })
	AtExit(func() { fmt.Print("last registered;") })
	if err := NewProcess(testHang, 0, ProcessConfig{Daemon: true}).Start(); err != nil {
		return 0, err
	}
	return 0, NewProcess(testSlowSay, "waited for", ProcessConfig{Stdout: os.Stdout}).Start()
})

var testSlowSay = Register("test.slowsay", func(_ context.Context, s string) (int, error) {
	time.Sleep(50 * time.Millisecond)
	fmt.Print(s)
	return 0, nil
})

func TestProcessEndJoinsChildren(t *testing.T) {
	out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testEnds, 0, c) }, ProcessConfig{})
	if out != "last registered;first registered;waited for" || code != 0 {
		t.Fatal(out, code)
	}
}

var testCat2 = Register("test.stdin", func(context.Context, int) (int, error) {
	b := make([]byte, 100)
	n, err := os.Stdin.Read(b)
	wd, _ := os.Getwd()
	fmt.Printf("%q %v %s %s", b[:n], err, os.Getenv("FRUIT"), filepath.Base(wd))
	return 0, nil
})

func TestProcessSurroundings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "there")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mk := func(c ProcessConfig) *Process { return NewProcess(testCat2, 0, c) }
	out, _ := runs(t, mk, ProcessConfig{Stdin: strings.NewReader("words"), Env: []string{"FRUIT=pear"}, Dir: dir})
	if out != `"words" <nil> pear there` {
		t.Fatal(out)
	}
	if out, _ = runs(t, mk, ProcessConfig{Env: []string{}, Dir: dir}); out != `"" EOF  there` {
		t.Fatal(out)
	}
	if err := mk(ProcessConfig{Dir: "/does/not/exist"}).Start(); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := mk(ProcessConfig{Executable: "/does/not/exist"}).Start(); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

var testKey = Register("test.key", func(context.Context, int) (int, error) {
	fmt.Printf("%x", CurrentProcess().AuthKey())
	return 0, nil
})

func TestAuthKey(t *testing.T) {
	mk := func(c ProcessConfig) *Process { return NewProcess(testKey, 0, c) }
	if out, _ := runs(t, mk, ProcessConfig{}); out != fmt.Sprintf("%x", CurrentProcess().AuthKey()) || len(out) != 64 {
		t.Fatal(out)
	}
	out, _ := runs(t, func(c ProcessConfig) *Process { p := mk(c); p.SetAuthKey([]byte{1, 2}); return p }, ProcessConfig{})
	if out != "0102" {
		t.Fatal(out)
	}
}

var testFDs = Register("test.fds", func(context.Context, int) (int, error) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, f := range fds {
		to, _ := os.Readlink("/proc/self/fd/" + f.Name())
		fmt.Println(to)
	}
	return 0, nil
})

// A child inherits none of our descriptors but its standard files. (What our
// own parent left open for everybody it does.)
func TestProcessInheritsNothing(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "not for children"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	newPool(t, PoolConfig{Workers: 2})
	sibling := NewProcess(testHang, 0, ProcessConfig{})
	if err := sibling.Start(); err != nil {
		t.Fatal(err)
	}
	defer sibling.Join(soon(t))
	defer sibling.Kill()
	out, _ := runs(t, func(c ProcessConfig) *Process { return NewProcess(testFDs, 0, c) }, ProcessConfig{})
	for _, bad := range []string{"not for children", "pidfd", "memfd"} {
		if strings.Contains(out, bad) {
			t.Error(out)
		}
	}
}

func TestNotInitialised(t *testing.T) {
	me.initialised.Store(false)
	defer me.initialised.Store(true)
	if err := NewProcess(testSay, "x", ProcessConfig{}).Start(); !errors.Is(err, ErrNotInitialised) {
		t.Fatal(err)
	}
	if _, err := NewPool(PoolConfig{}); !errors.Is(err, ErrNotInitialised) {
		t.Fatal(err)
	}
}

// A program without Init fails when it starts its first process, and says why;
// also if another program takes it for its own.
func TestNoForkBomb(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go")
	}
	exe := filepath.Join(t.TempDir(), "noinit")
	if out, err := exec.Command("go", "build", "-o", exe, "./testdata/noinit").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := ErrNotInitialised.Error() + "\n"
	var out, errs strings.Builder
	cmd := exec.CommandContext(soon(t), exe)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || out.Len() != 0 || errs.String() != want {
		t.Errorf("%v: %q %q", err, out.String(), errs.String())
	}
	errs.Reset()
	said, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testSay, "x", c) }, ProcessConfig{Executable: exe, Stderr: &errs})
	if code != 1 || said != "" || errs.String() != want {
		t.Errorf("%d: %q %q", code, said, errs.String())
	}
}

func TestRegisterPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"taken":    func() { Register("test.square", func(context.Context, int) (int, error) { return 0, nil }) },
		"nil":      func() { Register[int, int]("test.nil", nil) },
		"channel":  func() { Register("test.chan", func(context.Context, chan int) (int, error) { return 0, nil }) },
		"function": func() { Register("test.func", func(context.Context, int) (struct{ F func() }, error) { panic(0) }) },
	} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.HasPrefix(fmt.Sprint(v), "procs: Register") {
					t.Errorf("%s: %v", name, v)
				}
			}()
			f()
		}()
	}
}

func TestHeartbeat(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var ns []int
	err := Heartbeat(ctx, time.Millisecond, func(n int, late time.Duration) {
		ns = append(ns, n)
		if late < 0 {
			t.Error("early by", -late)
		}
		if len(ns) == 3 {
			time.Sleep(10 * time.Millisecond)
		}
		if len(ns) == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(ns) != 5 || !slices.IsSorted(ns) || ns[3]-ns[2] < 5 {
		t.Fatal(err, ns)
	}
}
