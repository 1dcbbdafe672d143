package python

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/proctree"
	"switchyard/bench/run"
	_ "switchyard/bench/testenv"
	"switchyard/bench/workload"
)

// list returns what the runner has, or skips the test where nothing runs it.
func list(t *testing.T) ([]benchlog.ModelInfo, []benchlog.WorkloadInfo) {
	t.Helper()
	models, workloads, err := (&run.Program{Path: "./runner"}).List(t.Context())
	if _, void := err.(*bench.VoidError); void || err != nil && strings.Contains(err.Error(), "make peers-deps") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return models, workloads
}

// The list goes together with ours: its workloads leave it to ours what they
// are, and each model is set beside one of ours. (The runner of remote tests
// that it has the model.)
func TestList(t *testing.T) {
	models, workloads := list(t)
	ours := append(workload.Models(), benchlog.ModelInfo{Name: "remote"})
	for _, m := range models {
		if !slices.ContainsFunc(ours, func(our benchlog.ModelInfo) bool { return our.Name == m.Beside }) {
			t.Errorf("%s is set beside %q", m.Name, m.Beside)
		}
		if !strings.Contains(m.Note, "Python 3.") {
			t.Errorf("%s does not say which Python it is: %q", m.Name, m.Note)
		}
	}
	for _, w := range workloads {
		if !w.Shared() {
			t.Errorf("%+v says by itself what it is", w)
		}
	}
}

