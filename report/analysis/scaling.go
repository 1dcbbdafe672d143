package analysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Scaling is how the throughput of one model in one case depends on the
// number of CPUs.
type Scaling struct {
	Case     *results.Case // the one on the fewest CPUs
	Model    string
	CPUs     []int                // ascending, at least two
	Speedups []inference.Estimate // throughput over that on the fewest, of each number
	Law      inference.Scaling
	Fitted   bool // there is a Law: there are inference.FewestSizes numbers, and enough blocks

	// Row is the speed-up on each of the run's ScalingCPUs, and then, where
	// there is no ScalingLimit, contention, coherency and peak.
	Row []Shown
}

// A Shown is an estimate in words, with its interval apart: a table may have no
// room for it.
type Shown struct {
	Text, Interval string  // "1.95×", and "1.90 to 2.00" or ""
	Value          float64 // to sort by; NaN is none
}

// String is the estimate with its interval.
func (s Shown) String() string {
	if s.Interval == "" {
		return s.Text
	}
	return s.Text + " (" + s.Interval + ")"
}

// scalings are those of all cases that were measured on several numbers of
// CPUs. Controls and open loops, whose rate is given, have none.
func scalings(a *Analysis) (out []Scaling) {
	for _, w := range a.Workloads {
		if w.Info.Control {
			continue
		}
		for _, lanes := range lanesOf(w) {
			for _, model := range a.Models {
				if s, ok := a.scaling(lanes, model); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// lanesOf groups the workload's cases by all but the number of CPUs, in
// ascending order of that.
func lanesOf(w *results.Workload) (groups [][]*results.Case) {
	index := map[string]int{}
	for _, c := range w.Cases {
		i, known := index[c.Name()]
		if !known {
			i = len(groups)
			index[c.Name()], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *results.Case) int { return max(a.CPUs, 1) - max(b.CPUs, 1) })
	}
	return groups
}

func (a *Analysis) scaling(lanes []*results.Case, model string) (s Scaling, ok bool) {
	s.Case, s.Model = lanes[0], model
	var samples []inference.Sample
	for i, c := range lanes {
		sample := a.throughputs(c.Cells[model])
		if len(sample) == 0 && i == 0 {
			return s, false // there is nothing that the others could be compared with
		}
		if len(sample) == 0 {
			continue
		}
		s.CPUs = append(s.CPUs, max(c.CPUs, 1))
		samples = append(samples, sample)
		s.Speedups = append(s.Speedups, inference.Ratio(sample, samples[0]))
	}
	if len(s.CPUs) < 2 {
		return s, false
	}
	s.Law, s.Fitted = inference.FitScaling(s.CPUs, samples)
	return s, true
}

// throughputs are the cell's. In files without blocks the k-th results of all
// cells stand for one.
func (a *Analysis) throughputs(c *results.Cell) inference.Sample {
	s := located(a.Run, Throughput, c)
	if len(a.Blocks) == 0 {
		for k := range s {
			s[k].Block = k
		}
	}
	return s
}

// scalingCPUs are the numbers of CPUs that speed-ups are of, ascending.
func scalingCPUs(all []Scaling) (cpus []int) {
	for _, s := range all {
		cpus = append(cpus, s.CPUs[1:]...)
	}
	slices.Sort(cpus)
	return slices.Compact(cpus)
}

// scalingLimit says why the law of scaling is not tested; "" where it is, and
// where nothing was measured on several numbers of CPUs.
func scalingLimit(a *Analysis) string {
	most, fitted := 0, false
	for _, s := range a.Scalings {
		most, fitted = max(most, len(s.CPUs)), fitted || s.Fitted
	}
	cores, _ := strconv.Atoi(a.Fact("cores"))
	switch {
	case most == 0 || fitted:
		return ""
	case most < inference.FewestSizes && 0 < cores && cores < inference.FewestSizes:
		return fmt.Sprintf("The law of scaling is not testable on this machine: it needs %d numbers of CPUs, and there are %d.", inference.FewestSizes, cores)
	case most < inference.FewestSizes:
		how := "go test -cpu 1,2,4,8"
		if a.Ours() {
			how = "CPU=1,2,4,all"
		}
		return fmt.Sprintf("The law of scaling is not tested: it needs %d numbers of CPUs, as in %s, and %d were measured.", inference.FewestSizes, how, most)
	}
	return "The law of scaling is not tested: it needs three results of each number of CPUs."
}

// lawless is how far from the law a measured throughput may lie if the law is
// to be told.
const lawless = 0.10

// law says contention, coherency and peak, or why they are not known: then the
// first has the reason and the others are empty.
func (s *Scaling) law() (out [3]Shown) {
	for i, e := range []inference.Estimate{s.Law.Contention, s.Law.Coherency, s.Law.Peak} {
		bare := func(x float64) string { return strings.TrimSuffix(format.Percent(x), " %") }
		switch out[i].Value = e.Center; {
		case !s.Fitted && i == 0:
			out[i].Text = "not tested"
		case s.Fitted && s.Law.Misfit > lawless && i == 0:
			out[i].Text = "no fit: " + format.Percent(s.Law.Misfit) + " off"
		case !s.Fitted || s.Law.Misfit > lawless:
		case i == 2:
			out[i].Text, out[i].Interval = peakText(e)
		default:
			out[i].Text, out[i].Interval = format.Percent(e.Center), bare(e.Lo)+" to "+bare(e.Hi)
		}
	}
	return out
}

// peakText says where throughput is highest, in whole CPUs.
func peakText(e inference.Estimate) (text, interval string) {
	const far = 1e5
	whole := func(x float64) string { return fmt.Sprintf("%.0f", math.Floor(x)) }
	switch {
	case e.Lo >= far:
		return "none", ""
	case e.Hi >= far && e.Center >= far:
		return "none seen; beyond " + whole(e.Lo), ""
	case e.Hi >= far:
		return whole(e.Center), whole(e.Lo) + " or more"
	}
	return whole(e.Center), whole(e.Lo) + " to " + whole(e.Hi)
}

// row is what Row is.
func (s *Scaling) row(cpus []int, law bool) (row []Shown) {
	for _, n := range cpus {
		cell := Shown{Text: "–", Value: math.NaN()}
		if k := slices.Index(s.CPUs, n); k >= 0 {
			e := s.Speedups[k]
			if cell = (Shown{Text: format.Ratio(e.Center), Value: e.Center}); e.Bounded() && e.Lo > 0 {
				cell.Interval = format.Interval(e.Lo, e.Hi)
			}
		}
		row = append(row, cell)
	}
	if law {
		all := s.law()
		row = append(row, all[:]...)
	}
	return row
}
