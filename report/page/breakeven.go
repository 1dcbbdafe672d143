package page

import (
	"slices"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A pageBreakEven is one row of the break-even table.
type pageBreakEven struct {
	Workload, ID, Fixed string
	A, B                pageModel
	Text                string
	Class               string
	Plain               bool // no crossing: folded away
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
		switch row := b.breakEven(e); {
		case e.Curve.Sizes() && (row.B.Baseline || !row.Plain):
			p.TaskEvens = append(p.TaskEvens, row)
		case row.Plain:
			p.PlainEvens = append(p.PlainEvens, row)
		default:
			p.BreakEvens = append(p.BreakEvens, row)
		}
	}
	p.Gains = b.gains()
	return p
}

func (b *builder) breakEven(e analysis.BreakEven) pageBreakEven {
	p := pageBreakEven{
		Workload: format.Clean(e.Workload.Name), ID: b.anchor[e.Workload], Fixed: format.Clean(e.Fixed),
		A: b.model[e.A], B: b.model[e.B], Text: e.Text,
		Class: map[analysis.Outcome]string{analysis.Crosses: "crosses", analysis.Always: "always", analysis.Never: "never"}[e.Outcome],
	}
	p.Plain = e.Outcome != analysis.Crosses && e.Outcome != analysis.MultipleCrossings
	return p
}

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
