package reporttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench/benchlog"
)

// A Synthetic run imitates what the runner writes: all workloads, six models,
// plausible ratios, noise, a disturbed block, failures and skips. Its numbers
// are invented; tests read them, nobody quotes them.
type Synthetic struct {
	Seed   uint64
	Count  int
	models []string
	Only   string // one workload's name, or "" for all
}

type syntheticWorkload struct {
	name, story, op string
	vary, cases     []string
	// ns is the time per op; 0 means no implementation, below 0 a failure.
	ns func(model string, p map[string]float64) float64
	na map[string]string
}

var syntheticModels = []string{"serial", "greenlet", "goroutine", "ants", "thread", "process"}

func pick(model string, serial, greenlet, goroutine, ants, thread, process float64) float64 {
	return map[string]float64{"serial": serial, "greenlet": greenlet, "goroutine": goroutine, "ants": ants, "thread": thread, "process": process}[model]
}

var syntheticWorkloads = []syntheticWorkload{
	{name: "Nop", story: "The harness itself: an op that does nothing. Whatever a model adds here is in every other number too.", op: "empty op",
		ns: func(m string, _ map[string]float64) float64 { return pick(m, 0.6, 0.6, 0.61, 0.6, 0.61, 0.6) }},
	{name: "PingPong", story: "Two tasks hand a counter back and forth. Nothing else happens, so this is the price of one hand-over each way, the number every design with many small tasks pays over and over.", op: "round trip",
		ns: func(m string, _ map[string]float64) float64 { return pick(m, 0, 81, 262, 410, 9100, 10400) },
		na: map[string]string{"serial": "one flow of control has nobody to hand over to"}},
	{name: "Ring", story: "A token travels round a ring of tasks. With many tasks the working set leaves the caches and the scheduler's queues grow.", op: "hop", vary: []string{"n"}, cases: []string{"n=10", "n=100", "n=1000"},
		ns: func(m string, p map[string]float64) float64 {
			if m == "process" && p["n"] > 100 {
				return 0
			}
			return pick(m, 0, 42, 190, 320, 4600, 5600) * (1 + 0.12*math.Log10(p["n"]))
		}, na: map[string]string{"serial": "one flow of control has nobody to hand over to", "process/n=1000": "a thousand processes need more memory than this machine has"}},
	{name: "Spawn", story: "Start and join tasks that do nothing: what a server pays that gives every request a task of its own.", op: "task", vary: []string{"n"}, cases: []string{"n=10", "n=100", "n=1000", "n=10000"},
		ns: func(m string, p map[string]float64) float64 {
			if m == "process" && p["n"] > 100 {
				return 0
			}
			return pick(m, 2, 330, 290, 210, 9800, 1.2e6) * (1 + 0.05*math.Log10(p["n"]))
		}, na: map[string]string{"process/n=1000": "a thousand processes at once exceed the limit on processes", "process/n=10000": "ten thousand processes need more memory than this machine has"}},
	{name: "CPUMap", story: "Map a function over inputs, the textbook use of a pool. The size of one task decides whether handing it to another core, or to another process, pays at all.", op: "task", vary: []string{"task", "chunk"},
		cases: []string{"task=1us/chunk=1", "task=10us/chunk=1", "task=100us/chunk=1", "task=1ms/chunk=1", "task=10ms/chunk=1", "task=1us/chunk=64"},
		ns: func(m string, p map[string]float64) float64 {
			t, over := p["task"]*1e9, pick(m, 0, 40, 240, 180, 900, 21000)/p["chunk"]
			if m == "serial" || m == "greenlet" {
				return t + over
			}
			if m == "process" {
				return t/1.98 + over
			}
			return t/1.86 + over
		}},
	{name: "ProdCons", story: "Producers and consumers share a bounded queue of ten. Both sides block in turn.", op: "item", vary: []string{"p", "c"}, cases: []string{"p=1/c=1", "p=4/c=4", "p=1/c=8"},
		ns: func(m string, p map[string]float64) float64 {
			return pick(m, 0, 96, 182, 240, 5200, 2300) * (1 + 0.02*p["p"]*p["c"])
		},
		na: map[string]string{"serial": "one flow of control cannot produce and consume at once"}},
	{name: "Pipe", story: "Round trip through a duplex pipe, with payloads on both sides of the 64 KiB that the kernel buffers.", op: "round trip", vary: []string{"payload"}, cases: []string{"payload=8B", "payload=1KiB", "payload=64KiB", "payload=1MiB"},
		ns: func(m string, p map[string]float64) float64 {
			return pick(m, 0, 210, 520, 610, 9900, 15000) + p["payload"]*pick(m, 0, .05, .06, .06, .07, .34)
		},
		na: map[string]string{"serial": "one flow of control has no other end"}},
	{name: "Lock", story: "The last tickets: everyone decrements one counter under one lock until nothing is left.", op: "ticket", vary: []string{"tasks"}, cases: []string{"tasks=2", "tasks=8"},
		ns: func(m string, p map[string]float64) float64 {
			if m == "process" && p["tasks"] == 8 {
				return -1
			}
			return pick(m, 4, 9, 31, 33, 38, 240) * (1 + 0.2*math.Log2(p["tasks"]))
		}},
	{name: "Sleep", story: "Many sleepers at once, each for a moment: timers, heartbeats and waiting sessions.", op: "sleep", vary: []string{"n"}, cases: []string{"n=100", "n=10000"},
		ns: func(m string, p map[string]float64) float64 {
			if m == "process" && p["n"] > 100 {
				return 0
			}
			return pick(m, 0, 700, 720, 800, 8100, 41000) * (1 + 0.05*math.Log10(p["n"]))
		}, na: map[string]string{"serial": "sleeping one after another is not concurrency", "process/n=10000": "ten thousand processes need more memory than this machine has"}},
	{name: "Echo", story: "A TCP server on the loopback that answers in upper case, closed loop.", op: "request", vary: []string{"conns"}, cases: []string{"conns=1", "conns=32"},
		ns: func(m string, p map[string]float64) float64 {
			return pick(m, 14000, 13900, 14100, 14300, 19000, 21000) / (1 + 0.15*math.Log2(p["conns"])*pick(m, 0, .5, 1, 1, .9, 1))
		}},
}

