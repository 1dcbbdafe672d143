package tree

import (
	"go/doc"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// hub.ExampleQueue, and the file where it is
	exampleLink = regexp.MustCompile("\\[`(\\w+\\.Example\\w*)`\\]\\(([^)]+)\\)")
	// a program, and its folder
	programLink = regexp.MustCompile("\\[`(procs/examples/\\w+)`\\]\\(([^)]+)\\)")
)

// The README's table "From Python to here" leads to every example of the
// runtimes, by its name and its file, and each says what it prints, so that it
// is run, or has a test that runs it. So it does to the programs in
// procs/examples.
func TestExamples(t *testing.T) {
	examples := map[string]string{} // by package and name: the file
	for _, s := range sources(t) {
		if !s.test || !withinAny(s.dir, "greenlet/... procs/...") {
			continue
		}
		for _, e := range doc.Examples(s.file) {
			name := strings.TrimSuffix(s.file.Name.Name, "_test") + ".Example" + e.Name
			examples[name] = s.path
			if e.Output == "" && !e.EmptyOutput && !strings.Contains(s.text, "\nfunc TestExample"+e.Name+"(") {
				t.Errorf("%s: %s does not say what it prints, and nothing runs it", s.path, name)
			}
		}
	}
	programs := map[string]bool{}
	for _, s := range sources(t) {
		if s.file.Name.Name == "main" && within(s.dir, "procs/examples/...") {
			programs[s.dir] = true
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n## From Python to here\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what |") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("README: a row of %d cells: %s", len(cells), line)
			continue
		}
		links := exampleLink.FindAllStringSubmatch(cells[3], -1)
		for _, m := range links {
			if examples[m[1]] != m[2] {
				t.Errorf("README: %s is not in %s", m[1], m[2])
			}
			delete(examples, m[1])
		}
		for _, m := range programLink.FindAllStringSubmatch(cells[3], -1) {
			if m[1] != m[2] || !programs[m[1]] {
				t.Errorf("README: %s is no program, or not in %s", m[1], m[2])
			}
			delete(programs, m[1])
			links = append(links, m)
		}
		if len(links) == 0 || len(links) != strings.Count(cells[3], "](") {
			t.Errorf("README: a row leads to no example, or elsewhere: %s", line)
		}
	}
	if rows < 40 {
		t.Errorf("the README's table has %d rows", rows)
	}
	for name, file := range examples {
		t.Errorf("the README's table has no %s, in %s", name, file)
	}
	for dir := range programs {
		t.Errorf("the README's table has no %s", dir)
	}
}
