package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"switchyard/report/results"
)

// An embedded cell is as the page's data have it.
type embedded struct {
	Workload, Case, Model, Failed, Skipped string
	CPUs                                   int
	Units                                  []string
	Results                                [][]json.RawMessage // line, block, iterations, then one per unit
}

// data compares the results in the page with those that were read.
func (r *Report) data(d *document, run *results.Run) {
	const where = "data"
	var page struct {
		Cells   []embedded
		LeftOut string `json:"left_out"`
	}
	if err := json.Unmarshal([]byte(d.json), &page); err != nil {
		r.differ(where, err.Error(), "JSON")
		return
	}
	cells := map[string]*results.Cell{}
	for _, c := range run.Cases() {
		for m, cell := range c.Cells {
			cells[key(c.Workload.Name, c.Name(), m, c.CPUs)] = cell
		}
	}
	for _, e := range page.Cells {
		k := key(e.Workload, e.Case, e.Model, e.CPUs)
		cell := cells[k]
		delete(cells, k)
		if cell == nil || cell.Failed != e.Failed || cell.Skipped != e.Skipped || len(cell.Results) != len(e.Results) {
			r.differ(where, fmt.Sprintf("%s: %s, failed %q, skipped %q", k, plural(len(e.Results)), e.Failed, e.Skipped), fmt.Sprintf("%+v", brief(cell)))
			continue
		}
		for i, row := range e.Results {
			r.row(k, e.Units, row, &cell.Results[i])
		}
	}
	if page.LeftOut == "" {
		for k, cell := range cells {
			r.differ(where, "", k+": "+brief(cell))
		}
	}
}

func key(workload, name, model string, cpus int) string {
	return fmt.Sprintf("%s %s %s on %d", workload, name, model, cpus)
}

func plural(n int) string { return fmt.Sprintf("%d results", n) }

func brief(c *results.Cell) string {
	if c == nil {
		return "no such cell"
	}
	return fmt.Sprintf("%s, failed %q, skipped %q", plural(len(c.Results)), c.Failed, c.Skipped)
}

// row compares one result, whose values stand in columns.
func (r *Report) row(cell string, units []string, row []json.RawMessage, res *results.Result) {
	want := []float64{float64(res.Line), float64(res.Block), float64(res.Iters)}
	for _, u := range units {
		v, ok := res.Get(u)
		if !ok {
			v = math.NaN()
		}
		want = append(want, v)
	}
	r.Results++
	for i, w := range want {
		got := "nothing"
		if i < len(row) {
			got = string(row[i])
		}
		if v, ok := value(got); !ok || v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
			r.differ("data", fmt.Sprintf("%s, line %d: %s", cell, res.Line, got), fmt.Sprint(w))
		}
	}
}

// value reads a number of the data; where there is none it is null, and what is
// no number is in quotes.
func value(s string) (float64, bool) {
	if s == "null" {
		return math.NaN(), true
	}
	if q, err := strconv.Unquote(s); err == nil {
		s = q
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
