package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Diff sets a run against an earlier one, or the builds of an A/B run against
// each other, cell by cell.
type Diff struct {
	Old, New  *results.Run
	Control   *results.Run // of an A/B run: the old build, measured once more
	Threshold float64      // what is smaller does not matter, as a share
	Noise     *Noise       // of the machine; nil if it is not known
	Changes   []Change     // regressions first, then what moved, gains, what is undecided, and the same
	Kinds     []KindChange // geometric means, by kind of work and metric
	Unlike    []string     // what makes the two hard to compare
	Hosts     []FactChange // host facts that differ
	Machine   bool         // some of them say that it is another machine
	OnlyOld   []string     // cells that only one of the runs has
	OnlyNew   []string
	Failed    []string // what failed in the new run, and why: never a gain
	WasGood   []string // of those, cells that the old run has numbers of
	Repaired  []string // what failed in the old run and has nothing to be compared with
	Apart     []string // why cells have no counterpart: one sentence per reason
}

// A Change is one cell in one metric, then and now.
type Change struct {
	Case     *results.Case // of the new run
	Model    string
	Metric   Metric
	Old, New Summary

	// What may be said of new over old: the ratio with its interval, the noise
	// of the row (Floor) and what a change must exceed to be claimed (Limit),
	// both as shares.
	inference.Change
	Kind       ChangeKind
	Detectable float64 // the smallest change, as a share, that would have been claimed
}

// A ChangeKind says what is made of a change.
type ChangeKind int

const (
	Regressed ChangeKind = iota
	Moved                // different, in a unit of which nobody says which way is better
	Gained
	Inconclusive // neither a change nor its absence is shown
	Same         // any change is smaller than what matters
)

func (k ChangeKind) String() string {
	return [...]string{"worse", "changed", "better", "undecided", "same"}[k]
}

// A KindChange is the geometric mean of new over old in all workloads of a kind
// of work, each of which counts the same.
type KindChange struct {
	Kind   string // "" where no workload says of which kind it is
	Metric Metric
	inference.Factor
}

// A FactChange is a host fact that differs between two runs; a fact that one of
// them lacks is empty there.
type FactChange struct {
	Key, Old, New string
	Machine       bool // not the program or its compiler, but the machine
}

// CompareOptions say what else is known when two runs are compared.
type CompareOptions struct {
	Null      *results.Run // of the same machine, for its noise; others are told apart
	Threshold float64      // a change up to this share does not matter; 0 is Practical
}

// Compare compares a run with an earlier one. A change is claimed when its
// whole interval is beyond what matters and beyond the noise of the machine, if
// that is known. All cells in all metrics are one family: see
// [inference.Changes]. Results of two machines can be compared, but never
// silently: see Machine. Cells of another tool are compared in every unit that
// both runs have. A cell that failed is in no change.
func Compare(old, new *results.Run) *Diff { return CompareWith(old, new, CompareOptions{}) }

// CompareWith is Compare with what else is known.
func CompareWith(old, new *results.Run, opt CompareOptions) *Diff {
	d := &Diff{Old: old, New: new}
	d.hosts()
	d.noise(opt.Null)
	d.Threshold = cmp.Or(opt.Threshold, Practical)
	d.compare(d.Threshold)
	d.unlike()
	return d
}

// CompareBuilds compares the builds of an A/B run, block by block. What differs
// between the old build and itself, its control, is the noise of a row: no
// smaller change is claimed, but any larger one that is told from it.
func CompareBuilds(run *results.Run) *Diff {
	d := &Diff{Old: run.Build(benchlog.OldBuild), New: run.Build(benchlog.NewBuild), Control: run.Build(benchlog.ControlBuild)}
	if d.Null() {
		d.Noise = NoiseOf(run)
	}
	d.Threshold = Practical
	d.compare(0) // what is told from noise is a change, however small
	d.trust("this run", d.New)
	for _, b := range run.Header.Builds {
		for _, what := range b.Only {
			d.only(b.Name == benchlog.NewBuild, what)
		}
	}
	return d
}

// Null reports whether old and new are one and the same build.
func (d *Diff) Null() bool {
	b := d.New.Header.Builds
	return d.Control != nil && len(b) == 2 && b[0].Sum == b[1].Sum && b[0].Sum != ""
}

