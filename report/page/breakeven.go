package page

import (
	"slices"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageBreakEven is one row of the break-even table.
type pageBreakEven struct {
	analysis.BreakEven
	ID    string
	A, B  pageModel
	Class string
}

// pageBreakEvens are the section's rows, and the charts beside them.
type pageBreakEvens struct {
	BreakEvens []pageBreakEven
	TaskEvens  []pageBreakEven // of the size of a task: the main question
	PlainEvens []pageBreakEven
	Gains      []figure
}

func (b *builder) breakEvens() (p pageBreakEvens) {
	all := b.run.BreakEvens
	for _, e := range all[:min(len(all), maxEvens)] {
		row := pageBreakEven{BreakEven: e, ID: b.anchor[e.Workload], A: b.model[e.A], B: b.model[e.B], Class: evenClass[e.Outcome]}
		switch plain := e.Outcome != analysis.Crosses && e.Outcome != analysis.MultipleCrossings; {
		case e.Curve.Sizes() && (row.B.Baseline || !plain):
			p.TaskEvens = append(p.TaskEvens, row)
		case plain: // folded away
			p.PlainEvens = append(p.PlainEvens, row)
		default:
			p.BreakEvens = append(p.BreakEvens, row)
		}
	}
	p.Gains = b.gains()
	return p
}

var evenClass = map[analysis.Outcome]string{analysis.Crosses: "crosses", analysis.Always: "always", analysis.Never: "never"}

// gains are the gain charts of the workloads that vary a task's size: the
// picture of the break-even.
func (b *builder) gains() []figure {
	var out []figure
	stress := slices.ContainsFunc(b.run.Models, func(m string) bool { return b.run.Model(m).Processes })
	for _, w := range b.shown {
		for _, g := range b.run.Curves[w] {
			if !g.Sizes() || len(out) == 2 {
				continue
			}
			if ch, ok := b.gainChart(g, stress); ok {
				ch.Workload = format.Clean(w.Name)
				ch.Title = format.Clean(w.Name) + ": " + strings.ToLower(ch.Title[:1]) + ch.Title[1:]
				out = append(out, ch)
			}
		}
	}
	return out
}
