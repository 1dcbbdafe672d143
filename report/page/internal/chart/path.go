package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"
)

// pathData is a path's d attribute: whole tenths, each relative to the one
// before, which are shorter. Rounding is done once, so that nothing adds up.
type pathData struct {
	c            *svg
	x, y, x0, y0 int
	first        bool
	slanted      bool // the next step, if slanted, needs no letter
}

// add writes a path's corners.
func (d *pathData) add(p vg.Path) {
	for _, comp := range p {
		switch comp.Type {
		case vg.MoveComp:
			d.move(comp.Pos)
		case vg.LineComp:
			d.line(comp.Pos)
		case vg.CurveComp:
			// Charts here draw no curves; a curve becomes its corners.
			for _, pt := range comp.Control {
				d.line(pt)
			}
			d.line(comp.Pos)
		case vg.ArcComp:
			// Whole circles are drawn by Fill; arcs as short lines.
			const steps = 16
			for i := range steps + 1 {
				sin, cos := math.Sincos(comp.Start + comp.Angle*float64(i)/steps)
				d.line(vg.Point{X: comp.Pos.X + comp.Radius*vg.Length(cos), Y: comp.Pos.Y + comp.Radius*vg.Length(sin)})
			}
		case vg.CloseComp:
			d.c.out.WriteByte('z')
			d.x, d.y, d.slanted = d.x0, d.y0, false
		}
	}
}

func (d *pathData) at(p vg.Point) (x, y int) {
	px, py := d.c.at(p)
	return int(math.Round(px * 10)), int(math.Round(py * 10))
}

func (d *pathData) move(p vg.Point) {
	x, y := d.at(p)
	if d.first {
		d.c.out.WriteString("M" + pair(x, y))
	} else {
		d.c.out.WriteString("m" + pair(x-d.x, y-d.y))
	}
	d.slanted = !d.first
	d.x, d.y, d.x0, d.y0, d.first = x, y, x, y, false
}

// pair writes two numbers. A sign separates as well as a space.
func pair(x, y int) string {
	if y < 0 {
		return tenths(x) + tenths(y)
	}
	return tenths(x) + " " + tenths(y)
}

// line goes on to p. A step of nothing is left out.
func (d *pathData) line(p vg.Point) {
	x, y := d.at(p)
	dx, dy := x-d.x, y-d.y
	switch {
	case dx == 0 && dy == 0:
		return
	case dy == 0:
		d.c.out.WriteString("h" + tenths(dx))
	case dx == 0:
		d.c.out.WriteString("v" + tenths(dy))
	default:
		if !d.slanted {
			d.c.out.WriteByte('l')
		} else if dx > 0 {
			d.c.out.WriteByte(' ')
		}
		d.c.out.WriteString(pair(dx, dy))
	}
	d.x, d.y, d.slanted = x, y, dx != 0 && dy != 0
}

// tenth writes a coordinate to one decimal, without a needless ".0".
func tenth(v float64) string { return tenths(int(math.Round(v * 10))) }

func tenths(n int) string {
	s := strconv.Itoa(n / 10)
	if n < 0 && n > -10 {
		s = "-0"
	}
	if d := n % 10; d != 0 {
		s += "." + strconv.Itoa(max(d, -d))
	} else if n == 0 {
		s = "0"
	}
	return s
}