// Builds say what the two builds are, "old: 3f2a1b4c5d6e; new: the runner
// beside switchyard"; "" of two runs.
func (d *Diff) Builds() string {
	var parts []string
	for _, b := range d.New.Header.Builds {
		from := cmp.Or(b.From, "the runner beside switchyard")
		if len(from) == 40 && strings.Trim(from, "0123456789abcdef") == "" {
			from = from[:12] // a commit
		}
		parts = append(parts, b.Name+": "+from)
	}
	if d.Control == nil {
		return ""
	}
	return strings.Join(parts, "; ")
}

func (d *Diff) only(new bool, what string) {
	if new {
		d.OnlyNew = append(d.OnlyNew, what)
	} else {
		d.OnlyOld = append(d.OnlyOld, what)
	}
}

// compare finds the cells that both runs have, and what became of them.
func (d *Diff) compare(threshold float64) {
	old, new := d.Old, d.New
	d.Failed, d.Repaired = new.Failures(), old.Failures()
	packages := old.NamesPackages() && new.NamesPackages() || old.Ambiguous() || new.Ambiguous()
	then, control := byIdentity(old, packages), byIdentity(d.Control, packages)
	lanes := slices.Compact(slices.Sorted(slices.Values(append(old.CPUCounts(), new.CPUCounts()...))))
	seen := map[*results.Case]bool{}
	apart := newApart(old, new, packages)
	var rows []inference.Row
	for _, c := range new.Cases() {
		id := c.Identity(packages, true)
		o := then[id]
		if o == nil {
			if c.Measured() {
				d.OnlyNew = append(d.OnlyNew, c.TitleAmong(lanes))
				apart.look(c)
			}
			continue
		}
		seen[o] = true
		for _, m := range metricsOf(o, c, new.Better) {
			rows = append(rows, d.rows(m, o, c, control[id])...)
		}
		d.models(o, c, lanes, apart)
	}
	for _, c := range old.Cases() {
		if !seen[c] && c.Measured() {
			d.OnlyOld = append(d.OnlyOld, c.TitleAmong(lanes))
		}
	}
	d.Apart = apart.sentences()
	d.judge(rows, threshold)
	d.kinds()
	sort.SliceStable(d.Changes, func(i, j int) bool {
		a, b := d.Changes[i], d.Changes[j]
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Kind <= Gained && math.Abs(math.Log(a.Center)) > math.Abs(math.Log(b.Center))
	})
}

func byIdentity(r *results.Run, packages bool) map[string]*results.Case {
	cases := map[string]*results.Case{}
	if r != nil {
		for _, c := range r.Cases() {
			cases[c.Identity(packages, true)] = c
		}
	}
	return cases
}

// models takes down which of a case's cells only one of the runs has.
func (d *Diff) models(o, c *results.Case, lanes []int, apart *apart) {
	for _, model := range unionOf(d.New.Models, d.Old.Models) {
		is, was := c.Cells[model].Usable(), o.Cells[model].Usable()
		where := results.WithModel(c.TitleAmong(lanes), model)
		switch {
		case is && was:
			apart.units(o.Cells[model], c.Cells[model], where)
		case is:
			d.OnlyNew = append(d.OnlyNew, where)
		case was && c.Cells[model] != nil && c.Cells[model].Failure() != "":
			d.WasGood = append(d.WasGood, where)
		case was:
			d.OnlyOld = append(d.OnlyOld, where)
		}
	}
	apart.models(o, c)
}

