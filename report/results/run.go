package results

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
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

// A Workload is what was asked of every model, in one or several cases.
type Workload struct {
	Info    benchlog.WorkloadInfo // as declared; of other tools' only the name
	Name    string                // with the package before it, where several have one of that name
	Package string                // "" in our own files
	Cases   []*Case
	Skipped map[string]string // model -> why it has no implementation
	Failed  map[string]string // model -> why all of it failed
}

// A Case is one parameter point of a workload.
type Case struct {
	Workload *Workload
	Params   []Param
	CPUs     int // size of the CPU set, 0 when the name does not say
	Cells    map[string]*Cell

	key  string
	lane bool // the run has several CPU sets: the name must say which
}

// A Cell is one case run by one model: its sample, or why there is none.
type Cell struct {
	Case    *Case
	Model   string
	Results []Result // in run order
	Failed  string   // reason, when any result failed: the cell then shows no number
	Skipped string   // reason, when there is no implementation or a limit forbids it
	GivenUp bool     // skipped with fewer results than decide anything, in a run that wanted more
	Latency *Latency // merged histogram, nil when none was recorded
	Foreign bool     // of another tool: what its units mean is not known
}

// Name is the case's name within its workload, "task=1us/chunk=1"; it is
// empty for a workload with a single, parameterless case.
func (c *Case) Name() string {
	parts := make([]string, len(c.Params))
	for i, p := range c.Params {
		parts[i] = p.String()
	}
	return strings.Join(parts, "/")
}

// Refined reports whether the case is none of those that were planned: the run
// added it to narrow a crossing, for the models that cross there.
func (c *Case) Refined() bool {
	return c.Workload != nil && c.Workload.Info.Refined(benchlog.Params(c.Name()))
}

// Planned lists the workload's cases without the refined ones. Means and
// verdicts are taken over these: the others were chosen because models are
// close there.
func (w *Workload) Planned() []*Case {
	return slices.DeleteFunc(slices.Clone(w.Cases), (*Case).Refined)
}

// Label is the case's name for readers, parameters apart. It is the workload's
// name where there are none.
func (c *Case) Label() string {
	s := strings.ReplaceAll(c.Name(), "/", " ")
	if set := c.CPUSet(); set != "" {
		s = strings.TrimSpace(s + " on " + set)
	}
	return cmp.Or(s, c.Workload.Name)
}

// CPUSet is the number of CPUs that the case ran on, "2 CPUs"; "" where all of
// the run's cases ran on the same number.
func (c *Case) CPUSet() string {
	if !c.lane {
		return ""
	}
	return format.Count(max(c.CPUs, 1), "CPU")
}

// FullName is the name that stands in warnings and data: workload and case.
func (c *Case) FullName() string {
	if n := c.Name(); n != "" {
		return c.Workload.Name + "/" + n
	}
	return c.Workload.Name
}

// Usable reports whether the cell has numbers to show. Those of a benchmark
// that failed, or that is part of one that did, are none; nor are those of one
// that was given up.
func (c *Cell) Usable() bool {
	return c != nil && c.Failure() == "" && len(c.Results) > 0 && !c.GivenUp
}

// Failure is why the cell failed, alone or with its workload; "" when it did
// not.
func (c *Cell) Failure() string {
	if c.Failed != "" || c.Case == nil {
		return c.Failed
	}
	return c.Case.Workload.Failed[c.Model]
}

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

// caseAt finds or adds a case of the workload. Two lanes (-cpu 1 and -cpu
// all) are two cases: nobody compares one core against many.
func (w *Workload) caseAt(params benchlog.Params, procs int) *Case {
	c := &Case{Workload: w, Params: params.Split(), CPUs: procs, Cells: map[string]*Cell{}}
	c.key = fmt.Sprintf("%s-%d", c.Name(), procs)
	for _, have := range w.Cases {
		if have.key == c.key {
			return have
		}
	}
	w.Cases = append(w.Cases, c)
	return c
}

// cell finds or adds the case's cell for a model.
func (c *Case) cell(model string) *Cell {
	cell := c.Cells[model]
	if cell == nil {
		cell = &Cell{Case: c, Model: model}
		c.Cells[model] = cell
	}
	return cell
}

// Title names the case on its own: the workload, and the case's label.
func (c *Case) Title() string {
	if c.Name() == "" && !c.lane {
		return c.Workload.Name
	}
	return c.Workload.Name + " " + c.Label()
}

// TitleWithoutCPUs names the case and its like on other numbers of CPUs.
func (c *Case) TitleWithoutCPUs() string {
	return strings.TrimSpace(c.Workload.Name + " " + strings.ReplaceAll(c.Name(), "/", " "))
}

// Dir is the results directory.
func (r *Run) Dir() string {
	if len(r.Files) > 0 && filepath.Base(r.Path) == r.Files[0] {
		return filepath.Dir(r.Path)
	}
	return r.Path
}

// FailedCases counts the workload's cases that failed for a model.
func (w *Workload) FailedCases(model string) int {
	n := 0
	for _, c := range w.Cases {
		if cell := c.Cells[model]; cell != nil && cell.Failed != "" {
			n++
		}
	}
	return n
}

// Identity is what a case is the same by in two runs; package and CPUs can be
// left out of it.
func (c *Case) Identity(pkg, cpus bool) string {
	id := c.Workload.Info.Name + "\x00" + c.Name()
	if pkg {
		id += "\x00" + c.Workload.Package
	}
	if cpus {
		id += "\x00" + strconv.Itoa(c.CPUs)
	}
	return id
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

// Measured reports whether any of the case's cells has numbers.
func (c *Case) Measured() bool {
	for _, cell := range c.Cells {
		if cell.Usable() {
			return true
		}
	}
	return false
}

// CPUCounts are the numbers of CPUs of the run's cases.
func (r *Run) CPUCounts() []int {
	var out []int
	for _, c := range r.Cases() {
		out = append(out, c.CPUs)
	}
	return out
}

// TitleAmong is the case's title beside those of runs on other numbers of CPUs.
func (c *Case) TitleAmong(lanes []int) string {
	if len(lanes) < 2 || c.lane {
		return c.Title()
	}
	return fmt.Sprintf("%s on %s", c.Title(), format.Count(max(c.CPUs, 1), "CPU"))
}

// Units are those of the cell's results, in order of appearance.
func (c *Cell) Units() []string {
	var out []string
	for _, r := range c.Results {
		for _, v := range r.Values {
			if !slices.Contains(out, v.Unit) {
				out = append(out, v.Unit)
			}
		}
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
