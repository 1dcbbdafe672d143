package text

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// Options say how a text is written. The zero value is good.
type Options struct {
	Width   int  // columns; 0 means 80
	Color   bool // with ANSI colours
	Verbose bool // with the tables of all cases, or all comparisons

	// Page is the path of the page that is written beside the text, for its
	// last line; "" is none.
	Page string

	// Baseline is the earlier run that the page sets this one against: what
	// reading it had to say is repeated. For its numbers see WriteCompare.
	Baseline *results.Run
}

// defaultWidth is that of a terminal nobody has widened.
const defaultWidth = 80

// Write writes the run as a terminal shows it: the verdict, the matrix in a few
// lines, and where the files are; in between, if asked for, per metric one
// table in the shape of benchstat's. A run in which nothing can be compared has
// those tables always: there is nothing else to say of it.
func Write(w io.Writer, run *analysis.Analysis, opt Options) error {
	if opt.Width <= 0 {
		opt.Width = defaultWidth
	}
	t := &textWriter{w: bufio.NewWriter(w), run: run, opt: opt}
	t.verdict()
	t.besides()
	t.matrix()
	if opt.Verbose || len(run.Verdict.Decisions) == 0 {
		for _, m := range append([]analysis.Metric{analysis.Throughput, analysis.TailP99, analysis.Memory}, run.Foreign...) {
			t.table(m)
		}
		t.scaling()
	}
	t.missing()
	t.rest()
	return t.w.Flush()
}

// textUnits name the base units that the tables' numbers are in.
var textUnits = map[string]string{analysis.Throughput.ID: "ops/s", analysis.TailP99.ID: "s", analysis.CPUTime.ID: "s/op", analysis.Memory.ID: "B"}

type textWriter struct {
	w   *bufio.Writer
	run *analysis.Analysis
	opt Options
}

const (
	ansiBold  = "1"
	ansiDim   = "2"
	ansiGreen = "32"
	ansiRed   = "31"
)

func (t *textWriter) paint(code, s string) string {
	if !t.opt.Color || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *textWriter) printf(format string, args ...any) { fmt.Fprintf(t.w, format, args...) }

// A textCell is one cell of a table: what to print, and how.
type textCell struct{ text, code string }

// table prints a metric: a row per case, a column per model. Columns that do
// not fit the width go into further tables below.
func (t *textWriter) table(m analysis.Metric) {
	models := t.models(m)
	if len(models) == 0 {
		return
	}
	rows := [][]textCell{}
	for _, c := range t.run.Cases() {
		if row := t.row(m, c, models); row != nil {
			rows = append(rows, row)
		}
	}
	foot := t.geomean(m, models)
	header := []textCell{{"", ansiBold}}
	for _, model := range models {
		header = append(header, textCell{format.Clean(results.ModelName(model)) + "  ", ansiBold})
	}
	all := append([][]textCell{header}, rows...)
	if foot != nil {
		all = append(all, foot)
	}
	legend := textUnits[m.ID] + ": median ± 95 %, "
	switch {
	case m.Foreign:
		legend = "median ± 95 %"
	case m.Higher:
		legend += "higher is better; " + markKey
	default:
		legend += "lower is better; " + markKey
	}
	t.printf("%s %s\n", t.paint(ansiBold, format.Clean(m.Name)), t.paint(ansiDim, legend))
	t.columns(all)
	t.printf("\n")
}

// models are those with any number in the metric.
func (t *textWriter) models(m analysis.Metric) []string {
	var out []string
	for _, model := range t.run.Models {
		for _, c := range t.run.Cases() {
			if e := t.run.Case(c, m).Entry(model); e != nil && len(e.Sample) > 0 {
				out = append(out, model)
				break
			}
		}
	}
	return out
}