func unionOf(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// metricsOf are those that a case is compared in: the four of the matrix, and
// where it is another tool's each unit that both runs have beside time per op,
// which throughput speaks of.
func metricsOf(old, new *results.Case, better map[string]string) []Metric {
	out := slices.Clone(Metrics)
	for _, model := range slices.Sorted(maps.Keys(new.Cells)) {
		is, was := new.Cells[model], old.Cells[model]
		if !is.Foreign || was == nil {
			continue
		}
		for _, unit := range is.Units() {
			if unit == "ns/op" || !slices.Contains(was.Units(), unit) {
				continue
			}
			out = append(out, foreignMetric(unit, better[unit]))
		}
	}
	return out
}

// rows lists the cells of a case in one metric that have numbers in both runs,
// and adds a change for each.
func (d *Diff) rows(m Metric, old, new, control *results.Case) (rows []inference.Row) {
	for _, model := range d.New.Models {
		row := inference.Row{Old: located(d.Old, m, old.Cells[model]), New: located(d.New, m, new.Cells[model]), Group: m.ID}
		if len(row.Old) == 0 || len(row.New) == 0 {
			continue
		}
		if control != nil {
			row.Control = located(d.Control, m, control.Cells[model])
		} else {
			row.Floor = d.Noise.Floor(m, new.Workload)
		}
		rows = append(rows, row)
		d.Changes = append(d.Changes, Change{Case: new, Model: model, Metric: m, Old: Summarize(row.Old.Values()), New: Summarize(row.New.Values())})
	}
	return rows
}

// judge says of each row what may be claimed.
func (d *Diff) judge(rows []inference.Row, threshold float64) {
	judged := inference.Changes(rows, inference.ChangeOptions{Paired: d.Control != nil, Threshold: threshold})
	for i := range d.Changes {
		c := &d.Changes[i]
		c.Change = judged[i]
		c.Detectable = c.Change.Detectable(c.Limit)
		c.Kind = c.kind(rows[i], d.Threshold)
	}
}

// fewest is how many results each side needs for a claim: two may agree by
// chance.
const fewest = 3

func (c *Change) kind(row inference.Row, threshold float64) ChangeKind {
	higher := c.Change.Claim == inference.Above
	changed := higher || c.Change.Claim == inference.Below
	same := c.Estimate.Claim(threshold) == inference.Tie
	if !row.Old.Positive() || !row.New.Positive() {
		// Where zero is a value there is no ratio. It is told apart only from
		// what never comes near it.
		c.Center, c.Lo, c.Hi = c.New.Center/c.Old.Center, 0, math.Inf(1)
		c.Detectable = math.Inf(1)
		same = c.Old.Min == c.Old.Max && c.New.Min == c.New.Max && c.Old.Min == c.New.Min
		higher = c.New.Center > c.Old.Center
		changed = c.Old.Min == c.Old.Max && c.New.Min == c.New.Max && !same
	}
	switch {
	case c.Old.N < fewest && c.Old.Min != c.New.Max, c.New.N < fewest && c.Old.Min != c.New.Max, min(c.Old.N, c.New.N) < 2:
		return Inconclusive
	case changed && c.Metric.neutral:
		return Moved
	case changed && higher == c.Metric.Higher:
		return Gained
	case changed:
		return Regressed
	case same:
		return Same
	}
	return Inconclusive
}

// Delta is the change as a share: new over old, less one. It is NaN from zero
// to zero, and infinite from zero to something.
func (c *Change) Delta() float64 { return c.Center - 1 }

// Told reports whether the change is claimed.
func (c *Change) Told() bool { return c.Kind <= Gained }

// Worse counts the cells that got worse by more than a share, whatever the
// truth in their intervals is.
func (d *Diff) Worse(share float64) (n int) {
	for i := range d.Changes {
		c := &d.Changes[i]
		if claim := c.Estimate.Claim(share); c.Kind == Regressed && (claim == inference.Above || claim == inference.Below || !format.Finite(c.Hi)) {
			n++
		}
	}
	return n
}

// kinds sums the changes up by kind of work. Controls stay out of it.
func (d *Diff) kinds() {
	type place struct{ kind, metric string }
	ratios := map[place]map[*results.Workload][]float64{}
	var order []KindChange
	named := slices.ContainsFunc(d.New.Workloads, func(w *results.Workload) bool { return w.Info.Kind != "" })
	for i := range d.Changes {
		c := &d.Changes[i]
		w := c.Case.Workload
		if w.Info.Control || !(c.Center > 0) || math.IsInf(c.Center, 1) {
			continue
		}
		kind := ""
		if named {
			kind = cmp.Or(w.Info.Kind, w.Name)
		}
		at := place{kind, c.Metric.ID}
		if ratios[at] == nil {
			ratios[at] = map[*results.Workload][]float64{}
			order = append(order, KindChange{Kind: kind, Metric: c.Metric})
		}
		ratios[at][w] = append(ratios[at][w], c.Center)
	}
	for _, k := range order {
		var each []float64
		for _, w := range d.New.Workloads {
			if r := ratios[place{k.Kind, k.Metric.ID}][w]; len(r) > 0 {
				each = append(each, inference.FactorOf(r).Center)
			}
		}
		k.Factor = inference.FactorOf(each)
		d.Kinds = append(d.Kinds, k)
	}
}

// hosts compares the host facts first.
func (d *Diff) hosts() {
	d.Hosts = factChanges(d.Old, d.New)
	d.Machine = slices.ContainsFunc(d.Hosts, func(f FactChange) bool { return f.Machine })
}

// factChanges lists the facts in which two runs differ.
func factChanges(old, new *results.Run) (out []FactChange) {
	keys := []string{"cpus"}
	facts := func(r *results.Run, key string) string {
		if key == "cpus" {
			return r.Header.CPUs
		}
		return r.Fact(key)
	}
	for _, r := range []*results.Run{old, new} {
		for _, f := range r.Facts {
			if !slices.Contains(keys, f.Key) && benchlog.KindOfFact(f.Key) != benchlog.FactOfMoment {
				keys = append(keys, f.Key)
			}
		}
	}
	for _, k := range keys {
		was, is := facts(old, k), facts(new, k)
		if was == is {
			continue
		}
		machine := (k == "cpus" || benchlog.KindOfFact(k) == benchlog.FactOfMachine) && was != "" && is != ""
		out = append(out, FactChange{k, was, is, machine})
	}
	return out
}

// Count is the number of changes of a kind in all metrics.
func (d *Diff) Count(k ChangeKind) (n int) {
	for i := range d.Changes {
		if d.Changes[i].Kind == k {
			n++
		}
	}
	return n
}

// Metrics are those with any change: the four of the matrix, then others in
// order of appearance.
func (d *Diff) Metrics() []Metric {
	out := slices.DeleteFunc(slices.Clone(Metrics), func(m Metric) bool {
		return !slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Metric.ID == m.ID })
	})
	var others []Metric
	for _, c := range d.Changes {
		same := func(m Metric) bool { return m.ID == c.Metric.ID }
		if c.Metric.Foreign && !slices.ContainsFunc(others, same) {
			others = append(others, c.Metric)
		}
	}
	sort.SliceStable(others, func(i, j int) bool { return others[i].Name < others[j].Name })
	return append(out, others...)
}

