package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// An apart collects why cases of two runs have no counterpart: only the number
// of CPUs, the package, the parameters, the models or the units differ.
type apart struct {
	old        map[string][]*results.Case // by identity without CPUs, without the package, and by workload alone
	cpus       [2]map[int]bool
	packages   [2]map[string]bool
	params     map[string]bool // workloads
	modelsOf   [2]map[string]bool
	unitsOf    []string
	cpuCases   int
	pkgCases   int
	modelCases int
}

func newApart(old, new *results.Run, packages bool) *apart {
	a := &apart{old: map[string][]*results.Case{}, params: map[string]bool{}}
	for i := range 2 {
		a.cpus[i], a.packages[i], a.modelsOf[i] = map[int]bool{}, map[string]bool{}, map[string]bool{}
	}
	theirs := map[string]bool{}
	for _, c := range new.Cases() {
		theirs[c.Identity(packages, true)] = true
	}
	for _, c := range old.Cases() {
		if theirs[c.Identity(packages, true)] || !c.Measured() {
			continue
		}
		for _, id := range []string{"c" + c.Identity(true, false), "p" + c.Identity(false, true), "w" + c.Workload.Package + "\x00" + c.Workload.Info.Name} {
			a.old[id] = append(a.old[id], c)
		}
	}
	return a
}

// look notes what keeps a case of the new run from having a counterpart.
func (a *apart) look(c *results.Case) {
	if old := a.old["c"+c.Identity(true, false)]; len(old) > 0 {
		a.cpuCases++
		for _, o := range old {
			a.cpus[0][o.CPUs] = true
		}
		a.cpus[1][c.CPUs] = true
	} else if old := a.old["p"+c.Identity(false, true)]; len(old) > 0 {
		a.pkgCases++
		for _, o := range old {
			a.packages[0][o.Workload.Package] = true
		}
		a.packages[1][c.Workload.Package] = true
	} else if len(a.old["w"+c.Workload.Package+"\x00"+c.Workload.Info.Name]) > 0 {
		a.params[c.Workload.Name] = true
	}
}

// models notes a case that was measured with other models in the two runs.
func (a *apart) models(o, c *results.Case) {
	var was, is []string
	for _, m := range slices.Sorted(maps.Keys(o.Cells)) {
		if o.Cells[m].Usable() {
			was = append(was, m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(c.Cells)) {
		if c.Cells[m].Usable() {
			is = append(is, m)
		}
	}
	if len(was) == 0 || len(is) == 0 || slices.ContainsFunc(is, func(m string) bool { return slices.Contains(was, m) }) {
		return
	}
	a.modelCases++
	for i, set := range [][]string{was, is} {
		for _, m := range set {
			a.modelsOf[i][results.ModelName(m)] = true
		}
	}
}

// units notes a cell that both runs have, measured in different units.
func (a *apart) units(old, new *results.Cell, where string) {
	was, is := old.Units(), new.Units()
	if slices.ContainsFunc(is, func(u string) bool { return slices.Contains(was, u) }) {
		return
	}
	a.unitsOf = append(a.unitsOf, fmt.Sprintf("%s: %s, were %s", where, format.List(is), format.List(was)))
}

// sentences say what was found.
func (a *apart) sentences() []string {
	var out []string
	if a.cpuCases > 0 {
		out = append(out, fmt.Sprintf("The CPU counts differ: %s ran on %s, and on %s before.", format.Count(a.cpuCases, "case"), cpuList(a.cpus[1]), cpuList(a.cpus[0])))
	}
	if a.pkgCases > 0 {
		out = append(out, fmt.Sprintf("The packages differ: %s in %s, and in %s before.", counted(a.pkgCases, "case", "is", "are"), names(a.packages[1]), names(a.packages[0])))
	}
	if len(a.params) > 0 {
		out = append(out, fmt.Sprintf("The parameters differ: %s %s other cases than before.", names(a.params), verb(len(a.params), "has", "have")))
	}
	if a.modelCases > 0 {
		out = append(out, fmt.Sprintf("The models differ: %s results of %s, and of %s before.", counted(a.modelCases, "case", "has", "have"), names(a.modelsOf[1]), names(a.modelsOf[0])))
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
	for _, n := range slices.Sorted(maps.Keys(set)) {
		out = append(out, strconv.Itoa(max(n, 1)))
	}
	return format.List(out)
}

// names lists at most four of a set.
func names(set map[string]bool) string {
	all := slices.Sorted(maps.Keys(set))
	for i, s := range all {
		if s == "" {
			all[i] = "no package"
		}
	}
	if len(all) > 4 {
		all = append(all[:4:4], fmt.Sprintf("%d more", len(all)-4))
	}
	return format.List(all)
}

// counted is a number of things with its verb.
func counted(n int, noun, one, many string) string {
	return format.Count(n, noun) + " " + verb(n, one, many)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
