package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Decision is what the verdict says of one kind of work. Its words are those
// of differences that are clear, so that the next run has them too; how large
// these are, and whatever is smaller, are numbers. See [Clear].
type Decision struct {
	Kind    *Kind
	Ranking *Ranking // of all models, in the kind's metric, over its cases

	// Winners are those answers that no other is clearly better than, in the
	// run's order. An answer is a model that is no form of another.
	Winners []string
	Among   []Standing // of each other winner against the first
	Behind  []Standing // of the best winner against each of the other answers

	Losses []Loss // complete: wherever a winner is shown to be worse than another model

	Lead   string // the answer: "greenlet or goroutine"
	Rest   string // what it stands on; with Lead, and the kind's name before it, the sentence
	Sizes  string // from which size on answers pay, or ""
	Lost   string // how many cases the losses are: "2 of 5 cases"
	Beside string // what else to know: results that are missing
	Why    string // what the first of them spends less of, or more
	Rates  string // up to which rate of an open loop models keep a limit, or ""
	Memory string // what a unit takes, or ""

	// Open says that results scatter too much to name anybody, NoOne that the
	// winner of the mean is none, Stands that the words are those of an earlier
	// run, and this one by itself would have others.
	Open, NoOne, Stands bool
}

// Claim is the decision's sentence.
func (d *Decision) Claim() string { return d.Kind.Name + ": " + d.Lead + d.Rest }

// decisions are those of a run, in report order.
func decisions(a *Analysis) []Decision {
	var out []Decision
	for _, k := range kinds(a.Run) {
		earlier := a.said[k.Name]
		d := a.decide(k, earlier)
		if earlier != nil {
			alone := a.decide(k, nil)
			d.Stands = !alone.sameWords(d.named())
		}
		out = append(out, d)
	}
	return out
}

// head is the model that a model is a form of, if the run has it, else itself.
func (a *Analysis) head(model string) string {
	if of := string(a.Model(model).Of); of != "" && slices.Contains(a.Models, of) {
		return of
	}
	return model
}

// answers are the entries that a kind's sentence is about: of a model and its
// forms one, which is the model itself unless a form is clearly better.
func (a *Analysis) answers(r *Ranking, s *said) []*Entry {
	var out []*Entry
	at := map[string]int{}
	for i := range r.Entries {
		if !r.competes(i) {
			continue
		}
		e, head := &r.Entries[i], a.head(r.Entries[i].Model)
		j, known := at[head]
		switch {
		case !known:
			at[head] = len(out)
			out = append(out, e)
		case a.ahead(r.Metric, r.Cases, e, out[j], s):
			out[j] = e
		}
	}
	return out
}

// decide makes the decision of a kind, of which an earlier run may have said
// something.
func (a *Analysis) decide(k *Kind, s *said) Decision {
	r := a.rankOver(k.Metric, a.Models, k.Cases)
	d := Decision{Kind: k, Ranking: r, Sizes: a.pays(k), Rates: a.rates(k), Memory: a.perUnit(k)}
	answers := a.answers(r, s)
	if len(answers) == 0 {
		d.Rest = "no result of a model that competes."
		if !slices.ContainsFunc(k.Cases, (*results.Case).Measured) {
			d.Rest = "no result of any model."
		}
		return d
	}
	if d.Rest = a.unsteady(k, s.open()); d.Rest != "" {
		d.Lead, d.Open = "not decided", true
		return d
	}
	var winners, others []*Entry
	for _, e := range answers {
		if slices.ContainsFunc(answers, func(o *Entry) bool { return a.ahead(k.Metric, r.Cases, o, e, s) }) {
			others = append(others, e)
		} else {
			winners = append(winners, e)
			d.Winners = append(d.Winners, e.Model)
		}
	}
	if len(winners) == 0 { // each is better than another, in a circle
		winners, others = answers, nil
		for _, e := range answers {
			d.Winners = append(d.Winners, e.Model)
		}
	}
	for _, e := range winners[1:] {
		d.Among = append(d.Among, a.standing(k.Metric, r.Cases, versus(k.Metric, e, winners[0])))
	}
	for _, e := range others {
		ahead := slices.MaxFunc(winners, func(x, y *Entry) int {
			return cmp.Compare(versus(k.Metric, x, e).Ratio, versus(k.Metric, y, e).Ratio)
		})
		d.Behind = append(d.Behind, a.standing(k.Metric, r.Cases, versus(k.Metric, ahead, e)))
	}
	d.Losses = a.losses(k, d.Winners)
	d.Open = slices.ContainsFunc(d.Among, func(one Standing) bool { return scattered(one.Lo, one.Hi, s.open()) })
	d.NoOne = !d.Open && a.contradicted(&d, answers, s)
	d.Lead, d.Rest = d.claim()
	d.Lost, d.Beside = d.missing(a)
	switch {
	case len(d.Behind) > 0:
		next := slices.MinFunc(d.Behind, func(x, y Standing) int { return cmp.Compare(x.Ratio, y.Ratio) })
		d.Why = a.why(next.A, next.B, r.Cases)
	case len(d.Among) > 0:
		d.Why = a.why(d.Among[0].A, d.Among[0].B, r.Cases)
	}
	return d
}

