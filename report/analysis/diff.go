package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A Diff sets a run against an earlier one, cell by cell.
type Diff struct {
	Old, New *results.Run
	Changes  []Change     // regressions first, then gains, then what cannot be told, then no difference
	Hosts    []FactChange // host facts that differ
	Machine  bool         // some of them say that it is another machine
	OnlyOld  []string     // cells that only one of the runs has
	OnlyNew  []string
	Failed   []string // what failed in the new run, and why: never a gain
	WasGood  []string // of those, cells that the old run has numbers of
	Repaired []string // what failed in the old run and has nothing to be compared with
	Apart    []string // why cells have no counterpart: one sentence per reason
}

// A Change is one cell in one metric, then and now.
type Change struct {
	Case       *results.Case // of the new run
	Model      string
	Metric     Metric
	Old, New   Summary
	Comparison // A is the new run, B the old; the ratio is new over old
	Kind       ChangeKind
}

// A ChangeKind says what the test makes of a change.
type ChangeKind int

const (
	Regressed ChangeKind = iota
	Moved                // different, in a unit of which nobody says which way is better
	Gained
	Inconclusive // too few or too noisy results
	Same         // no difference seen, and a fair one would have been
)

func (k ChangeKind) String() string {
	return [...]string{"worse", "changed", "better", "?", "~"}[k]
}

// A FactChange is a host fact that differs between two runs; a fact that one of
// them lacks is empty there.
type FactChange struct {
	Key, Old, New string
	Machine       bool // not the program or its compiler, but the machine
}