func (t *textWriter) row(m analysis.Metric, c *results.Case, models []string) []textCell {
	r := t.run.Case(c, m)
	row := []textCell{{format.Clean(c.Title()), ""}}
	any := false
	for _, model := range models {
		e := r.Entry(model)
		cell := c.Cells[model]
		switch {
		case len(e.Sample) > 0:
			any = true
			row = append(row, textCell{t.number(m, e), relationCode(e.Relation)})
		case cell != nil && cell.Failed != "" || c.Workload.Failed[model] != "":
			any = any || !m.Foreign
			row = append(row, textCell{"FAILED", ansiRed})
		default:
			row = append(row, textCell{"-", ansiDim})
		}
	}
	if !any {
		return nil
	}
	return row
}

// number is a cell's center, half width and mark.
func (t *textWriter) number(m analysis.Metric, e *analysis.Entry) string {
	half, mark := "∞", relationMark(e.Relation)
	if m.Foreign {
		mark = ""
	}
	switch h := e.Half; {
	case h < 10:
		half = fmt.Sprintf("%.0f%%", 100*h)
	case format.Finite(h):
		half = ">999%"
	}
	value := strings.TrimSuffix(m.Format(e.Center), format.Suffix(m.Unit))
	if e.Untimed {
		value = "<" + value
	}
	return fmt.Sprintf("%s ±%4s%s", value, half, mark)
}

// markKey explains the marks.
const markKey = "* best, ~ alike, ? undecided"

func relationMark(r analysis.Relation) string {
	return map[analysis.Relation]string{analysis.Best: " *", analysis.Tied: " ~", analysis.Unknown: " ?", analysis.Worse: "  ", analysis.Unranked: "  "}[r]
}

func relationCode(r analysis.Relation) string {
	switch r {
	case analysis.Best, analysis.Tied:
		return ansiGreen
	case analysis.Unranked:
		return ansiDim
	}
	return ""
}

// geomean is the last row: each model over the best, over the cases that all
// ranked models have.
func (t *textWriter) geomean(m analysis.Metric, models []string) []textCell {
	if m.Foreign {
		return nil
	}
	r := t.run.Overall(m)
	if len(r.Cases) < 2 || r.Second() == nil {
		return nil
	}
	row := []textCell{{fmt.Sprintf("geomean of %d", len(r.Cases)), ansiBold}}
	for _, model := range models {
		e := r.Entry(model)
		if len(e.Sample) == 0 {
			row = append(row, textCell{"-", ansiDim})
			continue
		}
		row = append(row, textCell{format.Ratio(e.Ratio) + "      " + relationMark(e.Relation), relationCode(e.Relation)})
	}
	return row
}

// columns prints rows, as many columns as fit and the rest below, the first
// column repeated.
func (t *textWriter) columns(rows [][]textCell) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for from := 1; from < len(widths); {
		to, used := from, widths[0]
		for to < len(widths) && (to == from || used+2+widths[to] <= t.opt.Width) {
			used += 2 + widths[to]
			to++
		}
		for _, row := range rows {
			t.line(row, widths, from, to)
		}
		if from = to; from < len(widths) {
			t.printf("\n")
		}
	}
}

// line prints a row's first column, and those from one place to another.
func (t *textWriter) line(row []textCell, widths []int, from, to int) {
	t.printf("%s", t.paint(row[0].code, pad(row[0].text, -widths[0])))
	for i := from; i < to; i++ {
		text := pad(row[i].text, widths[i])
		if i == to-1 {
			text = strings.TrimRight(text, " ")
		}
		t.printf("  %s", t.paint(row[i].code, text))
	}
	t.printf("\n")
}

// pad fills s with spaces to the width: before it, or behind when negative.
func pad(s string, width int) string {
	n := int(math.Abs(float64(width))) - utf8.RuneCountInString(s)
	if n <= 0 {
		return s
	}
	if width < 0 {
		return s + strings.Repeat(" ", n)
	}
	return strings.Repeat(" ", n) + s
}

// missing prints what failed, in full, and counts what has no implementation.
func (t *textWriter) missing() {
	t.failed(t.run.Failures())
	if n := len(t.run.Skips()); n > 0 {
		t.printf("%s\n", t.paint(ansiDim, format.Count(n, "cell")+" not measured; the reasons are in the report"))
	}
}

