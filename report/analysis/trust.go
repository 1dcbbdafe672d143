package analysis

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A Grade says how much a warning takes from the trust in a run.
type Grade int

const (
	Notice  Grade = iota // good to know
	Caution              // small differences are not to be believed
	Grave                // conclusions may be wrong
)

func (g Grade) String() string {
	return [...]string{"notice", "caution", "grave"}[g]
}

// A Warning is a reason not to trust the numbers: what was found, against which
// threshold, what it does to the results, and what to do about it.
type Warning struct {
	ID        string // anchor on the page
	Grade     Grade
	Title     string // short, for the trust line: "few results"
	Value     string // what was found
	Threshold string
	Effect    string
	Remedy    string
	Cells     []*results.Cell // that it touches, when it touches only some
	Unquiet   bool            // whether it says that the machine was not quiet
}

// Trust says how far the numbers can be believed, and why not further.
type Trust struct {
	Level   string // "high", "moderate" or "low"
	Reasons []Warning
}

// trust turns the warnings into a level. That the machine was not quiet is one
// caution, however many instruments have seen it: what others take of the CPUs
// slows the canary as well, disturbs the block, and is a drift if it stays.
func trust(ws []Warning) Trust {
	var grades [3]int
	unquiet := false
	for _, w := range ws {
		if w.Unquiet && w.Grade == Caution {
			if unquiet {
				continue
			}
			unquiet = true
		}
		grades[w.Grade]++
	}
	t := Trust{Level: "high", Reasons: ws}
	switch {
	case grades[Grave] > 0 || grades[Caution] >= manyWarnings:
		t.Level = "low"
	case grades[Caution] > 0 || grades[Notice] >= manyWarnings:
		t.Level = "moderate"
	}
	return t
}

// why names the grave reasons in brackets, as part of a sentence; "" if none
// is.
func (t Trust) why() string {
	var why []string
	for _, w := range t.Reasons {
		if w.Grade == Grave {
			why = append(why, w.Title)
		}
	}
	if why == nil {
		return ""
	}
	return " (" + strings.Join(why, ", ") + ")"
}

// warnings returns what a run is to be warned of, gravest first.
func warnings(a *Analysis) []Warning {
	var out []Warning
	for _, check := range []func(*Analysis) (Warning, bool){
		warnFailed, warnMixed, warnOthers, warnControl, warnTruncated, warnFewResults, warnShort, warnDisturbed,
		warnSteal, warnPressure, warnCanary, warnLoad, warnWide, warnOutliers, warnTrend, warnInvalid, warnLeftOut,
	} {
		if w, ok := check(a); ok {
			out = append(out, w)
		}
	}
	out = append(out, warnHost(a)...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Grade > out[j].Grade })
	return out
}

func warnFailed(a *Analysis) (Warning, bool) {
	n := len(a.Failures())
	return Warning{
		ID: "failed", Grade: Grave, Title: format.Count(n, "failed cell"), Value: format.Count(n, "cell"), Threshold: "0",
		Effect: "A failed cell shows no number, and its model is compared over fewer cases.",
		Remedy: "Read the reason in the workload's section, and run the case alone.",
	}, n > 0
}

func warnMixed(a *Analysis) (Warning, bool) {
	i := slices.IndexFunc(a.Notes, func(n string) bool { return strings.Contains(n, "of one machine?") })
	if i < 0 {
		return Warning{}, false
	}
	return Warning{
		ID: "mixed", Grade: Grave, Title: "host facts change within the file", Value: format.CleanTo(a.Notes[i], 300), Threshold: "one machine, one build",
		Effect: "Results of different machines or builds are in one sample.",
		Remedy: "Run again into an empty directory.",
	}, true
}

// again is the command that measures once more with another setting.
func again(run *results.Run, setting, value string) string {
	if run.Ours() {
		return "make bench " + setting + "=" + value
	}
	return "go test -run - -bench . -" + strings.ToLower(setting) + " " + value
}

func warnTruncated(a *Analysis) (Warning, bool) {
	remedy := "Run it again, and keep all of its output."
	if a.Ours() {
		remedy = "switchyard run --resume goes on where it stopped."
	}
	return Warning{
		ID: "truncated", Grade: Caution, Title: "the file is cut off", Value: "its end is missing", Threshold: "a whole file",
		Effect: "The run was interrupted: some cases may have fewer results than others.",
		Remedy: remedy,
	}, a.Truncated
}

