package analysis

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
	"switchyard/report/internal/reporttest"
)

func TestMixedMachines(t *testing.T) {
	run := read(t, "cpu: A\nBenchmarkX/model=a-2 10 100 ns/op\ncpu: B\nBenchmarkX/model=a-2 10 100 ns/op\n")
	ws := Of(run).Warnings
	if len(ws) == 0 || ws[0].Grade != Grave || Of(run).Verdict.Trust.Level != "low" {
		t.Errorf("results of two machines are mixed silently: %+v", ws)
	}
}

func TestTrust(t *testing.T) {
	quiet := tabled(t, reporttest.Table{Count: 12, Noise: 0.002, Order: []string{"A"}, Rates: map[string]map[string]float64{"A": {"greenlet": 200, "goroutine": 100}}})
	if tr := quiet.Verdict.Trust; tr.Level != "high" {
		t.Errorf("a quiet run has trust %s: %v", tr.Level, tr.Reasons)
	}
	for id, lines := range map[string]string{
		"virtual":   "virtual: kvm\n",
		"governor":  "governor: powersave\n",
		"smt":       "smt: on\n",
		"power":     "power: battery\n",
		"aslr":      "aslr: 0\n",
		"nice":      "nice: 19\n",
		"godebug":   "godebug: gctrace=1\n",
		"disturbed": "# block {\"block\":1,\"disturbed\":true}\n",
		"steal":     "# block {\"block\":1,\"steal_pct\":7}\n",
		"others":    "# block {\"block\":1,\"others_pct\":6}\n",
		"pressure":  "# block {\"block\":1,\"pressure_io_pct\":6}\n",
		"canary":    "# block {\"block\":1,\"canary_ns\":[100,130],\"canary_base_ns\":100}\n",
		"load":      "cores: 2\n# block {\"block\":1,\"load1\":9}\n",
		"failed":    "--- FAIL: BenchmarkX/model=a-2\n    no\n",
		"few":       "",
		"short":     "",

		"cgroup-quota":  "cgroup-quota: 150000\n",
		"clock-read-ns": "clock-read-ns: 812.5\n",
	} {
		run := read(t, "BenchmarkX/model=a-2 1 5 ns/op\n"+lines)
		found := false
		for _, w := range Of(run).Warnings {
			if w.ID == id {
				found = true
				if w.Value == "" || w.Threshold == "" || w.Effect == "" || w.Remedy == "" || w.Title == "" {
					t.Errorf("%s says too little: %+v", id, w)
				}
			}
		}
		if !found {
			t.Errorf("no warning %q", id)
		}
	}
}

// A run beside a busy loop says so on its first line; one that was so in one
// block of three has a word of it among its reasons.
func TestBusyLoop(t *testing.T) {
	blocks := func(others ...float64) string {
		text := reporttest.Table{Count: 12, Noise: 0.002, Order: []string{"A"}, Rates: map[string]map[string]float64{"A": {"greenlet": 200, "goroutine": 100}}}.Text()
		for i, v := range others {
			text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"others_pct\":%g}\n", i+1, v)
		}
		return text
	}
	for _, tt := range []struct {
		others []float64
		grade  Grade
		head   string
	}{
		{[]float64{49.8, 50, 50.2}, Grave, "Indication only (something else used up to 50 % of the CPUs, 3 of 3 blocks disturbed): what to use, by kind of work"},
		{[]float64{0, 10.1, 10.1}, Grave, "Indication only (something else used up to 10 % of the CPUs, 2 of 3 blocks disturbed): what to use, by kind of work"},
		{[]float64{0, 50, 0.5}, Caution, "What to use, by kind of work"},
		{[]float64{10, 10, 10}, Caution, "What to use, by kind of work"},
		{[]float64{5, 5, 5}, -1, "What to use, by kind of work"},
		{nil, -1, "What to use, by kind of work"},
	} {
		a := Of(read(t, blocks(tt.others...)))
		grade := Grade(-1)
		for _, w := range a.Warnings {
			if w.ID == "others" {
				grade = w.Grade
			}
		}
		if grade != tt.grade || a.Verdict.Headline != tt.head {
			t.Errorf("others used %v %%: a warning of grade %d, %q, want %d, %q", tt.others, grade, a.Verdict.Headline, tt.grade, tt.head)
		}
	}
}