// Sentence sums the diff up, over all metrics.
func (d *Diff) Sentence() string {
	failed := ""
	if n := len(d.Failed); n > 0 {
		failed = fmt.Sprintf(" %s in the new run.", format.Count(n, "failure"))
	}
	if len(d.Changes) == 0 {
		why := "the runs have no case and model in common"
		if len(d.Failed)+len(d.Repaired) > 0 {
			why = "no case and model has numbers in both runs"
		}
		return "Nothing to compare: " + why + "." + failed
	}
	s := fmt.Sprintf("%s: %s", format.Count(len(d.Changes), "comparison"), d.parts())
	if d.Null() {
		s += " It is one build: what is called worse or better is false."
	}
	return s + failed
}

// parts count what became of the comparisons.
func (d *Diff) parts() string {
	parts := []string{fmt.Sprintf("%d worse", d.Count(Regressed)), fmt.Sprintf("%d better", d.Count(Gained))}
	for _, rest := range []struct {
		kind  ChangeKind
		words string
	}{{Moved, "changed"}, {Same, "the same within " + format.Percent(d.Threshold)}, {Inconclusive, "undecided" + d.blind()}} {
		if n := d.Count(rest.kind); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, rest.words))
		}
	}
	return strings.Join(parts, ", ") + "."
}

// blind says what the undecided comparisons could have shown, in the middle.
func (d *Diff) blind() string {
	var could []float64
	for i := range d.Changes {
		if c := &d.Changes[i]; c.Kind == Inconclusive && format.Finite(c.Detectable) {
			could = append(could, c.Detectable)
		}
	}
	if len(could) == 0 {
		return " (too few results)"
	}
	slices.Sort(could)
	if middle := could[len(could)/2]; len(could) > 1 {
		return fmt.Sprintf(" (half could detect %s)", format.Percent(middle))
	}
	return fmt.Sprintf(" (could detect %s)", format.Percent(could[0]))
}

// Notes are what reading the two files had to say, each with the run it is of.
func (d *Diff) Notes() []string {
	var out []string
	for _, r := range []struct {
		run  *results.Run
		name string
	}{{d.Old, "old run: "}, {d.New, "new run: "}} {
		for _, n := range r.run.Notes {
			out = append(out, r.name+n)
		}
	}
	return out
}