// warnFewResults looks at the smallest sample.
func warnFewResults(a *Analysis) (Warning, bool) {
	fewest, all, cells := math.MaxInt, 0, []*results.Cell{}
	for _, cell := range a.Usable() {
		all++
		fewest = min(fewest, len(cell.Results))
		if len(cell.Results) < benchlog.MinResults {
			cells = append(cells, cell)
		}
	}
	w := Warning{
		ID: "few", Grade: Notice, Title: format.Count(fewest, "result") + " per case", Value: format.Count(fewest, "result") + " in the smallest sample",
		Threshold: strconv.Itoa(benchlog.SteadyResults),
		Effect:    "Intervals are nearly as wide as the whole sample: one odd result leaves a case undecided.",
		Remedy:    again(a.Run, "COUNT", strconv.Itoa(benchlog.SteadyResults)),
	}
	if len(cells) > 0 {
		w.Grade, w.Cells = Grave, cells
		w.Effect = fmt.Sprintf("With fewer than %d results there is no 95 %% interval, and nothing is decided.", benchlog.MinResults)
	}
	if len(cells) > 0 && 10*len(cells) < all { // an open loop that was disturbed loses that result
		w.Grade = Notice // it takes nothing from what the others say
		w.Title = fmt.Sprintf("%s with fewer than %d results", format.Count(len(cells), "cell"), benchlog.MinResults)
		w.Effect = "These have no 95 % interval, and are not decided. The others are."
	}
	return w, fewest < benchlog.SteadyResults
}

// warnShort warns of results of so few ops that a model had nothing to spread.
func warnShort(a *Analysis) (Warning, bool) {
	var cells []*results.Cell
	fewest := math.MaxInt
	for _, cell := range a.Usable() {
		least := math.MaxInt
		for _, r := range cell.Results {
			least = min(least, r.Iters)
		}
		if least < benchlog.OpsWarn && !a.Model(cell.Model).Baseline {
			cells, fewest = append(cells, cell), min(fewest, least)
		}
	}
	return Warning{
		ID: "short", Grade: Caution, Title: fmt.Sprintf("%s with fewer than %d ops per result", format.Count(len(cells), "cell"), benchlog.OpsWarn),
		Value: fmt.Sprintf("%s, down to %s", format.Count(len(cells), "cell"), format.Count(fewest, "op")), Threshold: format.Count(benchlog.OpsWarn, "op"),
		Effect: "One or two ops cannot be spread over CPUs, and start and end weigh much: models that run ops at once look slower than they are.",
		Remedy: "A longer bench time: " + again(a.Run, "BENCHTIME", "1s"),
		Cells:  cells,
	}, len(cells) > 0
}

func warnDisturbed(a *Analysis) (Warning, bool) {
	n, grade := blocksBeyond(a, func(b results.Block) bool { return b.Disturbed })
	return Warning{
		ID: "disturbed", Grade: grade, Title: fmt.Sprintf("%d of %s disturbed", n, format.Count(len(a.Blocks), "block")),
		Value: fmt.Sprintf("%d of %d", n, len(a.Blocks)), Threshold: "0",
		Effect:  "Something else ran on the machine. Such a block is run again if there is time; its results stay in the sample and widen it.",
		Remedy:  "Stop other programs, or run on a machine of its own.",
		Unquiet: true,
	}, n > 0
}

// blocksBeyond counts the blocks of which something is true, and grades that.
func blocksBeyond(a *Analysis, is func(results.Block) bool) (n int, g Grade) {
	for _, b := range a.Blocks {
		if is(b) {
			n++
		}
	}
	if float64(n) > graveDisturbed*float64(len(a.Blocks)) {
		return n, Grave
	}
	return n, Caution
}

// warnOthers looks at what was not of the run and used the CPUs meanwhile.
func warnOthers(a *Analysis) (Warning, bool) {
	worst := worstBlock(a, func(b results.Block) float64 { return b.Others })
	_, grade := blocksBeyond(a, func(b results.Block) bool { return b.Others > benchlog.OthersDisturb })
	return Warning{
		ID: "others", Grade: grade, Title: fmt.Sprintf("something else used up to %.0f %% of the CPUs", worst), Value: fmt.Sprintf("%.1f %%", worst),
		Threshold: fmt.Sprintf("%.0f %%", benchlog.OthersWarn),
		Effect:    "Models shared the processors with it, those of many threads or processes more than others.",
		Remedy:    "Stop other programs, or run on a machine of its own.",
		Unquiet:   true,
	}, worst > benchlog.OthersWarn
}

func warnPressure(a *Analysis) (Warning, bool) {
	memory := worstBlock(a, func(b results.Block) float64 { return b.MemoryPressure })
	disk := worstBlock(a, func(b results.Block) float64 { return b.IOPressure })
	return Warning{
		ID: "pressure", Grade: Caution, Title: "tasks waited for memory or a disk",
		Value: fmt.Sprintf("for memory in %.1f %% of the time, for a disk in %.1f %%", memory, disk), Threshold: fmt.Sprintf("%.0f %%", benchlog.PressureWarns),
		Effect:  "The kernel was looking for memory, or something wrote much: pauses that no model made.",
		Remedy:  "Stop other programs, or run on a machine with more memory.",
		Unquiet: true,
	}, max(memory, disk) > benchlog.PressureWarns
}

