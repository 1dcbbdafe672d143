package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An apart finds out why cases of two runs do not meet: their names differ in
// the number of CPUs, the package, the parameters, the models or the units
// only.
type apart struct {
	old        map[string][]*Case // by identity without CPUs, without the package, and by workload alone
	cpus       [2]map[int]bool
	packages   [2]map[string]bool
	params     map[string]bool // workloads
	modelsOf   [2]map[string]bool
	unitsOf    []string
	cpuCases   int
	pkgCases   int
	modelCases int
}

func newApart(old, new *Run, packages bool) *apart {
	a := &apart{old: map[string][]*Case{}, params: map[string]bool{}}
	for i := range 2 {
		a.cpus[i], a.packages[i], a.modelsOf[i] = map[int]bool{}, map[string]bool{}, map[string]bool{}
	}
	theirs := map[string]bool{}
	for _, c := range new.cases() {
		theirs[c.identity(packages, true)] = true
	}
	for _, c := range old.cases() {
		if theirs[c.identity(packages, true)] || !c.measured() {
			continue
		}
		for _, id := range []string{"c" + c.identity(true, false), "p" + c.identity(false, true), "w" + c.Workload.Package + "\x00" + c.Workload.base} {
			a.old[id] = append(a.old[id], c)
		}
	}
	return a
}

// look finds what a case of the new run without a counterpart differs in.
func (a *apart) look(c *Case) {
	if old := a.old["c"+c.identity(true, false)]; len(old) > 0 {
		a.cpuCases++
		for _, o := range old {
			a.cpus[0][o.Procs] = true
		}
		a.cpus[1][c.Procs] = true
	} else if old := a.old["p"+c.identity(false, true)]; len(old) > 0 {
		a.pkgCases++
		for _, o := range old {
			a.packages[0][o.Workload.Package] = true
		}
		a.packages[1][c.Workload.Package] = true
	} else if len(a.old["w"+c.Workload.Package+"\x00"+c.Workload.base]) > 0 {
		a.params[c.Workload.Name] = true
	}
}

// models finds a case whose models are others in the two runs.
func (a *apart) models(o, c *Case) {
	var was, is []string
	for _, m := range sortedKeys(o.Cells) {
		if o.Cells[m].usable() {
			was = append(was, m)
		}
	}
	for _, m := range sortedKeys(c.Cells) {
		if c.Cells[m].usable() {
			is = append(is, m)
		}
	}
	if len(was) == 0 || len(is) == 0 || slices.ContainsFunc(is, func(m string) bool { return slices.Contains(was, m) }) {
		return
	}
	a.modelCases++
	for i, set := range [][]string{was, is} {
		for _, m := range set {
			a.modelsOf[i][modelName(m)] = true
		}
	}
}

// units finds a cell that both runs have and that was measured in other units.
func (a *apart) units(old, new *Cell, where string) {
	was, is := old.units(), new.units()
	if slices.ContainsFunc(is, func(u string) bool { return slices.Contains(was, u) }) {
		return
	}
	a.unitsOf = append(a.unitsOf, fmt.Sprintf("%s: %s, were %s", where, list(is), list(was)))
}

// sentences say what was found.
func (a *apart) sentences() []string {
	var out []string
	if a.cpuCases > 0 {
		out = append(out, fmt.Sprintf("The CPU counts differ: %s ran on %s, and on %s before.", count(a.cpuCases, "case"), cpuList(a.cpus[1]), cpuList(a.cpus[0])))
	}
	if a.pkgCases > 0 {
		out = append(out, fmt.Sprintf("The packages differ: %s in %s, and in %s before.", isAre(a.pkgCases, "case"), names(a.packages[1]), names(a.packages[0])))
	}
	if len(a.params) > 0 {
		out = append(out, fmt.Sprintf("The parameters differ: %s other cases than before.", has(sortedKeys(a.params))))
	}
	if a.modelCases > 0 {
		out = append(out, fmt.Sprintf("The models differ: %s results of %s, and of %s before.", hasHave(a.modelCases, "case"), names(a.modelsOf[1]), names(a.modelsOf[0])))
	}
	if n := len(a.unitsOf); n > 0 {
		s := "The units differ: " + strings.Join(a.unitsOf[:min(n, 4)], "; ")
		if n > 4 {
			s += fmt.Sprintf("; and %d more", n-4)
		}
		out = append(out, s+".")
	}
	return out
}

func cpuList(set map[int]bool) string {
	var out []string
	for procs := range set {
		out = append(out, strconv.Itoa(max(procs, 1)))
	}
	slices.SortFunc(out, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	return list(out)
}

// names lists at most four of a set.
func names(set map[string]bool) string {
	all := sortedKeys(set)
	for i, s := range all {
		if s == "" {
			all[i] = "no package"
		}
	}
	if len(all) > 4 {
		all = append(all[:4:4], fmt.Sprintf("%d more", len(all)-4))
	}
	return list(all)
}

func isAre(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " is"
	}
	return count(n, noun) + " are"
}

func hasHave(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " has"
	}
	return count(n, noun) + " have"
}

// has lists at most four names with their verb.
func has(all []string) string {
	if len(all) == 1 {
		return all[0] + " has"
	}
	set := map[string]bool{}
	for _, s := range all {
		set[s] = true
	}
	return names(set) + " have"
}

// identity is what a case is the same by in two runs; package and CPUs can be
// left out of it.
func (c *Case) identity(pkg, cpus bool) string {
	id := c.Workload.base + "\x00" + c.Name()
	if pkg {
		id += "\x00" + c.Workload.Package
	}
	if cpus {
		id += "\x00" + strconv.Itoa(c.Procs)
	}
	return id
}

// named reports whether the run says of which packages its benchmarks are. What
// was picked out of go test's output by name says it of none.
func (r *Run) named() bool {
	return slices.ContainsFunc(r.Workloads, func(w *Workload) bool { return w.Package != "" })
}

// ambiguous reports whether several packages have a benchmark of one name.
func (r *Run) ambiguous() bool {
	return slices.ContainsFunc(r.Workloads, func(w *Workload) bool { return w.Name != w.base })
}

// measured reports whether any of the case's cells has numbers.
func (c *Case) measured() bool {
	for _, cell := range c.Cells {
		if cell.usable() {
			return true
		}
	}
	return false
}

// lanes are the numbers of CPUs of the run's cases.
func (r *Run) lanes() []int {
	var out []int
	for _, c := range r.cases() {
		out = append(out, c.Procs)
	}
	return out
}

// titleAmong is the case's title beside those of runs on other numbers of CPUs.
func (c *Case) titleAmong(lanes []int) string {
	if len(lanes) < 2 || c.lane {
		return c.title()
	}
	return fmt.Sprintf("%s on %s", c.title(), count(max(c.Procs, 1), "CPU"))
}
