package report

import "slices"

// An analysis is what is computed from a run, once: the rankings of every
// row of the matrix in every metric, the warnings and the verdict.
type analysis struct {
	byCase     map[*Case]map[string]*Ranking // by metric ID
	byWorkload map[*Workload]map[string]*Ranking
	overall    map[string]*Ranking
	sums       map[*Cell]map[string]Summary // by unit
	warnings   []Warning
	breakEvens []BreakEven
	verdict    Verdict
}

// analyse computes the analysis on first use.
func (run *Run) analyse() *analysis {
	run.once.Do(func() {
		a := &analysis{
			byCase:     map[*Case]map[string]*Ranking{},
			byWorkload: map[*Workload]map[string]*Ranking{},
			overall:    map[string]*Ranking{},
			sums:       map[*Cell]map[string]Summary{},
		}
		a.summarize(run)
		for _, m := range append(slices.Clone(Metrics), run.foreignMetrics()...) {
			a.rankAll(run, m)
		}
		a.breakEvens = breakEvens(run, a)
		a.warnings = warnings(run, a)
		a.verdict = verdictOf(run, a)
		run.analysis = a
	})
	return run.analysis
}

// summarize summarizes every cell in every unit it has.
func (a *analysis) summarize(run *Run) {
	for _, c := range run.cases() {
		for _, cell := range c.Cells {
			if cell.usable() {
				a.sums[cell] = summaries(cell)
			}
		}
	}
}

// summaries are a cell's by unit. Here zero is a value: no allocations are a
// measurement. Metrics leave it out.
func summaries(cell *Cell) map[string]Summary {
	samples := map[string][]float64{}
	invalid := map[string]int{}
	for i := range cell.Results {
		for _, v := range cell.Results[i].Values {
			if finite(v.V) && v.V >= 0 {
				samples[v.Unit] = append(samples[v.Unit], v.V)
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
		if s, _ := Throughput.sample(cell); len(s) > 0 {
			samples[Throughput.Unit] = s
		}
	}
	out := map[string]Summary{}
	for unit, s := range samples {
		sum := Summarize(s)
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
func (a *analysis) rankAll(run *Run, m Metric) {
	var competing []*Case
	for _, w := range run.Workloads {
		for _, c := range w.Cases {
			r := rankCase(m, run.Models, c)
			put(a.byCase, c, m.ID, &r)
		}
		if w.Name != controlWorkload {
			competing = append(competing, w.Cases...)
		}
		r := rankOver(m, run.Models, w.Cases)
		put(a.byWorkload, w, m.ID, &r)
	}
	r := rankOver(m, run.Models, competing)
	a.overall[m.ID] = &r
}

func put[K comparable](rows map[K]map[string]*Ranking, k K, id string, r *Ranking) {
	if rows[k] == nil {
		rows[k] = map[string]*Ranking{}
	}
	rows[k][id] = r
}

// Case returns the ranking of one case in a metric.
func (run *Run) Case(c *Case, m Metric) *Ranking { return run.analyse().byCase[c][m.ID] }

// Workload returns the ranking of a workload over its cases in a metric.
func (run *Run) Workload(w *Workload, m Metric) *Ranking { return run.analyse().byWorkload[w][m.ID] }

// Overall returns the ranking of the run over all workloads in a metric.
func (run *Run) Overall(m Metric) *Ranking { return run.analyse().overall[m.ID] }

// Summary returns a cell's summary in a unit as written in the file; its N is
// 0 when there is none.
func (run *Run) Summary(c *Cell, unit string) Summary { return run.analyse().sums[c][unit] }

// Verdict returns what a reader takes away in ten seconds.
func (run *Run) Verdict() Verdict { return run.analyse().verdict }

// Warnings returns what speaks against trusting the numbers, gravest first.
func (run *Run) Warnings() []Warning { return run.analyse().warnings }

// BreakEvens returns from which size on each model pays, per workload whose
// cases vary a number.
func (run *Run) BreakEvens() []BreakEven { return run.analyse().breakEvens }
