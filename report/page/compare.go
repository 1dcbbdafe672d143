package page

import (
	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	*analysis.Diff
	Old      string      // name of the earlier run
	Told     []changeRow // regressions first, then gains
	Rest     []changeRow
	OnlyOld  []string
	OnlyNew  []string
	Failed   []string // in this run
	WasGood  string   // of those, what the earlier run has numbers of
	Repaired string   // failed in the earlier run
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

// compare is nil where the run is compared with nothing.
func (b *builder) compare(d *analysis.Diff) *pageCompare {
	if d == nil {
		return nil
	}
	p := &pageCompare{Diff: d, Old: format.CleanTo(d.Old.Path, 200)}
	if at := d.Old.Header.Started; !at.IsZero() {
		p.Old = at.String()
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
	p.OnlyOld, p.OnlyNew = format.First(d.OnlyOld, maxListed), format.First(d.OnlyNew, maxListed)
	p.Failed = format.First(d.Failed, maxListed)
	p.WasGood, p.Repaired = format.Some(d.WasGood, maxListed), format.Some(d.Repaired, maxListed)
	return p
}

func (b *builder) change(c *analysis.Change) changeRow {
	r := changeRow{
		Case: format.Clean(c.Case.Title()), Workload: format.Clean(c.Case.Workload.Name), ID: b.anchor[c.Case], Model: b.model[c.Model], Metric: format.Clean(c.Metric.Name),
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