// Compare compares a run with an earlier one. In each case the models are one
// family for Holm's correction, in each metric. Results of two machines can be
// compared, but never silently: see Machine. Cells of another tool are compared
// in every unit that both runs have. A cell that failed is in no change.
func Compare(old, new *results.Run) *Diff {
	d := &Diff{Old: old, New: new, Failed: new.Failures(), Repaired: old.Failures()}
	d.hosts()
	packages := old.NamesPackages() && new.NamesPackages() || old.Ambiguous() || new.Ambiguous()
	then := map[string]*results.Case{}
	for _, c := range old.Cases() {
		then[c.Identity(packages, true)] = c
	}
	lanes := slices.Compact(slices.Sorted(slices.Values(append(old.CPUCounts(), new.CPUCounts()...))))
	seen := map[*results.Case]bool{}
	apart := newApart(old, new, packages)
	for _, c := range new.Cases() {
		o := then[c.Identity(packages, true)]
		if o == nil {
			if c.Measured() {
				d.OnlyNew = append(d.OnlyNew, c.TitleAmong(lanes))
				apart.look(c)
			}
			continue
		}
		seen[o] = true
		for _, m := range metricsOf(o, c, new.Better) {
			d.Changes = append(d.Changes, changes(m, o, c, new.Models)...)
		}
		d.models(o, c, lanes, apart)
	}
	for _, c := range old.Cases() {
		if !seen[c] && c.Measured() {
			d.OnlyOld = append(d.OnlyOld, c.TitleAmong(lanes))
		}
	}
	d.Apart = apart.sentences()
	sort.SliceStable(d.Changes, func(i, j int) bool {
		a, b := d.Changes[i], d.Changes[j]
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Kind <= Gained && math.Abs(math.Log(a.Ratio)) > math.Abs(math.Log(b.Ratio))
	})
	return d
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

// changes compares the models of one case in one metric: one family.
func changes(m Metric, old, new *results.Case, models []string) []Change {
	var out []Change
	var ps []float64
	for _, model := range models {
		was, _ := m.Sample(old.Cells[model])
		is, _ := m.Sample(new.Cells[model])
		if len(was) == 0 || len(is) == 0 {
			continue
		}
		c := Change{Case: new, Model: model, Metric: m, Old: Summarize(was), New: Summarize(is)}
		c.Comparison = compare("new", "old", is, was, c.New.Center, c.Old.Center)
		out, ps = append(out, c), append(ps, c.P)
	}
	for i, p := range holm(ps) {
		c := &out[i]
		c.Adjusted, c.Family, c.Differs = p, len(ps), significant(p)
		was, _ := m.Sample(old.Cells[c.Model])
		is, _ := m.Sample(new.Cells[c.Model])
		c.detectable(is, was)
		c.Kind = c.kind()
	}
	return out
}

func (c *Change) kind() ChangeKind {
	switch {
	case c.Differs && c.Metric.neutral:
		return Moved
	case c.Differs && c.Metric.better(c.New.Center, c.Old.Center):
		return Gained
	case c.Differs:
		return Regressed
	case c.New.Min == c.New.Max && c.Old.Min == c.Old.Max && c.New.Min == c.Old.Min && c.N1 > 1 && c.N2 > 1:
		return Same // the same number every time
	case !c.Equivalent && (c.Detectable > MaxDetectable || c.Lo > 1 || c.Hi < 1):
		return Inconclusive
	}
	return Same
}

// Delta is the change as a share: new over old, less one. It is NaN from zero
// to zero, and infinite from zero to something.
func (c *Change) Delta() float64 { return c.Ratio - 1 }

// hosts compares the host facts first.
func (d *Diff) hosts() {
	keys := []string{"cpus"}
	facts := func(r *results.Run, key string) string {
		if key == "cpus" {
			return r.Header.CPUs
		}
		return r.Fact(key)
	}
	for _, r := range []*results.Run{d.Old, d.New} {
		for _, f := range r.Facts {
			if !slices.Contains(keys, f.Key) && benchlog.KindOfFact(f.Key) != benchlog.FactOfMoment {
				keys = append(keys, f.Key)
			}
		}
	}
	for _, k := range keys {
		was, is := facts(d.Old, k), facts(d.New, k)
		if was == is {
			continue
		}
		machine := (k == "cpus" || benchlog.KindOfFact(k) == benchlog.FactOfMachine) && was != "" && is != ""
		d.Hosts = append(d.Hosts, FactChange{k, was, is, machine})
		d.Machine = d.Machine || machine
	}
}

// Count is the number of changes of a kind in a metric.
func (d *Diff) Count(m Metric, k ChangeKind) int {
	n := 0
	for _, c := range d.Changes {
		if c.Metric.ID == m.ID && c.Kind == k {
			n++
		}
	}
	return n
}

// Worse counts the cells that got worse by more than a share.
func (d *Diff) Worse(share float64) (n int) {
	for _, c := range d.Changes {
		if c.Kind == Regressed && math.Abs(math.Log(c.Ratio)) > math.Log1p(share) {
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

// Sentence sums the diff up, by throughput, or by the first metric that there
// is.
func (d *Diff) Sentence() string {
	failed := ""
	if n := len(d.Failed); n > 0 {
		failed = fmt.Sprintf(" %s in the new run.", format.Count(n, "failure"))
	}
	ms := d.Metrics()
	if len(ms) == 0 {
		why := "the runs have no case and model in common"
		if len(d.Failed)+len(d.Repaired) > 0 {
			why = "no case and model has numbers in both runs"
		}
		return "Nothing to compare: " + why + "." + failed
	}
	m := ms[0]
	name := m.Name
	if !m.Foreign {
		name = strings.ToLower(name[:1]) + name[1:]
	}
	n := func(k ChangeKind) int { return d.Count(m, k) }
	all := n(Regressed) + n(Gained) + n(Moved) + n(Inconclusive) + n(Same)
	if m.neutral {
		return fmt.Sprintf("Of %s, %s is changed in %d, not different in %d, and cannot be told in %d.", format.Count(all, "cell"), format.Clean(name), n(Moved), n(Same), n(Inconclusive)) + failed
	}
	return fmt.Sprintf("Of %s, %s is worse in %d, better in %d, not different in %d, and cannot be told in %d.", format.Count(all, "cell"), format.Clean(name), n(Regressed), n(Gained), n(Same), n(Inconclusive)) + failed
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
