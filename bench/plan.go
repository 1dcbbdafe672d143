package bench

import (
	"math/rand/v2"
)

// plan lists the cases that can be measured, in report order, and the cells
// that cannot, with the reason.
func plan(workloads []WorkloadInfo, models []Model, lanes []int) (cases []Case, absent map[Case]string) {
	absent = make(map[Case]string)
	for _, w := range workloads {
		has := make(map[Model]bool)
		for _, m := range w.Models {
			has[m] = true
		}
		for _, m := range models {
			for _, cpus := range lanes {
				if !has[m] {
					absent[Case{Workload: w.Name, Model: m, CPUs: cpus}] = w.NA[m]
					continue
				}
				for _, p := range w.Cases {
					cases = append(cases, Case{Workload: w.Name, Params: p, Model: m, CPUs: cpus})
				}
			}
		}
	}
	return cases, absent
}

// shuffled returns the cases in the order of one pass: random, so that what
// ran before a case differs from block to block, and the same for the same
// seed, so that a run can be repeated and resumed.
func shuffled(cases []Case, seed, pass uint64) []Case {
	order := append([]Case(nil), cases...)
	r := rand.New(rand.NewPCG(seed, pass))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}
