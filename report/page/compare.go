package page

import (
	"fmt"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	Sentence string
	Machine  bool
	Unlike   []string // what makes the two hard to compare
	Old      string   // name of the earlier run
	Hosts    []analysis.FactChange
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
	Case, ID, Workload string
	Model              pageModel
	Metric             string
	Old, New, Delta    string
	Interval, Noise    string
	N1, N2             int
	Kind               string
	Note               string
}

// maxChanges bounds the rows of the comparison.
const maxChanges = 400

func (b *builder) compare(old *results.Run) *pageCompare {
	if old == nil {
		return nil
	}
	d := analysis.Compare(old, b.run.Run)
	p := &pageCompare{Sentence: d.Sentence(), Machine: d.Machine, Old: format.CleanTo(old.Path, 200)}
	if at := old.Header.Started; !at.IsZero() {
		p.Old = at.String()
	}
	for _, s := range d.Unlike {
		p.Unlike = append(p.Unlike, format.CleanTo(s, 600))
	}
	for _, h := range d.Hosts {
		p.Hosts = append(p.Hosts, analysis.FactChange{Key: format.Clean(h.Key), Old: format.OrNone(h.Old), New: format.OrNone(h.New), Machine: h.Machine})
	}
	main := analysis.Throughput.ID // or the first metric that there is, as in the sentence
	if ms := d.Metrics(); len(ms) > 0 {
		main = ms[0].ID
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		switch {
		case len(p.Told)+len(p.Rest) >= maxChanges:
			p.Cut++
		case c.Told():
			p.Told = append(p.Told, b.change(c))
		case c.Metric.ID == main:
			p.Rest = append(p.Rest, b.change(c))
		}
	}
	p.OnlyOld, p.OnlyNew = firstOf(d.OnlyOld), firstOf(d.OnlyNew)
	p.Failed = firstOf(d.Failed)
	p.WasGood, p.Repaired = format.Some(d.WasGood, 40), format.Some(d.Repaired, 40)
	for _, s := range d.Apart {
		p.Apart = append(p.Apart, format.CleanTo(s, 600))
	}
	for _, n := range old.Notes {
		p.Notes = append(p.Notes, format.CleanTo(n, 400))
	}
	return p
}

// firstOf is the first forty of a list, and how many more there are.
func firstOf(all []string) []string {
	const most = 40
	var out []string
	for _, s := range all[:min(most, len(all))] {
		out = append(out, format.Fit(format.Visible(s, false), 300))
	}
	if n := len(all) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return out
}

func (b *builder) change(c *analysis.Change) changeRow {
	r := changeRow{
		Case: format.Clean(c.Case.Title()), Workload: format.Clean(c.Case.Workload.Name), ID: b.anchor(c.Case), Model: b.model(c.Model), Metric: format.Clean(c.Metric.Name),
		Old: c.Metric.Format(c.Old.Center), New: c.Metric.Format(c.New.Center),
		Delta: c.Kind.String(), Interval: format.Interval(c.Lo, c.Hi), Noise: format.Percent(c.Floor), N1: c.Old.N, N2: c.New.N, Kind: c.Kind.String(),
	}
	switch {
	case c.Told():
		r.Delta = format.Delta(c.Delta())
	case c.Kind == analysis.Inconclusive && !format.Finite(c.Detectable):
		r.Note = "too few results"
	case c.Kind == analysis.Inconclusive:
		r.Note = "could detect " + format.Percent(c.Detectable)
	}
	return r
}
