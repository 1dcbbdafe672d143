package analysis

import (
	"slices"
	"strconv"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// An Analysis is a run and what is computed from it, once: the rankings of
// every row of the matrix in every metric, the warnings, the verdict. It is not
// changed afterwards.
type Analysis struct {
	*results.Run
	Verdict      Verdict                       // what a reader takes away in ten seconds
	Warnings     []Warning                     // what speaks against trusting the numbers, gravest first
	Trend        Trend                         // of throughput, with run order
	Curves       map[*results.Workload][]Curve // of the workloads that vary a number
	BreakEvens   []BreakEven                   // from which size on each model pays
	HighestRates []HighestRate                 // of open loops: which rate each model keeps
	Scalings     []Scaling                     // how throughput depends on the number of CPUs
	ScalingCPUs  []int                         // numbers of CPUs with speed-ups, ascending
	ScalingLimit string                        // why the law of scaling is not tested; "" where it is
	Besides      []Beside                      // how peers stand to our models; none without peers
	Foreign      []Metric                      // of the cells of other tools, beside time per op
	Takeaways    map[*results.Workload][]string

	ByCase     map[*results.Case]map[Metric]*Ranking
	Judged     map[*results.Case]*Ranking                // in the metric that its models are judged by
	ByWorkload map[*results.Workload]map[Metric]*Ranking // over its cases
	Overall    map[Metric]*Ranking                       // over all workloads
	Sums       map[*results.Cell]map[string]Summary      // by unit as written in the file; its N is 0 when there is none

	said  map[string]*said    // by an earlier run, by kind of work
	picks map[string][]string // likewise, by metric ID
}

// Of analyses a run.
func Of(run *results.Run) *Analysis {
	a := &Analysis{
		Run:        run,
		Foreign:    foreignMetrics(run),
		ByCase:     map[*results.Case]map[Metric]*Ranking{},
		Judged:     map[*results.Case]*Ranking{},
		ByWorkload: map[*results.Workload]map[Metric]*Ranking{},
		Overall:    map[Metric]*Ranking{},
		Sums:       map[*results.Cell]map[string]Summary{},
		Takeaways:  map[*results.Workload][]string{},
	}
	for _, w := range run.Workloads {
		a.ByWorkload[w] = map[Metric]*Ranking{}
		for _, c := range w.Cases {
			a.ByCase[c] = map[Metric]*Ranking{}
		}
	}
	for _, cell := range run.Usable() {
		a.Sums[cell] = summaries(run, cell)
	}
	a.said, a.picks = earlier(run)
	for _, m := range append(slices.Clone(Metrics), a.Foreign...) {
		a.rankAll(m)
	}
	a.Trend = trendOf(run)
	a.Curves = a.curves()
	a.BreakEvens = breakEvens(a)
	a.HighestRates = highestRates(a)
	a.Scalings = scalings(a)
	a.ScalingCPUs = scalingCPUs(a.Scalings)
	a.ScalingLimit = scalingLimit(a)
	for i := range a.Scalings {
		a.Scalings[i].Row = a.Scalings[i].row(a.ScalingCPUs, a.ScalingLimit == "")
	}
	a.Warnings = warnings(a)
	a.Verdict = verdictOf(a)
	a.Besides = besides(a)
	for _, w := range a.Workloads {
		a.Takeaways[w] = a.takeaway(w)
	}
	return a
}

// summaries are a cell's by unit. Here zero is a value: no allocations are a
// measurement. Metrics leave it out.
func summaries(run *results.Run, cell *results.Cell) map[string]Summary {
	samples := map[string]inference.Sample{}
	invalid := map[string]int{}
	for i := range cell.Results {
		for _, v := range cell.Results[i].Values {
			if format.Finite(v.V) && v.V >= 0 {
				samples[v.Unit] = append(samples[v.Unit], at(run, &cell.Results[i], v.V))
			} else {
				invalid[v.Unit]++
			}
		}
	}
	if cell.Foreign {
		for _, unit := range ownUnits {
			delete(samples, unit)
			delete(invalid, unit)
		}
	}
	if _, ok := samples[Throughput.Unit]; !ok {
		if s := located(run, Throughput, cell); len(s) > 0 {
			samples[Throughput.Unit] = s
		}
	}
	out := map[string]Summary{}
	for unit, s := range samples {
		sum := SummarizeSample(s)
		sum.Invalid = invalid[unit]
		out[unit] = sum
	}
	for unit, n := range invalid {
		if _, ok := out[unit]; !ok {
			out[unit] = Summary{Invalid: n}
		}
	}
	return out
}

// rankAll ranks every case, every workload and the run in one metric. The
// control stays out of the run's row.
func (a *Analysis) rankAll(m Metric) {
	var competing []*results.Case
	for _, w := range a.Workloads {
		for _, c := range w.Cases {
			if a.ByCase[c][m] = rankCase(a.Run, m, c); m == judging(w) {
				a.Judged[c] = a.ByCase[c][m]
			}
		}
		if !w.Info.Control {
			competing = append(competing, w.Planned()...)
		}
		a.ByWorkload[w][m] = a.rankOver(m, a.Models, w.Planned())
	}
	a.Overall[m] = a.rankOver(m, a.Models, competing)
}

// sample is a model's sample of a metric in a case.
func (a *Analysis) sample(m Metric, c *results.Case, model string) inference.Sample {
	if r := a.ByCase[c][m]; r != nil && r.Entry(model) != nil {
		return r.Entry(model).Sample
	}
	return ranked(a.Run, m, c.Cells[model])
}

// Untimed is the latency, in nanoseconds, below which none can be timed.
func Untimed(run *results.Run) float64 {
	cost, err := strconv.ParseFloat(run.Fact("clock-read-ns"), 64)
	if err != nil || !format.Finite(cost) || cost <= 0 {
		cost = clockRead
	}
	return timedAbove * cost
}
