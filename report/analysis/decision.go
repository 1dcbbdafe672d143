package analysis

import (
	"cmp"
	"fmt"
	"math"
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

// A Standing is by how many times one answer is better than another over a kind
// of work; Least and Most are its range over the kind's workloads, or over the
// cases of its only one.
type Standing struct {
	Comparison
	Least, Most float64
}

// Claim is the decision's sentence.
func (d *Decision) Claim() string { return d.Kind.Name + ": " + d.Lead + d.Rest }

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

// A Loss is where a winner of the kind is worse than the best there.
type Loss struct {
	Workload *results.Workload
	Cases    []*results.Case
	Winner   string
	Model    string  // better there
	Ratio    float64 // how many times better
	Text     string
}

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

// clear reports whether the difference is large enough to be told in words, and
// is shown. Where no earlier run has told it or has not, where the next run is
// expected has no say: that is less certain, and words that hang on it alone
// change from run to run. See [Clear].
func (c Comparison) clear(earlier answer) bool {
	down, up := c.edges()
	switch earlier {
	case yes:
		return c.Ratio*up >= Clear && c.Ratio > 1 && c.Lo > 0
	case no:
		return c.Ratio >= Clear*down && c.Lo > 1
	}
	return c.Ratio >= Clear && c.Lo > 1
}

// edges are the factors by which the next run's ratio may be less, or more, as
// far as they count.
func (c Comparison) edges() (down, up float64) {
	within := func(f float64) float64 {
		if f >= 1 && f <= Clear {
			return f
		}
		return Clear
	}
	return within(c.Ratio / c.NextLo), within(c.NextHi / c.Ratio)
}

// scattered reports whether ends of a range are too far apart to name anybody.
func scattered(lo, hi float64, earlier answer) bool {
	return hi > math.Pow(Clear, float64(2-earlier))*lo
}

// ahead reports whether x is clearly better than y over some cases: by their
// mean, which one workload may decide, and in half of the workloads at least.
func (a *Analysis) ahead(m Metric, cases []*results.Case, x, y *Entry, s *said) bool {
	earlier := s.ahead(x.Model, y.Model)
	if !versus(m, x, y).clear(earlier) {
		return false
	}
	all, n := parts(cases), 0
	for _, part := range all {
		if c, _, ok := a.versus(m, part, x.Model, y.Model); ok && c.clear(earlier) {
			n++
		}
	}
	return 2*n >= len(all)
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

// versus is by how many times x is better than y.
func versus(m Metric, x, y *Entry) Comparison {
	return compare(x.Model, y.Model, x.Sample, y.Sample).Times(m)
}

// decide makes the decision of a kind, of which an earlier run may have said
// something.
func (a *Analysis) decide(k *Kind, s *said) Decision {
	r := a.rankOver(k.Metric, a.Models, k.Cases)
	d := Decision{Kind: k, Ranking: &r, Sizes: a.pays(k), Rates: a.rates(k), Memory: a.perUnit(k)}
	answers := a.answers(&r, s)
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

// standing adds the range over the parts of some cases to a comparison over all
// of them. That is a mean of the parts and lies among them, which its median
// over the blocks alone need not.
func (a *Analysis) standing(m Metric, cases []*results.Case, all Comparison) Standing {
	s := Standing{all, math.Inf(1), math.Inf(-1)}
	for _, part := range parts(cases) {
		if c, _, ok := a.versus(m, part, s.A, s.B); ok {
			s.Least, s.Most = min(s.Least, c.Ratio), max(s.Most, c.Ratio)
		}
	}
	s.Ratio = max(s.Least, min(s.Most, s.Ratio))
	s.NextLo, s.NextHi = min(s.NextLo, s.Ratio), max(s.NextHi, s.Ratio)
	return s
}

// parts are the cases workload by workload, or one by one where they are all of
// one workload.
func parts(cases []*results.Case) [][]*results.Case {
	var out [][]*results.Case
	one := len(workloadsOf(cases)) == 1
	for i, c := range cases {
		if one || i == 0 || cases[i-1].Workload != c.Workload {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out
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

// mostBehind bounds the others that a sentence names.
const mostBehind = 4

// nearest are the standings to the others that are nearest, in their order.
func nearest(all []Standing) []Standing {
	if len(all) <= mostBehind {
		return all
	}
	var ratios []float64
	for _, s := range all {
		ratios = append(ratios, s.Ratio)
	}
	slices.Sort(ratios)
	return slices.DeleteFunc(slices.Clone(all), func(s Standing) bool { return s.Ratio > ratios[mostBehind-1] })
}

// text is the standing without the model that is better; full says what its
// numbers are.
func (s *Standing) text(cases []*results.Case, full bool) string {
	next, spread := strings.TrimPrefix(s.next(), nextRun), ""
	if len(cases) > 1 {
		spread = fmt.Sprintf("; %s to %s", format.Ratio(s.Least), format.Ratio(s.Most))
	}
	if full {
		next = s.next()
		switch n := len(parts(cases)); {
		case len(cases) == 1:
			spread = "; in " + format.Clean(cases[0].Title())
		case n == len(cases) && len(workloadsOf(cases)) == 1:
			spread += fmt.Sprintf(" over %d cases of %s", n, format.Clean(cases[0].Workload.Name))
		default:
			spread += fmt.Sprintf(" over %d workloads", n)
		}
	}
	return fmt.Sprintf("%s %s (%s%s)", format.Ratio(s.Ratio), format.Clean(s.B), next, spread)
}

// contradicted reports whether the only winner of the mean is clearly behind in
// more of the kind's parts than it is clearly ahead in: then it is no winner.
func (a *Analysis) contradicted(d *Decision, answers []*Entry, s *said) bool {
	balance, earlier := 0, s.noOne(d.Winners)
	for _, part := range parts(d.Ranking.Cases) {
		ahead, behind := true, false
		for _, o := range answers {
			if c, _, ok := a.versus(d.Kind.Metric, part, d.Winners[0], o.Model); ok && o.Model != d.Winners[0] {
				ahead, behind = ahead && c.clear(-earlier), behind || c.reversed().clear(earlier)
			}
		}
		if ahead {
			balance++
		} else if behind {
			balance--
		}
	}
	return len(d.Winners) == 1 && balance < 0
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
