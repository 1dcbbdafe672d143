package page

import (
	"fmt"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A missing is a cell without numbers, or all those of a model.
type missing struct {
	Where  string
	Model  pageModel
	Failed bool
	Reason string
}

// missing lists failed cells first, then those that were not measured.
func (b *builder) missing(w *results.Workload) []missing {
	var failed, skipped []missing
	put := func(where, model, fail, skip string) {
		if fail != "" {
			failed = append(failed, missing{where, b.model[model], true, format.CleanTo(fail, 400)})
		} else if skip != "" {
			skipped = append(skipped, missing{where, b.model[model], false, format.CleanTo(skip, 400)})
		}
	}
	for _, m := range b.run.Models {
		all := "all cases"
		if len(w.Cases) <= 1 {
			all = ""
		}
		put(all, m, w.Failed[m], w.Skipped[m])
		for _, c := range b.first[w] {
			if cell := c.Cells[m]; cell != nil {
				put(strings.TrimPrefix(format.Clean(c.Label()), format.Clean(w.Name)), m, cell.Failed, cell.Skipped)
			}
		}
	}
	all := append(failed, skipped...)
	if len(all) > maxMissing {
		all = append(all[:maxMissing], missing{Where: "more", Reason: fmt.Sprintf("%d further cells; the file has them", len(all)-maxMissing)})
	}
	return all
}
