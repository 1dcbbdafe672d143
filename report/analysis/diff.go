package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"

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

// A KindChange is the geometric mean of new over old in all workloads of a kind
// of work, each of which counts the same.
type KindChange struct {
	Kind   string // "" where no workload says of which kind it is
	Metric Metric
	inference.Factor
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
