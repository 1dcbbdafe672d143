package workload

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/testenv"
	"switchyard/procs"
)

func TestMain(m *testing.M) {
	procs.Init() // a worker process of a workload ends in here
	os.Exit(m.Run())
}

// notWithRace leaves a test to a run without the race detector; make test has
// one. It does again what TestMatrix does with it, to see what comes out.
func notWithRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector looks at TestMatrix")
	}
}

// Every cell of every workload has an implementation or a reason, and the
// verdict knows where to speak of it.
func TestDeclarations(t *testing.T) {
	if err := Suite().Check(); err != nil {
		t.Error(err)
	}
	for _, w := range All() {
		if _, err := os.Stat("../../" + w.Info(Models()).Source); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		if (w.Kind == "") != w.Control {
			t.Errorf("%s is of the kind %q; what competes has one", w.Name, w.Kind)
		}
	}
}

// A workload is short enough to be read beside another one. What grows is that
// which two of them need, in the kit.
func TestWorkloadsAreShort(t *testing.T) {
	const limit = 150
	var lengths []int
	for _, w := range All() {
		text, err := os.ReadFile("../../" + w.Info(Models()).Source)
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, bytes.Count(text, []byte("\n")))
	}
	slices.Sort(lengths)
	if median := lengths[len(lengths)/2]; median > limit {
		t.Errorf("half of the workloads have %d lines or more, want %d at most: %v", median, limit, lengths)
	}
}

// Every case, with one op, or batch, and with some hundreds where that takes no
// time: the answer is right, and no goroutine, child, or descriptor is left. Of
// the points that only the full profile has, each is tried in one model, the
// next in the next; with the race detector, which sees the same code in all
// points of a workload, so are those after the first. MATRIX=long (make matrix)
// tries all in all, which takes many minutes.
func TestMatrix(t *testing.T) {
	warmUp(t)
	long := testenv.Asked("MATRIX") == "long"
	few := make(map[*bench.Workload]bool) // those of whose crowds a few have done it over and over
	turn := 0
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			for i, p := range w.Points() {
				only := bench.Model("")
				if !long && (slices.Contains(w.More, p) || raceEnabled && i > 0) {
					models := slices.DeleteFunc(Models(), func(m bench.ModelInfo) bool { return w.Impls[m.Name] == nil })
					only = models[turn%len(models)].Name
					turn++
				}
				for _, m := range Models() {
					if w.Impls[m.Name] == nil || only != "" && only != m.Name {
						continue
					}
					c := bench.Case{Workload: w.Name, Params: p, Model: m.Name, CPUs: runtime.GOMAXPROCS(0)}
					t.Run(string(m.Name)+"/"+string(p), func(t *testing.T) {
						if testing.Short() && i > 0 {
							t.Skip("short: first parameter point only")
						}
						if w.Batch != nil && w.Batch(p) > maxBatch {
							t.Skip("does what its smaller points do, for too long")
						}
						if long || !isCrowd(c) {
							testCase(t, w, c)
							return
						}
						if !raceEnabled {
							testOnce(t, w, c)
						}
						if !few[w] {
							few[w] = true
							c.Params = smallPoints(w)[0]
							testCase(t, w, c)
						}
					})
				}
			}
		})
	}
}

// warmUp lets everything that starts once per process start: what is left
// after a case is then the case's own. (Package ants starts two goroutines when
// it is imported.)
func warmUp(t *testing.T) {
	for _, m := range Models() {
		c := bench.Case{Workload: nop.Name, Model: m.Name, CPUs: 1}
		if _, err := bench.Measure(nop, c, bench.Options{N: 1}); err != nil {
			t.Fatal(err)
		}
	}
}

// fewOps are enough to see every step of a workload, where each takes long;
// manyOps to fill its queues, to wrap round its rings and to use up what is not
// given back.
const (
	fewOps   = 3
	manyOps  = 200
	maxOps   = 5000
	maxBatch = 10_000
)