// Write makes the directory's bench.txt and latency.hlog.
func (s Synthetic) Write(t testing.TB, dir string) {
	t.Helper()
	bench, hlog := s.files(t)
	for name, data := range map[string][]byte{benchlog.BenchFile: bench, benchlog.LatencyFile: hlog} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// one is a case of the synthetic run for one model.
type unitRun struct {
	w     syntheticWorkload
	kase  string
	model string
}

func (s Synthetic) files(t testing.TB) (bench, hlog []byte) {
	if s.models == nil {
		s.models = syntheticModels
	}
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	var b, h bytes.Buffer
	logw := hdrhistogram.NewHistogramLogWriter(&h)
	_ = logw.OutputLogFormatVersion()
	begun := benchlog.Time{Time: time.Date(2026, 11, 20, 19, 3, 11, 0, time.UTC)}
	_ = logw.OutputStartTime(begun.UnixMilli())
	var units []unitRun
	plan := benchlog.Header{Format: 1, Started: begun, Command: fmt.Sprintf("make bench COUNT=%d SEED=%d", s.Count, s.Seed), Seed: s.Seed, Count: s.Count, Benchtime: 5e7, CPUs: "0-1"}
	for _, m := range s.models {
		plan.Models = append(plan.Models, benchlog.Model(m))
	}
	header, _ := benchlog.Note(plan)
	b.Write(header)
	declared := []benchlog.ModelInfo{
		{Name: "serial", Note: "the work itself, in one flow of control: a baseline, not in the competition", Baseline: true},
		{Name: "greenlet", Note: "coroutines that switch explicitly, on one thread"},
		{Name: "goroutine", Note: "goroutines, scheduled by the Go runtime"},
		{Name: "ants", Note: "goroutines from a pool (ants)"},
		{Name: "thread", Note: "goroutines locked to their operating system thread"},
		{Name: "process", Note: "a pool of processes, with shared memory", Processes: true},
	}
	for _, m := range declared {
		line, _ := benchlog.Note(m)
		b.Write(line)
	}
	for _, w := range syntheticWorkloads {
		if s.Only != "" && s.Only != w.name {
			continue
		}
		if w.cases == nil {
			w.cases = []string{""}
		}
		d, _ := json.Marshal(map[string]any{"name": w.name, "story": w.story, "op": w.op, "source": "bench/workload/" + strings.ToLower(w.name) + ".go", "vary": w.vary, "cases": w.cases, "control": w.name == "Nop"})
		fmt.Fprintf(&b, "# workload %s\n", d)
		for _, c := range w.cases {
			for _, m := range s.models {
				units = append(units, unitRun{w, c, m})
			}
		}
	}
	b.WriteString("goos: linux\ngoarch: amd64\npkg: switchyard\ncpu: AMD EPYC 9654 96-Core Processor\ncores: 2\nsmt: off\ngovernor: unknown\nkernel: 6.18.5\ngo: go1.26.8\ncommit: 4f2c1aa\ncgroup-quota: none\nmitigations: on\nnofile: 1048576\nvirtual: kvm\nmemory: 8.0GiB\nUnit ops/s better=higher\n")
	for block := 1; block <= s.Count; block++ {
		disturbed := block == 3
		rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
		for _, u := range units {
			s.result(t, rng, &b, logw, u, block, disturbed)
		}
		end, _ := benchlog.Note(benchlog.BlockNote{
			BlockStart: benchlog.BlockStart{Block: block, Attempt: 1},
			Canary:     []int64{1000123, 1002311 + 60000*int64(asInt(disturbed))}, CanaryBase: 999000,
			Noise: benchlog.Noise{Steal: 0.1 + 2*float64(asInt(disturbed)), Load1: 1.2}, Disturbed: disturbed,
		})
		b.Write(end)
	}
	return b.Bytes(), h.Bytes()
}

func (s Synthetic) result(t testing.TB, rng *rand.Rand, b *bytes.Buffer, logw *hdrhistogram.HistogramLogWriter, u unitRun, block int, disturbed bool) {
	name := u.w.name
	if u.kase != "" {
		name += "/" + u.kase
	}
	p := map[string]float64{}
	for _, part := range strings.Split(u.kase, "/") {
		if k, v, ok := strings.Cut(part, "="); ok {
			p[k] = size(v)
		}
	}
	if reason := u.w.na[u.model]; reason != "" {
		if block == 1 && (len(u.w.cases) == 0 || u.kase == u.w.cases[0]) {
			fmt.Fprintf(b, "--- SKIP: Benchmark%s/model=%s-2\n    %s\n", u.w.name, u.model, reason)
		}
		return
	}
	full := fmt.Sprintf("%s/model=%s-2", name, u.model)
	if reason := u.w.na[u.model+"/"+u.kase]; reason != "" {
		if block == 1 {
			fmt.Fprintf(b, "--- SKIP: Benchmark%s\n    %s\n", full, reason)
		}
		return
	}
	ns := u.w.ns(u.model, p)
	if ns < 0 && block == 2 {
		fmt.Fprintf(b, "--- FAIL: Benchmark%s\n    block %d: wrong answer: got 17, want 0\n", full, block)
		return
	}
	ns = math.Abs(ns)
	noise := pick(u.model, .006, .008, .014, .016, .035, .05)
	ns *= math.Exp(rng.NormFloat64()*noise + 0.05*float64(asInt(disturbed))*rng.Float64())
	if rng.IntN(60) == 0 {
		ns *= 1.25
	}
	hist := hdrhistogram.New(1, 60e9, 3)
	tail := pick(u.model, .05, .08, .2, .25, .5, .6)
	for range 3000 {
		v := ns * math.Exp(math.Abs(rng.NormFloat64())*tail)
		if rng.IntN(400) == 0 {
			v *= 6 + 10*rng.Float64()
		}
		_ = hist.RecordValue(max(1, int64(v)))
	}
	rss := pick(u.model, 3.9, 4.6, 4.8, 5.1, 5.6, 14.5) * (1 << 20) * math.Exp(rng.NormFloat64()*.01)
	cpu := ns * pick(u.model, 1, 1, 1.3, 1.35, 1.6, 1.7)
	fmt.Fprintf(b, "Benchmark%s \t%8d\t%12.4g ns/op\t%12.6g ops/s\t%12.4g cpu-ns/op", full, int(5e7/ns)+1, ns, 1e9/ns, cpu)
	for _, q := range []struct {
		p    float64
		unit string
	}{{50, "p50-ns"}, {90, "p90-ns"}, {99, "p99-ns"}, {99.9, "p99.9-ns"}, {100, "max-ns"}} {
		fmt.Fprintf(b, "\t%8d %s", hist.ValueAtPercentile(q.p), q.unit)
	}
	fmt.Fprintf(b, "\t%.0f peak-RSS-bytes", rss)
	if u.model != "process" {
		fmt.Fprintf(b, "\t%d B/op\t%d allocs/op", int(pick(u.model, 0, 48, 96, 64, 128, 0)), int(pick(u.model, 0, 1, 2, 1, 3, 0)))
	}
	fmt.Fprintf(b, "\t%.3g csw/op\t%d units\t%d gcs\n", pick(u.model, 0, 0, .02, .02, 1.9, 2.1), 2, rng.IntN(3))
	hist.SetTag(full)
	hist.SetStartTimeMs(int64(block) * 1000)
	hist.SetEndTimeMs(int64(block)*1000 + 50)
	if err := logw.OutputIntervalHistogram(hist); err != nil {
		t.Fatal(err)
	}
}

// size is a parameter's value as a number: seconds of a time, bytes of a size.
func size(s string) float64 {
	if d, err := time.ParseDuration(s); err == nil {
		return d.Seconds()
	}
	for suffix, factor := range map[string]float64{"KiB": 1 << 10, "MiB": 1 << 20, "B": 1} {
		if n, err := strconv.ParseFloat(strings.TrimSuffix(s, suffix), 64); err == nil && strings.HasSuffix(s, suffix) {
			return n * factor
		}
	}
	n, _ := strconv.ParseFloat(s, 64)
	return n
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
