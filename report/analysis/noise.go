package analysis

import (
	"fmt"
	"math"
	"slices"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Noise is what differs on a machine between two measurements of one build,
// as a null run has shown it.
type Noise struct {
	Run      *results.Run // the null run
	Sessions int          // that it stands on; with one it says little of another day
	Floors   []Floor      // of each metric, and of each kind of work in it where that can be told
}

// A Floor is the noise of a metric: of the differences between two measurements
// of one build, one in twenty was larger.
type Floor struct {
	Metric Metric
	Kind   string  // of work; "" is all of the metric
	Share  float64 // 0.02 is two per cent
	Cells  int     // differences that it stands on
}

// fewestDifferences are needed to tell the noise of a kind of work from that of
// the whole metric.
const fewestDifferences = 10

// NoiseOf finds the noise in a null run: between its sessions if it has
// several, else between its builds, which were measured side by side. It is nil
// if the run is none, or has no two measurements.
func NoiseOf(run *results.Run) *Noise {
	n := &Noise{Run: run, Sessions: sessions(run)}
	type place struct{ metric, kind string }
	differences := map[place][]float64{}
	for _, pair := range n.pairs() {
		then := byIdentity(pair[0], true)
		for _, c := range pair[1].Cases() {
			o := then[c.Identity(true, true)]
			if o == nil || c.Workload.Info.Control {
				continue
			}
			for _, m := range metricsOf(o, c, run.Better) {
				for _, model := range run.Models {
					r := inference.Ratio(located(pair[1], m, c.Cells[model]), located(pair[0], m, o.Cells[model])).Center
					if !(r > 0) || math.IsInf(r, 1) {
						continue
					}
					share := math.Expm1(math.Abs(math.Log(r)))
					for _, kind := range slices.Compact([]string{"", c.Workload.Info.Kind}) {
						if differences[place{m.ID, kind}] == nil {
							n.Floors = append(n.Floors, Floor{Metric: m, Kind: kind})
						}
						differences[place{m.ID, kind}] = append(differences[place{m.ID, kind}], share)
					}
				}
			}
		}
	}
	for i := range n.Floors {
		f := &n.Floors[i]
		all := differences[place{f.Metric.ID, f.Kind}]
		slices.Sort(all)
		f.Cells = len(all)
		f.Share = all[(len(all)*19+19)/20-1]
	}
	n.Floors = slices.DeleteFunc(n.Floors, func(f Floor) bool {
		return f.Kind != "" && (f.Cells < fewestDifferences || f.Cells == len(differences[place{f.Metric.ID, ""}]))
	})
	if len(n.Floors) == 0 {
		return nil
	}
	return n
}

// sessions is how many parts the run was spread over.
func sessions(run *results.Run) int {
	n := 1
	for _, b := range run.Blocks {
		n = max(n, b.Session)
	}
	return n
}

// pairs are measurements of one build that are set against each other.
func (n *Noise) pairs() (pairs [][2]*results.Run) {
	if n.Sessions == 1 {
		old := n.Run.Build(benchlog.OldBuild)
		return [][2]*results.Run{{old, n.Run.Build(benchlog.NewBuild)}, {old, n.Run.Build(benchlog.ControlBuild)}}
	}
	for _, build := range []string{benchlog.OldBuild, benchlog.NewBuild, benchlog.ControlBuild} {
		one := n.Run.Build(build)
		for s := 1; s < n.Sessions; s++ {
			pairs = append(pairs, [2]*results.Run{one.Session(s), one.Session(s + 1)})
		}
	}
	return pairs
}

// Floor returns the noise of a metric in a workload as a share: that of its
// kind of work, or else of all. It is 0 if nothing is known.
func (n *Noise) Floor(m Metric, w *results.Workload) float64 {
	if n == nil {
		return 0
	}
	whole := 0.0
	for _, f := range n.Floors {
		switch {
		case f.Metric.ID != m.ID:
		case f.Kind == "":
			whole = f.Share
		case f.Kind == w.Info.Kind:
			return f.Share
		}
	}
	return whole
}

// noise takes over the noise that a null run shows, if it is of the machine of
// both runs.
func (d *Diff) noise(null *results.Run) {
	if null == nil {
		return
	}
	noise := NoiseOf(null)
	if noise == nil {
		d.Unlike = append(d.Unlike, "The null run "+null.Path+" has nothing to say of noise.")
		return
	}
	for _, r := range []*results.Run{d.Old, d.New} {
		for _, f := range factChanges(null, r) {
			if f.Machine {
				d.Unlike = append(d.Unlike, fmt.Sprintf("The noise in %s is another machine's, and is not used: %s is %s there, and %s here.", null.Path, f.Key, f.Old, f.New))
				return
			}
		}
	}
	d.Noise = noise
}

// unlike says what makes the numbers of two runs hard to compare, although they
// are of one machine: N, bench time, few results, low trust.
func (d *Diff) unlike() {
	add := func(format string, args ...any) { d.Unlike = append(d.Unlike, fmt.Sprintf(format, args...)) }
	if d.Machine {
		add("Different machines: what differs may be the machine, not the code.")
	}
	d.trust("the old run", d.Old)
	d.trust("the new run", d.New)
	if was, is := benchtime(d.Old), benchtime(d.New); was != is && was > 0 && is > 0 {
		add("The bench times differ: %s per result, was %s.", format.Value(float64(is), "ns"), format.Value(float64(was), "ns"))
	}
	d.otherN()
	if n := d.few(); n > 0 && n == len(d.Changes) {
		add("No case has %d results in both runs: nothing can be told.", fewest)
	}
	if d.Noise == nil && d.New.Ours() && !d.Machine && len(d.Changes) > 0 {
		add("The noise between runs of this machine is not known: a null run (make null) shows it.")
	}
}

// trust says when the numbers of a run are not to be believed, and why.
func (d *Diff) trust(which string, r *results.Run) {
	if !r.Ours() {
		return
	}
	t := Of(r).Verdict.Trust
	if t.Level != "low" {
		return
	}
	var why []string
	for _, w := range t.Reasons[:min(3, len(t.Reasons))] {
		why = append(why, w.Title)
	}
	d.Unlike = append(d.Unlike, fmt.Sprintf("Trust in %s is low: %s.", which, format.List(why)))
}

// benchtime is the time that a result of the run took; 0 if it does not say.
func benchtime(r *results.Run) time.Duration {
	for _, b := range slices.Backward(r.Blocks) {
		if b.Benchtime > 0 {
			return b.Benchtime
		}
	}
	return r.Header.Benchtime
}

// mostN is how much N may differ before the results are of other work: caches
// and collections are met at another rate.
const mostN = 1.2

// otherN names the cells of our runs whose results are of another number of
// ops. Other tools choose it anew for every result.
func (d *Diff) otherN() {
	if !d.Old.Ours() || !d.New.Ours() {
		return
	}
	cells, most, where := 0, 1.0, ""
	seen := map[*results.Cell]bool{}
	then := byIdentity(d.Old, true)
	for i := range d.Changes {
		c := &d.Changes[i]
		cell := c.Case.Cells[c.Model]
		o := then[c.Case.Identity(true, true)]
		if seen[cell] || o == nil {
			continue
		}
		seen[cell] = true
		is, was := ops(cell), ops(o.Cells[c.Model])
		factor := max(is/was, was/is)
		if factor > mostN {
			cells++
		}
		if factor > most {
			most, where = factor, fmt.Sprintf("%s: %.0f, was %.0f", results.WithModel(c.Case.Title(), c.Model), is, was)
		}
	}
	if cells > 0 {
		d.Unlike = append(d.Unlike, fmt.Sprintf("N differs in %d of %s, by up to %s (%s).", cells, format.Count(len(seen), "cell"), format.Ratio(most), where))
	}
}

// ops is the median N of a cell's results.
func ops(c *results.Cell) float64 {
	var all []float64
	for _, r := range c.Results {
		all = append(all, float64(r.Iters))
	}
	return Summarize(all).Center
}

// few counts the comparisons with too few results for any claim.
func (d *Diff) few() (n int) {
	for i := range d.Changes {
		if min(d.Changes[i].Old.N, d.Changes[i].New.N) < fewest {
			n++
		}
	}
	return n
}
