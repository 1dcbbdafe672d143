package page

import (
	"slices"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// pageBreakEvens are the section's rows, and the charts beside them.
type pageBreakEvens struct {
	BreakEvens []analysis.BreakEven
	TaskEvens  []analysis.BreakEven // of the size of a task: the main question
	PlainEvens []analysis.BreakEven
	Gains      []figure
}

func (b *builder) breakEvens() (p pageBreakEvens) {
	all := b.run.BreakEvens
	for _, e := range all[:min(len(all), maxEvens)] {
		switch plain := e.Outcome != analysis.Crosses && e.Outcome != analysis.MultipleCrossings; {
		case e.Curve.Sizes() && (b.model[e.B].Baseline || !plain):
			p.TaskEvens = append(p.TaskEvens, e)
		case plain: // folded away
			p.PlainEvens = append(p.PlainEvens, e)
		default:
			p.BreakEvens = append(p.BreakEvens, e)
		}
	}
	p.Gains = b.gains()
	return p
}

// gains are the gain charts of the workloads that vary a task's size: the
// picture of the break-even.
func (b *builder) gains() []figure {
	var out []figure
	stress := slices.ContainsFunc(b.models, func(m pageModel) bool { return m.Processes })
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
