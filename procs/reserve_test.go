//go:build linux

package procs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
)

// whoArgs is where a process tells about itself.
type whoArgs struct {
	To  *Queue[who]
	Big []byte // more than fits in a packet
}

type who struct {
	PID, GOMAXPROCS, Big     int
	Args, Env, Dir, Name, By string
	Daemon                   bool
}

const reserveVariable = "PROCS_TEST_RESERVE"

var testWho = Register("test.who", func(ctx context.Context, in whoArgs) (int, error) {
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	raw, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		return 0, err
	}
	me := CurrentProcess()
	return 0, in.To.Put(ctx, who{os.Getpid(), runtime.GOMAXPROCS(0), len(in.Big), fmt.Sprint(len(os.Args), string(raw)), os.Getenv(reserveVariable), dir,
		me.Name(), ParentProcess().Name(), me.Daemon()})
})

// tell starts a process and returns what it tells about itself, and whether it
// was in reserve.
func tell(t *testing.T, q *Queue[who], config ProcessConfig, big int) (who, bool) {
	t.Helper()
	p := proctest.Started(t, NewProcess(testWho, whoArgs{q, make([]byte, big)}, config))
	proctest.Join(t, p)
	w := must(q.GetNowait())(t)
	if w.PID != p.PID() {
		t.Errorf("%d tells, and %d was started", w.PID, p.PID())
	}
	return w, strings.Contains(w.Args, "[reserved]")
}

func setReserve(t *testing.T, n, gomaxprocs int) {
	t.Helper()
	if err := SetReserve(n, gomaxprocs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { SetReserve(0, 0) })
}

// reservedNow returns the ids of the processes in reserve, when there are n.
func reservedNow(t *testing.T, n int) (pids []int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d processes are in reserve", n), func() bool {
		pids = nil
		files, _ := filepath.Glob("/proc/self/task/*/children")
		for _, f := range files {
			list, _ := os.ReadFile(f)
			for _, pid := range strings.Fields(string(list)) {
				line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
				if strings.Contains(string(line), "[reserved]") {
					var n int
					fmt.Sscan(pid, &n)
					pids = append(pids, n)
				}
			}
		}
		return len(pids) == n
	})
	return pids
}

// A process out of the reserve is like any other.
func TestReserve(t *testing.T) {
	q := must(NewQueue[who](0))(t)
	defer q.Close()
	cold, was := tell(t, q, ProcessConfig{Name: "who", GOMAXPROCS: 1, Daemon: true}, 100_000)
	if was {
		t.Fatal("there is no reserve yet")
	}
	setReserve(t, 2, 1)
	for range 3 {
		reservedNow(t, 2)
		warm, was := tell(t, q, ProcessConfig{Name: "who", GOMAXPROCS: 1, Daemon: true}, 100_000)
		if !was {
			t.Error("it was not in reserve")
		}
		warm.PID, warm.Args = cold.PID, cold.Args
		if warm != cold {
			t.Errorf("%+v, one that is started anew is %+v", warm, cold)
		}
	}
	reservedNow(t, 2)
	p := proctest.Started(t, NewProcess(testExit, 7, ProcessConfig{GOMAXPROCS: 1}))
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, ok := p.ExitCode(); code != 7 || !ok {
		t.Error(code, ok)
	}
	reservedNow(t, 2)
	if left := ActiveChildren(); len(left) > 0 {
		t.Errorf("these are no children of the program's: %v", left)
	}
	p = proctest.Started(t, NewProcess(testHang, 0, ProcessConfig{GOMAXPROCS: 1}))
	p.Terminate()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.ExitCode(); code != -15 {
		t.Error(code)
	}
}

// One that is to be otherwise than those in reserve is started anew.
func TestReserveDoesNotFit(t *testing.T) {
	q := must(NewQueue[who](0))(t)
	defer q.Close()
	setReserve(t, 2, 1)
	for name, config := range map[string]ProcessConfig{
		"GOMAXPROCS": {GOMAXPROCS: 2}, "environment": {GOMAXPROCS: 1, Env: []string{reserveVariable + "=x"}},
		"directory": {GOMAXPROCS: 1, Dir: "/"}, "session": {GOMAXPROCS: 1, NewSession: true}, "output": {GOMAXPROCS: 1, Stdout: new(strings.Builder)},
		"input": {GOMAXPROCS: 1, Stdin: strings.NewReader("")}, "errors": {GOMAXPROCS: 1, Stderr: new(strings.Builder)},
		"program": {GOMAXPROCS: 1, Executable: must(os.Executable())(t)}, "life": {GOMAXPROCS: 1, Detached: true},
	} {
		reservedNow(t, 2)
		if w, was := tell(t, q, config, 0); was || w.GOMAXPROCS != config.GOMAXPROCS || config.Dir != "" && w.Dir != config.Dir {
			t.Errorf("%s: %+v", name, w)
		}
	}
	reservedNow(t, 2)
	t.Setenv(reserveVariable, "new")
	if w, was := tell(t, q, ProcessConfig{GOMAXPROCS: 1}, 0); was || w.Env != "new" {
		t.Errorf("the environment has changed: %+v", w)
	}
	eventually(t, "the reserve has changed with it", func() bool {
		w, was := tell(t, q, ProcessConfig{GOMAXPROCS: 1}, 0)
		return was && w.Env == "new"
	})
	reservedNow(t, 2)
	t.Chdir("/")
	if w, was := tell(t, q, ProcessConfig{GOMAXPROCS: 1}, 0); was || w.Dir != "/" {
		t.Errorf("the directory has changed: %+v", w)
	}
	setReserve(t, 1, 0)
	reservedNow(t, 1)
	if w, was := tell(t, q, ProcessConfig{}, 0); !was || w.Dir != "/" {
		t.Errorf("the reserve is another one: %+v", w)
	}
}

