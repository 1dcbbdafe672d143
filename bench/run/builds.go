package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/bench/benchlog"
)

// builds are the two sides of an A/B run, of which the old one is measured
// twice.
type builds struct {
	old, new   side
	calibrated map[benchlog.Case]calibrated // by case without its build
}

type side interface {
	Executor
	Use(cpus []int)
}

// calibrated is what the old build found of a case, for all builds.
type calibrated struct {
	Output
	err error
}

// Pair returns runners that measure each case that both old and new have in
// either, and in old once more as the control. The three are cases of their
// own, which differ in the parameter [benchlog.BuildKey]. Their N is the same:
// what the old build finds. What only one side has is left out and returned by
// name.
func Pair(old, new *Runners) (r *Runners, onlyOld, onlyNew []string, err error) {
	r = &Runners{builds: &builds{old, new, make(map[benchlog.Case]calibrated)}}
	for _, m := range new.Models {
		if old.has(m.Name) {
			r.Models = append(r.Models, m)
		}
	}
	for _, w := range new.Workloads {
		i := slices.IndexFunc(old.Workloads, func(o benchlog.WorkloadInfo) bool { return o.Name == w.Name })
		if i < 0 || old.Workloads[i].Op != w.Op {
			continue
		}
		shared, err := r.share(old.Workloads[i], w)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(shared.Cases) > 0 {
			r.Workloads = append(r.Workloads, shared)
		}
	}
	onlyOld, onlyNew = r.lacks(old, new), r.lacks(new, old)
	if len(r.Models) == 0 || len(r.Workloads) == 0 {
		return nil, nil, nil, fmt.Errorf("the builds have nothing in common: one has %s, the other %s",
			strings.Join(onlyOld, ", "), strings.Join(onlyNew, ", "))
	}
	return r, onlyOld, onlyNew, benchlog.CheckList(r.Models, r.Workloads)
}

func (r *Runners) has(m benchlog.Model) bool {
	return slices.ContainsFunc(r.Models, func(have benchlog.ModelInfo) bool { return have.Name == m })
}

// share returns the new build's workload with what the old one has too, each
// case once for every build.
func (r *Runners) share(old, w benchlog.WorkloadInfo) (benchlog.WorkloadInfo, error) {
	na := make(map[benchlog.Model]string)
	var models []benchlog.Model
	for _, m := range r.Models {
		switch in, was := slices.Contains(w.Models, m.Name), slices.Contains(old.Models, m.Name); {
		case in && was:
			models = append(models, m.Name)
		case in:
			na[m.Name] = "the old build has none: " + old.NA[m.Name]
		case was:
			na[m.Name] = "the new build has none: " + w.NA[m.Name]
		default:
			na[m.Name] = w.NA[m.Name]
		}
	}
	for _, p := range w.Points() {
		if _, _, taken := p.Cut(benchlog.BuildKey); taken {
			return w, fmt.Errorf("%s has a parameter %q of its own", w.Name, benchlog.BuildKey)
		}
	}
	w.Cases, w.More = inBuilds(w.Cases, old), inBuilds(w.More, old)
	if len(w.Cases) == 0 {
		w.Cases, w.More = w.More, nil
	}
	w.Models, w.NA = models, na
	w.Vary = append([]string{benchlog.BuildKey}, w.Vary...)
	return w, nil
}

// inBuilds returns those of the points that the old build has too, each once
// for every build.
func inBuilds(points []benchlog.Params, old benchlog.WorkloadInfo) (out []benchlog.Params) {
	for _, p := range points {
		if !slices.Contains(old.Points(), p) {
			continue
		}
		for _, build := range []string{benchlog.OldBuild, benchlog.NewBuild, benchlog.ControlBuild} {
			out = append(out, benchlog.Params(strings.TrimSuffix(benchlog.BuildKey+"="+build+"/"+string(p), "/")))
		}
	}
	return out
}

// lacks names what one of the sides has, and the pair has not. A workload that
// the other has too is another one there.
func (r *Runners) lacks(side, other *Runners) (names []string) {
	for _, m := range side.Models {
		if !r.has(m.Name) {
			names = append(names, "the model "+string(m.Name))
		}
	}
	for _, w := range side.Workloads {
		named := func(have benchlog.WorkloadInfo) bool { return have.Name == w.Name }
		i := slices.IndexFunc(r.Workloads, named)
		switch {
		case i < 0 && slices.ContainsFunc(other.Workloads, named):
			names = append(names, fmt.Sprintf("%s as it is there (an op is one %s)", w.Name, w.Op))
			continue
		case i < 0:
			names = append(names, "the workload "+w.Name)
			continue
		}
		shared := r.Workloads[i]
		for _, m := range w.Models {
			if r.has(m) && !slices.Contains(shared.Models, m) {
				names = append(names, w.Name+" in "+string(m))
			}
		}
		for _, p := range w.Points() {
			if !slices.ContainsFunc(shared.Points(), func(have benchlog.Params) bool {
				_, have, _ = have.Cut(benchlog.BuildKey)
				return have == p
			}) {
				names = append(names, w.Name+"/"+string(p))
			}
		}
	}
	return names
}

// anyBuild returns a case without its build.
func anyBuild(c benchlog.Case) benchlog.Case {
	_, c.Params, _ = c.Params.Cut(benchlog.BuildKey)
	return c
}

// run measures one result with the build that the case names. The runner knows
// nothing of builds: its result is given the case's whole name.
func (b *builds) run(ctx context.Context, in Invocation) (Output, error) {
	if in.N > 0 {
		return b.measure(ctx, in)
	}
	plain := anyBuild(in.Case)
	found, ok := b.calibrated[plain]
	if !ok {
		found.Output, found.err = b.old.Run(ctx, Invocation{Case: plain, Benchtime: in.Benchtime})
		b.calibrated[plain] = found
	}
	if found.err != nil {
		return found.Output, found.err
	}
	// A trial with that N shows early what fails in this build.
	trial, err := b.measure(ctx, Invocation{Case: in.Case, N: found.N, Op: found.Op, Benchtime: in.Benchtime})
	if err == nil && trial.N != found.N {
		err = fmt.Errorf("it does %d ops where the old build does %d: they cannot be compared", trial.N, found.N)
	}
	out := found.Output
	out.Line, out.Latency = trial.Line, trial.Latency
	out.Passes, out.Timed = 2, trial.Op*time.Duration(trial.N)*11/10
	return out, err
}

func (b *builds) measure(ctx context.Context, in Invocation) (Output, error) {
	whole := in.Case
	build, params, ok := whole.Params.Cut(benchlog.BuildKey)
	if !ok {
		return Output{}, errors.New("the case names no build")
	}
	in.Case.Params = params
	side := b.old
	if build == benchlog.NewBuild {
		side = b.new
	}
	out, err := side.Run(ctx, in)
	out.Line = strings.Replace(out.Line, in.Case.String(), whole.String(), 1)
	return out, err
}
