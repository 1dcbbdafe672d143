package analysis

import (
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/results"
)

// A FactChange is a host fact that differs between two runs; a fact that one of
// them lacks is empty there.
type FactChange struct {
	Key     string `json:"key"`
	Old     string `json:"old"`
	New     string `json:"new"`
	Machine bool   `json:"machine"` // not the program or its compiler, but the machine
}

// hosts compares the host facts first.
func (d *Diff) hosts() {
	d.Hosts = factChanges(d.Old, d.New)
	d.Machine = slices.ContainsFunc(d.Hosts, func(f FactChange) bool { return f.Machine })
}

// factChanges lists the facts in which two runs differ.
func factChanges(old, new *results.Run) (out []FactChange) {
	keys := []string{"cpus"}
	facts := func(r *results.Run, key string) string {
		if key == "cpus" {
			return r.Header.CPUs
		}
		return r.Fact(key)
	}
	for _, r := range []*results.Run{old, new} {
		for _, f := range r.Facts {
			if !slices.Contains(keys, f.Key) && benchlog.KindOfFact(f.Key) != benchlog.FactOfMoment {
				keys = append(keys, f.Key)
			}
		}
	}
	for _, k := range keys {
		was, is := facts(old, k), facts(new, k)
		if was == is {
			continue
		}
		machine := (k == "cpus" || benchlog.KindOfFact(k) == benchlog.FactOfMachine) && was != "" && is != ""
		out = append(out, FactChange{k, was, is, machine})
	}
	return out
}