// failed prints failures in full, up to twenty.
func (t *textWriter) failed(failures []string) {
	for i, f := range failures {
		if i == 20 {
			t.printf("%s %d more\n", t.paint(ansiRed, "FAILED"), len(failures)-i)
			break
		}
		t.printf("%s %s\n", t.paint(ansiRed, "FAILED"), format.CleanTo(f, 300))
	}
}

// notes prints what reading the files had to say.
func (t *textWriter) notes(notes []string) {
	for _, n := range notes {
		t.wrap(ansiDim, "Note: "+format.CleanTo(n, 300), "  ")
	}
}

// verdict prints the decisions, the advice and the footnote. At low trust
// nothing is bold.
func (t *textWriter) verdict() {
	v, bold := t.run.Verdict, ansiBold
	if v.Low {
		bold = ""
	}
	head := v.Headline
	if len(v.Decisions) > 0 {
		head += ":"
	}
	t.wrap(bold, head, "")
	for i := range v.Decisions {
		d := &v.Decisions[i]
		if fewer := d.Kind.CPUs < v.Decisions[0].Kind.CPUs; (fewer || i == mostDecisions) && !t.opt.Verbose {
			more := fmt.Sprintf("- %d more", len(v.Decisions)-i)
			if fewer {
				more += ", on fewer CPUs,"
			}
			t.wrap(ansiDim, more+" with -v", "  ")
			break
		}
		claim, more := d.Claim(), []string{d.Beside, d.Sizes}
		if t.opt.Verbose {
			more = append(more, d.Worse(), d.Rates, d.Why, d.Memory)
		} else if s := d.Exceptions(); s != "" {
			claim += " " + s
		}
		t.wrap(bold, "- "+claim, "  ")
		for _, s := range more {
			if s != "" {
				t.wrap(ansiDim, "  "+s, "  ")
			}
		}
	}
	last := []string{v.Note, v.Since, v.Advice}
	if t.opt.Verbose {
		last = append(last, v.Mean)
	}
	for _, s := range last {
		if s != "" {
			t.wrap("", s, "  ")
		}
	}
	t.printf("\n")
}

// besides prints how peers stand to our models.
func (t *textWriter) besides() {
	if len(t.run.Besides) == 0 {
		return
	}
	t.wrap("", "Beside others, who are not in the competition:", "")
	for i := range t.run.Besides {
		b := &t.run.Besides[i]
		t.wrap("", "- "+b.Kind.Name+": "+b.Sentence(), "  ")
		for _, s := range b.Taken {
			t.wrap(ansiDim, "  "+s, "  ")
		}
	}
	t.printf("\n")
}

// rest prints the trust, the notes and the files.
func (t *textWriter) rest() {
	v := t.run.Verdict
	var why []string
	for _, w := range v.Trust.Reasons {
		why = append(why, w.Title)
	}
	line := "Trust: " + v.Trust.Level
	if len(why) > 0 {
		line += " (" + strings.Join(why, ", ") + ")"
	}
	t.wrap("", line, "  ")
	if len(v.Decisions) > 0 && !t.opt.Verbose {
		t.wrap(ansiDim, "Exceptions and all cases: switchyard report -v. Evidence, charts and method: the page.", "  ")
	}
	t.notes(t.run.Notes)
	if t.opt.Baseline != nil {
		for _, n := range t.opt.Baseline.Notes {
			t.notes([]string{"baseline: " + n})
		}
	}
	var files []string
	for _, f := range t.run.Files {
		files = append(files, format.ShellQuote(filepath.Join(t.run.Dir(), f)))
	}
	if t.opt.Page != "" {
		files = append(files, format.ShellQuote(t.opt.Page))
	}
	if len(files) > 0 {
		t.printf("Files: %s\n", strings.Join(files, "  "))
	}
}

// wrap prints a paragraph within the width.
func (t *textWriter) wrap(code, text, indent string) {
	line, lead := "", text[:len(text)-len(strings.TrimLeft(text, " "))]
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.opt.Width {
			t.printf("%s\n", t.paint(code, line))
			line, lead = "", indent
		}
		if line == "" {
			line = lead + word
		} else {
			line += " " + word
		}
	}
	t.printf("%s\n", t.paint(code, line))
}
