package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A Curve is a workload's cases along one varied number, the others fixed:
// what a scaling chart and a break-even are drawn from.
type Curve struct {
	Workload *results.Workload
	Key      string // the parameter that varies: "task"
	Kind     string // kind of its quantity: "s", "B", or ""
	Fixed    string // the other parameters: "chunk=1", or ""
	X        []float64
	Values   []string        // as the cases spell X: "10us"
	Cases    []*results.Case // ascending in X

	// Gains are the throughput of each model that is no baseline over the run's
	// baseline; nil without one.
	Gains map[string][]RatioPoint
}

// curves are those of every workload, with what is gained along them.
func (a *Analysis) curves() map[*results.Workload][]Curve {
	out := map[*results.Workload][]Curve{}
	base := a.Baseline()
	for _, w := range a.Workloads {
		all := curvesOf(w)
		for i := range all {
			g := &all[i]
			g.Gains = map[string][]RatioPoint{}
			for _, m := range a.Models {
				if base != "" && !a.Model(m).Baseline {
					g.Gains[m] = a.ratios(g, m, base)
				}
			}
		}
		out[w] = all
	}
	return out
}

// curvesOf splits a workload's cases into curves of at least two points over
// the parameter that takes the most values. What is no such point is on none.
func curvesOf(w *results.Workload) (out []Curve) {
	key := varied(w)
	if key == "" {
		return nil
	}
	groups := map[string]*Curve{}
	var order []*Curve
	for _, c := range w.Cases {
		x, fixed, ok := split(c, key)
		if !ok {
			continue
		}
		g := groups[fixed]
		if g == nil {
			g = &Curve{Workload: w, Key: key, Fixed: fixed, Kind: x.kind}
			groups[fixed], order = g, append(order, g)
		}
		at, known := slices.BinarySearch(g.X, x.v)
		if known || g.Kind != x.kind {
			continue
		}
		value, _ := benchlog.Params(c.Name()).Get(key)
		g.X, g.Values, g.Cases = slices.Insert(g.X, at, x.v), slices.Insert(g.Values, at, value), slices.Insert(g.Cases, at, c)
	}
	for _, g := range order {
		if len(g.X) > 1 {
			out = append(out, *g)
		}
	}
	return out
}

// varied is the numeric parameter with the most distinct positive values, at
// least two; "" when there is none.
func varied(w *results.Workload) string {
	values := map[string]map[float64]bool{}
	var keys []string
	for _, c := range w.Cases {
		for _, p := range c.Params {
			q, ok := parseQuantity(p.Value)
			if !ok || q.v <= 0 {
				continue
			}
			if values[p.Key] == nil {
				values[p.Key] = map[float64]bool{}
				keys = append(keys, p.Key)
			}
			values[p.Key][q.v] = true
		}
	}
	best := ""
	for _, k := range keys {
		if n := len(values[k]); n >= 2 && (best == "" || n > len(values[best])) {
			best = k
		}
	}
	return best
}

// split takes the case apart into the varied number and the rest of its name.
func split(c *results.Case, key string) (x quantity, fixed string, ok bool) {
	var others []string
	for _, p := range c.Params {
		if p.Key == key && !ok {
			if x, ok = parseQuantity(p.Value); ok && x.v > 0 {
				continue
			}
			return x, "", false
		}
		others = append(others, p.String())
	}
	if set := c.CPUSet(); set != "" {
		others = append(others, set)
	}
	return x, strings.Join(others, ", "), ok
}

// FormatX shows a number of the curve's kind: "34µs", "64KiB", "1000".
func (g *Curve) FormatX(x float64) string {
	switch g.Kind {
	case "s":
		return format.Tick(x*1e9, "ns")
	case "B":
		return format.Tick(x, "bytes")
	}
	if x < 100 && !slices.ContainsFunc(g.X, func(v float64) bool { return v != math.Trunc(v) }) {
		x = math.Ceil(x - 1e-9) // there is no half task: from the next whole one on
	}
	if a := math.Abs(x); a >= 100 && a < 1e7 {
		return fmt.Sprintf("%.0f", x) + g.Kind
	}
	return fmt.Sprintf("%.3g", x) + g.Kind
}

// Sizes reports whether the curve varies the size of a task over enough points
// to ask from which size on a model pays.
func (g *Curve) Sizes() bool { return g.Kind == "s" && len(g.X) >= 3 }
