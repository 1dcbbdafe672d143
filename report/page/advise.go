package page

import (
	"math"
	"strconv"

	"switchyard/report/advice"
)

// A pageAdvice is the curves by which package advice answers, as tables. The
// form beside them works from what stands in the tables.
type pageAdvice struct {
	Matters  float64 // the smallest difference that counts, as a share
	Farthest int     // how far apart two sizes may be
	Curves   []pageCurve
}

type pageCurve struct {
	advice.Table
	Title  string
	Models []curveModel
}

type curveModel struct {
	pageModel
	Beside bool
	None   string
}

// The most cells of the curves, and what one takes.
const (
	maxCurveCells  = 600
	curveCellBytes = 400
)

// askTitles are what the tables are called.
var askTitles = map[string]string{
	"task": "Computing: time per task", "io": "Waiting: time per task, by the share of it that is waiting",
	"payload": "Messages: time per round trip", "wait": "Many at once: CPU time per wait", "memory": "Many at once: memory of all",
}

// advise returns the curves, nil if there are none or too many, and about how
// many bytes they take.
func (b *builder) advise(tables []advice.Table) (p *pageAdvice, size int) {
	p = &pageAdvice{Matters: advice.Matters, Farthest: advice.Farthest}
	cells := 0
	for _, t := range tables {
		c := pageCurve{Table: t, Title: askTitles[t.Ask]}
		for _, m := range t.Models {
			c.Models = append(c.Models, curveModel{b.model[m.Name], m.Beside, m.None})
		}
		p.Curves = append(p.Curves, c)
		cells += len(t.Rows) * len(t.Models)
	}
	if cells > maxCurveCells {
		b.cut = append(b.cut, "The curves for advice are left out of this page to keep it small; switchyard advise has them.")
	}
	if cells == 0 || cells > maxCurveCells {
		return nil, 0
	}
	return p, cells * curveCellBytes
}

// exact keeps a positive number in all its digits.
func exact(v float64) string {
	if math.IsInf(v, 1) {
		return "Infinity" // as scripts read it
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
