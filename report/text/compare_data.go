package text

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// A jsonDiff is a comparison for programs. A number that is not known or not
// finite is null.
type jsonDiff struct {
	Old      string                `json:"old"`
	New      string                `json:"new"`
	AB       bool                  `json:"ab"` // builds of one run
	Sentence string                `json:"sentence"`
	Unlike   []string              `json:"unlike"`
	Hosts    []analysis.FactChange `json:"hosts"`
	Changes  []jsonChange          `json:"changes"`
	Kinds    []jsonKind            `json:"kinds"`
	Noise    []jsonFloor           `json:"noise"`
	Failed   []string              `json:"failed"`
	WasGood  []string              `json:"failed_and_was_good"`
	Repaired []string              `json:"failed_before"`
	OnlyOld  []string              `json:"only_old"`
	OnlyNew  []string              `json:"only_new"`
	Apart    []string              `json:"apart"`
	Notes    []string              `json:"notes"`
}

// A jsonChange is one comparison. Shares are fractions of one.
type jsonChange struct {
	Package    string   `json:"package,omitempty"`
	Workload   string   `json:"workload"`
	Case       string   `json:"case"`
	CPUs       int      `json:"cpus"`
	Model      string   `json:"model"`
	Unit       string   `json:"unit"`
	Claim      string   `json:"claim"` // worse, better, changed, same or undecided
	Old        *float64 `json:"old"`
	New        *float64 `json:"new"`
	OldN       int      `json:"old_n"`
	NewN       int      `json:"new_n"`
	Ratio      *float64 `json:"ratio"` // new over old
	Lo         *float64 `json:"lo"`
	Hi         *float64 `json:"hi"`
	Noise      *float64 `json:"noise"`
	Limit      *float64 `json:"limit"` // what a change must exceed to be claimed
	Detectable *float64 `json:"detectable"`
}

type jsonKind struct {
	Kind      string   `json:"kind"`
	Unit      string   `json:"unit"`
	Workloads int      `json:"workloads"`
	Ratio     *float64 `json:"ratio"`
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
}

type jsonFloor struct {
	Unit  string   `json:"unit"`
	Kind  string   `json:"kind"`
	Share *float64 `json:"share"`
	Cells int      `json:"cells"`
}

func known(v float64) *float64 {
	if !format.Finite(v) {
		return nil
	}
	return &v
}

func dataChange(c *analysis.Change) jsonChange {
	w := c.Case.Workload
	return jsonChange{
		Package: w.Package, Workload: w.Info.Name, Case: c.Case.Name(), CPUs: c.Case.CPUs, Model: c.Model, Unit: c.Metric.Unit, Claim: c.Kind.String(),
		Old: known(c.Old.Center), New: known(c.New.Center), OldN: c.Old.N, NewN: c.New.N, Ratio: known(c.Center), Lo: known(c.Lo), Hi: known(c.Hi),
		Noise: known(c.Floor), Limit: known(c.Limit), Detectable: known(c.Detectable),
	}
}

// WriteCompareJSON writes all of a comparison as one JSON value.
func WriteCompareJSON(w io.Writer, d *analysis.Diff) error {
	out := jsonDiff{
		Old: d.Old.Path, New: d.New.Path, AB: d.Control != nil, Sentence: d.Sentence(), Hosts: append([]analysis.FactChange{}, d.Hosts...), Changes: []jsonChange{}, Kinds: []jsonKind{}, Noise: []jsonFloor{},
	}
	for to, names := range map[*[]string][]string{
		&out.Unlike: d.Unlike, &out.Failed: d.Failed, &out.WasGood: d.WasGood, &out.Repaired: d.Repaired,
		&out.OnlyOld: d.OnlyOld, &out.OnlyNew: d.OnlyNew, &out.Apart: d.Apart, &out.Notes: d.Notes(),
	} {
		*to = append([]string{}, names...) // a list that is empty is one
	}
	for i := range d.Changes {
		out.Changes = append(out.Changes, dataChange(&d.Changes[i]))
	}
	for _, k := range d.Kinds {
		out.Kinds = append(out.Kinds, jsonKind{k.Kind, k.Metric.Unit, k.N, known(k.Center), known(k.Min), known(k.Max)})
	}
	if d.Noise != nil {
		for _, f := range d.Noise.Floors {
			out.Noise = append(out.Noise, jsonFloor{f.Metric.Unit, f.Kind, known(f.Share), f.Cells})
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	return e.Encode(out)
}

// WriteCompareCSV writes every comparison as a row of comma-separated values,
// below a row of titles. A number that is not known is empty.
func WriteCompareCSV(w io.Writer, d *analysis.Diff) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"package", "workload", "case", "cpus", "model", "unit", "claim", "old", "new", "old_n", "new_n", "ratio", "lo", "hi", "noise", "limit", "detectable"})
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', 6, 64)
	}
	for i := range d.Changes {
		c := dataChange(&d.Changes[i])
		_ = out.Write([]string{
			c.Package, c.Workload, c.Case, strconv.Itoa(c.CPUs), c.Model, c.Unit, c.Claim, number(c.Old), number(c.New), strconv.Itoa(c.OldN), strconv.Itoa(c.NewN),
			number(c.Ratio), number(c.Lo), number(c.Hi), number(c.Noise), number(c.Limit), number(c.Detectable),
		})
	}
	out.Flush()
	return out.Error()
}
