package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/run"
	"switchyard/report"
)

// noLike is the value of --like with which a run finds all N by itself.
const noLike = "none"

// like returns the run whose N is taken over; nil is none. It is the one that
// the flags name, or the newest with the same plan: the one before in the
// directory, else one of this machine below results/, else of any. So repeated
// runs have the same N wherever they write their results. One of the same plan
// on this machine has its words taken over too.
func like(f runFlags, plan run.Config, p *progress) (*benchlog.Like, error) {
	switch {
	case f.builds != nil && f.like != "":
		return nil, usageErrorf("--like: all builds of a case have the N that the old one finds")
	case f.builds != nil, f.like == noLike:
		return nil, nil
	case f.like == "":
		return likeBefore(f.out, plan), nil
	}
	before, file, err := run.LikeOf(f.like)
	if err != nil {
		return nil, fmt.Errorf("--like %s: %w", f.like, err)
	}
	before.Chosen = true
	if other := otherMachine(file); other != "" {
		p.Note(fmt.Sprintf("%s was measured elsewhere: %s; its N is taken over where it suits", f.like, other))
	} else if samePlan(file, plan) {
		before.Said = saidIn(f.like)
	}
	return before, nil
}

// saidIn is what the verdict of the results in dir says; nil if they cannot be
// read, which their N could.
func saidIn(dir string) *benchlog.Said {
	results, err := report.Load(dir)
	if err != nil {
		return nil
	}
	return report.Analyze(results).Said()
}

// likeBefore returns the run before with the same plan, or nil.
func likeBefore(out string, plan run.Config) (best *benchlog.Like) {
	if before, file, err := run.LikeOf(out); err == nil && samePlan(file, plan) && otherMachine(file) == "" {
		before.Said = saidIn(out)
		return before
	}
	var found []string
	for _, below := range []string{"*", filepath.Join("*", "*")} {
		names, _ := filepath.Glob(filepath.Join(filepath.Dir(latest), below, benchlog.BenchFile)) // the pattern is right
		found = append(found, names...)
	}
	here, at := false, ""
	for _, name := range found {
		before, file, err := run.LikeOf(filepath.Dir(name))
		if err != nil || !samePlan(file, plan) {
			continue
		}
		ours := otherMachine(file) == ""
		if best == nil || ours && !here || ours == here && before.Started.After(best.Started.Time) {
			best, here, at = before, ours, filepath.Dir(name)
		}
	}
	if here {
		best.Said = saidIn(at)
	}
	return best
}

// samePlan reports whether an earlier run was asked for the same measurements,
// of the same length.
func samePlan(before *benchlog.File, plan run.Config) bool {
	h := before.Header
	same := len(h.Builds) == 0 && h.Benchtime == plan.Benchtime && h.Budget == plan.Budget && h.Count == plan.Count && max(h.Sessions, 1) == plan.Sessions &&
		slices.Equal(h.Models, plan.Models) && slices.Equal(h.Lanes, plan.Lanes)
	return same && slices.EqualFunc(before.Workloads, plan.Workloads, func(a, b benchlog.WorkloadInfo) bool {
		return a.Name == b.Name && slices.Equal(a.Cases, b.Cases)
	})
}

// otherMachine says in what the machine of an earlier run differs from this
// one, "" if in nothing that decides how fast it is: what the kernel does
// against attacks is paid in every system call.
func otherMachine(before *benchlog.File) string {
	return differs(before, "cpu", "cores", "kernel", "mitigations")
}

// differs says in which of these facts an earlier run differs from one that is
// made here and now, "" if in none.
func differs(before *benchlog.File, keys ...string) string {
	for _, fact := range host.Facts(".") {
		if was := before.Fact(fact.Key); slices.Contains(keys, fact.Key) && was != fact.Value {
			return fmt.Sprintf("its %s is %q, and here it is %q", fact.Key, was, fact.Value)
		}
	}
	return ""
}