// warnControl compares the models where they all do the same, nothing: what
// differs there is the harness, or the machine, and is in all other cells too.
func warnControl(a *Analysis) (Warning, bool) {
	var fast, slow *results.Cell
	worst := 1.0
	for _, c := range a.Cases() {
		if !c.Workload.Info.Control {
			continue
		}
		for _, m := range a.Models {
			for _, n := range a.Models {
				x, y := a.Sums[c.Cells[m]][Throughput.Unit], a.Sums[c.Cells[n]][Throughput.Unit]
				if x.N > 0 && y.N > 0 && x.Lo > y.Hi && x.Center > worst*y.Center {
					worst, fast, slow = x.Center/y.Center, c.Cells[m], c.Cells[n]
				}
			}
		}
	}
	w := Warning{
		ID: "control", Grade: Grave, Value: format.Ratio(worst), Threshold: format.Ratio(benchlog.ControlWarns),
		Effect: "The models do the same there, next to nothing: what differs is the harness or the machine, and is in their other cells too.",
		Remedy: "Run again on a quiet machine; if it stays, look for what the models' runners do besides.",
	}
	if slow != nil {
		w.Title = fmt.Sprintf("%s is %s as fast in %s as in %s", slow.Case.FullName(), format.Ratio(worst), format.Clean(fast.Model), format.Clean(slow.Model))
		w.Cells = []*results.Cell{fast, slow}
	}
	return w, worst > benchlog.ControlWarns
}

func warnSteal(a *Analysis) (Warning, bool) {
	worst := worstBlock(a, func(b results.Block) float64 { return b.Steal })
	return Warning{
		ID: "steal", Grade: Caution, Title: fmt.Sprintf("steal up to %.1f %%", worst), Value: fmt.Sprintf("%.1f %%", worst), Threshold: fmt.Sprintf("%.0f %%", benchlog.StealWarns),
		Effect:  "The hypervisor gave the processor to other guests while we measured.",
		Remedy:  "A dedicated machine, or more results at another hour.",
		Unquiet: true,
	}, worst > benchlog.StealWarns
}

// warnCanary looks at the fixed piece of work that brackets every block.
func warnCanary(a *Analysis) (Warning, bool) {
	worst := worstBlock(a, func(b results.Block) float64 { return b.Slowdown() })
	return Warning{
		ID: "canary", Grade: Caution, Title: "the canary slowed down", Value: format.Ratio(worst) + " of its base time", Threshold: format.Ratio(benchlog.CanaryWarns),
		Effect:  "The same fixed work took longer at some blocks: frequency, heat or neighbours changed.",
		Remedy:  "Fix the processor's frequency; stop other programs.",
		Unquiet: true,
	}, worst > benchlog.CanaryWarns
}

func warnLoad(a *Analysis) (Warning, bool) {
	cores, _ := strconv.ParseFloat(a.Fact("cores"), 64)
	worst := worstBlock(a, func(b results.Block) float64 { return b.Load1 })
	return Warning{
		ID: "load", Grade: Notice, Title: fmt.Sprintf("load %.1f on %s", worst, format.Count(int(cores), "core")),
		Value: fmt.Sprintf("%.1f", worst), Threshold: fmt.Sprintf("%.1f", benchlog.LoadWarns*cores),
		Effect: "More was running than the cores can hold; part of it is the benchmark itself.",
		Remedy: "Stop other programs.",
	}, cores > 0 && cores < 1e6 && worst > benchlog.LoadWarns*cores
}

func worstBlock(a *Analysis, f func(results.Block) float64) float64 {
	worst := 0.0
	for _, b := range a.Blocks {
		if v := f(b); format.Finite(v) {
			worst = max(worst, v)
		}
	}
	return worst
}

func warnWide(a *Analysis) (Warning, bool) {
	cells, all, worst := []*results.Cell{}, 0, 0.0
	for _, cell := range a.Usable() {
		s := a.Sums[cell][Throughput.Unit]
		if s.N == 0 {
			continue
		}
		all++
		if h := s.HalfWidth(); h > benchlog.IntervalWarns {
			cells, worst = append(cells, cell), max(worst, h)
		}
	}
	w := Warning{
		ID: "wide", Grade: Notice, Title: fmt.Sprintf("%d of %d intervals wider than ±%s", len(cells), all, format.Percent(benchlog.IntervalWarns)),
		Value: fmt.Sprintf("%d of %d cells, at most ±%s", len(cells), all, format.Percent(worst)), Threshold: "±" + format.Percent(benchlog.IntervalWarns),
		Effect: "Differences smaller than the interval cannot be seen in these cells; they are marked.",
		Remedy: "More results (COUNT) and longer ones (BENCHTIME) on a quieter machine.",
		Cells:  cells,
	}
	if float64(len(cells)) > cautionWide*float64(all) {
		w.Grade = Caution
	}
	return w, len(cells) > 0
}

