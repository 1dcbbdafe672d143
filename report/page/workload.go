package page

import (
	"fmt"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A pageWorkload is one workload's section.
type pageWorkload struct {
	*results.Workload
	ID       string
	Takeaway []string
	Curves   []figure
	Panels   []pagePanel
	Tables   []pageTable
	Missing  []missing
}

// A pagePanel holds the charts of one case.
type pagePanel struct {
	Name, ID string
	First    bool
	Charts   []figure // throughput, latency, spread
	Folded   []figure // progression, distribution
}

type missing struct {
	Where  string
	Model  pageModel
	Failed bool
	Reason string
}

// maxTakeaway bounds the sentences of a section.
const maxTakeaway = 8

func (b *builder) workload(w *results.Workload) pageWorkload {
	p := pageWorkload{Workload: w, ID: b.anchor[w], Takeaway: b.run.Takeaways[w]}
	if n := len(p.Takeaway); n > maxTakeaway {
		p.Takeaway = append(p.Takeaway[:maxTakeaway:maxTakeaway], fmt.Sprintf("and %d more; the table has all.", n-maxTakeaway))
	}
	p.Curves = b.curveCharts(w)
	for _, c := range b.first[w] {
		if c.Measured() {
			p.Panels = append(p.Panels, b.panel(c, len(p.Panels) == 0))
		}
	}
	p.Tables = []pageTable{b.table(w, "All numbers", measures), b.table(w, "Allocations, collections, switches and counters", resources)}
	p.Missing = b.missing(w)
	return p
}

func (b *builder) panel(c *results.Case, first bool) pagePanel {
	rows := b.rows(c)
	p := pagePanel{Name: c.Label(), ID: b.anchor[c], First: first}
	p.Charts = []figure{throughputChart(c, rows), b.latencyChart(c, len(rows)), spreadChart(c, rows)}
	if !b.sparse {
		p.Folded = []figure{b.progressChart(c), b.distributionChart(c)}
	}
	return p
}

// missing lists failed cells first, then those that were not measured.
func (b *builder) missing(w *results.Workload) []missing {
	var failed, skipped []missing
	put := func(where, model, fail, skip string) {
		if fail != "" {
			failed = append(failed, missing{where, b.model[model], true, format.CleanTo(fail, 400)})
		} else if skip != "" {
			skipped = append(skipped, missing{where, b.model[model], false, format.CleanTo(skip, 400)})
		}
	}
	for _, m := range b.run.Models {
		all := "all cases"
		if len(w.Cases) <= 1 {
			all = ""
		}
		put(all, m, w.Failed[m], w.Skipped[m])
		for _, c := range b.first[w] {
			if cell := c.Cells[m]; cell != nil {
				put(strings.TrimPrefix(format.Clean(c.Label()), format.Clean(w.Name)), m, cell.Failed, cell.Skipped)
			}
		}
	}
	all := append(failed, skipped...)
	if len(all) > maxMissing {
		all = append(all[:maxMissing], missing{Where: "more", Reason: fmt.Sprintf("%d further cells; the file has them", len(all)-maxMissing)})
	}
	return all
}
