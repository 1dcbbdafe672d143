package verify

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// unitsOf are the units whose medians stand in columns of the tables.
var unitsOf = map[string]string{
	"throughput": "ops/s", "p50": "p50-ns", "p99": "p99-ns", "p99.9": "p99.9-ns", "max": "max-ns", "lag p99": "lag-p99-ns",
	"turnaround": "turnaround-ns", "in virtual time": "virtual-turnaround-ns", "response": "response-ns", "waiting": "waiting-ns",
	"CPU/op":      "cpu-ns/op",
	"peak memory": "peak-RSS-bytes", "B/op": "B/op", "allocs/op": "allocs/op", "context switches/op": "csw/op", "collections": "gcs",
}

// numbers compares the medians of the workloads' tables, and their ratios to
// the best, with our own. Of several that are nearly so any may be the best.
func (r *Report) numbers(d *document, t *tally, competes func(string) bool) {
	each(d.root, "section", func(section *html.Node) {
		workload := attr(section, "data-workload")
		if workload == "" || strings.Contains(workload, "\\") {
			return
		}
		each(section, "table", func(table *html.Node) {
			if strings.Contains(attr(table, "class"), "sortable") {
				r.table(table, workload, t, competes)
			}
		})
	})
}

func (r *Report) table(table *html.Node, workload string, t *tally, competes func(string) bool) {
	var columns []string
	each(table, "thead", func(head *html.Node) {
		each(head, "th", func(th *html.Node) { columns = append(columns, content(th)) })
	})
	label := ""
	if len(columns) > 0 && columns[0] != "case" {
		label = t.only(workload)
	}
	best := map[string]cell{} // as the page has it, by case
	for _, found := range []bool{false, true} {
		each(table, "tbody", func(body *html.Node) {
			each(body, "tr", func(tr *html.Node) {
				c, i := cell{workload: workload, label: label}, 0
				for td := range tr.ChildNodes() {
					if td.Type != html.ElementNode || i >= len(columns) {
						continue
					}
					shown := attr(td, "data-v")
					switch column := columns[i]; {
					case column == "case":
						c.label = shown
					case column == "model":
						c.model = shown
					case column == "verdict" && content(td) == "best":
						best[c.label] = c
					case !found || shown == "":
					case column == "of best":
						r.number(c, "of the best", shown, t.ratio(c, best[c.label]))
					case unitsOf[column] != "":
						r.number(c, unitsOf[column], shown, t.median(c, unitsOf[column]))
					}
					i++
				}
			})
		})
	}
	for _, c := range best {
		if most := t.best(c, competes); t.ratio(c, most) < 0.95 {
			r.differ("numbers of "+workload, fmt.Sprintf("%s, %s: best", c.label, c.model), most.model)
		}
	}
}

// only is the label of a workload's only case.
func (t *tally) only(workload string) string {
	for c := range t.cells {
		if c.workload == workload {
			return c.label
		}
	}
	return ""
}

// number compares a number that is shown in six digits.
func (r *Report) number(c cell, unit, shown string, want float64) {
	v, err := strconv.ParseFloat(shown, 64)
	r.Numbers++
	if err != nil || !(math.Abs(v-want) <= 1e-5*math.Abs(want)) {
		r.differ("numbers of "+c.workload, fmt.Sprintf("%s, %s: %s %s", c.label, c.model, shown, unit), fmt.Sprintf("%.6g", want))
	}
}

// each visits the elements of a name below a node.
func each(n *html.Node, name string, visit func(*html.Node)) {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && c.Data == name {
			visit(c)
		}
	}
}

func content(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}
