package page

import (
	"fmt"

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
