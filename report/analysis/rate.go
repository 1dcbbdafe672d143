package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A HighestRate answers up to which rate of an open loop a model keeps a limit
// of latency, by rates that were measured: nothing is drawn between them.
type HighestRate struct {
	Workload *results.Workload
	Fixed    string // the other parameters
	Model    string
	Limit    time.Duration // of the 99th percentile

	// Kept is the highest rate, in requests per second, that is shown to keep
	// the limit, of those below Missed, the lowest that is shown not to: its
	// latency is above, or the model is saturated. NaN is none.
	Kept, Missed float64

	Text string // the answer, one sentence
}

// defaultLimit is that of runs that name none.
const defaultLimit = time.Millisecond

// highestRates answers for every open loop of the run and every model in it.
func highestRates(a *Analysis) []HighestRate {
	var out []HighestRate
	for _, w := range a.Workloads {
		if !w.Info.Open {
			continue
		}
		for _, g := range a.Curves[w] {
			for _, model := range a.Models {
				h := HighestRate{Workload: w, Fixed: g.Fixed, Model: model, Limit: a.Header.P99Limit, Kept: math.NaN(), Missed: math.NaN()}
				if h.Limit <= 0 {
					h.Limit = defaultLimit
				}
				if h.find(a, &g) {
					out = append(out, h)
				}
			}
		}
	}
	return out
}

// rates says for the open loops of a kind up to which rate each model keeps the
// limit; "" where there are none.
func (a *Analysis) rates(k *Kind) string {
	var out []string
	all := a.HighestRates
	for i := 0; i < len(all); {
		h := all[i]
		var models []string
		for ; i < len(all) && all[i].Workload == h.Workload && all[i].Fixed == h.Fixed; i++ {
			models = append(models, all[i].short())
		}
		if !slices.Contains(k.Workloads, h.Workload) {
			continue
		}
		where := format.Clean(h.Workload.Name)
		if h.Fixed != "" {
			where += " " + format.Clean(h.Fixed)
		}
		out = append(out, fmt.Sprintf("Requests a second of %s at a p99 of %v: %s.", where, h.Limit, strings.Join(models, ", ")))
	}
	return strings.Join(out, " ")
}

// short is the answer in a few words.
func (h *HighestRate) short() string {
	model := format.Clean(results.ModelName(h.Model))
	switch {
	case math.IsNaN(h.Missed):
		return fmt.Sprintf("%s %.0f at least", model, h.Kept)
	case math.IsNaN(h.Kept):
		return fmt.Sprintf("%s below %.0f", model, h.Missed)
	}
	return fmt.Sprintf("%s %.0f to %.0f", model, h.Kept, h.Missed)
}

// find goes up the rates until one does not keep the limit; known says whether
// any tells.
func (h *HighestRate) find(a *Analysis, g *Curve) (known bool) {
	for i, c := range g.Cases {
		cell := c.Cells[h.Model]
		if cell == nil {
			continue
		}
		values := located(a.Run, TailP99, cell).Values()
		s, limit := Summarize(values), float64(h.Limit)
		switch {
		case len(values) == 0 && cell.Skipped != "", s.Bounded() && s.Lo > limit:
			h.Missed = g.X[i]
		case s.Bounded() && s.Hi <= limit:
			h.Kept = g.X[i]
		}
		if !math.IsNaN(h.Missed) {
			break
		}
	}
	h.Text = h.sentence()
	return h.Text != ""
}

func (h *HighestRate) sentence() string {
	model, limit := format.Clean(results.ModelName(h.Model)), fmt.Sprintf("a p99 of %v", h.Limit)
	rate := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	switch kept, missed := !math.IsNaN(h.Kept), !math.IsNaN(h.Missed); {
	case kept && missed:
		return fmt.Sprintf("%s keeps %s up to %s requests a second, and no longer at %s.", model, limit, rate(h.Kept), rate(h.Missed))
	case kept:
		return fmt.Sprintf("%s keeps %s up to %s requests a second, the most that were asked.", model, limit, rate(h.Kept))
	case missed:
		return fmt.Sprintf("%s does not keep %s at %s requests a second, and at none below is it shown to.", model, limit, rate(h.Missed))
	}
	return ""
}
