package tree

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// testenv is the package that keeps from the children of tests what the tests
// were asked.
const testenv = "bench/testenv"

// The tests of a package that may start processes, by themselves or with what
// they import, link package testenv: nobody whom they start inherits what they
// were asked.
func TestEnvironmentOfChildren(t *testing.T) {
	imports, starts := make(map[string][]string), make(map[string]bool)
	tests := make(map[string]bool)
	for _, s := range sources(t) {
		if s.inTestdata() {
			continue
		}
		program := s.dir
		if s.test {
			program += " test"
			tests[s.dir] = true
		}
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if of, ours := strings.CutPrefix(path, module+"/"); ours {
				imports[program] = append(imports[program], of)
			}
		}
		starts[program] = starts[program] || startsProcess(s.file)
	}
	reach := func(dir string) map[string]bool {
		seen := make(map[string]bool)
		var visit func(string)
		visit = func(p string) {
			if !seen[p] {
				seen[p] = true
				for _, i := range imports[p] {
					visit(i)
				}
			}
		}
		visit(dir + " test")
		visit(dir)
		return seen
	}
	for dir := range tests {
		linked := reach(dir)
		for p := range linked {
			if starts[p] && !linked[testenv] && dir != testenv {
				t.Errorf("tests of %s can start processes (by what is in %s) and do not link %s, if only by import _", dir, p, testenv)
				break
			}
		}
	}
}

// startsProcess reports whether a file can start a process.
func startsProcess(file *ast.File) (does bool) {
	for _, i := range file.Imports {
		does = does || i.Path.Value == `"os/exec"`
	}
	ast.Inspect(file, func(n ast.Node) bool {
		f, _ := n.(*ast.SelectorExpr)
		does = does || f != nil && (f.Sel.Name == "StartProcess" || f.Sel.Name == "ForkExec")
		return !does
	})
	return does
}

// What a test reads from its environment is either what a test of the same
// package has put there, for a process that it starts, or asked of testenv,
// which keeps it from all the others.
func TestEnvironmentIsAsked(t *testing.T) {
	text := make(map[string]string) // of all tests of a package
	for _, s := range sources(t) {
		if s.test {
			text[s.dir] += s.text
		}
	}
	read := 0
	for _, s := range sources(t) {
		if !s.test || s.inTestdata() || s.dir == testenv {
			continue
		}
		for _, name := range environmentReads(s.file) {
			read++
			if name != `"PATH"` && name != `"GOMAXPROCS"` && !puts(text[s.dir], name) {
				t.Errorf("%s: nobody here puts %s into the environment: ask %s", s.path, name, testenv)
			}
		}
	}
	if read < 10 {
		t.Errorf("tests read the environment in %d places, want more", read)
	}
}

// puts reports whether a text puts a variable, whose name is a literal or a
// constant, into the environment of something.
func puts(text, name string) bool {
	if literal, ok := strings.CutSuffix(name, `"`); ok {
		return strings.Contains(text, literal+"=") || strings.Contains(text, "Setenv("+name)
	}
	return regexp.MustCompile(`\b` + name + `(\+"=|, )`).MatchString(text)
}

// What puts a variable into an environment, and what does not.
func TestPuts(t *testing.T) {
	for text, want := range map[string]bool{
		`"X=1"`: true, `t.Setenv("X", "1")`: true, `"AX=1"`: false, `os.Getenv("X")`: false, `"X"`: false, `"X1=1"`: false,
	} {
		if got := puts(text, `"X"`); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]bool{
		`x+"=1"`: true, `t.Setenv(x, "1")`: true, `fmt.Sprint(x, "=", 1)`: true, `os.Getenv(x) + y`: false, `const x = "1"`: false, `xx+"=1"`: false,
	} {
		if got := puts(text, "x"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// environmentReads returns the names of variables that a file reads, as they
// are written there; not those that are computed.
func environmentReads(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, _ := n.(*ast.CallExpr)
		if call == nil || len(call.Args) != 1 {
			return true
		}
		if f, _ := call.Fun.(*ast.SelectorExpr); f == nil || f.Sel.Name != "Getenv" && f.Sel.Name != "LookupEnv" {
			return true
		}
		switch name := call.Args[0].(type) {
		case *ast.BasicLit:
			names = append(names, name.Value)
		case *ast.Ident:
			names = append(names, name.Name)
		}
		return true
	})
	return names
}

// What make has from the environment, and what its recipes put there for tests,
// is known to package testenv.
func TestEnvironmentOfMake(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := ""
	for _, s := range sources(t) {
		if s.dir == testenv && !s.test {
			known += s.text
		}
	}
	found := regexp.MustCompile(`(?m)^(\w+) *\?=|^\t(\w+)=\S* \$\(GO\) test |^[\w ]+: export (\w+)`).FindAllStringSubmatch(string(makefile), -1)
	for _, m := range found {
		if name := m[1] + m[2] + m[3]; name != "ALIGN" && !strings.Contains(known, `"`+name+`"`) {
			t.Errorf("%s does not know %s of the Makefile", testenv, name)
		}
	}
	if len(found) < 20 {
		t.Errorf("%d variables in the Makefile, want dozens", len(found))
	}
}
