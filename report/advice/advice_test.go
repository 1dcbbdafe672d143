package advice

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/results"
)

// The hand-made runs have six results of each cell, close together.
type table map[string]map[string]float64 // case and model: ns per op

const declared = `# switchyard {"format":1,"run":"2026-11-20T19:03:11Z","command":"make bench","seed":1,"count":6,"benchtime_ns":50000000,"cpus":"0-1","models":["serial","greenlet","goroutine","process"]}
# model {"name":"serial","note":"n","baseline":true}
# model {"name":"greenlet","note":"n"}
# model {"name":"goroutine","note":"n"}
# model {"name":"process","note":"n"}
# workload {"name":"CPUMap","story":"s","op":"task","cases":["task=1us/chunk=1","task=10us/chunk=1","task=100us/chunk=1","task=10us/chunk=64"],"more":["task=10ms/chunk=1"],"refine":["task"],"models":["serial","greenlet","goroutine","process"]}
# workload {"name":"Mixed","story":"s","op":"task","cases":["tasks=8/wait=80"],"more":["tasks=8/wait=0","tasks=8/wait=100"],"models":["serial","greenlet","goroutine","process"]}
# workload {"name":"Pipe","story":"s","op":"round trip","cases":["payload=8","payload=65536"],"models":["serial","greenlet","goroutine","process"]}
# workload {"name":"Sleep","story":"s","op":"sleep","cases":["n=100/stack=0","n=1000/stack=0"],"more":["n=10000/stack=0"],"models":["greenlet","goroutine","process"],"na":{"serial":"one task cannot"}}
`

func (tb table) run(t *testing.T, noise float64, more string) *analysis.Analysis {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	text := declared
	var names []string
	for c := range tb {
		names = append(names, c)
	}
	slices.Sort(names)
	for range 6 {
		for _, c := range names {
			for _, m := range []string{"serial", "greenlet", "goroutine", "process"} {
				if ns := tb[c][m]; ns > 0 {
					ns *= math.Exp(noise * r.NormFloat64())
					text += fmt.Sprintf("Benchmark%s/model=%s-2 100 %g ns/op %g ops/s %g cpu-ns/op %g peak-RSS-bytes\n", c, m, ns, 1e9/ns, ns, 1000*ns)
				}
			}
		}
	}
	run, err := results.Read("hand-made", strings.NewReader(text+more))
	if err != nil {
		t.Fatal(err)
	}
	return analysis.Of(run)
}

func each(serial, greenlet, goroutine, process float64) map[string]float64 {
	return map[string]float64{"serial": serial, "greenlet": greenlet, "goroutine": goroutine, "process": process}
}

func measured() table {
	return table{
		"CPUMap/task=1us/chunk=1":   each(1e3, 1.2e3, 1e3, 9e3),
		"CPUMap/task=10us/chunk=1":  each(10e3, 10.2e3, 5.5e3, 14e3),
		"CPUMap/task=100us/chunk=1": each(100e3, 100.2e3, 50.5e3, 59e3),
		"CPUMap/task=10us/chunk=64": each(10e3, 10.2e3, 5.1e3, 5.1e3),
		"Mixed/tasks=8/wait=80":     each(1e6, 2e5, 1.2e5, 1.4e5),
		"Pipe/payload=8":            each(50, 90, 300, 5000),
		"Pipe/payload=65536":        each(9e3, 9e3, 2e4, 3e4),
		"Sleep/n=100/stack=0":       each(0, 1000, 2000, 9e3),
		"Sleep/n=1000/stack=0":      each(0, 10_000, 20_000, 0),
	}
}

const tooMany = "--- SKIP: BenchmarkSleep/model=serial-2\n    one task cannot\n--- SKIP: BenchmarkSleep/n=1000/stack=0/model=process-2\n    1000 processes are too many\n"

func ask(set func(*Question)) Question {
	q := Question{IO: -1}
	set(&q)
	return q
}

