package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
)

// A Diff sets a run against an earlier one, cell by cell.
type Diff struct {
	Old, New *Run
	Changes  []Change     // regressions first, then gains, then what cannot be told, then no difference
	Hosts    []FactChange // host facts that differ
	Machine  bool         // some of them say that it is another machine
	OnlyOld  []string     // cells that only one of the runs has
	OnlyNew  []string
}

// A Change is one cell in one metric, then and now.
type Change struct {
	Case       *Case // of the new run
	Model      string
	Metric     Metric
	Old, New   Summary
	Comparison // A is the new run, B the old; the ratio is new over old
	Kind       ChangeKind
}

// A ChangeKind says what the test makes of a change.
type ChangeKind int

const (
	Regressed ChangeKind = iota
	Gained
	Untold // too few or too noisy results
	Same   // no difference seen, and a fair one would have been
)

func (k ChangeKind) String() string {
	return [...]string{"worse", "better", "?", "~"}[k]
}

// A FactChange is a host fact that differs between two runs; a fact that one of
// them lacks is empty there.
type FactChange struct {
	Key, Old, New string
	Machine       bool // not the program or its compiler, but the machine
}

// machineFacts are those whose change makes two runs incomparable.
var machineFacts = []string{"goos", "goarch", "cpu", "cores", "smt", "governor", "virtual", "mitigations", "memory", "cgroup-quota", "kernel", "cpus"}

// Compare compares a run with an earlier one. In each case the models are one
// family for Holm's correction, in each metric. Results of two machines can be
// compared, but never silently: see Machine.
func Compare(old, new *Run) *Diff {
	d := &Diff{Old: old, New: new}
	d.hosts()
	then := map[string]*Case{}
	for _, c := range old.cases() {
		then[c.full()+"/"+c.key] = c
	}
	seen := map[*Case]bool{}
	for _, c := range new.cases() {
		o := then[c.full()+"/"+c.key]
		if o == nil {
			d.OnlyNew = append(d.OnlyNew, c.title())
			continue
		}
		seen[o] = true
		for _, m := range Metrics {
			d.Changes = append(d.Changes, changes(m, o, c, new.Models)...)
		}
		for _, model := range new.Models {
			if is, was := c.Cells[model].usable(), o.Cells[model].usable(); is && !was {
				d.OnlyNew = append(d.OnlyNew, c.title()+", "+model)
			} else if was && !is {
				d.OnlyOld = append(d.OnlyOld, c.title()+", "+model)
			}
		}
	}
	for _, c := range old.cases() {
		if !seen[c] {
			d.OnlyOld = append(d.OnlyOld, c.title())
		}
	}
	sort.SliceStable(d.Changes, func(i, j int) bool {
		a, b := d.Changes[i], d.Changes[j]
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Kind <= Gained && math.Abs(math.Log(a.Ratio)) > math.Abs(math.Log(b.Ratio))
	})
	return d
}

// changes compares the models of one case in one metric: one family.
func changes(m Metric, old, new *Case, models []string) []Change {
	var out []Change
	var ps []float64
	for _, model := range models {
		was, _ := m.sample(old.Cells[model])
		is, _ := m.sample(new.Cells[model])
		if len(was) == 0 || len(is) == 0 {
			continue
		}
		c := Change{Case: new, Model: model, Metric: m, Old: Summarize(was), New: Summarize(is)}
		c.Comparison = compare("new", "old", is, was, c.New.Center, c.Old.Center)
		out, ps = append(out, c), append(ps, c.P)
	}
	for i, p := range holm(ps) {
		c := &out[i]
		c.Adjusted, c.Family, c.Differs = p, len(ps), p < alpha
		was, _ := m.sample(old.Cells[c.Model])
		is, _ := m.sample(new.Cells[c.Model])
		c.detectable(is, was)
		c.Kind = c.kind()
	}
	return out
}

func (c *Change) kind() ChangeKind {
	switch {
	case c.Differs && c.Metric.better(c.New.Center, c.Old.Center):
		return Gained
	case c.Differs:
		return Regressed
	case !c.Equivalent && (c.Detectable > blunt || c.Lo > 1 || c.Hi < 1):
		return Untold
	}
	return Same
}

// Delta is the change as a share: new over old, less one.
func (c *Change) Delta() float64 { return c.Ratio - 1 }

// hosts compares the host facts first.
func (d *Diff) hosts() {
	keys := []string{"cpus"}
	facts := func(r *Run, key string) string {
		if key == "cpus" {
			return r.Header.CPUs
		}
		return r.Fact(key)
	}
	for _, r := range []*Run{d.Old, d.New} {
		for _, f := range r.Facts {
			if !slices.Contains(keys, f.Key) {
				keys = append(keys, f.Key)
			}
		}
	}
	for _, k := range keys {
		was, is := facts(d.Old, k), facts(d.New, k)
		if was == is {
			continue
		}
		machine := slices.Contains(machineFacts, k) && was != "" && is != ""
		d.Hosts = append(d.Hosts, FactChange{k, was, is, machine})
		d.Machine = d.Machine || machine
	}
}

// Count is the number of changes of a kind in a metric.
func (d *Diff) Count(m Metric, k ChangeKind) int {
	n := 0
	for _, c := range d.Changes {
		n += btoi(c.Metric.ID == m.ID && c.Kind == k)
	}
	return n
}

// Sentence sums the diff up, by throughput.
func (d *Diff) Sentence() string {
	n := func(k ChangeKind) int { return d.Count(Throughput, k) }
	all := n(Regressed) + n(Gained) + n(Untold) + n(Same)
	if all == 0 {
		return "Nothing to compare: the runs have no case and model in common."
	}
	s := fmt.Sprintf("Of %s, throughput is worse in %d, better in %d, not different in %d, and cannot be told in %d.", count(all, "cell"), n(Regressed), n(Gained), n(Same), n(Untold))
	return s
}

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
	for _, m := range Metrics {
		t.changes(d, m)
	}
	for _, only := range []struct {
		label string
		cells []string
	}{{"Only in the new run", d.OnlyNew}, {"Only in the old run", d.OnlyOld}} {
		if n := len(only.cells); n > 0 {
			t.wrap(ansiDim, fmt.Sprintf("%s: %s", only.label, cleanTo(strings.Join(only.cells[:min(n, 12)], "; "), 600)), "  ")
		}
	}
	if d.Machine {
		t.wrap(ansiRed, "Different machines: what differs may be the machine, not the code.", "")
	}
	t.wrap(ansiBold, d.Sentence(), "")
	return t.w.Flush()
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return clean(s)
}

// changes prints one metric's table.
func (t *textWriter) changes(d *Diff, m Metric) {
	rows := [][]textCell{{{m.Name, ansiBold}, {"old", ansiBold}, {"new", ansiBold}, {"delta", ansiBold}, {"", ""}}}
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
			{clean(c.Case.title()) + "  " + clean(modelName(c.Model)), ""},
			{formatValue(c.Old.Center, m.Unit), ""}, {formatValue(c.New.Center, m.Unit), ""},
			{delta, code}, {fmt.Sprintf("(%s n=%d+%d)", strings.Replace("p="+formatP(c.Adjusted), "=<", "<", 1), c.N2, c.N1), ansiDim},
		})
	}
	if len(rows) > 1 {
		t.columns(rows)
		t.printf("\n")
	}
}

// formatDelta shows a change as a signed share; large ones as a ratio.
func formatDelta(x float64) string {
	if x > 9 {
		return formatRatio(x + 1)
	}
	return fmt.Sprintf("%+.1f%%", 100*x)
}
