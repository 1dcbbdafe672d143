package page

import (
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// A pageModel is a model with its look and its short description.
type pageModel struct {
	chart.Model
	Note                       string
	Baseline, Aside, Processes bool
}

// modelsOf are the run's, in its order. Their looks are the same in every page
// of one order of models, whichever of them were measured; those that no file
// declares come after the others.
func modelsOf(run *analysis.Analysis) (all []pageModel) {
	var names []string
	for _, m := range run.File.Models {
		names = append(names, string(m.Name))
	}
	looks, places := map[string]chart.Look{}, map[bool]int{}
	for _, name := range append(names, run.Models...) {
		if _, known := looks[name]; !known {
			baseline := run.Model(name).Baseline
			looks[name] = chart.Look{Place: places[baseline], Baseline: baseline}
			places[baseline]++
		}
	}
	for _, name := range run.Models {
		m, look := run.Model(name), looks[name]
		all = append(all, pageModel{
			Model: chart.Model{Name: format.Clean(results.ModelName(name)), Class: look.Class(), Look: look},
			Note:  m.Note, Baseline: m.Baseline, Aside: run.Aside(name), Processes: m.Processes,
		})
	}
	return all
}
