package tree

import (
	"go/ast"
	"go/parser"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A call of one of these starts a goroutine, whatever it is a method of.
var starters = map[string]bool{"Go": true, "AfterFunc": true, "Parallel": true, "RunParallel": true}

// startsGoroutine returns where a file does so, or nothing.
func startsGoroutine(file *ast.File) (at string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, _ := n.(*ast.CallExpr)
		_, is := n.(*ast.GoStmt)
		if call != nil {
			method, _ := call.Fun.(*ast.SelectorExpr)
			is = method != nil && starters[method.Sel.Name]
		}
		if is {
			at = positions.Position(n.Pos()).String()
		}
		return at == ""
	})
	return at
}

// What make test runs without the race detector has nothing that it could find:
// no file of these packages, tests included, starts a goroutine, nor does any
// of ours that they import. And make test leaves out no package.
func TestOneGoroutine(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	list := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + ` *:= ((?:.*\\\n)*.*)$`).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("the Makefile has no %s", name)
		}
		return strings.NewReplacer("./", "", "\\", "").Replace(m[1])
	}
	alone, together := list("ALONE"), list("TOGETHER")
	for _, command := range []string{"$(GO) test -race $(test) $(TOGETHER)", "$(GO) test $(test) $(AGAIN) $(ALONE)", "$(GO) vet $(PACKAGES)"} {
		if strings.Count(string(text), "\n\t"+command+"\n") != 1 {
			t.Errorf("make test does not %s", command)
		}
	}
	for dir := range strings.FieldsSeq(list("AGAIN")) {
		if !withinAny(dir, together) {
			t.Errorf("%s is in AGAIN, and nothing runs it with the race detector", dir)
		}
	}
	for _, s := range sources(t) {
		if s.inTestdata() {
			continue
		}
		if withinAny(s.dir, alone) == withinAny(s.dir, together) {
			t.Errorf("%s: %s is in none of the Makefile's lists of packages, or in both", s.path, s.dir)
		}
		if !withinAny(s.dir, alone) {
			continue
		}
		if at := startsGoroutine(s.file); at != "" {
			t.Errorf("%s starts a goroutine: %s is for the Makefile's list TOGETHER", at, s.dir)
		}
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if of, ours := strings.CutPrefix(path, module+"/"); ours && !withinAny(of, alone) {
				t.Errorf("%s imports %s, which has goroutines: %s is for the Makefile's list TOGETHER", s.path, of, s.dir)
			}
		}
	}
}

// What starts a goroutine, and what does not.
func TestStartsGoroutine(t *testing.T) {
	for body, want := range map[string]bool{
		"go f()": true, "func() { go f() }()": true, "wg.Go(f)": true, "t.Parallel()": true, "time.AfterFunc(0, f)": true, "x.y.Go(f)": true,
		"f()": false, "Go()": false, "x.Going()": false, "_ = x.Go": false,
	} {
		file, err := parser.ParseFile(positions, "", "package p\nfunc g() { "+body+" }\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := startsGoroutine(file) != ""; got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