// What a runner that lacks a package, or all of Python, says of it.
func TestMissing(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python")
	list(t)
	// A Python without site packages has neither gevent nor greenlet.
	script := "#!/bin/sh\ncase $3 in -c) echo False ;; *) exec /usr/bin/env python3 -S \"$@\" ;; esac\n"
	if err := os.WriteFile(python, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-E", "-s", filepath.Join(here, "runner.py"), "-list")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	_, workloads, err := benchlog.ReadList(text)
	if err != nil || len(workloads) == 0 {
		t.Fatal(workloads, err)
	}
	for _, w := range workloads {
		for _, m := range []bench.Model{"py-greenlet", "py-gevent"} {
			want := "this python3 has no package " + string(m[3:]) + ": make peers-deps installs it"
			if w.NA[m] != want {
				t.Errorf("%s, %s: %q, want %q", w.Name, m, w.NA[m], want)
			}
		}
		if !slices.Contains(w.Models, "py-process") && w.NA["py-process"] == "" {
			t.Errorf("%s has no py-process", w.Name)
		}
	}
}

// ops are so many that every step of a workload is taken, and few enough that
// all cases take some seconds.
func ops(c benchlog.Params) int {
	if v, ok := c.Get("task"); ok {
		if d, err := time.ParseDuration(v); err == nil && d >= 100*time.Microsecond {
			return 4
		}
	}
	if _, ok := c.Get("burst"); ok { // a beat takes 10 ms, and hogs compute meanwhile
		return 10
	}
	return 60
}

// Every case of every model gives the answer that ours must give, and the
// ledger of its own. (Each is checked by the runner, too, for every result.)
func TestAnswers(t *testing.T) {
	models, workloads := list(t)
	for _, m := range models {
		t.Run(string(m.Name), func(t *testing.T) {
			t.Parallel()
			var cases []benchlog.Case
			for _, w := range workload.All() {
				for _, has := range workloads {
					if has.Name != w.Name || !slices.Contains(has.Models, m.Name) {
						continue
					}
					for _, p := range smallPoints(w, m.Name) {
						cases = append(cases, benchlog.Case{Workload: w.Name, Params: p, Model: m.Name})
					}
				}
			}
			for i, got := range try(t, ".", m.Name, cases) {
				if strings.HasPrefix(got.text, "void: ") {
					continue
				}
				n, err := strconv.ParseUint(got.text, 10, 64)
				if want := wanted(cases[i], got.n); err != nil || n != want {
					t.Errorf("%s, %d ops: %s, want %d", cases[i], got.n, got.text, want)
				}
			}
		})
	}
}

// smallPoints are the first points without those of so many units that starting
// them is all that takes time: thousands, and of processes a hundred, if there
// is a point with fewer.
func smallPoints(w *bench.Workload, m bench.Model) []benchlog.Params {
	below := func(most int, points []benchlog.Params) []benchlog.Params {
		return slices.DeleteFunc(slices.Clone(points), func(p benchlog.Params) bool {
			return slices.ContainsFunc([]string{"n", "conns"}, func(name string) bool {
				_, ok := p.Get(name)
				return ok && p.Int(name) >= most
			})
		})
	}
	points := below(1000, firstPoints(w))
	if few := below(100, points); m == "py-process" && len(few) > 0 {
		return few
	}
	return points
}

// firstPoints are the workload's of a default run, and of the others as many as
// make three: each costs the start of some tasks in five models.
func firstPoints(w *bench.Workload) (points []benchlog.Params) {
	for _, p := range slices.Concat(w.Cases, w.More, w.Points()) {
		if len(points) < 3 && !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	return points
}

// wanted is the answer that our own models must give. Hogs are the exception:
// they compute as long as ours, and get less done.
func wanted(c benchlog.Case, n int) uint64 {
	if c.Workload == "Heartbeat" && c.Params.Int("hogs") > 0 {
		hogs, burst := c.Params.Int("hogs"), c.Params.Duration("burst")
		each := time.Duration(n) * 10 * time.Millisecond * time.Duration(min(hogs, len(run.AllCPUs()))) / time.Duration(hogs)
		return uint64(n) + uint64(hogs)*uint64(max(1, each/burst))*steps(int(burst/time.Microsecond)*10)
	}
	for _, w := range workload.All() {
		if w.Name == c.Workload && n > 0 {
			return w.Want(&bench.B{N: n, Model: c.Model, Params: c.Params, CPUs: 1})
		}
	}
	return 0
}

// steps is what CPUMap and hogs compute.
func steps(n int) uint64 {
	x := uint64(1)
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// An attempt is what one case came to: its answer, or what was wrong.
type attempt struct {
	n    int
	text string
}

// try has the runner in a directory do each of the cases once.
func try(t *testing.T, dir string, m bench.Model, cases []benchlog.Case) (all []attempt) {
	t.Helper()
	var input strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&input, "%s\t%s\t%d\n", c.Workload, c.Params, ops(c.Params))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // all of them, on a slow machine
	defer cancel()
	cmd := exec.CommandContext(ctx, dir+"/runner", "-try", string(m))
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input.String()), &stderr
	text, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil || len(lines) != len(cases) {
		t.Fatalf("%v: %d lines for %d cases\n%s\n%s", err, len(lines), len(cases), text, &stderr)
	}
	for i, line := range lines {
		fields := strings.SplitN(line, "\t", 4)
		if len(fields) != 4 || fields[0] != cases[i].Workload || fields[1] != string(cases[i].Params) {
			t.Fatalf("line %d is %q, for %s", i+1, line, cases[i])
		}
		n, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, attempt{n, fields[3]})
	}
	return all
}

// A mutant is a change of one file by which a model does something else.
type mutant struct {
	file, old, new string
	model          bench.Model
	workload       string
	params         benchlog.Params
	want           string
}

// What a model does wrong is found: less work, none, work done twice, fewer
// units, a clock that stands.
func TestPythonMutants(t *testing.T) {
	list(t)
	for _, m := range mutants {
		t.Run(m.workload+"/"+string(m.model)+"/"+m.old, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, m.file)
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(text), m.old) < 1 {
				t.Fatalf("%s has no %q", m.file, m.old)
			}
			if err := os.WriteFile(name, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, "runner"), 0o700); err != nil {
				t.Fatal(err)
			}
			c := benchlog.Case{Workload: m.workload, Params: m.params, Model: m.model}
			if got := try(t, dir, m.model, []benchlog.Case{c})[0]; !strings.Contains(got.text, m.want) {
				t.Errorf("%s, want %q", got.text, m.want)
			}
		})
	}
}

