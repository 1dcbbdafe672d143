package page

import (
	"html/template"
	"slices"

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
	room, used int // bytes of SVG
	cut        []string
}

// draw draws those for which there is room, and keeps no others: the tables
// have their numbers.
func (d *drawing) draw(all []figure) []figure {
	drawn := all[:0]
	for _, f := range all {
		if d.used > d.room {
			d.cutOnce("Some charts were left out to keep the page small; the tables have their numbers.")
			break
		}
		var err error
		if f.SVG, err = f.Chart.Draw(); err != nil {
			d.cutOnce("A chart could not be drawn; the tables have its numbers.")
		}
		if f.SVG != "" {
			drawn = append(drawn, f)
		}
		d.used += len(f.SVG)
	}
	return drawn
}

func (d *drawing) cutOnce(s string) {
	if !slices.Contains(d.cut, s) {
		d.cut = append(d.cut, s)
	}
}

// draw draws all figures of the page, in its order.
func (p *page) draw(d drawing) {
	p.Verdict.Charts = d.draw(p.Verdict.Charts)
	p.Gains = d.draw(p.Gains)
	if p.Scaling != nil {
		p.Scaling.Charts = d.draw(p.Scaling.Charts)
	}
	for i := range p.Workloads {
		w := &p.Workloads[i]
		w.Curves = d.draw(w.Curves)
		for k := range w.Panels {
			w.Panels[k].Charts = d.draw(w.Panels[k].Charts)
			w.Panels[k].Folded = d.draw(w.Panels[k].Folded)
		}
	}
	p.Cut = d.cut
}
