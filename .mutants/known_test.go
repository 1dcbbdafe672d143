package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The line that each entry of the list changes is in the tree, in its function.
// A run says the same, and more, but only of the packages that it tries.
func TestKnownLinesExist(t *testing.T) {
	f, err := os.Open("known.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known, err := ReadKnown(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]map[string]bool{} // of a file: "function: line"
	for name := range known {
		file, change, _ := strings.Cut(name, ":")
		if lines[file] == nil {
			lines[file] = linesOf(t, file)
		}
		before, _, _ := strings.Cut(change, " -> ") // which a line of a program may hold, in a comment
		function, before, _ := strings.Cut(before, ": ")
		if !lines[file][function+": "+before] {
			t.Errorf("known, but no such line: %s", name)
		}
	}
}

// linesOf lists the lines of a file of the tree as changes show them, each with
// its function.
func linesOf(t *testing.T, file string) map[string]bool {
	src := &source{fset: token.NewFileSet()}
	var err error
	if src.text, err = os.ReadFile(filepath.Join("..", file)); err == nil {
		src.file, err = parser.ParseFile(src.fset, file, src.text, parser.SkipObjectResolution)
	}
	if err != nil {
		t.Error(err)
		return map[string]bool{}
	}
	texts := strings.Split(string(src.text), "\n")
	functions := make([]string, len(texts))
	for _, d := range src.file.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			name := (&finder{src: src, stack: []ast.Node{d}}).function()
			for n := src.fset.Position(d.Pos()).Line; n <= src.fset.Position(d.End()).Line; n++ {
				functions[n-1] = name
			}
		}
	}
	lines := map[string]bool{}
	for i, text := range texts {
		for _, more := range []int{1, 2} {
			lines[functions[i]+": "+brief(text, more)] = true
		}
	}
	return lines
}