var mutants = []mutant{
	{"workloads/pingpong.py", "v = main.switch(v + 1)", "v = main.switch(v + 2)", "py-greenlet", "PingPong", "", "wrong answer"},
	{"workloads/pingpong.py", "theirs.ops += 1", "theirs.ops += 2", "py-greenlet", "PingPong", "", "ops each"},
	{"workloads/pingpong.py", "b.units(2)", "b.units(1)", "py-greenlet", "PingPong", "", "1 units were alive"},
	{"workloads/pingpong.py", "    b.stop()\n", "", "py-greenlet", "PingPong", "", "not started and stopped"},
	{"workloads/pingpong.py", "    b.start()\n", "    b.start()\n    b.start()\n", "py-greenlet", "PingPong", "", "started twice"},
	{"workloads/pingpong.py", "        back.put(v + 1)", "        back.put(v)", "py-thread", "PingPong", "", "wrong answer"},
	{"workloads/pingpong.py", "                theirs.send(v + 1)", "                raise SystemExit(7)", "py-process", "PingPong", "", "Error"},
	{"workloads/ring.py", "give(token + 1)\n            give(None)", "give(token + 1)\n                u.ops += 1\n            give(None)", "py-thread", "Ring", "n=10", "ops each"},
	{"workloads/ring.py", "range(1, n):", "range(2, n):", "py-greenlet", "Ring", "n=10", "AttributeError"},
	{"workloads/spawn.py", "for p in units:\n            p.start()", "for p in units[1:]:\n            p.start()", "py-process", "Spawn", "n=100", "Error"},
	{"workloads/spawn.py", "ended.append, 1) for _ in range(n)", "ended.append, 1) for _ in range(n - 1)", "py-gevent", "Spawn", "n=100", "wrong answer"},
	{"workloads/cpumap.py", "return steps(self.n) + x", "return steps(self.n // 2) + x", "py-process", "CPUMap", "task=10us/chunk=1", "wrong answer"},
	{"workloads/cpumap.py", "results = list(work(range(b.n)))", "results = list(work(range(b.n)))[::-1]", "py-executor", "CPUMap", "task=1us/chunk=64", "wrong answer"},
	{"workloads/prodcons.py", "items.put(v)", "items.put(v + k)", "py-thread", "ProdCons", "p=1/c=1", "wrong answer"},
	{"workloads/prodcons.py", "            u.ops += 1\n        for", "        for", "py-process", "ProdCons", "p=1/c=1", "ops, want"},
	{"workloads/pipe.py", "mine.bytes[:] = received", "mine.bytes[:8] = received[:8]", "py-gevent", "Pipe", "payload=4096", "wrong answer"},
	{"workloads/pipe.py", "u.bytes += ours.recv", "u.ops += 0 * ours.recv", "py-process", "Pipe", "payload=8", "received"},
	{"workloads/lock.py", "with lock:\n                if not left:\n                    break\n                left -= 1",
		"if True:\n                if not left:\n                    break\n                v = left; pause(0.001); left = v - 1",
		"py-thread", "Lock", "tasks=8/yield=each", "wrong answer"},
	{"workloads/lock.py", "left.value -= 1", "left.value -= 2", "py-process", "Lock", "tasks=2/yield=each", "wrong answer"},
	{"workloads/sleep.py", "for k in range(rounds)", "for k in range(rounds - 1)", "py-gevent", "Sleep", "n=100/stack=0", "wrong answer"},
	{"workloads/sleep.py", "way.sleep", "__import__('time').sleep", "py-gevent", "Sleep", "n=100/stack=0", "did not overlap"},
	{"workloads/sleep.py", "await asyncio.sleep(NAP)", "__import__('time').sleep(NAP)", "py-asyncio", "Sleep", "n=100/stack=0", "did not overlap"},
	{"workloads/echo.py", "return line.upper()", "return line", "py-gevent", "Echo", "conns=10", "greeting"},
	{"workloads/echo.py", "return line.upper()", "return line.upper()[:8] + bytes(56)", "py-process", "Echo", "conns=10", "greeting"},
	{"workloads/echo.py", "left = [self._b.share(i, n)", "left = [self._b.share(i, n) - 1", "py-thread", "Echo", "conns=10", "wrong answer"},
	{"workloads/chain.py", "1 + values[i + 1].get())\n\n        units", "1)\n\n        units", "py-thread", "Chain", "n=100", "wrong answer"},
	{"workloads/chain.py", "for _ in range(n)", "for _ in range(n - 1)", "py-greenlet", "Chain", "n=100", "wrong answer"},
	{"workloads/joinqueue.py", "            items.join()\n", "", "py-gevent", "JoinQueue", "c=4/batch=64", "joined when 0 of 64"},
	{"workloads/joinqueue.py", "                await items.put(u.ops)\n", "", "py-asyncio", "JoinQueue", "c=4/batch=64", "joined when 0 of 64"},
	{"workloads/taskqueue.py", "put(add_one(task))", "put(task)", "py-manager", "TaskQueue", "workers=2/inflight=64", "wrong answer"},
	{"workloads/taskqueue.py", "            u.ops += 1\n            results", "            results", "py-process", "TaskQueue", "workers=2/inflight=64", "ops, want"},
	{"workloads/taskqueue.py", "Queues(manager.address, key)", "Queues(manager.address, key[1:])", "py-manager", "TaskQueue", "workers=2/inflight=64", "AuthenticationError"},
	{"workloads/shareddict.py", "with lock:\n                    scores[known[name]] += 1", "with lock:\n                    scores[known[name]] += 2", "py-thread", "SharedDict", "tasks=4/read=90", "wrong answer"},
	{"workloads/shareddict.py", "if reads:", "if True:", "py-process", "SharedDict", "tasks=4/read=90", "wrong answer"},
	{"workloads/semaphore.py", "way.Semaphore(permits)", "way.Semaphore(permits + 1)", "py-gevent", "Semaphore", "guests=20/permits=3", "4 guests were in 3 rooms"},
	{"workloads/event.py", "lights[(r + 1) % 2].clear()", "pass", "py-gevent", "Event", "n=10", "wrong answer"},
	{"workloads/barrier.py", "            barrier.wait()\n            if t:", "            if t:", "py-gevent", "Barrier", "n=10", "wrong answer"},
	{"workloads/fetch.py", "content = answer.read()", "content = answer.read(8)", "py-thread", "Fetch", "tasks=16/payload=16384", "wrong answer"},
	{"workloads/submit.py", "self.values.append(v)", "self.values.append(v + 1)", "py-executor", "Submit", "inflight=64", "wrong answer"},
	{"workloads/skynet.py", "return first, 1", "return first, 2", "py-gevent", "Skynet", "leaves=1000", "ops, want"},
	{"workloads/heartbeat.py", "for _ in range(n)", "for _ in range(n - 1)", "py-gevent", "Heartbeat", "hogs=2/burst=1ms", "wrong answer"},
	{"workloads/heartbeat.py", "steps(count)\n                u.ops", "steps(count - 1)\n                u.ops", "py-process", "Heartbeat", "hogs=2/burst=1ms", "wrong answer"},
	{"workloads/command.py", "u.answer += code(i) + status", "u.answer += code(i)", "py-process", "Command", "tasks=4", "wrong answer"},
}

