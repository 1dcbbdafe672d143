package page

import "switchyard/report/results"

// A pagePanel holds the charts of one case.
type pagePanel struct {
	Name, ID string
	First    bool
	Charts   []figure // throughput, latency, spread
	Folded   []figure // progression, distribution
}

func (b *builder) panel(c *results.Case, first bool) pagePanel {
	rows := b.rows(c)
	throughput, spread, progress := throughputChart(c, rows), spreadChart(c, rows), b.progressChart(c)
	latency, distribution := b.latencyChart(c, len(rows)), b.distributionChart(c)
	p := pagePanel{Name: c.Label(), ID: b.anchor[c], First: first, Charts: []figure{throughput, latency, spread}}
	if !b.sparse {
		p.Folded = []figure{progress, distribution}
	}
	return p
}
