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

// batches orders tests that may see a change, and cuts them into runs, each of
// which may take four times as long as the one before: what ends by the limit
// of the first costs little. Quick tests come first, and those that are likely
// to see the change, by name: one whose file has the changed file's name, or
// that mentions the changed function, counts as if it took a quarter.
func batches(c *Change, tests []*Test) (all [][]*Test) {
	file, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(c.File), ".go"), "_")
	function := c.Function[strings.LastIndexByte(c.Function, '.')+1:]
	cost := func(t *Test) time.Duration {
		d := t.Took
		for part := range strings.SplitSeq(t.file, "_") {
			if strings.HasPrefix(file, part) || strings.HasPrefix(part, file) {
				d /= 4
				break
			}
		}
		if t.words[function] {
			d /= 4
		}
		return d
	}
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