// What units entered is compared with what they must have done, and the clock
// has its rules.
func TestPythonLedger(t *testing.T) {
	list(t)
	const measured = "u = b.unit(); u.ops, u.bytes = 3, 8; b.units(1); b.start(); b.stop(); b.audit("
	for code, want := range map[string]string{
		measured + "Ledger(units=1, ops=3, each=3, bytes=8))":                                             "",
		measured + "Ledger(units=2, ops=3, bytes=8))":                                                     "1 units were alive at the same moment, want 2",
		measured + "Ledger(units=1, ops=4, bytes=8))":                                                     "the units did 3 ops, want 4",
		measured + "Ledger(units=1, ops=3, each=2, bytes=8))":                                             "1 units were to do 2 ops each, and did [3]",
		measured + "Ledger(units=1, ops=3, bytes=9))":                                                     "the units received 8 bytes, want 9",
		measured + "Ledger(units=1, ops=3, bytes=8, elapsed=1<<60))":                                      "which is less than 1152921504606846976: something was left out",
		measured + "Ledger(units=1, ops=3, bytes=8, in_turn=1<<60))":                                      "",
		"u = b.unit(); b.start(); b.stop(); b.elapsed = 1 << 30; b.audit(Ledger(ops=0, in_turn=1 << 30))": "waits that take 1073741824 one after another did not overlap",
		"b.stop()":                          "the timer was stopped twice, or before it was started",
		"b.start(); b.start()":              "the timer was started twice",
		"b.start(); b.stop(); b.stop()":     "the timer was stopped twice, or before it was started",
		"b.start(); b.audit(Ledger(ops=0))": "the timer was not started and stopped",
		"raise Void(\"x\") if nanoseconds(\"1.25us\") != 1250 or nanoseconds(\"10ms\") != 10**7 or b.share(0, 2) != 2 else Failed(\"as it should be\")": "as it should be",
	} {
		text, err := exec.Command("python3", "-B", "-c", "from kit import *\nb = B(3, 'py-thread', 'a=1', 1)\n"+code).CombinedOutput()
		if (want == "") != (err == nil) || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s, want %q", code, err, text, want)
		}
	}
}

