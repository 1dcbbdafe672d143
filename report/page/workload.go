package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A pageWorkload is one workload's section.
type pageWorkload struct {
	Name, ID, Op string
	Story        string
	Takeaway     []string
	Source       string
	Control      bool
	Curves       []figure
	Panels       []pagePanel
	Tables       []pageTable
	Missing      []missing
}

// A pagePanel holds the charts of one case.
type pagePanel struct {
	Name, ID string
	First    bool
	Charts   []figure // throughput, latency, spread
	Folded   []figure // progression, distribution
}

// A pageTable has a row per case and model, and the columns in which any has a
// value.
type pageTable struct {
	Title   string
	Cases   bool // more than one
	Columns []string
	Rows    []tableRow
}

// A tableCell is one number with the value it sorts by.
type tableCell struct{ Text, Value, Title string }

// Long reports whether the text is one to be broken into lines.
func (c tableCell) Long() bool { return len([]rune(c.Text)) > 17 }

type tableRow struct {
	Case, CaseID string
	Model        pageModel
	verdictMark
	First bool // of its case
	Cells []tableCell
}

type missing struct {
	Where  string
	Model  pageModel
	Failed bool
	Reason string
}

func (b *builder) workload(w *results.Workload) pageWorkload {
	p := pageWorkload{
		Name: format.Clean(w.Name), ID: b.anchor[w], Op: format.Clean(w.Info.Op), Story: format.CleanTo(w.Info.Story, 2000), Source: format.CleanTo(w.Info.Source, 200),
		Control: w.Info.Control, Takeaway: b.takeaway(w),
	}
	p.Curves = b.curveCharts(w)
	measured := 0
	for _, c := range b.first[w] {
		if c.Measured() {
			p.Panels = append(p.Panels, b.panel(c, measured == 0))
			measured++
		}
	}
	p.Tables = []pageTable{b.table(w, "All numbers", ranking, measures), b.table(w, "Allocations, collections, switches and counters", nil, resources)}
	p.Missing = b.missing(w)
	return p
}

// takeaway is what the section comes to: who is best where, and by how much.
func (b *builder) takeaway(w *results.Workload) []string {
	var out []string
	if w.Info.Control {
		return controlTakeaway(b.run.Workload(w, analysis.Throughput))
	}
	for _, h := range b.run.HighestRates {
		if h.Workload == w {
			out = append(out, h.Text)
		}
	}
	for _, g := range groupByBest(b.run, w) {
		out = append(out, g.sentence(len(w.Cases)))
	}
	if len(out) > 8 {
		out = append(out[:8], fmt.Sprintf("and %d more; the table has all.", len(out)-8))
	}
	return out
}

// controlTakeaway reports whether the control does its duty: its models should
// agree.
func controlTakeaway(r *analysis.Ranking) []string {
	lowest, name := math.Inf(1), ""
	for _, e := range r.Entries {
		if e.Relation == analysis.Worse && e.Ratio < lowest {
			lowest, name = e.Ratio, e.Model
		}
	}
	switch {
	case r.Second() == nil:
		return nil
	case name == "":
		return []string{"No difference between the models is shown, as it should be."}
	}
	return []string{fmt.Sprintf("The models should agree, but %s is shown to have %s the throughput of %s: differences of that size mean nothing elsewhere.",
		format.Clean(name), format.Ratio(lowest), format.Clean(r.Best().Model))}
}

// A bestGroup is a run of cases with the same best model and the same ties.
type bestGroup struct {
	best  string
	tied  []string
	open  []string // undecided: too few or too noisy results
	cases []*results.Case
	ranks []*analysis.Ranking
}

func groupByBest(run *analysis.Analysis, w *results.Workload) []bestGroup {
	var out []bestGroup
	if w.Info.Open { // up to which rate is the answer
		return nil
	}
	for _, c := range w.Cases {
		r := run.Case(c, analysis.Judging(w))
		best := r.Best()
		if best == nil {
			continue
		}
		var tied, open []string
		for _, e := range r.Entries {
			switch e.Relation {
			case analysis.Tied:
				tied = append(tied, format.Clean(e.Model))
			case analysis.Unknown:
				open = append(open, format.Clean(e.Model))
			}
		}
		if n := len(out) - 1; n >= 0 && out[n].best == best.Model && slices.Equal(out[n].tied, tied) && slices.Equal(out[n].open, open) {
			out[n].cases, out[n].ranks = append(out[n].cases, c), append(out[n].ranks, r)
			continue
		}
		out = append(out, bestGroup{best.Model, tied, open, []*results.Case{c}, []*analysis.Ranking{r}})
	}
	return out
}

