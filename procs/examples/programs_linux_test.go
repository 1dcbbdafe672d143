package examples

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	_ "switchyard/bench/testenv"
	"switchyard/procs"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/manager"
)

// built is the folder of the programs.
var built string

func TestMain(m *testing.M) {
	procs.Init()
	code := 1
	defer func() { os.RemoveAll(built); os.Exit(code) }()
	var err error
	if built, err = os.MkdirTemp("", "examples"); err == nil {
		var out []byte
		if out, err = exec.Command("go", "build", "-o", built, "./...").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the examples:", err)
		return
	}
	code = proctest.Main(m)
}

// program prepares a program of the examples.
func program(ctx context.Context, key, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(built, name), args...)
	cmd.Env = append(os.Environ(), "AUTHKEY="+key)
	return cmd
}

// prints runs a program, and returns what it prints and its exit code.
func prints(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// master starts a master of n tasks, and returns its address. results waits for
// its end.
func master(t *testing.T, n int, patience string) (address string, results func()) {
	t.Helper()
	cmd := program(proctest.Soon(t), "abc", "master", "-address", "127.0.0.1:0", "-n", strconv.Itoa(n), "-patience", patience)
	cmd.Stderr = os.Stderr
	pipe := proctest.Must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	out := bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening at ")
	if err != nil || !ok {
		t.Fatalf("%q %v", line, err)
	}
	return address, func() {
		t.Helper()
		got, err := io.ReadAll(out)
		var want bytes.Buffer
		for x := range n {
			fmt.Fprintf(&want, "result: %d * %d = %d\n", x, x, x*x)
		}
		if string(got) != want.String() || err != nil {
			t.Errorf("%s %v", got, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// client connects this program to a master as a worker.
func client(t *testing.T, address string) (m *manager.Manager, tasks *manager.Queue[int], results *manager.Queue[[2]int]) {
	t.Helper()
	m = proctest.Must(manager.Connect(proctest.Soon(t), address, manager.Config{AuthKey: []byte("abc")}))(t)
	tasks = proctest.Must(manager.Lookup[*manager.Queue[int]](m, "get_task_queue"))(t)
	results = proctest.Must(manager.Lookup[*manager.Queue[[2]int]](m, "get_result_queue"))(t)
	return m, tasks, results
}

func TestMasterAndWorkers(t *testing.T) {
	address, results := master(t, 20, "1h")
	m, tasks, squares := client(t, address)
	defer m.Close()
	mine := proctest.Must(tasks.Get(proctest.Soon(t)))(t) // the master waits for it
	var workers []*exec.Cmd
	var outs []*bufio.Reader
	for range 2 {
		cmd := program(proctest.Soon(t), "abc", "worker", "-address", address)
		cmd.Stderr = os.Stderr
		outs = append(outs, bufio.NewReader(proctest.Must(cmd.StdoutPipe())(t)))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		workers = append(workers, cmd)
	}
	for _, out := range outs {
		if line, err := out.ReadString('\n'); line != "connected\n" || err != nil {
			t.Fatal(line, err)
		}
	}
	if err := squares.Put(proctest.Soon(t), [2]int{mine, mine * mine}); err != nil {
		t.Fatal(err)
	}
	results()
	var done []string
	for i, out := range outs {
		text, err := io.ReadAll(out)
		lines := strings.Split(string(text), "\n")
		if n := len(lines) - 2; n < 0 || lines[n] != "worker exit" || err != nil {
			t.Errorf("%q %v", lines, err)
		} else {
			done = append(done, lines[:n]...)
		}
		if err := workers[i].Wait(); err != nil {
			t.Error(err)
		}
	}
	var want []string
	for x := range 20 {
		if x == mine {
			continue
		}
		want = append(want, fmt.Sprintf("run task %d * %d", x, x))
	}
	slices.Sort(done)
	slices.Sort(want)
	if !slices.Equal(done, want) {
		t.Errorf("%q", done)
	}
}

// A worker, here this very program, takes tasks and is gone: others get them.
func TestMasterLosesWorker(t *testing.T) {
	address, results := master(t, 5, "50ms")
	m, tasks, _ := client(t, address)
	for range 3 {
		proctest.Must(tasks.Get(proctest.Soon(t)))(t)
	}
	m.Close()
	if out, code := prints(t, program(proctest.Soon(t), "abc", "worker", "-address", address)); code != 0 {
		t.Error(out, code)
	}
	results()
}

func TestMasterAndWorkerRefuse(t *testing.T) {
	if out, code := prints(t, program(proctest.Soon(t), "", "master")); code != 1 || out != "master: AUTHKEY is not set: master and workers must know the same\n" {
		t.Error(out, code)
	}
	address, results := master(t, 1, "1h")
	if out, code := prints(t, program(proctest.Soon(t), "guessed", "worker", "-address", address)); code != 1 || !strings.HasPrefix(out, "worker: ") || strings.Contains(out, "run task") {
		t.Error(out, code)
	}
	if out, code := prints(t, program(proctest.Soon(t), "abc", "worker", "-address", address)); code != 0 {
		t.Error(out, code)
	}
	results()
}

// single is the service, with files of a test.
type single struct {
	*testing.T
	dir string
}

func (s single) says(command, pattern string, code int) (word string) {
	s.Helper()
	out, got := prints(s.T, program(proctest.Soon(s), "", "service",
		"-pidfile", filepath.Join(s.dir, "pid"), "-log", filepath.Join(s.dir, "log"), "-beat", "1ms", command))
	m := regexp.MustCompile("^" + pattern + "\n$").FindStringSubmatch(out)
	if m == nil || got != code {
		s.Fatalf("%s: %q, %d", command, out, got)
	}
	return m[len(m)-1]
}

func newSingle(t *testing.T) single {
	s := single{t, t.TempDir()}
	t.Cleanup(func() {
		if pid, err := procs.PIDFileHolder(filepath.Join(s.dir, "pid")); pid > 0 && err == nil {
			unix.Kill(pid, unix.SIGKILL)
		}
	})
	return s
}

// started starts the service, and waits until it has done something.
func (s single) started() (pid int) {
	s.Helper()
	pid = proctest.Must(strconv.Atoi(s.says("start", `started with process id (\d+)`, 0)))(s)
	proctest.Eventually(s, "a beat", func() bool { return strings.Contains(s.log(), "alive") })
	return pid
}

func (s single) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}

func TestService(t *testing.T) {
	s := newSingle(t)
	s.says("status", "does not run", 0)
	s.says("stop", "service: does not run", 1)
	pid := s.started()
	if session, err := unix.Getsid(pid); session != pid || err != nil {
		t.Error("its session is", session, err)
	}
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); dir != "/" || err != nil {
		t.Error("it is in", dir, err)
	}
	s.says("status", fmt.Sprint("runs with process id ", pid), 0)
	s.says("start", fmt.Sprintf("service: procs: .*/pid is held by process %d", pid), 1)
	s.says("stop", "stopped", 0)
	s.says("status", "does not run", 0)
	if log := s.log(); !regexp.MustCompile(`^begins\n(alive \d+\n)+ends\n$`).MatchString(log) {
		t.Errorf("%q", log)
	}
}

// One that was killed is not in the way of the next.
func TestServiceKilled(t *testing.T) {
	s := newSingle(t)
	pid := s.started()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, "nobody holds the file", func() bool {
		holder, err := procs.PIDFileHolder(filepath.Join(s.dir, "pid"))
		return holder == 0 && err == nil
	})
	s.says("status", "does not run", 0)
	s.started()
	s.says("stop", "stopped", 0)
}

// Of many that are started at once one runs.
func TestServiceRace(t *testing.T) {
	s := newSingle(t)
	codes := make(chan int, 6)
	for range cap(codes) {
		go func() {
			cmd := program(proctest.Soon(s), "", "service", "-pidfile", filepath.Join(s.dir, "pid"), "-log", filepath.Join(s.dir, "log"), "start")
			cmd.Run()
			codes <- cmd.ProcessState.ExitCode()
		}()
	}
	ran := 0
	for range cap(codes) {
		switch code := <-codes; code {
		case 0:
			ran++
		case 1:
		default:
			t.Error("exit code", code)
		}
	}
	if ran != 1 {
		t.Error(ran, "run")
	}
	s.says("stop", "stopped", 0)
}