// Guests who come and go while they are counted are not a crowd: only those who
// are in the same visit before and after are there at once.
func TestPythonCrowd(t *testing.T) {
	list(t)
	for readings, want := range map[string]string{
		"[1, 0, 2, 0, 5]":                                   "0", // three, of three
		"[1, 1, 2, 0, 5], [1, 1, 2, 0, 5]":                  "4",
		"[1, 1, 2, 0, 5], [0, 2, 2, 0, 5]":                  "0", // they left meanwhile
		"[1, 1, 2, 0, 5], [1, 2, 2, 1, 0], [1, 0, 2, 0, 0]": "0",
		"[1, 1, 2, 0, 5], [1, 2, 2, 1, 0], [1, 2, 2, 1, 0]": "4",
	} {
		text, err := exec.Command("python3", "-B", "-c", "from workloads.semaphore import crowd\nreadings = iter(["+readings+"])\n"+
			"class Inside:\n  def __getitem__(self, all): return next(readings)\nprint(crowd(Inside(), 3))").CombinedOutput()
		if err != nil || strings.TrimSpace(string(text)) != want {
			t.Errorf("%s: %s %v, want %s", readings, text, err, want)
		}
	}
}

// What the runner prints is a result of the case, with a histogram that the
// library for it reads, and calibration finds an N.
func TestProtocol(t *testing.T) {
	list(t)
	p := &run.Program{Path: "./runner", CPUs: run.AllCPUs()}
	c := benchlog.Case{Workload: "PingPong", Model: "py-thread", CPUs: 1}
	found, err := p.Run(t.Context(), run.Invocation{Case: c, Benchtime: 5 * time.Millisecond})
	if err != nil || found.N < 2 || found.Passes < 1 || found.Batch != 1 || found.Timed < 4*time.Millisecond {
		t.Fatalf("calibrated %+v, %v", found, err)
	}
	out, err := p.Run(t.Context(), run.Invocation{Case: c, N: 50, Op: found.Op, Benchtime: 5 * time.Millisecond})
	if err != nil || out.N != 50 || out.Passes != 0 {
		t.Fatalf("measured %+v, %v", out, err)
	}
	r, err := benchlog.ParseResult(out.Line)
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"ns/op", "ops/s", "cpu-ns/op", "p50-ns", "p99.9-ns", "max-ns", "peak-RSS-bytes", "csw/op", "units"} {
		if v, ok := r.Get(unit); !ok || v <= 0 {
			t.Errorf("%v %s in %s", v, unit, out.Line)
		}
	}
	h, err := hdrhistogram.Decode([]byte(out.Latency))
	if err != nil || h.TotalCount() < 1 {
		t.Fatalf("%q: %v", out.Latency, err)
	}
	if longest, _ := r.Get("max-ns"); h.ValueAtPercentile(100) != int64(longest) {
		t.Errorf("max-ns is %v, and the histogram's %d", longest, h.ValueAtPercentile(100))
	}
	for words, want := range map[string]int{
		"-workload PingPong -model py-thread -params  -cpus x":           bench.ExitUsage,
		"-workload PingPong -model py-executor":                          bench.ExitUsage,
		"-workload Nothing -model py-thread":                             bench.ExitUsage,
		"-workload PingPong -model py-thread more":                       bench.ExitUsage,
		"-workload Ring -model py-process -params n=1000 -n 1":           bench.ExitVoid,
		"-workload Skynet -model py-executor -params leaves=100000 -n 1": bench.ExitVoid,
	} {
		cmd := exec.Command("./runner", strings.Split(words, " ")...)
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: exit status %d, want %d", words, cmd.ProcessState.ExitCode(), want)
		}
	}
}