// testReserveClosed has a reserve, closes one of its own standard files, and
// starts a process.
var testReserveClosed = Register("test.reserveclosed", func(ctx context.Context, in closedArgs) (int, error) {
	if err := SetReserve(1, 1); err != nil {
		return 0, err
	}
	defer SetReserve(0, 0)
	if in.FD != 0 {
		syscall.Close(in.FD)
	}
	p := NewProcess(testWho, whoArgs{in.To, nil}, ProcessConfig{GOMAXPROCS: 1})
	if err := p.Start(); err != nil {
		return 0, err
	}
	return 0, p.Join(ctx)
})

type closedArgs struct {
	FD int
	To *Queue[who]
}

// Who has closed its standard output, or errors, has a child that writes
// nowhere, and not one in reserve, which has them still.
func TestReserveClosedOutput(t *testing.T) {
	q := must(NewQueue[who](0))(t)
	defer q.Close()
	for fd, reserved := range map[int]bool{0: true, 1: false, 2: false} {
		p := proctest.Started(t, NewProcess(testReserveClosed, closedArgs{fd, q}, ProcessConfig{}))
		proctest.Join(t, p)
		if w := must(q.GetNowait())(t); strings.Contains(w.Args, "[reserved]") != reserved {
			t.Errorf("descriptor %d closed (0: none): %s", fd, w.Args)
		}
	}
}

// Processes in reserve that are killed are no loss, and none of the reserve:
// neither those that would have been taken first, nor those behind one that is.
func TestReserveKilled(t *testing.T) {
	q := must(NewQueue[who](0))(t)
	defer q.Close()
	setReserve(t, 3, 1)
	for k := range 10 {
		pids := reservedNow(t, 3)
		slices.Sort(pids) // as they were started, and are taken
		killed := slices.Delete(pids, k%3, k%3+1)
		for _, pid := range killed {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		allGone(t, killed...) // else it is as if they were killed once they are started
		tell(t, q, ProcessConfig{GOMAXPROCS: 1}, 0)
	}
}

var testKeepReserve = Register("test.keepreserve", func(ctx context.Context, up *Queue[int]) (int, error) {
	if err := SetReserve(3, 1); err != nil {
		return 0, err
	}
	defer SetReserve(0, 0)
	used := NewProcess(testHang, 0, ProcessConfig{GOMAXPROCS: 1})
	if err := used.Start(); err != nil {
		return 0, err
	}
	if err := up.Put(ctx, used.PID()); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

// They die with their parent: in reserve, stopped, and in use.
func TestReserveOfKilledParent(t *testing.T) {
	up := must(NewQueue[int](0))(t)
	defer up.Close()
	p := proctest.Started(t, NewProcess(testKeepReserve, up, ProcessConfig{}))
	used := must(up.Get(soon(t)))(t)
	var pids []int
	eventually(t, "one is in use, and three are in reserve", func() bool {
		pids = nil
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID()))
		for _, f := range files {
			list, _ := os.ReadFile(f)
			for _, s := range strings.Fields(string(list)) {
				var pid int
				fmt.Sscan(s, &pid)
				if pid != used {
					pids = append(pids, pid)
				}
			}
		}
		return len(pids) == 3
	})
	if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", used)); !strings.Contains(string(line), "[reserved]") {
		t.Errorf("%q is not out of the reserve", line)
	}
	syscall.Kill(pids[0], syscall.SIGSTOP)
	proctest.Slay(t, p)
	allGone(t, append(pids, used)...)
}

// The reserve is let go, with what it has open.
func TestReserveEnds(t *testing.T) {
	setReserve(t, 1, 1) // what a first start opens for good, as /dev/null, is open
	setReserve(t, 0, 0)
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	setReserve(t, 3, 1)
	pids := reservedNow(t, 3)
	setReserve(t, 0, 0)
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("%d is left: %v", pid, err)
		}
	}
	eventually(t, "descriptors are closed", func() bool { return proctest.Descriptors(t) <= before })
}

// BenchmarkProcessReserved has the program of BenchmarkProcessStart start and
// join processes out of a reserve, in turn with new ones: x-new is the ratio of
// the medians.
func BenchmarkProcessReserved(b *testing.B) {
	start := newLeanParent(b, 0)
	var warm, cold []time.Duration
	b.ResetTimer()
	for range b.N {
		warm = append(warm, start("r"))
		cold = append(cold, start("1"))
	}
	b.ReportMetric(proctest.Median(warm), "ns/op")
	b.ReportMetric(proctest.Median(warm)/proctest.Median(cold), "x-new")
}
