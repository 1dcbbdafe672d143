package main

import (
	"slices"
	"strconv"
	"strings"

	"switchyard/bench/benchlog"
)

// A profile says which points of the chosen workloads a run measures.
var profiles = []string{"default", "full", "smoke"}

// chooseWorkloads returns the named workloads in report order, each with the
// points of the profile. A name may have a point ("Ring/n=100"): of that
// workload those are measured, whatever the profile.
func chooseWorkloads(all []benchlog.WorkloadInfo, names, profile string) ([]benchlog.WorkloadInfo, error) {
	if err := oneOf("unknown profile", profile, profiles); err != nil {
		return nil, err
	}
	points := make(map[string][]benchlog.Params)
	var bare []string
	for _, field := range fields(names) {
		name, point, pointed := strings.Cut(field, "/")
		bare = append(bare, name)
		if pointed {
			points[name] = append(points[name], benchlog.Params(point))
		}
	}
	chosen, err := choose("workload", workloadNames(all), strings.Join(bare, ","))
	if err != nil {
		return nil, err
	}
	var out []benchlog.WorkloadInfo
	for _, w := range all {
		if !slices.Contains(chosen, w.Name) {
			continue
		}
		if points[w.Name] == nil {
			w = ofProfile(w, profile)
		} else if w, err = only(w, points[w.Name]); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// ofProfile returns the workload with the cases of a profile: its own, all of
// its points, or the first point, which is the smallest.
func ofProfile(w benchlog.WorkloadInfo, profile string) benchlog.WorkloadInfo {
	points := w.Points()
	switch profile {
	case "full":
		return with(w, points)
	case "smoke":
		return with(w, ofBuilds(w, anyBuild(points[0])))
	}
	return w
}

// only returns the workload with those of its points as cases.
func only(w benchlog.WorkloadInfo, points []benchlog.Params) (benchlog.WorkloadInfo, error) {
	var cases []benchlog.Params
	for _, p := range points {
		found := ofBuilds(w, p)
		if len(found) == 0 && w.Has(p) {
			found = []benchlog.Params{p}
		}
		if len(found) == 0 {
			return w, usageErrorf("%s has no point %q; it has %s", w.Name, p, join(w.Points()))
		}
		cases = append(cases, found...)
	}
	slices.SortStableFunc(cases, benchlog.Params.Compare)
	return with(w, slices.Compact(cases)), nil
}

// with returns the workload with these cases, and all others as more.
func with(w benchlog.WorkloadInfo, cases []benchlog.Params) benchlog.WorkloadInfo {
	w.More = slices.DeleteFunc(w.Points(), func(p benchlog.Params) bool { return slices.Contains(cases, p) })
	w.Cases = cases
	return w
}

// ofBuilds returns the point as the workload has it: in an A/B run, once for
// every build.
func ofBuilds(w benchlog.WorkloadInfo, point benchlog.Params) (found []benchlog.Params) {
	for _, p := range w.Points() {
		if anyBuild(p) == point {
			found = append(found, p)
		}
	}
	return found
}

// anyBuild returns a point without its build.
func anyBuild(p benchlog.Params) benchlog.Params {
	_, p, _ = p.Cut(benchlog.BuildKey)
	return p
}

func chooseModels(all []benchlog.ModelInfo, names string) ([]benchlog.Model, error) {
	chosen, err := choose("model", modelNames(all), names)
	if err != nil {
		return nil, err
	}
	var models []benchlog.Model
	for _, m := range all {
		if slices.Contains(chosen, string(m.Name)) {
			models = append(models, m.Name)
		}
	}
	return models, nil
}

// choose returns the names in a list; none is all.
func choose(what string, known []string, names string) ([]string, error) {
	chosen := fields(names)
	if len(chosen) == 0 {
		return known, nil
	}
	for _, name := range chosen {
		if err := oneOf("unknown "+what, name, known); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// fields returns the names of a list, which '|', ',' or spaces separate.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == '|' || r == ',' || r == ' ' })
}

// chooseLanes returns the sizes of CPU set, smallest first. Beside "all", those
// that this machine has not are left out: "1,2,4,all" is good anywhere.
func chooseLanes(text string, all int) ([]int, error) {
	var lanes []int
	fields := strings.Split(text, ",")
	rest := slices.ContainsFunc(fields, func(f string) bool { return strings.TrimSpace(f) == "all" })
	for _, field := range fields {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if strings.TrimSpace(field) == "all" {
			n, err = all, nil
		}
		if err == nil && n > all && rest {
			continue
		}
		if err != nil || n < 1 || n > all {
			return nil, usageErrorf("--cpu %q: want \"all\" or a number of CPUs from 1 to %d", field, all)
		}
		lanes = append(lanes, n)
	}
	slices.Sort(lanes)
	return slices.Compact(lanes), nil
}
