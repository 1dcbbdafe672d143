package analysis

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Decision is what the verdict says of one kind of work.
type Decision struct {
	Kind    *Kind
	Ranking *Ranking // in the kind's metric, over its cases
	Winners []string // the best, those that are alike, and those that are not decided against it
	Open    []string // the last of these
	Next    string   // the best of the others, which are worse; "" when there is none

	// Factor is how many times the weakest winner is better than Next, with its
	// interval; Least and Most are its range over the kind's workloads, or
	// over the cases of its only one. All are NaN without Next.
	Factor, Lo, Hi float64
	Least, Most    float64

	Losses []Loss // complete: wherever a winner is worse than another model

	Lead   string // the answer: "greenlet or goroutine"
	Rest   string // what it stands on; with Lead, and the kind's name before it, the sentence
	Lost   string // how many cases the losses are: "2 of 5 cases"
	Beside string // what else to know: results that are missing
	Why    string // what the first of them spends less of, or more; "" where nothing is decided
	Sizes  string // from which size on models pay, or ""
	Rates  string // up to which rate of an open loop models keep a limit, or ""
	Memory string // what a unit takes, or ""
}

// Claim is the decision's sentence.
func (d *Decision) Claim() string { return d.Kind.Name + ": " + d.Lead + d.Rest }

// Except is the sentence of the exceptions, or "".
func (d *Decision) Except() string {
	s := d.Beside
	if len(d.Losses) > 0 {
		var texts []string
		for _, l := range d.Losses {
			texts = append(texts, l.Text)
		}
		s = fmt.Sprintf("Except %s: %s. %s", strings.Join(texts, "; "), d.Lost, s)
	}
	return strings.TrimSpace(s)
}

// A Loss is where a winner of the kind is worse than the best there.
type Loss struct {
	Workload *results.Workload
	Cases    []*results.Case
	Winner   string
	Model    string  // better there
	Ratio    float64 // how many times better
	Text     string
}

// decisions are those of a run, the most decisive first.
func decisions(a *Analysis) []Decision {
	var out []Decision
	for _, k := range kinds(a.Run) {
		out = append(out, a.decide(k))
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].weight() > out[j].weight() })
	return out
}

// weight orders decisions: by the factor that is shown at least, then ties,
// then what is open.
func (d *Decision) weight() float64 {
	switch {
	case d.Next != "" && d.contradicted():
		return 0.5
	case d.Next != "" && d.Lo > 1:
		return d.Lo
	case d.Next != "" || len(d.Open) == 0 && len(d.Winners) > 1:
		return 1
	case len(d.Open) > 0:
		return 0
	}
	return -1
}

func (a *Analysis) decide(k *Kind) Decision {
	r := a.rankOver(k.Metric, a.Models, k.Cases)
	d := Decision{Kind: k, Ranking: &r, Factor: math.NaN(), Lo: math.NaN(), Hi: math.NaN(), Least: math.NaN(), Most: math.NaN()}
	best := r.Best()
	if best == nil {
		d.Rest = "no result of a model that competes."
		return d
	}
	weakest, next := best, (*Entry)(nil)
	for i := range r.Entries {
		switch e := &r.Entries[i]; e.Relation {
		case Best, Tied, Unknown:
			d.Winners = append(d.Winners, e.Model)
			if e.Relation == Unknown {
				d.Open = append(d.Open, e.Model)
			}
			if k.Metric.better(weakest.Center, e.Center) {
				weakest = e
			}
		case Worse:
			if next == nil || k.Metric.better(e.Center, next.Center) {
				next = e
			}
		}
	}
	if next != nil {
		d.Next = next.Model
		c := compare(weakest.Model, next.Model, weakest.Sample, next.Sample).Times(k.Metric)
		d.Factor, d.Lo, d.Hi = c.Ratio, c.Lo, c.Hi
		d.Least, d.Most = a.spread(k, r.Cases, weakest.Model, next.Model)
	}
	d.Losses = a.losses(k, d.Winners)
	d.Lead, d.Rest = d.claim()
	d.Lost, d.Beside = d.except(a)
	switch second := r.Second(); {
	case next != nil:
		d.Why = a.why(d.Winners[0], next.Model, r.Cases)
	case second != nil && len(d.Open) == 0:
		d.Why = a.why(d.Winners[0], d.Winners[1], r.Cases)
	}
	d.Sizes, d.Rates, d.Memory = a.pays(k), a.rates(k), a.perUnit(k)
	return d
}

// spread is the range of how many times x is better than y over the workloads
// of some cases, or over the cases when they are all of one.
func (a *Analysis) spread(k *Kind, cases []*results.Case, x, y string) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	one := len(workloadsOf(cases)) == 1
	for _, w := range k.Workloads {
		log, n := 0.0, 0
		for _, c := range k.of(w) {
			if !slices.Contains(cases, c) {
				continue
			}
			ratio := compare(x, y, a.sample(k.Metric, c, x), a.sample(k.Metric, c, y)).Times(k.Metric).Ratio // paired, as the factor is
			if one {
				least, most = min(least, ratio), max(most, ratio)
			}
			log, n = log+math.Log(ratio), n+1
		}
		if !one && n > 0 {
			mean := math.Exp(log / float64(n))
			least, most = min(least, mean), max(most, mean)
		}
	}
	return least, most
}