// What an answer says, word for word: a decision, the table with the cases that
// it rests on, what is missing and how to measure it.
func TestAnswer(t *testing.T) {
	a := measured().run(t, 0, tooMany)
	for _, tt := range []struct {
		q    Question
		want string
	}{
		{ask(func(q *Question) { q.Task = 100 * time.Microsecond }), `
goroutine.

A task that computes for 100µs: time per task (CPUMap task at 100us)
  serial     100µs   100µs to 100µs    shown only
  greenlet   100µs   100µs to 100µs    behind
  goroutine  50.5µs  50.5µs to 50.5µs  best
  process    59.0µs  59.0µs to 59.0µs  behind
`},
		{ask(func(q *Question) { q.Task, q.IO = 100*time.Microsecond, 0.8 }), `
goroutine.

A task that computes for 20µs: time per task (CPUMap task between 10us and 100us)
  serial     20.0µs  20.0µs to 20.0µs  shown only
  greenlet   20.3µs  20.2µs to 20.3µs  behind
  goroutine  10.7µs  10.5µs to 10.7µs  best
  process    21.6µs  19.0µs to 21.6µs  behind

A task that waits for 80 % of its time: time per task (Mixed wait at 80)
  serial     1.00ms  1.00ms to 1.00ms  shown only
  greenlet   200µs   200µs to 200µs    behind
  goroutine  120µs   120µs to 120µs    best
  process    140µs   140µs to 140µs    behind
`},
		{ask(func(q *Question) { q.Task = time.Millisecond; q.IO = 0.5 }), `
Nothing asked can be answered from these results.

A task that computes for 500µs: time per task (CPUMap task up to 100us)
  no model has an estimate there
  serial     -  measured up to task=100us
  greenlet   -  measured up to task=100us
  goroutine  -  measured up to task=100us
  process    -  measured up to task=100us

A task that waits for 50 % of its time: time per task (Mixed wait from 80 on)
  no model has an estimate there
  serial     -  measured from wait=80 on
  greenlet   -  measured from wait=80 on
  goroutine  -  measured from wait=80 on
  process    -  measured from wait=80 on

What would tell more:

  make bench COUNT=20 WORKLOADS='CPUMap/task=500us/chunk=1|Mixed/tasks=8/wait=0|Mixed/tasks=8/wait=80'
`},
		{ask(func(q *Question) { q.Payload = 4096 }), `
Nothing asked can be answered from these results.

A message of 4.00KiB and its answer: time per round trip (Pipe payload between 8 and 65536)
  no model has an estimate there: Pipe has no sizes near it
  serial     -  measured at payload=8 and 65536 only
  greenlet   -  measured at payload=8 and 65536 only
  goroutine  -  measured at payload=8 and 65536 only
  process    -  measured at payload=8 and 65536 only
`},
		{ask(func(q *Question) { q.Concurrency, q.Memory = 1000, 15e6 }), `
greenlet. Too large for the memory: goroutine.

1000 that wait at once: CPU time per wait (Sleep n at 1000)
  serial     -       one task cannot
  greenlet   10.0µs  10.0µs to 10.0µs  best
  goroutine  20.0µs  20.0µs to 20.0µs  behind
  process    -       1000 processes are too many

1000 that are there at once: memory of all (Sleep n at 1000)
  serial     -        one task cannot
  greenlet   9.54MiB  9.54MiB to 9.54MiB
  goroutine  19.1MiB  19.1MiB to 19.1MiB  more than 14.3MiB
  process    -        1000 processes are too many
`},
		{ask(func(q *Question) { q.Task, q.Payload = 10*time.Microsecond, 8 }), `
Not decided: goroutine for a task that computes for 10µs; greenlet for a message of 8.00B and its answer.

A task that computes for 10µs: time per task (CPUMap task at 10us)
  serial     10.0µs  10.0µs to 10.0µs  shown only
  greenlet   10.2µs  10.2µs to 10.2µs  behind
  goroutine  5.50µs  5.50µs to 5.50µs  best
  process    14.0µs  14.0µs to 14.0µs  behind

A message of 8.00B and its answer: time per round trip (Pipe payload at 8)
  serial     50.0ns  50.0ns to 50.0ns  shown only
  greenlet   90.0ns  90.0ns to 90.0ns  best
  goroutine  300ns   300ns to 300ns    behind
  process    5.00µs  5.00µs to 5.00µs  behind
`},
	} {
		var b strings.Builder
		if err := Of(a, tt.q).Write(&b); err != nil {
			t.Error(err)
		}
		if want := strings.TrimPrefix(tt.want, "\n"); b.String() != want {
			t.Errorf("%+v:\n%s\nwant\n%s", tt.q, &b, want)
		}
	}
}

