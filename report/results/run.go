package results

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
)

// A Run is everything one results directory says: the cases with their
// results, what failed or was skipped and why, the blocks, the host facts.
// It is read by [Load] or [Read] and not changed afterwards; its methods may be
// called from several goroutines.
type Run struct {
	benchlog.File             // what the file says of the run; its own lists are empty
	Path          string      // directory or file it was read from, as given
	Files         []string    // files read, relative to Path
	Models        []string    // in the header's order, then in order of appearance
	Workloads     []*Workload // in the header's order, then in order of appearance

	results int
}

// What a file says as it stands there; see package benchlog.
type (
	Fact   = benchlog.Fact
	Block  = benchlog.BlockNote // one pass over all cases in random order
	Param  = benchlog.Param     // one key=value part of a benchmark's name
	Result = benchlog.Result    // one measured line
	Value  = benchlog.Value
)

// Results is the number of results read.
func (r *Run) Results() int { return r.results }

// Cases lists the run's cases in report order.
func (r *Run) Cases() []*Case {
	var all []*Case
	for _, w := range r.Workloads {
		all = append(all, w.Cases...)
	}
	return all
}

// Usable lists the cells with numbers in report order.
func (r *Run) Usable() (all []*Cell) {
	for _, c := range r.Cases() {
		for _, m := range r.Models {
			if c.Cells[m].Usable() {
				all = append(all, c.Cells[m])
			}
		}
	}
	return all
}

// Failures lists what failed, in report order: packages, workloads, cells.
// A run with failures exits with status 1, and so does a comparison with one.
func (r *Run) Failures() []string {
	return append(slices.Clone(r.Broken), r.reasons(func(w *Workload) map[string]string { return w.Failed }, func(c *Cell) (where, why string) {
		return strings.TrimSuffix(c.Case.FullName()+" on "+c.Case.CPUSet(), " on "), c.Failed
	})...)
}

// Skips lists what was not measured, and why, in report order.
func (r *Run) Skips() []string {
	return r.reasons(func(w *Workload) map[string]string { return w.Skipped }, func(c *Cell) (where, why string) {
		if c.Usable() {
			return "", ""
		}
		return c.Case.Title(), c.Skipped
	})
}

// reasons lists those that hold for all of a workload, and those of its cells.
func (r *Run) reasons(all func(*Workload) map[string]string, one func(*Cell) (where, why string)) (out []string) {
	for _, w := range r.Workloads {
		for _, m := range slices.Sorted(maps.Keys(all(w))) {
			out = append(out, WithModel(w.Name, m)+": "+all(w)[m])
		}
		for _, c := range w.Cases {
			for _, m := range r.Models {
				if cell := c.Cells[m]; cell != nil {
					if where, why := one(cell); why != "" {
						out = append(out, WithModel(where, m)+": "+why)
					}
				}
			}
		}
	}
	return out
}

// WithModel names a cell by its place and its model, where it has one.
func WithModel(where, model string) string {
	if model == "" {
		return where
	}
	return where + ", " + model
}

// Model returns what the file declares of a model.
func (r *Run) Model(name string) benchlog.ModelInfo {
	for _, m := range r.File.Models {
		if string(m.Name) == name {
			return m
		}
	}
	return benchlog.ModelInfo{Name: benchlog.Model(name)}
}

// Aside reports whether a model is shown and does not compete: a baseline, or a
// peer of models of ours that do.
func (r *Run) Aside(name string) bool {
	m := r.Model(name)
	return m.Baseline || m.Beside != "" && slices.ContainsFunc(r.Models, func(other string) bool {
		o := r.Model(other)
		return !o.Baseline && o.Beside == ""
	})
}

// Baseline returns the first of the run's models that is a baseline, or "".
func (r *Run) Baseline() string {
	for _, m := range r.Models {
		if r.Model(m).Baseline {
			return m
		}
	}
	return ""
}

// addModel puts a model into the run's order.
func (r *Run) addModel(m string) {
	if !slices.Contains(r.Models, m) {
		r.Models = append(r.Models, m)
	}
}

// workload finds or adds a workload.
func (r *Run) workload(pkg, name string) *Workload {
	for _, w := range r.Workloads {
		if w.Info.Name == name && w.Package == pkg {
			return w
		}
	}
	w := &Workload{Info: benchlog.WorkloadInfo{Name: name}, Name: name, Package: pkg, Skipped: map[string]string{}, Failed: map[string]string{}}
	r.Workloads = append(r.Workloads, w)
	return w
}

// Dir is the results directory.
func (r *Run) Dir() string {
	if len(r.Files) > 0 && filepath.Base(r.Path) == r.Files[0] {
		return filepath.Dir(r.Path)
	}
	return r.Path
}

// NamesPackages reports whether the run says of which packages its benchmarks
// are. Lines picked out of go test's output by name do not.
func (r *Run) NamesPackages() bool {
	return slices.ContainsFunc(r.Workloads, func(w *Workload) bool { return w.Package != "" })
}

// Ambiguous reports whether several packages have a benchmark of one name.
func (r *Run) Ambiguous() bool {
	return slices.ContainsFunc(r.Workloads, func(w *Workload) bool { return w.Name != w.Info.Name })
}

// CPUCounts are the numbers of CPUs of the run's cases.
func (r *Run) CPUCounts() []int {
	var out []int
	for _, c := range r.Cases() {
		out = append(out, c.CPUs)
	}
	return out
}

// ModelName names the model of files that know no models.
func ModelName(m string) string {
	if m == "" {
		return "(no model)"
	}
	return m
}
