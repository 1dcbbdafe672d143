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
}

// A Test is a function that go test calls.
type Test struct {
	Name  string
	Took  time.Duration // alone, without a change
	file  string        // without "_test.go"
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

// near tells how likely a test is to see a change, by name: 1 if its file has
// the changed file's name, and 1 more if it mentions the changed function.
func near(c *Change, t *Test) (n int) {
	file, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(c.File), ".go"), "_")
	for part := range strings.SplitSeq(t.file, "_") {
		if strings.HasPrefix(file, part) || strings.HasPrefix(part, file) {
			n++
			break
		}
	}
	if t.words[c.Function[strings.LastIndexByte(c.Function, '.')+1:]] {
		n++
	}
	return n
}

// nearest returns the n tests that are the most likely to see a change.
func nearest(c *Change, tests []*Test, n int) []*Test {
	sorted := slices.Clone(tests)
	slices.SortStableFunc(sorted, func(a, b *Test) int { return cmp.Compare(near(c, b), near(c, a)) })
	return sorted[:min(n, len(sorted))]
}

// batches orders tests that may see a change, and cuts them into runs, each of
// which may take four times as long as the one before: what ends by the limit
// of the first costs little. Quick tests come first, and those that are near: as
// if they took a quarter, or a sixteenth.
func batches(c *Change, tests []*Test) (all [][]*Test) {
	cost := func(t *Test) time.Duration { return t.Took >> (2 * near(c, t)) }
	sorted := slices.Clone(tests)
	slices.SortStableFunc(sorted, func(a, b *Test) int { return cmp.Compare(cost(a), cost(b)) })
	var batch []*Test
	for most := time.Second; len(sorted) > 0; sorted = sorted[1:] {
		if len(batch) > 0 && took(batch)+sorted[0].Took > most {
			all, batch = append(all, batch), nil
			most *= 4
		}
		batch = append(batch, sorted[0])
	}
	if len(batch) > 0 {
		all = append(all, batch)
	}
	return all
}

func took(tests []*Test) (sum time.Duration) {
	for _, t := range tests {
		sum += t.Took
	}
	return sum
}
