package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// Builds say what the two builds are, "old: 3f2a1b4c5d6e; new: the runner
// beside switchyard"; "" of two runs.
func (d *Diff) Builds() string {
	var parts []string
	for _, b := range d.New.Header.Builds {
		from := cmp.Or(b.From, "the runner beside switchyard")
		if len(from) == 40 && strings.Trim(from, "0123456789abcdef") == "" {
			from = from[:12] // a commit
		}
		parts = append(parts, b.Name+": "+from)
	}
	if d.Control == nil {
		return ""
	}
	return strings.Join(parts, "; ")
}

// Count is the number of changes of a kind in all metrics.
func (d *Diff) Count(k ChangeKind) (n int) {
	for i := range d.Changes {
		if d.Changes[i].Kind == k {
			n++
		}
	}
	return n
}

// Sentence sums the diff up, over all metrics.
func (d *Diff) Sentence() string {
	failed := ""
	if n := len(d.Failed); n > 0 {
		failed = fmt.Sprintf(" %s in the new run.", format.Count(n, "failure"))
	}
	if len(d.Changes) == 0 {
		why := "the runs have no case and model in common"
		if len(d.Failed)+len(d.Repaired) > 0 {
			why = "no case and model has numbers in both runs"
		}
		return "Nothing to compare: " + why + "." + failed
	}
	s := fmt.Sprintf("%s: %s", format.Count(len(d.Changes), "comparison"), d.parts())
	if d.Null() {
		s += " It is one build: what is called worse or better is false."
	}
	return s + failed
}

// parts count what became of the comparisons.
func (d *Diff) parts() string {
	parts := []string{fmt.Sprintf("%d worse", d.Count(Regressed)), fmt.Sprintf("%d better", d.Count(Gained))}
	for _, rest := range []struct {
		kind  ChangeKind
		words string
	}{{Moved, "changed"}, {Same, "the same within " + format.Percent(d.Threshold)}, {Inconclusive, "undecided" + d.blind()}} {
		if n := d.Count(rest.kind); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, rest.words))
		}
	}
	return strings.Join(parts, ", ") + "."
}

// blind says what the undecided comparisons could have shown, in the middle.
func (d *Diff) blind() string {
	var could []float64
	for i := range d.Changes {
		if c := &d.Changes[i]; c.Kind == Inconclusive && format.Finite(c.Detectable) {
			could = append(could, c.Detectable)
		}
	}
	if len(could) == 0 {
		return " (too few results)"
	}
	slices.Sort(could)
	if middle := could[len(could)/2]; len(could) > 1 {
		return fmt.Sprintf(" (half could detect %s)", format.Percent(middle))
	}
	return fmt.Sprintf(" (could detect %s)", format.Percent(could[0]))
}

// Notes are what reading the two files had to say, each with the run it is of.
func (d *Diff) Notes() []string {
	var out []string
	for _, r := range []struct {
		run  *results.Run
		name string
	}{{d.Old, "old run: "}, {d.New, "new run: "}} {
		for _, n := range r.run.Notes {
			out = append(out, r.name+n)
		}
	}
	return out
}
