package page

import (
	"html/template"

	"switchyard/report/page/internal/chart"
)

// A figure is a chart with what it shows and how it is read.
type figure struct {
	Title, Hint string
	Chart       chart.Chart
	SVG         template.HTML // the chart, drawn
	Workload    string        // that it stands or falls with, outside its section
}

// A drawing draws the figures of a page, as long as there is room.
type drawing struct {
	room, used int  // bytes of SVG
	full, bad  bool // some were left out, or could not be drawn
}

// draw draws those for which there is room, and keeps no others: the tables
// have their numbers.
func (d *drawing) draw(all []figure) []figure {
	drawn := all[:0]
	for _, f := range all {
		if d.full = d.full || d.used > d.room; d.full {
			break
		}
		var err error
		f.SVG, err = f.Chart.SVG()
		if d.bad = d.bad || err != nil; f.SVG != "" {
			drawn = append(drawn, f)
		}
		d.used += len(f.SVG)
	}
	return drawn
}

// cut says what of the figures is missing.
func (d *drawing) cut() (cut []string) {
	if d.bad {
		cut = append(cut, "A chart could not be drawn; the tables have its numbers.")
	}
	if d.full {
		cut = append(cut, "Some charts were left out to keep the page small; the tables have their numbers.")
	}
	return cut
}

// figures are the page's, in its order.
func (p *page) figures() []*[]figure {
	all := []*[]figure{&p.Verdict.Charts, &p.Gains}
	if p.Scaling != nil {
		all = append(all, &p.Scaling.Charts)
	}
	for i := range p.Workloads {
		w := &p.Workloads[i]
		all = append(all, &w.Curves)
		for k := range w.Panels {
			all = append(all, &w.Panels[k].Charts, &w.Panels[k].Folded)
		}
	}
	return all
}
