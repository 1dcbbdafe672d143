package results

import (
	"fmt"
	"slices"

	"switchyard/bench/benchlog"
)

// Builds reports whether the run is an A/B run: its cases are of an old and a
// new build.
func (r *Run) Builds() bool {
	has := map[string]bool{}
	for _, c := range r.Cases() {
		has[c.build()] = true
	}
	return has[benchlog.OldBuild] && has[benchlog.NewBuild]
}

func (c *Case) build() string {
	for _, p := range c.Params {
		if p.Key == benchlog.BuildKey {
			return p.Value
		}
	}
	return ""
}

// Build returns what one build of an A/B run measured, as a run of its own:
// nothing in it says that there were others. Blocks are those of the whole run.
func (r *Run) Build(name string) *Run {
	return r.part(func(c *Case) bool { return c.build() == name }, func(*Result) bool { return true })
}

// Session returns what was measured in one session of the run, from 1.
func (r *Run) Session(n int) *Run {
	return r.part(func(*Case) bool { return true }, func(res *Result) bool {
		return res.Block >= 0 && res.Block < len(r.Blocks) && r.Blocks[res.Block].Session == n
	})
}

// part copies the run without the cases and results that are not kept, and
// without the builds in the names.
func (r *Run) part(keep func(*Case) bool, keepResult func(*Result) bool) *Run {
	out := *r
	out.Workloads, out.results = nil, 0
	for _, w := range r.Workloads {
		to := *w
		to.Cases = nil
		to.Info.Cases, to.Info.More = withoutBuilds(w.Info.Cases), withoutBuilds(w.Info.More)
		for _, c := range w.Cases {
			if keep(c) {
				to.Cases = append(to.Cases, c.copy(&to, keepResult))
			}
		}
		for _, c := range to.Cases {
			for _, cell := range c.Cells {
				out.results += len(cell.Results)
			}
		}
		out.Workloads = append(out.Workloads, &to)
	}
	return &out
}

// withoutBuilds returns the points without the builds in their names.
func withoutBuilds(points []benchlog.Params) (out []benchlog.Params) {
	for _, p := range points {
		if _, p, _ = p.Cut(benchlog.BuildKey); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// copy copies a case into a workload.
func (c *Case) copy(to *Workload, keep func(*Result) bool) *Case {
	out := *c
	out.Workload, out.Cells = to, map[string]*Cell{}
	out.Params = slices.DeleteFunc(slices.Clone(c.Params), func(p Param) bool { return p.Key == benchlog.BuildKey })
	out.key = fmt.Sprintf("%s-%d", out.Name(), out.CPUs)
	for model, cell := range c.Cells {
		part := *cell
		part.Case = &out
		part.Results = slices.DeleteFunc(slices.Clone(cell.Results), func(r Result) bool { return !keep(&r) })
		out.Cells[model] = &part
	}
	return &out
}
