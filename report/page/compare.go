package page

import (
	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	*analysis.Diff
	Old  string             // name of the earlier run
	Told []*analysis.Change // regressions first, then gains
	Rest []*analysis.Change
	Cut  int
}

// maxChanges bounds the rows of the comparison.
const maxChanges = 400

// compare is nil where the run is compared with nothing.
func compare(d *analysis.Diff) *pageCompare {
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
			p.Told = append(p.Told, c)
		case c.Metric.ID == main:
			p.Rest = append(p.Rest, c)
		}
	}
	return p
}