func warnOutliers(a *Analysis) (Warning, bool) {
	mild, extreme, n := 0, 0, 0
	var cells []*results.Cell
	for _, cell := range a.Usable() {
		s := a.Sums[cell][Throughput.Unit]
		mild, extreme, n = mild+s.Mild, extreme+s.Extreme, n+s.N
		if s.Extreme > 0 {
			cells = append(cells, cell)
		}
	}
	return Warning{
		ID: "outliers", Grade: Notice, Title: format.Count(mild+extreme, "outlier"),
		Value: fmt.Sprintf("%d mild, %d extreme, of %d results", mild, extreme, n), Threshold: format.Percent(benchlog.OutliersWarn) + " of all, no extreme",
		Effect: "Outliers are counted and shown, never dropped. Medians hardly feel them.",
		Remedy: "Look at the progression by run order: together in one block they speak of the machine.",
		Cells:  cells,
	}, n > 0 && (float64(mild+extreme) > benchlog.OutliersWarn*float64(n) || extreme > 0)
}

// warnTrend estimates the order effect: how the geometric mean over all cells
// moves from the first passes to the last.
func warnTrend(a *Analysis) (Warning, bool) {
	t, n := a.Trend.Change, a.Trend.Passes
	return Warning{
		ID: "order", Grade: Caution, Title: "results drift with run order", Value: fmt.Sprintf("%+.1f %% from first to last third of %d passes", 100*t, n),
		Threshold: "±" + format.Percent(benchlog.TrendWarns),
		Effect:    "The machine got faster or slower during the run. Random order inside blocks spreads this over all models.",
		Remedy:    "Let the machine warm up and cool down; more blocks.",
		Unquiet:   true,
	}, n >= TrendPasses && math.Abs(t) > benchlog.TrendWarns
}

// A Trend is the relative change of throughput, as a geometric mean over all
// cells, between the first and the last third of the passes.
type Trend struct {
	Change float64
	Passes int
}

func trendOf(run *results.Run) Trend {
	passes := math.MaxInt
	var samples [][]float64
	for _, cell := range run.Usable() {
		if s := located(run, Throughput, cell).Values(); len(s) > 0 {
			samples, passes = append(samples, s), min(passes, len(s))
		}
	}
	if len(samples) == 0 {
		return Trend{}
	}
	third := max(1, passes/3)
	sum := 0.0
	for _, s := range samples {
		for k := range third {
			sum += math.Log(s[passes-1-k]) - math.Log(s[k])
		}
	}
	return Trend{math.Expm1(sum / float64(third*len(samples))), passes}
}

func warnInvalid(a *Analysis) (Warning, bool) {
	n := 0
	for _, units := range a.Sums {
		for _, s := range units {
			n += s.Invalid
		}
	}
	return Warning{
		ID: "invalid", Grade: Grave, Title: format.Count(n, "value") + " that are no measurement", Value: format.Count(n, "value") + " NaN, infinite or negative", Threshold: "0",
		Effect: "They are left out of the samples.",
		Remedy: "The file was damaged or written by another tool.",
	}, n > 0
}

// warnHost turns what is held of the host's facts into warnings.
func warnHost(a *Analysis) (out []Warning) {
	for _, j := range benchlog.Judge(a.Facts) {
		if j.Trust && j.Grade > benchlog.FactGood {
			out = append(out, Warning{
				ID: j.Key, Grade: map[benchlog.FactGrade]Grade{benchlog.FactNote: Notice, benchlog.FactBad: Caution}[j.Grade],
				Title: format.Clean(j.Title), Value: format.Clean(j.Value), Threshold: j.Good, Effect: j.Effect, Remedy: j.Remedy,
			})
		}
	}
	return out
}

func warnLeftOut(a *Analysis) (Warning, bool) {
	return Warning{
		ID: "leftout", Grade: Caution, Title: "parts of the files were left out", Value: format.CleanTo(strings.Join(a.Notes, "; "), 600), Threshold: "nothing",
		Effect: "The numbers stand on what could be read.",
		Remedy: "Look at the lines named here.",
	}, len(a.Notes) > 0 && !(a.Truncated && len(a.Notes) == 1)
}