// manyProcesses are so many that the test is busy with starting them.
const manyProcesses = 10

// isCrowd reports whether a case has many processes. What they do over and over
// is left to few of them, once all have done it once, and so is what the race
// detector can see: it sees one process at a time, those of a crowd are all
// alike, and to start one takes it ten times as long.
func isCrowd(c bench.Case) bool {
	if c.Model != Process {
		return false
	}
	units := namedUnits(c)
	switch c.Workload {
	case "Spawn":
		units = c.Params.Int("n")
	case "Skynet":
		units = c.Params.Int("leaves")
	}
	return units > manyProcesses
}

// testOnce does one op, or batch. It returns nothing if the case is void.
func testOnce(t *testing.T, w *bench.Workload, c bench.Case) *bench.Result {
	r, err := watched(w, c, 1, patience)
	if void, ok := err.(*bench.VoidError); ok {
		t.Skip(void.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := namedUnits(c); want >= 0 && r.Units != want {
		t.Errorf("%d units were alive at once, want %d", r.Units, want)
	}
	return r
}

func testCase(t *testing.T, w *bench.Workload, c bench.Case) {
	r := testOnce(t, w, c)
	op := max(r.Elapsed/time.Duration(r.N), 1)
	n := min(maxOps, max(manyOps, int(50*time.Millisecond/op)))
	if manyOps*op > 500*time.Millisecond {
		n = fewOps
	}
	if r.N >= min(n, manyOps) {
		return
	}
	_, err := watched(w, c, n, patience)
	var void *bench.VoidError
	if errors.As(err, &void) && w.Open { // the machine is busy: its load was not the intended one
		t.Skip(void.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// namedUnits is how many units a case has alive at the same moment, as its name
// says it; 0 where units come and go, -1 for a workload that is not known here.
func namedUnits(c bench.Case) int {
	p := c.Params
	switch {
	case c.Workload == "Echo", c.Workload == "EchoOpen": // connections, whoever serves them
		return p.Int("conns")
	case c.Model == Serial, c.Workload == "Spawn", c.Workload == "Skynet":
		return 0
	}
	switch c.Workload {
	case "GC":
		return c.CPUs
	case "Parked": // and the one who wakes them
		return 1 + p.Int("n")
	case "Chain":
		return p.Int("n")
	case "Nop":
		return 1
	case "Event": // and the light
		return 1 + p.Int("n")
	case "JoinQueue": // and the producer
		return 1 + p.Int("c")
	case "TaskQueue": // and the master
		return 1 + p.Int("workers")
	case "Semaphore":
		return p.Int("guests")
	case "PingPong", "Pipe", "PipeOpen":
		return 2
	case "Ring", "Sleep", "Barrier":
		return p.Int("n")
	case "CPUMap", "Crash", "SharedArray":
		return c.CPUs
	case "ProdCons":
		return p.Int("p") + p.Int("c")
	case "Command", "Lock", "Mixed", "SharedDict", "SharedDictTuned":
		return p.Int("tasks")
	case "Fetch", "Files":
		return p.Int("tasks")
	case "Policies":
		return len(jobMix)
	case "Heartbeat":
		return 1 + p.Int("hogs")
	}
	return -1
}

// Where many units are claimed to wait at once, they do: a workload that waited
// for one after the other would not be concurrent.
func TestUnitsWereAlive(t *testing.T) {
	for _, m := range []bench.Model{Greenlet, Goroutine, Ants, Thread} {
		c := bench.Case{Workload: sleep.Name, Params: "n=100/stack=0", Model: m, CPUs: 1}
		r, err := bench.Measure(sleep, c, bench.Options{N: 100})
		if err != nil {
			t.Fatal(err)
		}
		if r.Units != 100 {
			t.Errorf("%s: %d sleepers were asleep at once, want 100", m, r.Units)
		}
	}
}
