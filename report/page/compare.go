package page

import (
	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	*analysis.Diff
	Old  string      // name of the earlier run
	Told []changeRow // regressions first, then gains
	Rest []changeRow
	Cut  int
}

// A changeRow is a change and its place.
type changeRow struct {
	*analysis.Change
	ID    string
	Model pageModel
	Note  string
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
	return p
}

func (b *builder) change(c *analysis.Change) changeRow {
	r := changeRow{Change: c, ID: b.anchor[c.Case], Model: b.model[c.Model]}
	switch {
	case c.Told():
		r.Note = c.Kind.String()
	case c.Kind == analysis.Inconclusive && !format.Finite(c.Detectable):
		r.Note = "too few results"
	case c.Kind == analysis.Inconclusive:
		r.Note = "could detect " + format.Percent(c.Detectable)
	}
	return r
}
