package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/results"
)

// The data embedded in the page: every result as the file gives it, so that
// every number shown can be computed again, and downloaded as JSON or CSV.
type (
	dataRun struct {
		Format  int               `json:"format"`
		Header  benchlog.Header   `json:"header"`
		Facts   map[string]string `json:"facts"`
		Blocks  []results.Block   `json:"blocks,omitempty"`
		Cells   []dataCell        `json:"cells"`
		LeftOut string            `json:"left_out,omitempty"`
	}
	dataCell struct {
		Workload string   `json:"workload"`
		Case     string   `json:"case"`
		Model    string   `json:"model"`
		CPUs     int      `json:"cpus,omitempty"`
		Failed   string   `json:"failed,omitempty"`
		Skipped  string   `json:"skipped,omitempty"`
		Units    []string `json:"units,omitempty"`
		Results  [][]any  `json:"results,omitempty"` // line, block, iterations, then one per unit
	}
)

// A jsonNumber is a float64 that may be no number: JSON has no NaN.
type jsonNumber float64

// MarshalJSON writes NaN and infinities as strings, as the file has them.
func (n jsonNumber) MarshalJSON() ([]byte, error) {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"+Inf"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Inf"`), nil
	}
	return json.Marshal(v)
}

// data marshals the results for the page. json.Marshal escapes <, > and &, so
// that nothing in it can end the element it stands in.
func (b *builder) data() (js template.JS, cut bool) {
	d := dataRun{Format: 1, Header: b.run.Header, Facts: map[string]string{}, Blocks: b.run.Blocks, Cells: []dataCell{}}
	for _, f := range b.run.Facts {
		d.Facts[f.Key] = f.Value
	}
	room, left := int(maxData), 0
	for _, w := range b.run.Workloads {
		for _, c := range w.Cases {
			for _, m := range b.run.Models {
				cell := c.Cells[m]
				if cell == nil {
					continue
				}
				one := dataOf(cell)
				if room -= one.size(); room < 0 {
					left++
					continue
				}
				d.Cells = append(d.Cells, one)
			}
		}
	}
	if left > 0 {
		d.LeftOut = fmt.Sprintf("%s, to keep the page small; %s has them", format.Count(left, "cell"), benchlog.BenchFile)
	}
	out, err := json.Marshal(d)
	if err != nil {
		out = []byte(`{"format":1,"cells":[]}`)
	}
	return template.JS(out), left > 0
}

// dataOf is the cell in columns: the units once, then a row per result.
func dataOf(c *results.Cell) dataCell {
	d := dataCell{Workload: c.Case.Workload.Name, Case: c.Case.Name(), Model: c.Model, CPUs: c.Case.CPUs, Failed: c.Failed, Skipped: c.Skipped}
	at := map[string]int{}
	for i := range c.Results {
		for _, v := range c.Results[i].Values {
			if _, ok := at[v.Unit]; !ok {
				at[v.Unit] = len(d.Units)
				d.Units = append(d.Units, v.Unit)
			}
		}
	}
	for i := range c.Results {
		r := &c.Results[i]
		row := make([]any, 3+len(d.Units))
		row[0], row[1], row[2] = r.Line, r.Block, r.Iters
		for _, v := range r.Values {
			row[3+at[v.Unit]] = jsonNumber(v.V)
		}
		d.Results = append(d.Results, row)
	}
	return d
}

// size estimates the cell's bytes in JSON.
func (d *dataCell) size() int {
	n := 120 + len(d.Workload) + len(d.Case) + len(d.Model) + len(d.Failed) + len(d.Skipped)
	for _, u := range d.Units {
		n += len(u) + 3
	}
	return n + len(d.Results)*(24+11*len(d.Units))
}
