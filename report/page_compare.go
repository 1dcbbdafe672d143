package report

import "fmt"

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	Sentence string
	Machine  bool
	Old      string // name of the earlier run
	Hosts    []FactChange
	Told     []changeRow // regressions first, then gains
	Rest     []changeRow
	OnlyOld  []string
	OnlyNew  []string
	Failed   []string // in this run
	WasGood  string   // of those, what the earlier run has numbers of
	Repaired string   // failed in the earlier run
	Apart    []string // why cells have no counterpart
	Notes    []string // from reading the earlier run's files
	Cut      int
}

// A changeRow is one change in words.
type changeRow struct {
	Case, ID           string
	Model              pageModel
	Metric             string
	Old, New, Delta    string
	Interval, Adjusted string
	N1, N2             int
	Kind               string
	Note               string
}

// maxChanges bounds the rows of the comparison.
const maxChanges = 400

func (b *builder) compare(old *Run) *pageCompare {
	if old == nil {
		return nil
	}
	d := Compare(old, b.run)
	p := &pageCompare{Sentence: d.Sentence(), Machine: d.Machine, Old: cleanTo(old.Path, 200)}
	if at := old.Header.Started; !at.IsZero() {
		p.Old = at.String()
	}
	for _, h := range d.Hosts {
		p.Hosts = append(p.Hosts, FactChange{clean(h.Key), orNone(h.Old), orNone(h.New), h.Machine})
	}
	main := Throughput.ID // or the first metric that there is, as in the sentence
	if ms := d.metrics(); len(ms) > 0 {
		main = ms[0].ID
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		switch {
		case len(p.Told)+len(p.Rest) >= maxChanges:
			p.Cut++
		case c.Differs:
			p.Told = append(p.Told, b.change(c))
		case c.Metric.ID == main:
			p.Rest = append(p.Rest, b.change(c))
		}
	}
	p.OnlyOld, p.OnlyNew = firstOf(d.OnlyOld), firstOf(d.OnlyNew)
	p.Failed = firstOf(d.Failed)
	p.WasGood, p.Repaired = some(d.WasGood, 40), some(d.Repaired, 40)
	for _, s := range d.Apart {
		p.Apart = append(p.Apart, cleanTo(s, 600))
	}
	for _, n := range old.Notes {
		p.Notes = append(p.Notes, cleanTo(n, 400))
	}
	return p
}

// firstOf is the first forty of a list, and how many more there are.
func firstOf(all []string) []string {
	const most = 40
	var out []string
	for _, s := range all[:min(most, len(all))] {
		out = append(out, fit(visible(s, false), 300))
	}
	if n := len(all) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return out
}

func (b *builder) change(c *Change) changeRow {
	r := changeRow{
		Case: clean(c.Case.title()), ID: b.anchor(c.Case), Model: b.model(c.Model), Metric: clean(c.Metric.Name),
		Old: c.Metric.format(c.Old.Center), New: c.Metric.format(c.New.Center),
		Delta: "~", Interval: formatInterval(c.Lo, c.Hi), Adjusted: formatP(c.Adjusted), N1: c.N2, N2: c.N1, Kind: c.Kind.String(),
	}
	switch {
	case c.Differs:
		r.Delta = formatDelta(c.Delta())
	case c.Kind == Untold && !finite(c.Detectable):
		r.Delta, r.Note = "?", "too few results"
	case !finite(c.Detectable):
	case c.Kind == Untold:
		r.Delta, r.Note = "?", "only "+formatPct(c.Detectable)+" would have shown"
	default:
		r.Note = formatPct(c.Detectable) + " would have shown"
	}
	return r
}
