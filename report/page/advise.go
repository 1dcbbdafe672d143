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
	Curves   []advice.Table
}

// The most cells of the curves, and what one takes.
const (
	maxCurveCells  = 600
	curveCellBytes = 400
)

// advise returns the curves, nil if there are none or too many, and about how
// many bytes they take.
func (b *builder) advise(tables []advice.Table) (p *pageAdvice, size int) {
	cells := 0
	for _, t := range tables {
		cells += len(t.Rows) * len(t.Models)
	}
	if cells > maxCurveCells {
		b.cut = append(b.cut, "The curves for advice are left out of this page to keep it small; switchyard advise has them.")
	}
	if cells == 0 || cells > maxCurveCells {
		return nil, 0
	}
	return &pageAdvice{Matters: advice.Matters, Farthest: advice.Farthest, Curves: tables}, cells * curveCellBytes
}

// exact keeps a positive number in all its digits.
func exact(v float64) string {
	if math.IsInf(v, 1) {
		return "Infinity" // as scripts read it
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
