package text

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// WriteCompare writes a comparison for a terminal: what makes the two hard to
// compare, what changed, geometric means by kind of work, and the count of the
// rest, which Verbose shows too.
func WriteCompare(w io.Writer, d *analysis.Diff, opt Options) error {
	if opt.Width <= 0 {
		opt.Width = defaultWidth
	}
	t := &textWriter{w: bufio.NewWriter(w), opt: opt}
	if s := d.Builds(); s != "" {
		t.wrap(ansiDim, format.CleanTo(s, 600), "  ")
	}
	for _, s := range d.Unlike {
		t.wrap(ansiRed, format.CleanTo(s, 600), "  ")
	}
	for _, h := range facts(d, opt.Verbose) {
		t.wrap(map[bool]string{true: ansiRed}[h.machine], h.text, "  ")
	}
	for _, m := range d.Metrics() {
		t.changes(d, m)
	}
	t.kinds(d)
	t.noise(d)
	t.failed(d.Failed)
	for _, list := range lists(d) {
		t.wrap(ansiDim, fmt.Sprintf("%s: %s", list.label, format.Some(list.names, 12)), "  ")
	}
	for _, s := range d.Apart {
		t.wrap("", format.CleanTo(s, 600), "  ")
	}
	t.notes(d.Notes())
	t.wrap(ansiBold, d.Sentence(), "")
	return t.w.Flush()
}

// A fact is a line about the hosts.
type fact struct {
	text    string
	machine bool
}

// facts say in what the hosts differ. Facts that one of the files lacks are
// counted, or named if all are to be.
func facts(d *analysis.Diff, all bool) (out []fact) {
	missing := 0
	for _, h := range d.Hosts {
		if !all && (h.Old == "" || h.New == "") {
			missing++
			continue
		}
		out = append(out, fact{fmt.Sprintf("%s: %s, was %s", format.Clean(h.Key), format.OrNone(h.New), format.OrNone(h.Old)), h.Machine})
	}
	if missing > 0 {
		out = append(out, fact{format.Count(missing, "fact") + " about a host that only one of the files has: see -v", false})
	}
	return out
}

// A nameList is a list of cells with what they have in common.
type nameList struct {
	label string
	names []string
}