func workloadsOf(cases []*results.Case) map[*results.Workload]bool {
	seen := map[*results.Workload]bool{}
	for _, c := range cases {
		seen[c.Workload] = true
	}
	return seen
}

// losses finds every case of the kind in which a winner is worse by a claim
// than the best, by workload, winner and rival.
func (a *Analysis) losses(k *Kind, winners []string) []Loss {
	var out []Loss
	for _, c := range k.Cases {
		r := a.byCase[c][k.Metric.ID]
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

// claim is the decision's sentence, without the kind.
func (d *Decision) claim() (lead, rest string) {
	r := d.Ranking
	winners := modelNames(d.Winners, "or")
	switch {
	case d.Next != "":
		lead = winners
		if d.contradicted() {
			lead, winners = "no one model", ": on average "+winners
		} else {
			winners = ""
		}
		factor, next := format.Ratio(d.Factor), format.Clean(d.Next)
		if rest = winners + ", " + factor + " " + next; len(d.Winners) > 1 && !(d.Lo > 1) {
			// Each is better than next or undecided against the best; that does
			// not make all of them better than next.
			rest = winners + "; not all of them are shown to be better than " + next + ": " + factor
		}
		rest += fmt.Sprintf(" (95 %% interval %s%s)", format.Interval(d.Lo, d.Hi), d.ranged())
		if len(d.Open) > 0 {
			rest += "; not decided among them: " + d.undecided()
		}
		return lead, rest + "."
	case len(d.Open) > 0:
		return "not decided between " + modelNames(d.Winners, "and"), fmt.Sprintf(", over %s: %s.", over(r.Cases), d.undecided())
	case len(d.Winners) > 1:
		return modelNames(d.Winners, "and") + " alike", fmt.Sprintf(": none is shown to be worse, over %s.", over(r.Cases))
	}
	return "only " + winners, " has results."
}

// contradicted reports whether every winner of the mean loses more than half of
// the cases: then it is no winner.
func (d *Decision) contradicted() bool {
	fewest := len(d.Kind.Cases)
	for _, w := range d.Winners {
		n := 0
		for _, l := range d.Losses {
			if l.Winner == w {
				n += len(l.Cases)
			}
		}
		fewest = min(fewest, n)
	}
	return 2*fewest > len(d.Kind.Cases)
}

// undecided says how far apart those are that are not decided, and how large a
// difference would have been seen. It names none: who leads is chance.
func (d *Decision) undecided() string {
	apart, blind := 1.0, 0.0
	for _, m := range d.Open {
		e := d.Ranking.Entry(m)
		apart, blind = max(apart, d.Kind.Metric.times(1, e.Ratio)), max(blind, e.Versus.Detectable)
	}
	if !format.Finite(blind) {
		return fmt.Sprintf("%s apart, with too few results: %d per case are needed", format.Ratio(apart), inference.Fewest)
	}
	return fmt.Sprintf("%s apart, and less than %s would not have been seen", format.Ratio(apart), format.Percent(blind))
}

// ranged is the range of the factor, over what it is taken.
func (d *Decision) ranged() string {
	cases := d.Ranking.Cases
	n := len(workloadsOf(cases))
	switch {
	case len(cases) == 1:
		return " in " + format.Clean(cases[0].Title())
	case n == 1:
		return fmt.Sprintf("; %s to %s over %d cases of %s", format.Ratio(d.Least), format.Ratio(d.Most), len(cases), format.Clean(cases[0].Workload.Name))
	}
	return fmt.Sprintf("; %s to %s over %d workloads", format.Ratio(d.Least), format.Ratio(d.Most), n)
}

// except counts the cases that winners lose, and says what is missing.
func (d *Decision) except(a *Analysis) (lost, beside string) {
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
	return fmt.Sprintf("%d of %s", len(seen), format.Count(len(d.Kind.Cases), "case")), strings.Join(s, " ")
}

// pays says from which size of a task on each model pays, that is, beats the
// baseline; "" where no sizes were measured.
func (a *Analysis) pays(k *Kind) string {
	var out []string
	for i := 0; i < len(a.BreakEvens); {
		e := &a.BreakEvens[i]
		var phrases []string
		models := map[string][]string{}
		for ; i < len(a.BreakEvens) && slices.Equal(a.BreakEvens[i].Curve.Cases, e.Curve.Cases); i++ {
			b := &a.BreakEvens[i]
			if !a.Model(b.B).Baseline {
				continue
			}
			if models[b.Short] == nil {
				phrases = append(phrases, b.Short)
			}
			models[b.Short] = append(models[b.Short], b.A)
		}
		if !e.Curve.Sizes() || len(phrases) == 0 || !slices.Contains(k.Cases, e.Curve.Cases[0]) {
			continue
		}
		for j, p := range phrases {
			phrases[j] = p + " by " + modelNames(models[p], "and")
		}
		none := func(p string) bool { return strings.HasPrefix(p, "at no ") }
		sort.SliceStable(phrases, func(i, j int) bool { return !none(phrases[i]) && none(phrases[j]) })
		where := format.Clean(e.Workload.Name)
		if e.Fixed != "" {
			where += " " + format.Clean(e.Fixed)
		}
		out = append(out, fmt.Sprintf("In %s %s is beaten %s.", where, format.Clean(a.Baseline()), strings.Join(phrases, ", ")))
	}
	return strings.Join(out, " ")
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
