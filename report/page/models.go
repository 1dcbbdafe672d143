package page

import (
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// A pageModel is a model with its look and its short description.
type pageModel struct {
	chart.Model
	Note     string
	Baseline bool
}

// modelsOf are the run's, in its order.
func modelsOf(run *analysis.Analysis) (all []pageModel) {
	for _, name := range run.Models {
		m, look := run.Model(name), lookOf(run, name)
		all = append(all, pageModel{
			Model: chart.Model{Name: format.Clean(results.ModelName(name)), Class: look.Class(), Look: look},
			Note:  format.CleanTo(m.Note, 200), Baseline: m.Baseline,
		})
	}
	return all
}

// lookOf is the look of a model: the same in every page of one order of models,
// whichever of them were measured. Those that no file declares come after the
// others.
func lookOf(run *analysis.Analysis, name string) chart.Look {
	l := chart.Look{Baseline: run.Model(name).Baseline}
	var names []string
	for _, m := range run.File.Models {
		names = append(names, string(m.Name))
	}
	for _, m := range run.Models {
		if !slices.ContainsFunc(run.File.Models, func(i benchlog.ModelInfo) bool { return string(i.Name) == m }) {
			names = append(names, m)
		}
	}
	for _, m := range names[:max(0, slices.Index(names, name))] {
		if run.Model(m).Baseline == l.Baseline {
			l.Place++
		}
	}
	return l
}
