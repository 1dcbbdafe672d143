package text

import (
	"fmt"
	"io"
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
