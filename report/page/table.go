package page

import (
	"fmt"
	"math"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A pageTable has a row per case and model, and the columns in which any has a
// value.
type pageTable struct {
	Title   string
	Cases   bool // more than one
	Columns []string
	Rows    []tableRow
}

// A tableCell is one number, by which it sorts; NaN is none. It is shown in its
// unit, unless it has a text.
type tableCell struct {
	Value             float64
	Unit, text, Title string
}

// Text is what is shown of the cell.
func (c tableCell) Text() string {
	if c.text == "" && c.Unit != "" {
		return format.Value(c.Value, c.Unit)
	}
	return c.text
}

// Sort is what the page's script sorts the cell by.
func (c tableCell) Sort() string {
	if c == (tableCell{}) {
		return ""
	}
	return number(c.Value)
}

// Long reports whether the text is one to be broken into lines.
func (c tableCell) Long() bool { return len([]rune(c.Text())) > 17 }

type tableRow struct {
	Case, CaseID string
	Model        pageModel
	verdictMark
	First bool // of its case
	Cells []tableCell
}

// A column of a table, after case and model. Where models are judged by latency
// those about throughput stay empty.
type column struct {
	name string
	unit string // whose median it shows; else that of throughput is told by
	cell func(e *analysis.Entry, s analysis.Summary) tableCell
	rank bool // it is about throughput
}

var measures = []column{
	{name: "n", rank: true, cell: countCell},
	{name: "throughput", rank: true, cell: func(_ *analysis.Entry, s analysis.Summary) tableCell {
		return tableCell{Value: s.Center, Unit: analysis.Throughput.Unit, Title: fmt.Sprintf("median of %d: %.6g ops/s", s.N, s.Center)}
	}},
	{name: "95 % interval", rank: true, cell: func(_ *analysis.Entry, s analysis.Summary) tableCell {
		if !s.Bounded() {
			return words(math.NaN(), fmt.Sprintf("needs %d results", benchlog.MinResults), "")
		}
		return words(s.HalfWidth(), strings.TrimSuffix(format.Rate(s.Lo), "/s")+" – "+format.Rate(s.Hi), "±"+format.Percent(s.HalfWidth()))
	}},
	{name: "of best", rank: true, cell: func(e *analysis.Entry, _ analysis.Summary) tableCell {
		return words(e.Ratio, format.Ratio(e.Ratio), "")
	}},
	{name: "its interval", rank: true, cell: versusCell},
	{name: "verdict", rank: true, cell: verdictCell},
	{name: "p50", unit: "p50-ns"}, {name: "p99", unit: "p99-ns"}, {name: "p99.9", unit: "p99.9-ns"}, {name: "max", unit: "max-ns"},
	{name: "lag p99", unit: "lag-p99-ns"}, {name: "turnaround", unit: "turnaround-ns"}, {name: "in virtual time", unit: "virtual-turnaround-ns"},
	{name: "response", unit: "response-ns"}, {name: "waiting", unit: "waiting-ns"},
	{name: "CPU/op", unit: "cpu-ns/op"}, {name: "peak memory", unit: "peak-RSS-bytes"},
	{name: "spread", cell: spreadCell},
}

// resources are in a table of their own, folded below it.
var resources = []column{
	{name: "B/op", unit: "B/op"}, {name: "allocs/op", unit: "allocs/op"}, {name: "collections", unit: "gcs"}, {name: "context switches/op", unit: "csw/op"},
	{name: "instructions/op", unit: "instructions/op"}, {name: "cycles/op", unit: "cycles/op"}, {name: "cache misses/op", unit: "cache-misses/op"},
	{name: "kernel instructions/op", unit: "kernel-instructions/op"}, {name: "kernel cycles/op", unit: "kernel-cycles/op"},
	{name: "kernel cache misses/op", unit: "kernel-cache-misses/op"},
}

// words are a cell that is shown by a text.
func words(value float64, text, title string) tableCell {
	return tableCell{Value: value, text: text, Title: title}
}

func countCell(_ *analysis.Entry, s analysis.Summary) tableCell {
	t := words(float64(s.N), fmt.Sprint(s.N), "")
	if out := s.Mild + s.Extreme; out > 0 {
		t.Title = fmt.Sprintf("%s beyond 1.5 interquartile ranges, %d of them beyond 3", format.Count(out, "outlier"), s.Extreme)
		t.text += fmt.Sprintf(" (%d out)", out)
	}
	return t
}

func versusCell(e *analysis.Entry, _ analysis.Summary) tableCell {
	if e.Relation == analysis.Best || e.Versus.A == "" {
		return tableCell{}
	}
	if !format.Finite(e.Versus.Lo) || !format.Finite(e.Versus.Hi) || e.Versus.Lo <= 0 {
		return words(math.NaN(), "unbounded", "too few results")
	}
	return words(e.Versus.Lo, format.RatioDigits(e.Versus.Lo)+" – "+format.RatioDigits(e.Versus.Hi), "95 % interval of the ratio")
}

func verdictCell(e *analysis.Entry, _ analysis.Summary) tableCell {
	switch {
	case e.Relation == analysis.Best:
		return words(0, "best", "")
	case e.Relation == analysis.Unranked:
		return words(4, "baseline", "not in the competition; compared with the best on its own")
	case e.Relation == analysis.Unknown && format.Finite(e.Versus.Detectable):
		return words(3, "undecided, could detect "+format.Percent(e.Versus.Detectable), "neither a difference that matters nor its absence is shown")
	case e.Relation == analysis.Unknown:
		return words(3, "undecided, too few results", "no difference could have been shown, however large")
	case e.Relation == analysis.Tied:
		return words(1, "within "+format.Percent(analysis.Practical), "the whole interval of the ratio is that near to the best")
	}
	return words(2, "slower", "")
}

func spreadCell(_ *analysis.Entry, s analysis.Summary) tableCell {
	if !format.Finite(s.Spread()) {
		return tableCell{}
	}
	t := words(s.Spread(), format.Percent(s.Spread()), "interquartile range of throughput, as a share of the median")
	if s.Processes > 0 {
		t.text += fmt.Sprintf("; processes ±%s, sessions ±%s", format.Percent(s.Processes), format.Percent(s.Sessions))
		t.Title += "; standard deviations between processes of a session, and between sessions"
	}
	return t
}

// table has a row per case and model, in the columns in which any has a value.
func (b *builder) table(w *results.Workload, title string, columns []column) pageTable {
	out := pageTable{Title: title + " of " + format.Clean(w.Name), Cases: len(b.first[w]) > 1}
	used := make([]bool, len(columns))
	for _, c := range b.first[w] {
		r := b.run.Judged[c]
		for i, m := range b.run.Models {
			cell := c.Cells[m]
			if !cell.Usable() {
				continue
			}
			e := &r.Entries[i]
			row := tableRow{Case: c.Label(), CaseID: b.anchor[c], Model: b.models[i], verdictMark: marks[e.Relation]}
			if n := len(out.Rows); n > 0 {
				row.First = out.Rows[n-1].CaseID != row.CaseID
			}
			if e.Relation == analysis.Absent {
				row.Mark = ""
			}
			rate := b.run.Sums[cell][analysis.Throughput.Unit]
			for k, col := range columns {
				var t tableCell
				if s := b.run.Sums[cell][col.unit]; s.N > 0 {
					t = tableCell{Value: s.Center, Unit: col.unit}
				} else if col.cell != nil && (!col.rank || e.Relation != analysis.Absent && !w.Info.ByLatency()) {
					t = col.cell(e, rate)
				}
				used[k] = used[k] || t != (tableCell{})
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
		kept := row.Cells[:0]
		for k, t := range row.Cells {
			if used[k] {
				kept = append(kept, t)
			}
		}
		out.Rows[i].Cells = kept
	}
	return out
}

// number keeps a value for scripts that sort; it is empty for what is no
// number.
func number(v float64) string {
	if !format.Finite(v) {
		return ""
	}
	return fmt.Sprintf("%.6g", v)
}
