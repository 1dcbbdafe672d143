package text

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// WriteCompareMarkdown writes a comparison as GitHub shows it: for a pull
// request or the summary of a job. Names of a file stand in code spans, where
// they mean nothing to Markdown.
func WriteCompareMarkdown(w io.Writer, d *analysis.Diff, verbose bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", mdText(d.Sentence()))
	list := func(label string, names []string) {
		for _, s := range names {
			fmt.Fprintf(&b, "- %s%s\n", label, code(s))
		}
	}
	if s := d.Builds(); s != "" {
		list("", []string{s})
	}
	list("", d.Unlike)
	for _, h := range facts(d, verbose) {
		fmt.Fprintf(&b, "- %s\n", code(h.text))
	}
	list("failed: ", d.Failed)
	if !strings.HasSuffix(b.String(), "\n\n") {
		b.WriteString("\n")
	}
	for _, m := range d.Metrics() {
		rows := changeRows(d, m, verbose, true)
		if len(rows) == 0 {
			continue
		}
		titles := changeTitles(d, m)
		titles[0] = code(titles[0])
		table := [][]string{titles}
		for _, r := range rows {
			r.cells[0] = code(r.cells[0])
			if r.kind == analysis.Regressed {
				r.cells[3] = "**" + r.cells[3] + "**"
			}
			table = append(table, r.cells)
		}
		mdTable(&b, table)
	}
	if table := kindTable(d); len(table) > 0 {
		for i := 1; i < len(table); i++ {
			table[i][0] = code(table[i][0])
		}
		for i := 1; i < len(table[0]); i++ {
			table[0][i] = code(table[0][i])
		}
		mdTable(&b, table)
	}
	for _, l := range lists(d) {
		fmt.Fprintf(&b, "- %s: %s\n", l.label, code(format.Some(l.names, 12)))
	}
	list("", d.Apart)
	list("note: ", d.Notes())
	_, err := io.WriteString(w, b.String())
	return err
}

// mdTable writes a table; the first row is its head, and all but the first
// column are aligned to the right.
func mdTable(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|:--" + strings.Repeat("|--:", len(row)-1) + "|\n")
		}
	}
	b.WriteString("\n")
}

// code puts text into a code span that nothing in it can end. In a table a bar
// would end the cell even there.
func code(s string) string {
	s = strings.ReplaceAll(format.CleanTo(s, 600), "|", "¦")
	if s == "" {
		return ""
	}
	fence, longest := "`", 0
	for _, run := range strings.FieldsFunc(s, func(r rune) bool { return r != '`' }) {
		longest = max(longest, len(run))
	}
	fence = strings.Repeat(fence, longest+1)
	if longest > 0 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// mdText escapes what means something to Markdown in a sentence of ours.
func mdText(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;").Replace(s)
}

// A jsonDiff is a comparison for programs. A number that is not known or not
// finite is null.
type jsonDiff struct {
	Old      string       `json:"old"`
	New      string       `json:"new"`
	AB       bool         `json:"ab"` // builds of one run
	Sentence string       `json:"sentence"`
	Unlike   []string     `json:"unlike"`
	Hosts    []jsonFact   `json:"hosts"`
	Changes  []jsonChange `json:"changes"`
	Kinds    []jsonKind   `json:"kinds"`
	Noise    []jsonFloor  `json:"noise"`
	Failed   []string     `json:"failed"`
	WasGood  []string     `json:"failed_and_was_good"`
	Repaired []string     `json:"failed_before"`
	OnlyOld  []string     `json:"only_old"`
	OnlyNew  []string     `json:"only_new"`
	Apart    []string     `json:"apart"`
	Notes    []string     `json:"notes"`
}

type jsonFact struct {
	Key     string `json:"key"`
	Old     string `json:"old"`
	New     string `json:"new"`
	Machine bool   `json:"machine"`
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
		Old: d.Old.Path, New: d.New.Path, AB: d.Control != nil, Sentence: d.Sentence(), Hosts: []jsonFact{}, Changes: []jsonChange{}, Kinds: []jsonKind{}, Noise: []jsonFloor{},
	}
	for to, names := range map[*[]string][]string{
		&out.Unlike: d.Unlike, &out.Failed: d.Failed, &out.WasGood: d.WasGood, &out.Repaired: d.Repaired,
		&out.OnlyOld: d.OnlyOld, &out.OnlyNew: d.OnlyNew, &out.Apart: d.Apart, &out.Notes: d.Notes(),
	} {
		*to = append([]string{}, names...) // a list that is empty is one
	}
	for _, h := range d.Hosts {
		out.Hosts = append(out.Hosts, jsonFact{h.Key, h.Old, h.New, h.Machine})
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