// Where all models do the same, nothing, they may differ by less than a
// twentieth; more than that is grave, if it is beyond the noise.
func TestControlDisagrees(t *testing.T) {
	for _, tt := range []struct {
		name  string
		noise float64
		rates map[string]float64
		title string
	}{
		{"Nop", 0.002, map[string]float64{"serial": 100, "greenlet": 103, "goroutine": 104, "process": 101}, ""},
		{"Nop", 0.002, map[string]float64{"serial": 100, "greenlet": 103, "goroutine": 110, "process": 90}, "Nop is 1.22× as fast in goroutine as in process"},
		{"Nop", 0.3, map[string]float64{"serial": 100, "greenlet": 100, "goroutine": 110, "process": 95}, ""},
		{"Ring", 0.002, map[string]float64{"serial": 100, "greenlet": 103, "goroutine": 110, "process": 90}, ""},
	} {
		text := `# workload {"name":"` + tt.name + `","control":` + fmt.Sprint(tt.name == "Nop") + "}\n" +
			reporttest.Table{Count: 12, Noise: tt.noise, Order: []string{tt.name}, Rates: map[string]map[string]float64{tt.name: tt.rates}}.Text()
		title, a := "", Of(read(t, text))
		for _, w := range a.Warnings {
			if w.ID == "control" {
				title = w.Title
				if w.Grade != Grave || len(w.Cells) != 2 {
					t.Errorf("%+v", w)
				}
			}
		}
		if title != tt.title {
			t.Errorf("%s %v: %q, want %q", tt.name, tt.rates, title, tt.title)
		}
	}
}

// What keeps cases from running, and what is seen block by block, does not
// speak against the numbers; nor does what is good or not known.
func TestFactsBesideTrust(t *testing.T) {
	run := read(t, "cores: 2\nlimit-files: 10\npressure-cpu: 90 %\nsteal: 9 %\nvirtual: unknown\nsmt: off\nBenchmarkX/model=a-2 100 5 ns/op\n")
	for _, w := range Of(run).Warnings {
		if benchlog.KindOfFact(w.ID) != benchlog.FactOfProgram || strings.HasPrefix(w.ID, "limit") {
			t.Errorf("%+v", w)
		}
	}
}

// How warnings add up to a level.
func TestTrustLevels(t *testing.T) {
	for grades, want := range map[string]string{
		"": "high", "n": "high", "nn": "high", "nnn": "moderate", "nnnn": "moderate",
		"c": "moderate", "cc": "moderate", "ccnnnn": "moderate", "ccc": "low", "g": "low", "gn": "low",
		"u": "moderate", "uuuuu": "moderate", "ucuu": "moderate", "cuuc": "low", "ug": "low", "uU": "low",
	} {
		var ws []Warning
		for _, g := range grades {
			ws = append(ws, Warning{
				Grade:   map[rune]Grade{'n': Notice, 'c': Caution, 'u': Caution, 'g': Grave, 'U': Grave}[g],
				Unquiet: g == 'u' || g == 'U',
			})
		}
		if got := trust(ws); got.Level != want || len(got.Reasons) != len(ws) {
			t.Errorf("%q: trust %s, want %s", grades, got.Level, want)
		}
	}
}