func (g bestGroup) sentence(of int) string {
	lead := format.Clean(results.ModelName(g.best))
	where := ""
	if of > 1 {
		first, last := g.cases[0].Label(), g.cases[len(g.cases)-1].Label()
		switch {
		case len(g.cases) == of:
			where = "In all cases "
		case first == last:
			where = format.Clean(first) + ": "
		default:
			where = format.Clean(first) + " to " + format.Clean(last) + ": "
		}
	}
	lo, hi, second := math.Inf(1), 0.0, ""
	for _, r := range g.ranks {
		if s := r.Second(); s != nil {
			x := r.Best().Versus.Times(r.Metric).Ratio
			lo, hi, second = min(lo, x), max(hi, x), s.Model
		}
	}
	r := g.ranks[len(g.ranks)-1]
	is, rate := "is fastest", r.Metric.Format(r.Best().Center)
	if r.Metric.Latency() {
		is = "is best by p99 latency"
	}
	switch {
	case second == "":
		return fmt.Sprintf("%s%s alone has results, %s.", where, lead, rate)
	case len(g.tied) > 0 && len(g.open) > 0:
		return fmt.Sprintf("%s%s leads; %s too near to it to matter, and undecided against %s.", where, lead, format.List(g.tied), format.List(g.open))
	case len(g.tied) > 0:
		return fmt.Sprintf("%s%s leads; %s too near to it to matter.", where, lead, format.List(g.tied))
	case len(g.open) > 0:
		return fmt.Sprintf("%s%s leads, undecided against %s.", where, lead, format.List(g.open))
	case len(g.ranks) == 1:
		v := r.Best().Versus.Times(r.Metric)
		return fmt.Sprintf("%s%s %s at %s: %s %s (95 %% interval in this run %s).", where, lead, is, rate, format.Ratio(v.Ratio), format.Clean(second), format.Interval(v.Lo, v.Hi))
	}
	return fmt.Sprintf("%s%s %s, %s to %s the next.", where, lead, is, format.Ratio(lo), format.Ratio(hi))
}

func (b *builder) panel(c *results.Case, first bool) pagePanel {
	rows := b.rows(c)
	p := pagePanel{Name: format.Clean(c.Label()), ID: b.anchor[c], First: first}
	p.Charts = []figure{throughputChart(c, rows), b.latencyChart(c, len(rows)), spreadChart(c, rows)}
	if !b.sparse {
		p.Folded = []figure{b.progressChart(c), b.distributionChart(c)}
	}
	return p
}

// A column of a table, after case and model.
type column struct {
	name string
	cell func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell
}

// ranking are the columns about throughput: empty where a model has none.
var ranking = []column{
	{"n", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		t := tableCell{Text: fmt.Sprint(s.N), Value: fmt.Sprint(s.N)}
		if out := s.Mild + s.Extreme; out > 0 {
			t.Title = fmt.Sprintf("%s beyond 1.5 interquartile ranges, %d of them beyond 3", format.Count(out, "outlier"), s.Extreme)
			t.Text += fmt.Sprintf(" (%d out)", out)
		}
		return t
	}},
	{"throughput", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		return tableCell{format.Value(s.Center, analysis.Throughput.Unit), number(s.Center), fmt.Sprintf("median of %d: %.6g ops/s", s.N, s.Center)}
	}},
	{"95 % interval", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		if !s.Bounded() {
			return tableCell{fmt.Sprintf("needs %d results", benchlog.MinResults), "", ""}
		}
		return tableCell{fmt.Sprintf("%s – %s", strings.TrimSuffix(format.Value(s.Lo, analysis.Throughput.Unit), "/s"), format.Value(s.Hi, analysis.Throughput.Unit)), number(s.HalfWidth()),
			"±" + format.Percent(s.HalfWidth())}
	}},
	{"of best", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		return tableCell{format.Ratio(e.Ratio), number(e.Ratio), ""}
	}},
	{"its interval", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		if e.Relation == analysis.Best || e.Versus.A == "" {
			return tableCell{}
		}
		if !format.Finite(e.Versus.Lo) || !format.Finite(e.Versus.Hi) || e.Versus.Lo <= 0 {
			return tableCell{"unbounded", "", "too few results"}
		}
		return tableCell{format.RatioDigits(e.Versus.Lo) + " – " + format.RatioDigits(e.Versus.Hi), number(e.Versus.Lo), "95 % interval of the ratio"}
	}},
	{"verdict", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		switch {
		case e.Relation == analysis.Best:
			return tableCell{"best", "0", ""}
		case e.Relation == analysis.Unranked:
			return tableCell{"baseline", "4", "not in the competition; compared with the best on its own"}
		case e.Relation == analysis.Unknown && format.Finite(e.Versus.Detectable):
			return tableCell{"undecided, could detect " + format.Percent(e.Versus.Detectable), "3", "neither a difference that matters nor its absence is shown"}
		case e.Relation == analysis.Unknown:
			return tableCell{"undecided, too few results", "3", "no difference could have been shown, however large"}
		case e.Relation == analysis.Tied:
			return tableCell{"within " + format.Percent(analysis.Practical), "1", "the whole interval of the ratio is that near to the best"}
		}
		return tableCell{"slower", "2", ""}
	}},
}

