package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Suite is the tests of one package.
type Suite struct {
	Path, Dir string
	Tests     []*Test
	Took      time.Duration // all of them, without a change; 0: not measured
}

// A Test is a function that go test calls.
type Test struct {
	Name  string
	Took  time.Duration
	file  string // without "_test.go"
	words map[string]bool
}

var (
	testName = regexp.MustCompile(`^(Test|Example|Fuzz)`)
	word     = regexp.MustCompile(`\w+`)
)

// load lists the tests in the given files.
func (s *Suite) load(files []string) error {
	fset := token.NewFileSet()
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !testName.MatchString(f.Name.Name) || f.Name.Name == "TestMain" {
				continue
			}
			t := &Test{Name: f.Name.Name, file: strings.TrimSuffix(name, "_test.go"), words: map[string]bool{}}
			body := text[fset.Position(f.Pos()).Offset:fset.Position(f.End()).Offset]
			for _, w := range word.FindAllString(string(body), -1) {
				t.words[w] = true
			}
			s.Tests = append(s.Tests, t)
		}
	}
	return nil
}

// near returns the tests that are likely to see a change, by name, and how long
// they take. Those come first whose file has the changed file's name and that
// mention the changed function, then those of which one of the two holds; all
// of them may take a third of the whole.
func (s *Suite) near(c *Change) (names []string, took time.Duration) {
	file, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(c.File), ".go"), "_")
	function := c.Function[strings.LastIndexByte(c.Function, '.')+1:]
	rank := func(t *Test) (n int) {
		for part := range strings.SplitSeq(t.file, "_") {
			if strings.HasPrefix(file, part) || strings.HasPrefix(part, file) {
				n++
				break
			}
		}
		if t.words[function] {
			n++
		}
		return n
	}
	sorted := slices.Clone(s.Tests)
	slices.SortStableFunc(sorted, func(a, b *Test) int { return cmp.Compare(rank(b), rank(a)) })
	for _, t := range sorted {
		if rank(t) == 0 {
			break
		}
		if took+t.Took <= s.Took/3 {
			names, took = append(names, t.Name), took+t.Took
		}
	}
	return names, took
}

var tookTime = regexp.MustCompile(`(?m)^--- PASS: (\w+) \(([0-9.]+)s\)`)

// measured notes how long the tests took, all and each by the output of
// -test.v.
func (s *Suite) measured(all time.Duration, out []byte) {
	s.Took = max(all, 1)
	for _, m := range tookTime.FindAllSubmatch(out, -1) {
		for _, t := range s.Tests {
			if t.Name == string(m[1]) {
				t.Took, _ = time.ParseDuration(string(m[2]) + "s")
			}
		}
	}
}