// Each threshold is itself no reason to warn, and the first value beyond it is.
func TestWarningsAtTheirThresholds(t *testing.T) {
	result := "BenchmarkX/model=a-2 10 5 ns/op\n"
	block := func(fields string) string { return "# block {" + fields + "}\n" }
	rates := func(model string, all ...float64) (text string) {
		for _, rate := range all {
			text += fmt.Sprintf("BenchmarkX/model=%s-2 10 %g ops/s\n", model, rate)
		}
		return text
	}
	disturbed, quiet := block(`"disturbed":true`), block("")
	ten := []float64{100, 100, 100, 100, 100, 100, 100, 100, 100}
	for _, test := range []struct {
		id            string
		within        string // no warning
		beyond        string // a warning,
		grade, beside Grade  // of this grade; of the other where a second threshold is not passed
		graver        string
	}{
		{"steal", result + block(`"steal_pct":1`), result + block(`"steal_pct":1.01`), Caution, 0, ""},
		{"canary", result + block(`"canary_ns":[105],"canary_base_ns":100`), result + block(`"canary_ns":[106,100],"canary_base_ns":100`), Caution, 0, ""},
		{"load", result + "cores: 2\n" + block(`"load1":3`), result + "cores: 2\n" + block(`"load1":3.01`), Notice, 0, ""},
		{"short", result, strings.ReplaceAll(result, "-2 10 ", "-2 9 "), Caution, 0, ""},
		{"disturbed", result + quiet, result + disturbed + quiet, Caution, Grave, result + disturbed + disturbed + quiet},
		{"few", strings.Repeat(result, 10), strings.Repeat(result, 9), Notice, Grave, strings.Repeat(result, 5)},
		{"few", strings.Repeat(result, 10), strings.Repeat(result, 6), Notice, Grave, strings.Repeat(result, 5)},
		{"wide", rates("a", 92.3, 100, 100, 100, 100, 100), rates("a", 92.2, 100, 100, 100, 100, 100) + rates("b", ten...) + rates("c", ten...) + rates("d", ten...),
			Notice, Caution, rates("a", 92.2, 100, 100, 100, 100, 100) + rates("b", ten...) + rates("c", ten...)},
		{"order", rates("a", 100, 100, 103), rates("a", 100, 100, 103.1), Caution, Caution, rates("a", 100, 100, 96.9)},
		{"order", rates("a", 100, 150), rates("a", 100, 1, 150), Caution, Caution, rates("a", 100, 90, 90, 90, 90, 90)},
		// One mild outlier of ten results is a tenth of them; of nine it is
		// more. An extreme one is always told.
		{"outliers", rates("a", 100, 101, 102, 103, 104, 105, 106, 107, 108, 118), rates("a", 100, 101, 102, 103, 104, 105, 106, 107, 117), Notice, Notice,
			rates("a", append(append(ten, ten...), append(ten, 1000)...)...)},
		{"invalid", result, result + "BenchmarkX/model=a-2 10 NaN ns/op\n", Grave, 0, ""},
	} {
		find := func(text string) *Warning {
			for _, w := range Of(read(t, text)).Warnings {
				if w.ID == test.id {
					return &w
				}
			}
			return nil
		}
		if w := find(test.within); w != nil {
			t.Errorf("%s: a warning at the threshold: %+v", test.id, w)
		}
		if w := find(test.beyond); w == nil || w.Grade != test.grade {
			t.Errorf("%s: beyond the threshold %+v, want a %s", test.id, w, test.grade)
		}
		if test.graver == "" {
			continue
		}
		if w := find(test.graver); w == nil || w.Grade != test.beside {
			t.Errorf("%s: beyond the second threshold %+v, want a %s", test.id, w, test.beside)
		}
	}
}

// A few cells with too few results are undecided alone; many make the run an
// indication.
func TestFewCellsWithFewResults(t *testing.T) {
	for few, want := range map[int]Grade{0: Notice, 1: Notice, 2: Grave} {
		text := ""
		for i := range 20 {
			for range 6 {
				text += fmt.Sprintf("BenchmarkX/n=%d/model=a-2 10 5 ns/op\n", i)
				if i < few {
					break
				}
			}
		}
		i := slices.IndexFunc(Of(read(t, text)).Warnings, func(w Warning) bool { return w.ID == "few" })
		if i < 0 {
			t.Fatal("no warning")
		}
		if w := Of(read(t, text)).Warnings[i]; w.Grade != want || len(w.Cells) != few {
			t.Errorf("%d of 20 cells: %+v, want grade %d", few, w, want)
		}
	}
}

