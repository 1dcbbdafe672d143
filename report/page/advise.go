package page

import (
	"math"
	"strconv"

	"switchyard/report/advice"
	"switchyard/report/format"
)

// A pageAdvice is the curves by which package advice answers, as tables. The
// form beside them works from what stands in the tables.
type pageAdvice struct {
	Matters  float64 // the smallest difference that counts, as a share
	Percent  string  // the same in words
	Farthest int     // how far apart two sizes may be
	Curves   []pageCurve
}

type pageCurve struct {
	advice.Table
	Title  string
	Models []curveModel
	Rows   []curveRow
}

type curveModel struct {
	pageModel
	Beside bool
	None   string
}

type curveRow struct {
	X, Size, Case string
	Cells         []curveCell
}

type curveCell struct {
	Text, Interval  string
	Center, Lo, Hi  string // in all digits: the form computes with them
	Failed, Skipped string
	Few             bool
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
	p = &pageAdvice{Matters: advice.Matters, Percent: format.Percent(advice.Matters), Farthest: advice.Farthest}
	cells := 0
	for _, t := range tables {
		p.Curves = append(p.Curves, b.curve(t))
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

func (b *builder) curve(t advice.Table) pageCurve {
	c := pageCurve{Table: t, Title: askTitles[t.Ask]}
	for _, m := range t.Models {
		c.Models = append(c.Models, curveModel{b.model[m.Name], m.Beside, format.CleanTo(m.None, 400)})
	}
	for _, r := range t.Rows {
		row := curveRow{X: exact(r.X), Size: format.Clean(r.Size), Case: format.Clean(r.Case)}
		for i, cell := range r.Cells {
			row.Cells = append(row.Cells, curveCellOf(cell, t.Unit, t.Models[i].None))
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

func curveCellOf(c advice.TableCell, unit, none string) curveCell {
	if c.Center == 0 {
		why := c.Why()
		if c == (advice.TableCell{}) && none != "" {
			why = none
		}
		return curveCell{Text: "–", Interval: format.CleanTo(why, 400), Few: c.Few, Failed: format.CleanTo(c.Failed, 400), Skipped: format.CleanTo(c.Skipped, 400)}
	}
	return curveCell{Text: format.Value(c.Center, unit), Interval: format.Value(c.Lo, unit) + " to " + format.Value(c.Hi, unit),
		Center: exact(c.Center), Lo: exact(c.Lo), Hi: exact(c.Hi)}
}

// exact keeps a positive number in all its digits.
func exact(v float64) string {
	if math.IsInf(v, 1) {
		return "Infinity" // as scripts read it
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