// Noise that hides the difference makes no decision, and more results are
// asked for; so does a workload that was not measured.
func TestNotDecided(t *testing.T) {
	tb := table{"CPUMap/task=10us/chunk=1": each(10e3, 5.6e3, 5.5e3, 14e3)}
	a := tb.run(t, 0.05, "")
	got := Of(a, ask(func(q *Question) { q.Task = 10 * time.Microsecond }))
	if got.Decided || fmt.Sprint(got.Best) != "[greenlet goroutine]" || got.Command() != "make bench COUNT=20 WORKLOADS=CPUMap/task=10us/chunk=1" {
		t.Errorf("%+v, %s", got.Best, got.Command())
	}
	if s := got.Headline(); s != "Not decided between greenlet and goroutine." {
		t.Error(s)
	}
	got = Of(table{"CPUMap/task=10us/chunk=1": each(10e3, 10e3, 5.5e3, 14e3)}.run(t, 0, ""), ask(func(q *Question) { q.Task, q.IO = 10*time.Microsecond, 0 }))
	if got.Decided || got.Headline() != "Not decided: goroutine is ahead, and part of the question was not measured." || got.Command() != "make bench COUNT=20 WORKLOADS=Mixed" {
		t.Errorf("%s, %s", got.Headline(), got.Command())
	}
}

