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
	tables := Tables(a)
	out := &Answer{}
	if q.Task > 0 && q.IO < 1 {
		d := time.Duration(math.Round(float64(q.Task) * (1 - max(q.IO, 0))))
		out.ask(tables, "task", fmt.Sprintf("a task that computes for %v", d), "time per task", float64(d))
	}
	if q.IO >= 0 {
		out.ask(tables, "io", fmt.Sprintf("a task that waits for %s of its time", format.Percent(q.IO)), "time per task", 100*q.IO)
	}
	if q.Payload > 0 {
		out.ask(tables, "payload", "a message of "+format.Value(q.Payload, "bytes")+" and its answer", "time per round trip", q.Payload)
	}
	if n := float64(q.Concurrency); n > 0 {
		out.ask(tables, "wait", fmt.Sprintf("%d that wait at once", q.Concurrency), "CPU time per wait", n)
		m := out.ask(tables, "memory", fmt.Sprintf("%d that are there at once", q.Concurrency), "memory of all", n)
		m.Limit = q.Memory
		out.limit(m)
	}
	out.decide()
	return out
}

// ask adds an aspect, from the first table for it that has all estimates.
func (out *Answer) ask(tables []Table, table, ask, of string, x float64) *Aspect {
	out.Aspects = append(out.Aspects, Aspect{Ask: ask, Of: of})
	s := &out.Aspects[len(out.Aspects)-1]
	from := slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Ask != table })
	for i := range from {
		t, last := &from[i], i == len(from)-1
		if len(t.Rows) == 0 {
			if s.Why, s.lacks = t.Workload+" was not measured", true; last {
				out.Measure = append(out.Measure, t.Workload)
			}
			continue
		}
		if s.fill(t, x); last || !s.lacks {
			out.finish(s, t, x)
			break
		}
	}
	return s
}

// fill estimates every model at x.
func (s *Aspect) fill(t *Table, x float64) {
	s.Why, s.lacks, s.Unit, s.Models = "", false, t.Unit, nil
	s.Where = strings.TrimSpace(t.Workload + " " + t.Key + " " + t.around(x))
	if t.On != "" {
		s.Where += " on " + t.On
	}
	for i, m := range t.Models {
		one := Standing{Model: m.Name, Beside: m.Beside}
		e, err := t.at(x, i)
		if one.Estimate = e; err != nil {
			one.Why = err.Error()
			s.lacks = s.lacks || !errors.As(err, new(noneError)) && !one.Beside
		}
		s.Models = append(s.Models, one)
	}
}

// finish says who is behind, and what to measure where that is not known.
func (out *Answer) finish(s *Aspect, t *Table, x float64) {
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
		names := t.measure(x)
		if len(names) == 0 && s.Why != "" {
			s.Why += ": " + t.Workload + " has no sizes near it"
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
