package procs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The tables conformance map the tests of CPython's suites for multiprocessing
// and concurrent.futures, all of those that testdata/cpython-*.txt lists, to
// the test of ours that asserts the same of the same thing here
// ("TestQueuePut", "manager.TestDict"), or to the reason why there is nothing
// to assert ("n/a: Go has no import lock").
var conformance = map[string][]map[string]string{
	"cpython-multiprocessing.txt":    {processConformance, syncConformance, managerConformance},
	"cpython-concurrent-futures.txt": {futureConformance},
}

const notApplicable = "n/a: "

// TestConformance fails if a test of CPython has no row, if a row is about no
// test of CPython, or names one of ours that does not exist.
func TestConformance(t *testing.T) {
	have := ourTests(t)
	total, tested, reasons := 0, 0, 0
	for list, tables := range conformance {
		b, err := os.ReadFile(filepath.Join("testdata", list))
		if err != nil {
			t.Fatal(err)
		}
		names := strings.Fields(string(b))
		rows := map[string]string{}
		for _, table := range tables {
			for name, ours := range table {
				if _, twice := rows[name]; twice {
					t.Errorf("%s: in two tables", name)
				}
				rows[name] = ours
			}
		}
		for _, name := range slices.Sorted(maps.Keys(rows)) {
			if !slices.Contains(names, name) {
				t.Errorf("%s: CPython has no %s", list, name)
			}
		}
		for _, name := range names {
			total++
			ours, ok := rows[name]
			switch {
			case !ok:
				t.Errorf("%s: in no table", name)
			case strings.HasPrefix(ours, notApplicable) && len(ours) > len(notApplicable):
				reasons++
			case have[ours]:
				tested++
			default:
				t.Errorf("%s: there is no %s", name, ours)
			}
		}
	}
	t.Logf("%d tests of CPython: %d have one here, %d do not apply", total, tested, reasons)
	if applicable := total - reasons; tested*100 < applicable*95 {
		t.Errorf("only %d of %d applicable tests", tested, applicable)
	}
}

// ourTests lists the test functions of this package, and with their package's
// name those of the packages below it.
func ourTests(t *testing.T) map[string]bool {
	have := map[string]bool{}
	for _, pkg := range []string{"", "connection", "manager", "threads", "internal/codec", "internal/shm"} {
		files, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(pkg, err)
		}
		prefix := ""
		if pkg != "" {
			prefix = filepath.Base(pkg) + "."
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
					have[prefix+fn.Name.Name] = true
				}
			}
		}
	}
	return have
}