// Too few results have no interval, at a measured size and between two; nothing
// is said of them but that.
func TestTooFew(t *testing.T) {
	text := declared
	for range 5 {
		for _, c := range []string{"CPUMap/task=10us/chunk=1/model=greenlet", "CPUMap/task=10us/chunk=1/model=goroutine", "CPUMap/task=100us/chunk=1/model=greenlet", "Sleep/n=100/stack=0/model=greenlet"} {
			text += "Benchmark" + c + "-2 100 1000 ns/op 1e6 ops/s 1000 cpu-ns/op 1e6 peak-RSS-bytes\n"
		}
	}
	run, err := results.Read("hand-made", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, us := range []time.Duration{10, 30} {
		got := Of(analysis.Of(run), Question{Task: us * time.Microsecond, IO: -1, Concurrency: 100, Memory: 1})
		for _, s := range got.Aspects {
			for _, m := range s.Models {
				if m.Why == "" {
					t.Errorf("%s: %s has %v to %v of five results", s.Ask, m.Model, m.Lo, m.Hi)
				}
			}
		}
		if len(got.Best)+len(got.TooBig) > 0 || got.Decided || got.Command() == "" {
			t.Errorf("%v: %s %s", us, got.Headline(), got.Command())
		}
	}
}

// Between two measured sizes the interval holds what the curve has there, be it
// a fixed price and one per unit, or a power of the size.
func TestBetweenSizes(t *testing.T) {
	for name, curve := range map[string]func(x float64) float64{
		"affine":       func(x float64) float64 { return 3e3 + x/2 },
		"proportional": func(x float64) float64 { return x },
		"a price":      func(float64) float64 { return 7e3 },
		"square root":  func(x float64) float64 { return 100 * math.Sqrt(x) },
		"mostly price": func(x float64) float64 { return 9e4 + x/2 },
	} {
		tb := table{}
		for _, us := range []float64{1, 10, 100} {
			ns := curve(us * 1e3)
			tb[fmt.Sprintf("CPUMap/task=%gus/chunk=1", us)] = each(ns, ns, ns, ns)
		}
		a := tb.run(t, 0, "")
		for us := 1.5; us < 100; us *= 1.4 {
			q := ask(func(q *Question) { q.Task = time.Duration(us * 1e3) })
			m := Of(a, q).Aspects[0].Models[1]
			// The medians are not spelled exactly.
			if want := curve(float64(q.Task)); m.Why != "" || m.Lo > want*1.0001 || m.Hi < want*0.9999 || m.Center < m.Lo || m.Center > m.Hi || len(m.Cases) > 2 {
				t.Errorf("%s at %v: %v in %v to %v, want %v; %s", name, q.Task, m.Center, m.Lo, m.Hi, want, m.Why)
			}
		}
	}
}

// The kept runs answer at what they have measured with what they have measured,
// and whatever is asked beside that, without a panic and with a command that
// names points of the workloads.
func TestKeptRuns(t *testing.T) {
	files, err := filepath.Glob("../../results/*/*/bench.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kept run: %v", err)
	}
	for _, file := range files {
		run, err := results.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		a := analysis.Of(run)
		for _, us := range []float64{0.01, 1, 3, 10, 100, 1000, 1e9} {
			for _, n := range []int{1, 100, 700, 1000, 1 << 30} {
				q := Question{Task: time.Duration(us * 1e3), IO: us / 1e9, Concurrency: n, Payload: 64 * us, Memory: 1e6 * us}
				got := Of(a, q)
				for _, s := range got.Aspects {
					for _, m := range s.Models {
						exact := len(m.Cases) == 1 && s.Of == "time per task"
						cell := func() *results.Cell { return m.Cases[0].Cells[m.Model] }
						if m.Why == "" && (!(m.Lo <= m.Center && m.Center <= m.Hi) || m.Lo <= 0) {
							t.Errorf("%+v: %s %v in %v to %v", q, m.Model, m.Center, m.Lo, m.Hi)
						}
						if exact && math.Abs(m.Center*a.Sums[cell()]["ops/s"].Center/1e9-1) > 1e-9 {
							t.Errorf("%+v: %s has %v at a measured point", q, m.Model, m.Center)
						}
					}
				}
				for _, name := range got.Measure {
					workload, _, _ := strings.Cut(name, "/")
					if !slices.Contains([]string{"CPUMap", "Mixed", "Pipe", "Sleep", "Parked"}, workload) {
						t.Errorf("%q is to be measured", name)
					}
				}
			}
		}
	}
}

// Of a run on several numbers of CPUs the answer is that of the largest, and
// says so.
func TestAnswerOnMostCPUs(t *testing.T) {
	more := ""
	for i := range 6 {
		for m, ns := range each(100e3, 100e3, 7000, 30e3) {
			ns *= 1 + float64(i)/1000
			more += fmt.Sprintf("BenchmarkCPUMap/task=100us/chunk=1/model=%s-16 100 %g ns/op %g ops/s\n", m, ns, 1e9/ns)
		}
	}
	two := table{"CPUMap/task=100us/chunk=1": each(100e3, 100e3, 60e3, 30e3)}
	for more, want := range map[string]string{"": "process, by CPUMap task at 100us", more: "goroutine, by CPUMap task at 100us on 16 CPUs"} {
		a := two.run(t, 0.001, more)
		out := Of(a, Question{Task: 100 * time.Microsecond})
		if got := strings.Join(out.Aspects[0].Best, " or ") + ", by " + out.Aspects[0].Where; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
		if on := Tables(a)[0].On; (on == "16 CPUs") != (more != "") {
			t.Errorf("the table is on %q", on)
		}
	}
}

