package results

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
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

// TitleAmong is the case's title beside those of runs on other numbers of CPUs.
func (c *Case) TitleAmong(lanes []int) string {
	if len(lanes) < 2 || c.lane {
		return c.Title()
	}
	return fmt.Sprintf("%s on %s", c.Title(), format.Count(max(c.CPUs, 1), "CPU"))
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

// Measured reports whether any of the case's cells has numbers.
func (c *Case) Measured() bool {
	for _, cell := range c.Cells {
		if cell.Usable() {
			return true
		}
	}
	return false
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

// plain reports whether the workload has one case without parameters.
func (w *Workload) plain() bool {
	for _, c := range w.Cases {
		if len(c.Params) == 0 {
			return true
		}
	}
	return len(w.Cases) == 0 && (len(w.Info.Cases) == 0 || w.Info.Cases[0] == "")
}

// sortCases orders the cases as the header lists them, refined ones among them
// by size, then as they appeared, and the lanes of one case by their size.
func (w *Workload) sortCases() {
	appeared := map[string]int{}
	for i, c := range w.Cases {
		if _, ok := appeared[c.Name()]; !ok {
			appeared[c.Name()] = i
		}
	}
	slices.SortStableFunc(w.Cases, func(a, b *Case) int {
		return cmp.Or(cmp.Compare(w.rank(a), w.rank(b)), appeared[a.Name()]-appeared[b.Name()], a.CPUs-b.CPUs)
	})
}

// rank is a case's place in the header's list, after it when it belongs
// nowhere.
func (w *Workload) rank(c *Case) float64 {
	if place := w.Info.Place(benchlog.Params(c.Name())); place >= 0 {
		return place
	}
	return float64(len(w.Info.Cases))
}
