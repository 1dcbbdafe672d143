package text

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// WriteCompare writes a comparison as text, in the shape of benchstat's.
func WriteCompare(w io.Writer, old, new *results.Run, opt Options) error {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	d := analysis.Compare(old, new)
	t := &textWriter{w: bufio.NewWriter(w), opt: opt}
	for _, h := range d.Hosts {
		code := ""
		if h.Machine {
			code = ansiRed
		}
		t.wrap(code, fmt.Sprintf("%s: %s, was %s", format.Clean(h.Key), format.OrNone(h.New), format.OrNone(h.Old)), "  ")
	}
	for _, m := range d.Metrics() {
		t.changes(d, m)
	}
	t.failed(d.Failed)
	for _, only := range []struct {
		label string
		cells []string
	}{{"Failed, and had numbers in the old run", d.WasGood}, {"Failed in the old run", d.Repaired}, {"Only in the new run", d.OnlyNew}, {"Only in the old run", d.OnlyOld}} {
		if len(only.cells) > 0 {
			t.wrap(ansiDim, fmt.Sprintf("%s: %s", only.label, format.Some(only.cells, 12)), "  ")
		}
	}
	for _, s := range d.Apart {
		t.wrap("", format.CleanTo(s, 600), "  ")
	}
	t.notes(d.Notes())
	if d.Machine {
		t.wrap(ansiRed, "Different machines: what differs may be the machine, not the code.", "")
	}
	t.wrap(ansiBold, d.Sentence(), "")
	return t.w.Flush()
}

// changes prints one metric's table.
func (t *textWriter) changes(d *analysis.Diff, m analysis.Metric) {
	rows := [][]textCell{{{format.Clean(m.Name), ansiBold}, {"old", ansiBold}, {"new", ansiBold}, {"delta", ansiBold}, {"", ""}}}
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Metric.ID != m.ID {
			continue
		}
		delta, code := c.Kind.String(), map[analysis.ChangeKind]string{analysis.Regressed: ansiRed, analysis.Gained: ansiGreen}[c.Kind]
		if c.Differs {
			delta = format.Delta(c.Delta())
		}
		rows = append(rows, []textCell{
			{changeName(c), ""},
			{m.Format(c.Old.Center), ""}, {m.Format(c.New.Center), ""},
			{delta, code}, {fmt.Sprintf("(%s n=%d+%d)", strings.Replace("p="+format.P(c.Adjusted), "=<", "<", 1), c.N2, c.N1), ansiDim},
		})
	}
	if len(rows) > 1 {
		t.columns(rows)
		t.printf("\n")
	}
}

// changeName names a change's row: the case, and the model where there is one.
func changeName(c *analysis.Change) string {
	if c.Model == "" {
		return format.Clean(c.Case.Title())
	}
	return format.Clean(c.Case.Title()) + "  " + format.Clean(c.Model)
}
