package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteCompare writes a comparison as text, in the shape of benchstat's.
func WriteCompare(w io.Writer, old, new *Run, opt Options) error {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	d := Compare(old, new)
	t := &textWriter{w: bufio.NewWriter(w), run: new, opt: opt}
	for _, h := range d.Hosts {
		code := ""
		if h.Machine {
			code = ansiRed
		}
		t.wrap(code, fmt.Sprintf("%s: %s, was %s", clean(h.Key), orNone(h.New), orNone(h.Old)), "  ")
	}
	for _, m := range d.metrics() {
		t.changes(d, m)
	}
	t.failed(d.Failed)
	for _, only := range []struct {
		label string
		cells []string
	}{{"Failed, and had numbers in the old run", d.WasGood}, {"Failed in the old run", d.Repaired}, {"Only in the new run", d.OnlyNew}, {"Only in the old run", d.OnlyOld}} {
		if len(only.cells) > 0 {
			t.wrap(ansiDim, fmt.Sprintf("%s: %s", only.label, some(only.cells, 12)), "  ")
		}
	}
	for _, s := range d.Apart {
		t.wrap("", cleanTo(s, 600), "  ")
	}
	t.notes(d.Notes())
	if d.Machine {
		t.wrap(ansiRed, "Different machines: what differs may be the machine, not the code.", "")
	}
	t.wrap(ansiBold, d.Sentence(), "")
	return t.w.Flush()
}

// some lists at most n things, and says how many more there are.
func some(all []string, n int) string {
	shown := make([]string, 0, n)
	for _, s := range all[:min(n, len(all))] {
		shown = append(shown, fit(visible(s, false), 300))
	}
	if more := len(all) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return clean(s)
}

// changes prints one metric's table.
func (t *textWriter) changes(d *Diff, m Metric) {
	rows := [][]textCell{{{clean(m.Name), ansiBold}, {"old", ansiBold}, {"new", ansiBold}, {"delta", ansiBold}, {"", ""}}}
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Metric.ID != m.ID {
			continue
		}
		delta, code := c.Kind.String(), map[ChangeKind]string{Regressed: ansiRed, Gained: ansiGreen}[c.Kind]
		if c.Differs {
			delta = formatDelta(c.Delta())
		}
		rows = append(rows, []textCell{
			{changeName(c), ""},
			{m.format(c.Old.Center), ""}, {m.format(c.New.Center), ""},
			{delta, code}, {fmt.Sprintf("(%s n=%d+%d)", strings.Replace("p="+formatP(c.Adjusted), "=<", "<", 1), c.N2, c.N1), ansiDim},
		})
	}
	if len(rows) > 1 {
		t.columns(rows)
		t.printf("\n")
	}
}

// changeName names a change's row: the case, and the model where there is one.
func changeName(c *Change) string {
	if c.Model == "" {
		return clean(c.Case.title())
	}
	return clean(c.Case.title()) + "  " + clean(c.Model)
}

// formatDelta shows a change as a signed share; large ones as a ratio. From
// nothing to something there is no share.
func formatDelta(x float64) string {
	if !finite(x) {
		return "from 0"
	}
	if x > 9 {
		return formatRatio(x + 1)
	}
	return fmt.Sprintf("%+.1f%%", 100*x)
}
