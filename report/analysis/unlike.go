package analysis

import (
	"fmt"
	"slices"
	"time"

	"switchyard/report/format"
	"switchyard/report/results"
)

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