// unsteady says why a kind with given rates is not decided, or "". Where the
// load could not be made for some model, or latencies are others in each block,
// the machine is too small for it, and which model that hits is chance.
func (a *Analysis) unsteady(k *Kind, earlier answer) string {
	void, of, spans := 0, 0, []float64(nil)
	for _, c := range k.Cases {
		for _, m := range a.Models {
			cell := c.Cells[m]
			if !c.Workload.Info.Open || cell == nil || a.Aside(m) {
				continue
			}
			of++
			if v := a.sample(k.Metric, c, m).Values(); len(v) > 1 {
				spans = append(spans, slices.Max(v)/slices.Min(v))
			} else if len(v) == 0 && cell.Skipped != "" {
				void++
			}
		}
	}
	span := Summarize(spans).Center
	if void == 0 && !scattered(1, span, earlier) {
		return ""
	}
	s := fmt.Sprintf(": the load could not be made as planned in %d of %s", void, format.Count(of, "cell"))
	if len(spans) == 0 {
		return s + "."
	}
	return fmt.Sprintf("%s, and elsewhere latencies differ by %s from block to block.", s, format.Ratio(span))
}

// claim is the decision's sentence, without the kind.
func (d *Decision) claim() (lead, rest string) {
	cases := d.Ranking.Cases
	lead = modelNames(d.Winners, "or")
	switch {
	case len(d.Among)+len(d.Behind) == 0:
		return "only " + lead, " has results."
	case d.few():
		return "not decided between " + modelNames(d.Winners, "and"), fmt.Sprintf(", over %s: %d results per case are needed.", over(cases), inference.Fewest)
	case d.Open:
		lead = "not decided between " + modelNames(d.Winners, "and")
	case d.NoOne:
		lead, rest = "no one model", ": on average "+lead
	}
	var among, behind []string
	for i, s := range d.Among {
		among = append(among, format.Clean(s.A)+" "+s.text(cases, i == 0))
	}
	for i, s := range nearest(d.Behind) {
		behind = append(behind, s.text(cases, i == 0 && len(among) == 0))
	}
	if more := len(d.Behind) - len(behind); more > 0 {
		behind = append(behind, fmt.Sprintf("%d more", more))
	}
	if len(among) > 0 {
		rest += ": " + format.List(among)
	}
	switch {
	case len(behind) > 0 && len(among) > 0:
		rest += "; the best of them " + format.List(behind)
	case len(behind) > 0:
		rest += ", " + format.List(behind)
	}
	return lead, rest + "."
}

// few reports whether there are too few results for an interval.
func (d *Decision) few() bool {
	unbounded := func(s Standing) bool { return !format.Finite(s.Hi) }
	return slices.ContainsFunc(d.Among, unbounded) || slices.ContainsFunc(d.Behind, unbounded)
}

// pays says from which size of a task on each answer pays, that is, beats the
// baseline; "" where no sizes were measured.
func (a *Analysis) pays(k *Kind) string {
	var out []string
	for i := 0; i < len(a.BreakEvens); {
		e := &a.BreakEvens[i]
		var by []string
		for ; i < len(a.BreakEvens) && slices.Equal(a.BreakEvens[i].Curve.Cases, e.Curve.Cases); i++ {
			if b := &a.BreakEvens[i]; a.Model(b.B).Baseline && a.head(b.A) == b.A {
				by = append(by, fmt.Sprintf("by %s %s", format.Clean(b.A), b.Short))
			}
		}
		if !e.Curve.Sizes() || len(by) == 0 || !slices.Contains(k.Cases, e.Curve.Cases[0]) {
			continue
		}
		where := format.Clean(e.Workload.Name)
		if e.Fixed != "" {
			where += " " + format.Clean(e.Fixed)
		}
		out = append(out, fmt.Sprintf("In %s %s is beaten %s.", where, format.Clean(a.Baseline()), strings.Join(by, ", ")))
	}
	return strings.Join(out, " ")
}