// lists are the cells that are in no change, where there are any.
func lists(d *analysis.Diff) (out []nameList) {
	for _, l := range []nameList{
		{"Failed, and had numbers in the old run", d.WasGood}, {"Failed in the old run", d.Repaired},
		{"Only in the new run", d.OnlyNew}, {"Only in the old run", d.OnlyOld},
	} {
		if len(l.names) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// changes prints one metric's table: what changed, or all.
func (t *textWriter) changes(d *analysis.Diff, m analysis.Metric) {
	rows := changeRows(d, m, t.opt.Verbose, false)
	if len(rows) == 0 {
		return
	}
	table := [][]textCell{{}}
	for _, title := range changeTitles(d, m) {
		table[0] = append(table[0], textCell{title, ansiBold})
	}
	for _, r := range rows {
		var cells []textCell
		for i, text := range r.cells {
			cells = append(cells, textCell{text, ""})
			if i == 3 {
				cells[i].code = map[analysis.ChangeKind]string{analysis.Regressed: ansiRed, analysis.Gained: ansiGreen}[r.kind]
			}
		}
		table = append(table, cells)
	}
	t.columns(table)
	t.printf("\n")
}

// A changeRow is a change in words: where, old, new, the change, and of an A/B
// run the noise.
type changeRow struct {
	kind  analysis.ChangeKind
	cells []string
}

func changeTitles(d *analysis.Diff, m analysis.Metric) []string {
	titles := []string{format.Clean(m.Name), "old", "new", "change (95 %)"}
	if d.Control != nil {
		titles = append(titles, "noise")
	}
	return titles
}

// changeRows are a metric's changes, or all of its comparisons.
func changeRows(d *analysis.Diff, m analysis.Metric, all, center bool) (rows []changeRow) {
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Metric.ID != m.ID || !all && !c.Told() {
			continue
		}
		cells := []string{changeName(c), m.Format(c.Old.Center), m.Format(c.New.Center), delta(c, center)}
		if d.Control != nil {
			cells = append(cells, noiseOf(c))
		}
		rows = append(rows, changeRow{c.Kind, cells})
	}
	return rows
}

// delta says how much something changed and what is made of it: the interval
// alone, "-34.4 to -30.7 % worse", or with its center, "-32.6% (-34.4 to -30.7)
// worse". What is not known is "undecided (could detect 23 %)".
func delta(c *analysis.Change, center bool) string {
	is, lo, hi := format.Delta(c.Delta()), strings.TrimSuffix(format.Delta(c.Lo-1), "%"), strings.TrimSuffix(format.Delta(c.Hi-1), "%")
	switch {
	case c.Kind == analysis.Inconclusive:
		return fmt.Sprintf("undecided (%s)", c.Note())
	case !c.Bounded():
	case center:
		is += fmt.Sprintf(" (%s to %s)", lo, hi)
	default:
		is = strings.ReplaceAll(fmt.Sprintf("%s to %s %%", lo, hi), "× %", "×")
	}
	return is + " " + c.Kind.String()
}

// noiseOf is the noise of a row of an A/B run, in the direction of its change.
func noiseOf(c *analysis.Change) string {
	share := c.Floor
	if c.Center < 1 {
		share = 1 - 1/(1+share)
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// kinds prints the geometric means: a row per kind of work, a column per
// metric.
func (t *textWriter) kinds(d *analysis.Diff) {
	table := kindTable(d)
	if len(table) == 0 {
		return
	}
	rows := make([][]textCell, len(table))
	for i, row := range table {
		for _, text := range row {
			rows[i] = append(rows[i], textCell{text, map[bool]string{true: ansiBold}[i == 0]})
		}
	}
	t.columns(rows)
	t.printf("\n")
}

// kindTable lists the geometric means of new over old by kind of work, each
// with its range over the workloads, below a row of titles.
func kindTable(d *analysis.Diff) (table [][]string) {
	var kinds []string
	cell := map[[2]string]string{}
	for _, k := range d.Kinds {
		if _, ok := cell[[2]string{k.Kind, ""}]; !ok {
			kinds = append(kinds, k.Kind)
			cell[[2]string{k.Kind, ""}] = format.Clean(k.Kind)
		}
		text := format.Delta(k.Center - 1)
		if k.N > 1 {
			text += fmt.Sprintf(" (%s to %s)", strings.TrimSuffix(format.Delta(k.Min-1), "%"), strings.TrimSuffix(format.Delta(k.Max-1), "%"))
		}
		cell[[2]string{k.Kind, k.Metric.ID}] = text
	}
	if len(kinds) == 0 {
		return nil
	}
	titles := []string{"Geometric mean (range)"}
	for _, m := range d.Metrics() {
		titles = append(titles, format.Clean(m.Name))
	}
	table = append(table, titles)
	for _, kind := range kinds {
		row := []string{cell[[2]string{kind, ""}]}
		if kind == "" {
			row[0] = "all"
		}
		for _, m := range d.Metrics() {
			row = append(row, cell[[2]string{kind, m.ID}])
		}
		table = append(table, row)
	}
	return table
}

// noise prints the noise of the machine that a null run shows, or says which
// was heeded.
func (t *textWriter) noise(d *analysis.Diff) {
	if d.Noise == nil {
		return
	}
	if !d.Null() {
		t.wrap(ansiDim, fmt.Sprintf("No change below the noise of this machine is claimed (%s).", format.CleanTo(d.Noise.Run.Path, 200)), "  ")
		return
	}
	for _, s := range noiseLines(d.Noise) {
		t.wrap("", s, "  ")
	}
}

// noiseLines say what the noise is.
func noiseLines(n *analysis.Noise) (lines []string) {
	between := "between builds that are one, side by side in one session"
	if n.Sessions > 1 {
		between = fmt.Sprintf("of one build between %s", format.Count(n.Sessions, "session"))
	}
	lines = append(lines, fmt.Sprintf("Noise of this machine, %s (one difference in twenty is larger):", between))
	for _, f := range n.Floors {
		if f.Kind != "" {
			continue
		}
		line := fmt.Sprintf("  %s: %s", format.Clean(f.Metric.Name), format.Percent(f.Share))
		for _, k := range n.Floors {
			if k.Metric.ID == f.Metric.ID && k.Kind != "" {
				line += fmt.Sprintf("; %s %s", format.Clean(k.Kind), format.Percent(k.Share))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// changeName names a change's row: the case, and the model where there is one.
func changeName(c *analysis.Change) string {
	if c.Model == "" {
		return format.Clean(c.Case.Title())
	}
	return format.Clean(c.Case.Title()) + "  " + format.Clean(c.Model)
}
