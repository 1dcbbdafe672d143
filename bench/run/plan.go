package run

import (
	"math/rand/v2"

	"switchyard/bench/benchlog"
)

// plan lists the cases that can be measured, in report order, and the cells
// that cannot, with the reason.
func plan(workloads []benchlog.WorkloadInfo, models []benchlog.Model, lanes []int) (cases []benchlog.Case, absent map[benchlog.Case]string) {
	absent = make(map[benchlog.Case]string)
	for _, w := range workloads {
		has := make(map[benchlog.Model]bool)
		for _, m := range w.Models {
			has[m] = true
		}
		for _, m := range models {
			for _, cpus := range lanes {
				if !has[m] {
					absent[benchlog.Case{Workload: w.Name, Model: m, CPUs: cpus}] = w.NA[m]
					continue
				}
				for _, p := range w.Cases {
					cases = append(cases, benchlog.Case{Workload: w.Name, Params: p, Model: m, CPUs: cpus})
				}
			}
		}
	}
	return cases, absent
}

// shuffled returns the cases in the order of one pass: random, so that what
// ran before a case differs from block to block, and the same for the same
// seed, so that a run can be repeated and resumed.
func shuffled(cases []benchlog.Case, seed, pass uint64) []benchlog.Case {
	order := append([]benchlog.Case(nil), cases...)
	r := rand.New(rand.NewPCG(seed, pass))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// together brings the builds of each case together in the order of a pass: what
// drifts within a block then hits all of them alike.
func together(order []benchlog.Case) []benchlog.Case {
	builds := make(map[benchlog.Case][]benchlog.Case)
	for _, c := range order {
		builds[anyBuild(c)] = append(builds[anyBuild(c)], c)
	}
	var out []benchlog.Case
	for _, c := range order {
		out = append(out, builds[anyBuild(c)]...)
		delete(builds, anyBuild(c))
	}
	return out
}