// What a warning says of what was found, against what, and which command would
// measure more: each in words.
func TestWarningsInWords(t *testing.T) {
	const ours = "# switchyard {\"format\":1}\n"
	result := func(model string, iters int, rates ...float64) (text string) {
		for _, rate := range rates {
			text += fmt.Sprintf("BenchmarkX/model=%s-2 %d %g ops/s\n", model, iters, rate)
		}
		return text
	}
	block := func(fields string) string { return "# block {" + fields + "}\n" }
	steady := []float64{100, 100, 100, 100, 100, 100}
	ten := append([]float64{100, 101, 99, 102}, steady...)
	for name, test := range map[string]struct{ text, id, want string }{
		"failed":        {result("a", 10, ten...) + "--- FAIL: BenchmarkX/model=b-2\n--- FAIL: BenchmarkX/model=c-2\n", "failed", "2 failed cells | 2 cells | 0 | Read the reason in the workload's section, and run the case alone."},
		"mixed":         {"cpu: A\n" + result("a", 10, 1) + "cpu: B\n" + result("a", 10, 1), "mixed", "host facts change within the file | cpu changes within the file, from \"A\" to \"B\": are these results of one machine? | one machine, one build | Run again into an empty directory."},
		"truncated":     {result("a", 10, 1) + "BenchmarkX", "truncated", "the file is cut off | its end is missing | a whole file | Run it again, and keep all of its output."},
		"our truncated": {ours + result("a", 10, 1) + "BenchmarkX", "truncated", "the file is cut off | its end is missing | a whole file | switchyard run --resume goes on where it stopped."},
		"few":           {result("a", 10, ten[:9]...), "few", "9 results per case | 9 results in the smallest sample | 10 | go test -run - -bench . -count 10"},
		"our few":       {ours + result("a", 10, ten[:1]...), "few", "1 result per case | 1 result in the smallest sample | 10 | make bench COUNT=10"},
		"short":         {result("a", 10, ten...) + result("b", 3, ten...) + result("c", 9, ten...), "short", "2 cells with fewer than 10 ops per result | 2 cells, down to 3 ops | 10 ops | A longer bench time: go test -run - -bench . -benchtime 1s"},
		"our short":     {ours + result("b", 1, ten...), "short", "1 cell with fewer than 10 ops per result | 1 cell, down to 1 op | 10 ops | A longer bench time: make bench BENCHTIME=1s"},
		"disturbed":     {result("a", 10, ten...) + block(`"disturbed":true`) + block("") + block(""), "disturbed", "1 of 3 blocks disturbed | 1 of 3 | 0 | Stop other programs, or run on a machine of its own."},
		"others":        {result("a", 10, ten...) + block(`"others_pct":7.26`) + block(`"others_pct":6`), "others", "something else used up to 7 % of the CPUs | 7.3 % | 5 % | Stop other programs, or run on a machine of its own."},
		"memory":        {result("a", 10, ten...) + block(`"pressure_memory_pct":5.04,"pressure_io_pct":1`) + block(`"pressure_memory_pct":0.5,"pressure_io_pct":2`), "pressure", "tasks waited for memory or a disk | for memory in 5.0 % of the time, for a disk in 2.0 % | 5 % | Stop other programs, or run on a machine with more memory."},
		"disk":          {result("a", 10, ten...) + block(`"pressure_memory_pct":1,"pressure_io_pct":5.01`), "pressure", "tasks waited for memory or a disk | for memory in 1.0 % of the time, for a disk in 5.0 % | 5 % | Stop other programs, or run on a machine with more memory."},
		"no pressure":   {result("a", 10, ten...) + block(`"pressure_memory_pct":5,"pressure_io_pct":5,"pressure_cpu_pct":90`), "pressure", ""},
		"control": {"# workload {\"name\":\"X\",\"control\":true}\n" + result("a", 10, 106, 106, 106, 106, 106, 106) + result("b", 10, steady...), "control",
			"X is 1.06× as fast in a as in b | 1.06× | 1.05× | Run again on a quiet machine; if it stays, look for what the models' runners do besides."},
		"control within": {"# workload {\"name\":\"X\",\"control\":true}\n" + result("a", 10, 105, 105, 105, 105, 105, 105) + result("b", 10, steady...), "control", ""},
		"steal":          {result("a", 10, ten...) + block(`"steal_pct":2.34`) + block(`"steal_pct":1.5`), "steal", "steal up to 2.3 % | 2.3 % | 1 % | A dedicated machine, or more results at another hour."},
		"canary":         {result("a", 10, ten...) + block(`"canary_ns":[100,130],"canary_base_ns":100`), "canary", "the canary slowed down | 1.30× of its base time | 1.05× | Fix the processor's frequency; stop other programs."},
		"load":           {"cores: 4\n" + result("a", 10, ten...) + block(`"load1":7.25`), "load", "load 7.2 on 4 cores | 7.2 | 6.0 | Stop other programs."},
		"load of a core": {"cores: 1\n" + result("a", 10, ten...) + block(`"load1":2`), "load", "load 2.0 on 1 core | 2.0 | 1.5 | Stop other programs."},
		"load unknown":   {"cores: many\n" + result("a", 10, ten...) + block(`"load1":2`), "load", ""},
		"wide": {result("a", 10, 80, 100, 100, 100, 100, 100) + result("b", 10, 60, 100, 100, 100, 100, 100) + result("c", 10, steady...), "wide",
			"2 of 3 intervals wider than ±5 % | 2 of 3 cells, at most ±26 % | ±5 % | More results (COUNT) and longer ones (BENCHTIME) on a quieter machine."},
		"outliers": {result("a", 10, 100, 101, 102, 103, 104, 105, 106, 107, 117, 170) + result("b", 10, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109), "outliers",
			"2 outliers | 1 mild, 1 extreme, of 20 results | 10 % of all, no extreme | Look at the progression by run order: together in one block they speak of the machine."},
		"order":   {result("a", 10, 100, 100, 100, 105, 110, 110), "order", "results drift with run order | +10.0 % from first to last third of 6 passes | ±3 % | Let the machine warm up and cool down; more blocks."},
		"invalid": {result("a", 10, ten...) + "BenchmarkX/model=a-2 10 NaN ops/s -1 x +Inf y\n", "invalid", "3 values that are no measurement | 3 values NaN, infinite or negative | 0 | The file was damaged or written by another tool."},
		"left out": {result("a", 10, ten...) + "BenchmarkX/model=a-2 ten 5 ops/s\nBenchmarkX/model=a-2 six 5 ops/s\n", "leftout",
			"parts of the files were left out | line 11 was left out: the iteration count \"ten\" is no number; line 12 was left out: the iteration count \"six\" is no number | nothing | Look at the lines named here."},
		"only cut":         {result("a", 10, ten...) + "BenchmarkX", "leftout", ""},
		"cut and left out": {result("a", 10, ten...) + "BenchmarkX/model=a-2 ten 5 ops/s\nBenchmarkX", "leftout", "parts of the files were left out | line 11 was left out: the iteration count \"ten\" is no number; the last line is incomplete and was left out | nothing | Look at the lines named here."},
	} {
		got := ""
		for _, w := range Of(read(t, test.text)).Warnings {
			if w.ID == test.id {
				got = strings.Join([]string{w.Title, w.Value, w.Threshold, w.Remedy}, " | ")
			}
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}
