package verify

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"switchyard/report/analysis"
	"switchyard/report/page"
	"switchyard/report/results"
)

// A Difference is one thing that the page says and the results do not, or the
// other way round.
type Difference struct {
	Where         string // section of the page
	Page, Results string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: the page has %s, the results give %s", d.Where, quoted(d.Page), quoted(d.Results))
}

func quoted(s string) string {
	const limit = 200
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "…"
	}
	if s == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", s)
}

// A Report is what came out.
type Report struct {
	Results     int    // in the page's data that are as in the file
	Numbers     int    // of tables and matrix that were computed again by other code
	Said        int    // texts, numbers and marks that were compared with a new page
	Version     string // of the program that wrote the page
	Differences []Difference
}

// Page compares a page with the results at a path, and with the earlier ones
// that it sets them against, if it has a section for that. Errors are those of
// reading.
func Page(path, name string, baseline *results.Run) (*Report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("report: the page: %w", err)
	}
	run, err := results.Load(path)
	if err != nil {
		return nil, err
	}
	said, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", name, err)
	}
	var anew bytes.Buffer
	if err := page.Render(&anew, analysis.Of(run), page.Options{Version: said.version(), Baseline: baseline}); err != nil {
		return nil, err
	}
	want, err := read(anew.Bytes())
	if err != nil {
		return nil, err
	}
	r := &Report{Version: said.version()}
	r.data(said, run)
	if bench := benchFile(run); bench != "" && run.Ours() {
		file, err := os.ReadFile(bench)
		if err != nil {
			return nil, err
		}
		r.numbers(said, count(string(file)), func(model string) bool { return !run.Aside(model) })
	}
	r.compare(said, want)
	return r, nil
}

// benchFile is the file that the run was read from.
func benchFile(run *results.Run) string {
	if len(run.Files) == 0 {
		return ""
	}
	return filepath.Join(run.Dir(), run.Files[0])
}

// A document is a page in pieces.
type document struct {
	root     *html.Node
	sections []string            // ids, in order
	said     map[string][]string // by section: texts, and attributes as name="value"
	json     string              // the embedded data
}

func read(text []byte) (*document, error) {
	root, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	d := &document{root: root, said: map[string][]string{}}
	d.walk(root, "page")
	if len(d.said["verdict"]) == 0 || d.json == "" {
		return nil, fmt.Errorf("it is no page of results")
	}
	return d, nil
}

// walk collects what is said below a node, whose section is given. Style,
// script and head say nothing.
func (d *document) walk(n *html.Node, section string) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "head", "style":
			return
		case "script":
			if attr(n, "id") == "results" && n.FirstChild != nil {
				d.json = n.FirstChild.Data
			}
			return
		case "section", "footer":
			section = attr(n, "id") + strings.TrimSuffix(n.Data, "section")
			d.sections = append(d.sections, section)
		}
		for _, a := range n.Attr {
			d.say(section, fmt.Sprintf("%s=%q", a.Key, a.Val))
		}
	}
	if n.Type == html.TextNode {
		d.say(section, strings.Join(strings.Fields(n.Data), " "))
	}
	for c := range n.ChildNodes() {
		d.walk(c, section)
	}
}

func (d *document) say(section, what string) {
	if what != "" {
		d.said[section] = append(d.said[section], what)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var footer = regexp.MustCompile(`^Switchyard (\S+), MIT licence`)

// version is that of the program which wrote the page.
func (d *document) version() string {
	for _, s := range d.said["footer"] {
		if m := footer.FindStringSubmatch(s); m != nil {
			return m[1]
		}
	}
	return ""
}

// compare tells what two pages say differently, by section.
func (r *Report) compare(got, want *document) {
	sections := slices.Clone(got.sections)
	for _, s := range want.sections {
		if !slices.Contains(sections, s) {
			sections = append(sections, s)
		}
	}
	for _, s := range append([]string{"page"}, sections...) {
		g, w := got.said[s], want.said[s]
		r.Said += len(g)
		for len(g) > 0 && len(w) > 0 && g[0] == w[0] {
			g, w = g[1:], w[1:]
		}
		for len(g) > 0 && len(w) > 0 && g[len(g)-1] == w[len(w)-1] {
			g, w = g[:len(g)-1], w[:len(w)-1]
		}
		if len(g) != len(w) {
			r.differ(s, strings.Join(g, " "), strings.Join(w, " "))
			continue
		}
		for i := range g {
			if g[i] != w[i] {
				r.differ(s, g[i], w[i])
			}
		}
	}
}

func (r *Report) differ(where, page, results string) {
	r.Differences = append(r.Differences, Difference{where, page, results})
}
