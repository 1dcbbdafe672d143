package analysis

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A Loss is where a winner of the kind is worse than the best there.
type Loss struct {
	Workload *results.Workload
	Cases    []*results.Case
	Winner   string
	Model    string  // better there
	Ratio    float64 // how many times better
	Text     string
}

// Worse is the sentence of the losses, or "".
func (d *Decision) Worse() string {
	var texts []string
	for _, l := range d.Losses {
		texts = append(texts, l.Text)
	}
	if len(texts) == 0 {
		return ""
	}
	return fmt.Sprintf("Worse in %s: %s.", strings.Join(texts, "; "), d.Lost)
}

// Exceptions counts the cases that Worse names, or is "" where nothing is
// decided. Which these are the next run may tell otherwise.
func (d *Decision) Exceptions() string {
	if len(d.Among)+len(d.Behind) == 0 || d.Open {
		return ""
	}
	return fmt.Sprintf("Exceptions: %s.", d.Lost)
}

// losses finds every case of the kind in which a winner is worse by a claim
// than the best, by workload, winner and rival.
func (a *Analysis) losses(k *Kind, winners []string) []Loss {
	var out []Loss
	for _, c := range k.Cases {
		r := a.ByCase[c][k.Metric]
		for _, winner := range winners {
			e, best := r.Entry(winner), r.Best()
			if e == nil || best == nil || e.Relation != Worse {
				continue
			}
			same := func(l Loss) bool { return l.Workload == c.Workload && l.Winner == winner && l.Model == best.Model }
			i := slices.IndexFunc(out, same)
			if i < 0 {
				i = len(out)
				out = append(out, Loss{Workload: c.Workload, Winner: winner, Model: best.Model})
			}
			out[i].Cases = append(out[i].Cases, c)
		}
	}
	for i := range out {
		out[i].describe(a, k.Metric, len(winners) > 1)
	}
	return out
}

// describe fills in ratio and text. Where there are several winners it says
// which of them loses.
func (l *Loss) describe(a *Analysis, m Metric, several bool) {
	r := a.rankOver(m, []string{l.Model, l.Winner}, l.Cases)
	l.Ratio = m.times(r.Entry(l.Model).Center, r.Entry(l.Winner).Center)
	l.Text = format.Clean(l.Workload.Name)
	if len(l.Cases) < len(l.Workload.Planned()) {
		l.Text += " " + where(l.Workload, l.Cases)
	}
	l.Text += fmt.Sprintf(" (%s %s", format.Clean(l.Model), format.Ratio(l.Ratio))
	if several {
		l.Text += " " + format.Clean(l.Winner)
	}
	l.Text += ")"
}

// missing counts the cases that winners lose, and says what is missing.
func (d *Decision) missing(a *Analysis) (lost, beside string) {
	seen := map[*results.Case]bool{}
	for _, l := range d.Losses {
		for _, c := range l.Cases {
			seen[c] = true
		}
	}
	var s []string
	for _, m := range d.Winners {
		if lacks := a.lacks(m, d.Kind.Cases); len(lacks) > 0 {
			s = append(s, fmt.Sprintf("%s has no result in %s.", format.Clean(m), format.List(lacks)))
		}
	}
	if out := leftOut(a, d.Ranking); len(out) > 0 {
		s = append(s, fmt.Sprintf("Not ranked: %s.", strings.Join(out, ", ")))
	}
	var none []string
	for _, c := range d.Kind.Cases {
		if !c.Measured() {
			none = append(none, format.Clean(c.Title()))
		}
	}
	if len(none) > 0 {
		s = append(s, fmt.Sprintf("No model has a result in %s.", format.List(none)))
	}
	return fmt.Sprintf("%d of %s", len(seen), format.Count(len(d.Kind.Cases)-len(none), "case")), strings.Join(s, " ")
}

// lacks are the cases in which others have results and the model has none.
func (a *Analysis) lacks(model string, cases []*results.Case) []string {
	var out []string
	for _, c := range cases {
		if c.Measured() && !c.Cells[model].Usable() {
			out = append(out, format.Clean(c.Title()))
		}
	}
	return out
}