// A runner that is killed leaves no process behind, not even of a pool, whose
// workers would wait for ever.
func TestKilledRunnerLeavesNothing(t *testing.T) {
	list(t)
	for _, c := range [][]string{
		{"-workload", "CPUMap", "-model", "py-process", "-params", "task=1ms/chunk=1", "-n", "100000", "-cpus", "2"},
		{"-workload", "CPUMap", "-model", "py-executor", "-params", "task=1ms/chunk=1", "-n", "100000", "-cpus", "2"},
		{"-workload", "Ring", "-model", "py-process", "-params", "n=10", "-n", "100000000"},
	} {
		cmd := exec.Command("./runner", c...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var below []int
		within(t, "it has children", func() bool {
			below = proctree.Descendants(cmd.Process.Pid)
			return len(below) >= 2
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		within(t, "they have ended", func() bool {
			return !slices.ContainsFunc(below, func(pid int) bool { return alive(pid) })
		})
	}
}

// alive reports whether a process is there that has not ended.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	at := bytes.LastIndexByte(text, ')')
	return err == nil && at > 0 && !bytes.HasPrefix(text[at+1:], []byte(" Z"))
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// The histogram is the one that the Go library makes of the same values: the
// counts, the percentiles, and the text but for its compression.
func TestHistogram(t *testing.T) {
	list(t)
	for name, values := range map[string]string{
		"one":        "[7]",
		"lowest":     "[0, -5, 1, 1]",
		"highest":    "[3600 * 10**9, 10**15, 3]",
		"edges":      "[127, 128, 255, 256, 257, 511, 512, 513, 2**20 - 1, 2**20, 2**20 + 1]",
		"many":       "[i * i * 37 % 1000003 for i in range(20000)]",
		"ten alike":  "[1000] * 10 + [1]",
		"great gaps": "[1, 2**40, 2**30 * 3, 5]",
		"all counts": "[2**k for k in range(41) for _ in range(3**(k % 5))]",
	} {
		code := "import hdr\nvalues = " + values + "\nh = hdr.Histogram(values)\nprint(h.encode())\nprint(*values)\nprint(*[h.percentile(p) for p in (50, 90, 99, 99.9, 100)])"
		cmd := exec.Command("python3", "-B", "-c", code)
		text, err := cmd.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if err != nil || len(lines) != 3 {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		want := bench.NewHistogram()
		for _, word := range strings.Fields(lines[1]) {
			v, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if err := want.RecordValue(min(max(v, 1), int64(time.Hour))); err != nil {
				t.Fatal(err)
			}
		}
		got, err := hdrhistogram.Decode([]byte(lines[0]))
		if err != nil || !got.Equals(want) {
			t.Errorf("%s: %v: %s", name, err, lines[0])
			continue
		}
		var percentiles []string
		for _, p := range []float64{50, 90, 99, 99.9, 100} {
			percentiles = append(percentiles, strconv.FormatInt(want.ValueAtPercentile(p), 10))
		}
		if w := strings.Join(percentiles, " "); lines[2] != w {
			t.Errorf("%s: percentiles %s, want %s", name, lines[2], w)
		}
	}
}
