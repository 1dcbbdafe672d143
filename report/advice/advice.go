package advice

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A Question is what is known of some work. What is zero is not known.
type Question struct {
	Task        time.Duration // how long a task takes, its waiting included
	IO          float64       // the share of that which it waits; below 0 is not known
	Concurrency int           // how many are there at once
	Payload     float64       // bytes of a message between them
	Memory      float64       // bytes that they may take together
}

// Matters is the smallest difference that counts, as a share.
const Matters = 0.05

// An Answer is what the curves say of a question.
type Answer struct {
	Aspects []Aspect
	TooBig  []string // models that need more memory than there is
	Best    []string // models that no curve shows to be behind; one is a decision
	Decided bool
	Measure []string // points that would tell more, as WORKLOADS takes them
}

// An Aspect is one part of the question, asked of one curve.
type Aspect struct {
	Ask    string // "a task that computes for 40us"
	Of     string // what is estimated: "time per task"
	Unit   string
	Where  string // "CPUMap task=40us"
	Limit  float64
	Models []Standing
	Best   []string // not shown to be behind
	Why    string   // there is no answer

	lacks bool // an estimate is missing that could be measured
}

// A Standing is where a model stands in an aspect.
type Standing struct {
	Model string
	Estimate
	Behind bool
	Beside bool   // it does not compete: the baseline, or a peer of another language
	Why    string // there is no estimate
}

// Of answers a question from a run.
func Of(a *analysis.Analysis, q Question) *Answer {
	out := &Answer{}
	if q.Task > 0 && q.IO < 1 {
		d := time.Duration(math.Round(float64(q.Task) * (1 - max(q.IO, 0))))
		out.ask(a, fmt.Sprintf("a task that computes for %v", d), "time per task", float64(d), computing)
	}
	if q.IO >= 0 {
		out.ask(a, fmt.Sprintf("a task that waits for %s of its time", format.Percent(q.IO)), "time per task", 100*q.IO, mixing)
	}
	if q.Payload > 0 {
		out.ask(a, "a message of "+format.Value(q.Payload, "bytes")+" and its answer", "time per round trip", q.Payload, messaging)
	}
	if n := float64(q.Concurrency); n > 0 {
		out.ask(a, fmt.Sprintf("%d that wait at once", q.Concurrency), "CPU time per wait", n, waiting)
		m := out.ask(a, fmt.Sprintf("%d that are there at once", q.Concurrency), "memory of all", n, keeping...)
		m.Limit = q.Memory
		out.limit(m)
	}
	out.decide()
	return out
}

// ask adds an aspect, from the first of the sources that was measured.
func (out *Answer) ask(a *analysis.Analysis, ask, of string, x float64, from ...source) *Aspect {
	out.Aspects = append(out.Aspects, Aspect{Ask: ask, Of: of})
	s := &out.Aspects[len(out.Aspects)-1]
	for i, src := range from {
		g := curveOf(a.Run, src.workload, src.key, src.fixed)
		if g == nil {
			s.Why, s.lacks = src.workload+" was not measured", true
			if i == len(from)-1 {
				out.Measure = append(out.Measure, src.workload)
			}
			continue
		}
		s.Why, s.lacks = "", false
		s.fill(a, g, src, x)
		if i == len(from)-1 || !s.lacks {
			out.finish(s, g, x)
			break
		}
	}
	return s
}

// fill estimates every model at x.
func (s *Aspect) fill(a *analysis.Analysis, g *curve, src source, x float64) {
	s.Unit, s.Models = src.shown(), nil
	s.Where = strings.TrimSpace(g.workload.Name + " " + src.key + " " + g.around(x))
	if on := g.on(); on != "" {
		s.Where += " on " + on
	}
	for _, model := range a.Models {
		one := Standing{Model: model, Beside: beside(a.Run, model)}
		e, err := g.at(x, model, func(c *results.Cell) (analysis.Summary, bool) { return src.value(a, c) })
		if one.Estimate = e; err != nil {
			one.Why = err.Error()
			s.lacks = s.lacks || !errors.As(err, new(noneError)) && !one.Beside
		}
		s.Models = append(s.Models, one)
	}
}

// finish says who is behind, and what to measure where that is not known.
func (out *Answer) finish(s *Aspect, g *curve, x float64) {
	best := math.Inf(1)
	for _, m := range s.Models {
		if m.Why == "" && !m.Beside {
			best = min(best, m.Hi)
		}
	}
	for i := range s.Models {
		m := &s.Models[i]
		m.Behind = m.Why == "" && !m.Beside && m.Lo > best*(1+Matters)
		if m.Why == "" && !m.Beside && !m.Behind {
			s.Best = append(s.Best, m.Model)
		}
	}
	if math.IsInf(best, 1) {
		s.Why = "no model has an estimate there"
	}
	if s.lacks || len(s.Best) > 1 {
		names := g.measure(x)
		if len(names) == 0 && s.Why != "" {
			s.Why += ": " + g.workload.Name + " has no sizes near it"
		}
		out.Measure = append(out.Measure, names...)
	}
}

// limit rules out what needs more memory than there is. That is all that memory
// decides: less of it is no advantage where there is enough.
func (out *Answer) limit(m *Aspect) {
	m.Best = nil
	for i := range m.Models {
		one := &m.Models[i]
		one.Behind = m.Limit > 0 && one.Why == "" && one.Lo > m.Limit
		if one.Behind {
			out.TooBig = append(out.TooBig, one.Model)
		}
	}
}

// decide keeps the models that are behind in no aspect.
func (out *Answer) decide() {
	counted := 0
	for i := range out.Aspects {
		s := &out.Aspects[i]
		if len(s.Best) == 0 {
			continue
		}
		if counted++; counted == 1 {
			out.Best = slices.Clone(s.Best)
		}
		out.Best = slices.DeleteFunc(out.Best, func(m string) bool { return !slices.Contains(s.Best, m) })
	}
	out.Best = slices.DeleteFunc(out.Best, func(m string) bool { return slices.Contains(out.TooBig, m) })
	open := slices.ContainsFunc(out.Aspects, func(s Aspect) bool { return s.Why != "" || s.lacks })
	out.Decided = len(out.Best) == 1 && !open
	slices.Sort(out.Measure)
	out.Measure = slices.Compact(out.Measure)
}