// measures are the other columns of the table of numbers, resources those of
// the table folded below it.
var measures = []column{
	{"p50", unitCell("p50-ns")},
	{"p99", unitCell("p99-ns")},
	{"p99.9", unitCell("p99.9-ns")},
	{"max", unitCell("max-ns")},
	{"lag p99", unitCell("lag-p99-ns")},
	{"turnaround", unitCell("turnaround-ns")},
	{"in virtual time", unitCell("virtual-turnaround-ns")},
	{"response", unitCell("response-ns")},
	{"waiting", unitCell("waiting-ns")},
	{"CPU/op", unitCell("cpu-ns/op")},
	{"peak memory", unitCell("peak-RSS-bytes")},
	{"spread", func(b *builder, c *results.Cell, e *analysis.Entry, s analysis.Summary) tableCell {
		if !format.Finite(s.Spread()) {
			return tableCell{}
		}
		cell := tableCell{format.Percent(s.Spread()), number(s.Spread()), "interquartile range of throughput, as a share of the median"}
		if s.Processes > 0 {
			cell.Text += fmt.Sprintf("; processes ±%s, sessions ±%s", format.Percent(s.Processes), format.Percent(s.Sessions))
			cell.Title += "; standard deviations between processes of a session, and between sessions"
		}
		return cell
	}},
}

var resources = []column{
	{"B/op", unitCell("B/op")},
	{"allocs/op", unitCell("allocs/op")},
	{"collections", unitCell("gcs")},
	{"context switches/op", unitCell("csw/op")},
	{"instructions/op", unitCell("instructions/op")},
	{"cycles/op", unitCell("cycles/op")},
	{"cache misses/op", unitCell("cache-misses/op")},
	{"kernel instructions/op", unitCell("kernel-instructions/op")},
	{"kernel cycles/op", unitCell("kernel-cycles/op")},
	{"kernel cache misses/op", unitCell("kernel-cache-misses/op")},
}

func unitCell(unit string) func(*builder, *results.Cell, *analysis.Entry, analysis.Summary) tableCell {
	return func(b *builder, c *results.Cell, _ *analysis.Entry, _ analysis.Summary) tableCell {
		s := b.run.Summary(c, unit)
		if s.N == 0 {
			return tableCell{}
		}
		return tableCell{format.Value(s.Center, unit), number(s.Center), ""}
	}
}

// table has a row per case and model, in the columns in which any has a value.
func (b *builder) table(w *results.Workload, title string, ranking, measures []column) pageTable {
	columns := slices.Concat(ranking, measures)
	used := make([]bool, len(columns))
	out := pageTable{Title: title + " of " + format.Clean(w.Name), Cases: len(b.first[w]) > 1}
	metric := analysis.Judging(w) // where that is latency, the columns about throughput stay empty
	for _, c := range b.first[w] {
		r := b.run.Case(c, metric)
		for i, m := range b.run.Models {
			cell := c.Cells[m]
			if !cell.Usable() {
				continue
			}
			e := &r.Entries[i]
			row := tableRow{Case: format.Clean(c.Label()), CaseID: b.anchor[c], Model: b.models[i], verdictMark: marks[e.Relation]}
			if n := len(out.Rows); n > 0 {
				row.First = out.Rows[n-1].CaseID != row.CaseID
			}
			if e.Relation == analysis.Absent {
				row.Mark = ""
			}
			s := b.run.Summary(cell, analysis.Throughput.Unit)
			for k, col := range columns {
				var t tableCell
				if e.Relation != analysis.Absent && !w.Info.ByLatency() || k >= len(ranking) {
					t = col.cell(b, cell, e, s)
				}
				used[k] = used[k] || t.Text != ""
				row.Cells = append(row.Cells, t)
			}
			out.Rows = append(out.Rows, row)
		}
	}
	for k, col := range columns {
		if used[k] {
			out.Columns = append(out.Columns, col.name)
		}
	}
	for i, row := range out.Rows {
		out.Rows[i].Cells = nil
		for k, t := range row.Cells {
			if used[k] {
				out.Rows[i].Cells = append(out.Rows[i].Cells, t)
			}
		}
	}
	return out
}

// missing lists failed cells first, then those that were not measured.
func (b *builder) missing(w *results.Workload) []missing {
	var failed, skipped []missing
	put := func(where, model, fail, skip string) {
		if fail != "" {
			failed = append(failed, missing{where, b.model[model], true, format.CleanTo(fail, 400)})
		} else if skip != "" {
			skipped = append(skipped, missing{where, b.model[model], false, format.CleanTo(skip, 400)})
		}
	}
	for _, m := range b.run.Models {
		all := "all cases"
		if len(w.Cases) <= 1 {
			all = ""
		}
		put(all, m, w.Failed[m], w.Skipped[m])
		for _, c := range b.first[w] {
			if cell := c.Cells[m]; cell != nil {
				put(strings.TrimPrefix(format.Clean(c.Label()), format.Clean(w.Name)), m, cell.Failed, cell.Skipped)
			}
		}
	}
	all := append(failed, skipped...)
	if len(all) > maxMissing {
		all = append(all[:maxMissing], missing{Where: "more", Reason: fmt.Sprintf("%d further cells; the file has them", len(all)-maxMissing)})
	}
	return all
}
