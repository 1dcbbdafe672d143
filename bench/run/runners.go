package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// Runners are the programs of one run. A model belongs to one of them; a
// workload may be had by several.
type Runners struct {
	Models    []benchlog.ModelInfo    // of all programs, in their order
	Workloads []benchlog.WorkloadInfo // with the models of all programs
	Notes     []string                // programs that cannot run here, and why

	programs map[benchlog.Model]*Program
	builds   *builds // of an A/B run, instead of programs
}

// OpenRunners asks the programs what they have. One that cannot run on this
// machine is left out, with a note. The error is a sentence about what one of
// them said wrong, or about what two have in common and differ in.
func OpenRunners(ctx context.Context, programs []*Program) (*Runners, error) {
	if err := Adopt(); err != nil {
		return nil, err
	}
	r := &Runners{programs: make(map[benchlog.Model]*Program)}
	for _, p := range programs {
		models, workloads, err := p.List(ctx)
		var void *bench.VoidError
		if errors.As(err, &void) && len(programs) > 1 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s is left out: %s", p.Path, void.Reason))
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := r.add(p, models, workloads); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Use confines the programs to these CPUs.
func (r *Runners) Use(cpus []int) {
	for _, p := range r.programs {
		p.CPUs = cpus
	}
	if r.builds != nil {
		r.builds.old.Use(cpus)
		r.builds.new.Use(cpus)
	}
}

// Run has the program measure to which the model belongs.
func (r *Runners) Run(ctx context.Context, in Invocation) (Output, error) {
	if r.builds != nil {
		return r.builds.run(ctx, in)
	}
	p := r.programs[in.Case.Model]
	if p == nil {
		return Output{}, fmt.Errorf("no runner has the model %q", in.Case.Model)
	}
	return p.Run(ctx, in)
}

// add adds a program with what it has listed.
func (r *Runners) add(p *Program, models []benchlog.ModelInfo, workloads []benchlog.WorkloadInfo) error {
	had := r.Models
	r.Models = slices.Concat(had, models)
	for _, m := range had {
		if before := r.programs[m.Name]; slices.ContainsFunc(models, func(n benchlog.ModelInfo) bool { return n.Name == m.Name }) {
			return fmt.Errorf("%s and %s both have the model %s", before.Path, p.Path, m.Name)
		}
	}
	for _, m := range models {
		r.programs[m.Name] = p
	}
	for i, w := range r.Workloads {
		k := slices.IndexFunc(workloads, func(other benchlog.WorkloadInfo) bool { return other.Name == w.Name })
		if k < 0 {
			r.Workloads[i] = r.lacking(w, models)
			continue
		}
		other := workloads[k]
		if !other.Shared() && (w.Op != other.Op || !samePoints(w, other)) {
			return fmt.Errorf("%s has another %s than the runner before it: its op is %q and its cases are %q, not %q and %q",
				p.Path, w.Name, other.Op, other.Points(), w.Op, w.Points())
		}
		w.Models = slices.Concat(w.Models, other.Models)
		w.NA = union(w.NA, other.NA)
		r.Workloads[i] = w
		workloads = slices.Delete(slices.Clone(workloads), k, k+1)
	}
	for _, w := range workloads {
		if w.Shared() {
			r.Notes = append(r.Notes, fmt.Sprintf("%s of %s is left out: no runner before it has %s", w.Name, p.Path, w.Name))
			continue
		}
		r.Workloads = append(r.Workloads, r.lacking(w, had))
	}
	return benchlog.CheckList(r.Models, r.Workloads)
}

// samePoints reports whether two have the same points, in any order; those that
// are of the full profile alone are so as the first one says.
func samePoints(a, b benchlog.WorkloadInfo) bool {
	return slices.Equal(slices.SortedFunc(slices.Values(a.Points()), benchlog.Params.Compare),
		slices.SortedFunc(slices.Values(b.Points()), benchlog.Params.Compare))
}

// lacking returns the workload with the reason why the models of other programs
// do not implement it.
func (r *Runners) lacking(w benchlog.WorkloadInfo, models []benchlog.ModelInfo) benchlog.WorkloadInfo {
	why := make(map[benchlog.Model]string)
	for _, m := range models {
		why[m.Name] = fmt.Sprintf("%s has no %s", r.called(r.programs[m.Name]), w.Name)
	}
	w.NA = union(w.NA, why)
	return w
}

// called returns the name of a program's file, with that of its directory where
// another has the same.
func (r *Runners) called(p *Program) string {
	name := filepath.Base(p.Path)
	for _, other := range r.programs {
		if other != p && filepath.Base(other.Path) == name {
			return filepath.Join(filepath.Base(filepath.Dir(p.Path)), name)
		}
	}
	return name
}

func union(a, b map[benchlog.Model]string) map[benchlog.Model]string {
	all := make(map[benchlog.Model]string)
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}