// How far apart two sizes may be, how near to one another is the same, by how
// much a model is behind, and what is too large: each at its limit.
func TestAnswersAtTheirLimits(t *testing.T) {
	pipe := func(sizes ...int) *analysis.Analysis {
		tb := table{}
		for i, n := range sizes {
			tb[fmt.Sprintf("Pipe/payload=%d", n)] = each(50, 90+float64(i), 300, 5000)
		}
		return tb.run(t, 0, "")
	}
	payload := func(n float64) Question { return ask(func(q *Question) { q.Payload = n }) }
	for most, want := range map[int]string{8 * Farthest: "", 8*Farthest + 1: "measured at payload=8 and 161 only"} {
		if m := Of(pipe(8, most), payload(40)).Aspects[0].Models[1]; m.Why != want {
			t.Errorf("8 to %d: %q", most, m.Why)
		}
	}
	for n, want := range map[float64]string{1004.8: "at 1000", 1005.2: "between 1000 and 1600", 995.2: "at 1000", 994.8: "from 1000 on", 1608.2: "up to 1600", 1607.8: "at 1600"} {
		if s := Of(pipe(1000, 1600), payload(n)).Aspects[0]; s.Where != "Pipe payload "+want {
			t.Errorf("%v is %s", n, s.Where)
		}
	}
	for ns, want := range map[float64]string{104.9: "[greenlet goroutine]", 105.1: "[greenlet]", 95.3: "[greenlet goroutine]", 95.1: "[goroutine]"} {
		tb := table{"Pipe/payload=8": each(1, 100, ns, 5000)}
		if s := Of(tb.run(t, 0, ""), payload(8)).Aspects[0]; fmt.Sprint(s.Best) != want {
			t.Errorf("%v beside 100: %v", ns, s.Best)
		}
	}
	for bytes, want := range map[float64]string{1e6: "[]", 1e6 - 1: "[greenlet]", 0: "[]"} {
		tb := table{"Sleep/n=100/stack=0": each(0, 1000, 500, 100)}
		if got := Of(tb.run(t, 0, tooMany), ask(func(q *Question) { q.Concurrency, q.Memory = 100, bytes })); fmt.Sprint(got.TooBig) != want {
			t.Errorf("%v bytes: too big is %v", bytes, got.TooBig)
		}
	}
	io := func(share float64) int {
		return len(Of(measured().run(t, 0, ""), Question{Task: 1000, IO: share}).Aspects)
	}
	if a, b, c, d := io(-0.1), io(0), io(0.5), io(1); a != 1 || b != 2 || c != 2 || d != 1 {
		t.Errorf("%d, %d, %d and %d aspects", a, b, c, d)
	}
}

// What would tell more: the point itself where the workload has it or may have
// it, one that is as good as it, or both neighbours; nothing far from them.
func TestPointsThatTellMore(t *testing.T) {
	a := measured().run(t, 0, tooMany)
	for _, test := range []struct {
		workload, key string
		fixed         benchlog.Params
		x             map[float64]string
	}{
		{"Sleep", "n", "stack=0", map[float64]string{
			99: "[]", 99.6: "[Sleep/n=100/stack=0]", 100: "[Sleep/n=100/stack=0]", 100.4: "[Sleep/n=100/stack=0]", 101: "[Sleep/n=100/stack=0 Sleep/n=1000/stack=0]",
			997: "[Sleep/n=1000/stack=0]", 5000: "[Sleep/n=1000/stack=0 Sleep/n=10000/stack=0]", 10040: "[Sleep/n=10000/stack=0]", 10060: "[]",
		}},
		{"Pipe", "payload", "", map[float64]string{8: "[Pipe/payload=8]", 4096: "[]", 65600: "[Pipe/payload=65536]", 66000: "[]"}},
		{"Mixed", "wait", "", map[float64]string{0: "[Mixed/tasks=8/wait=0]", 1: "[Mixed/tasks=8/wait=0 Mixed/tasks=8/wait=80]", 90: "[Mixed/tasks=8/wait=80 Mixed/tasks=8/wait=100]"}},
		{"CPUMap", "task", "chunk=1", map[float64]string{1000: "[CPUMap/task=1us/chunk=1]", 1003: "[CPUMap/task=1us/chunk=1]", 5000: "[CPUMap/task=5us/chunk=1]", 1e8: "[]"}},
	} {
		table := tableOf(a, &source{workload: test.workload, key: test.key, fixed: test.fixed})
		for x, want := range test.x {
			if got := fmt.Sprint(table.measure(x)); got != want {
				t.Errorf("%s at %v: %s, want %s", test.workload, x, got, want)
			}
		}
	}
}
