package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Tests of procs have one limit for what must happen, wait.Patience: a shorter
// one is too short on some machine. A time like it that is no limit is a field
// of a configuration, or stands where no time passes (testing/synctest).
func TestOnePatience(t *testing.T) {
	uses := 0
	for _, s := range sources(t) {
		if !s.test || s.inTestdata() || !within(s.dir, "procs/...") {
			continue
		}
		for _, at := range limits(s.file) {
			t.Errorf("%s: a limit of its own: let it be wait.Patience", positions.Position(at))
		}
		uses += strings.Count(s.text, "wait.Patience")
	}
	if uses < 20 {
		t.Errorf("wait.Patience is used %d times, want dozens", uses)
	}
}

// limits returns where a file has a constant, or hands one to a call, that is a
// limit for what must happen, shorter than wait.Patience.
func limits(file *ast.File) (at []token.Pos) {
	for _, i := range file.Imports {
		if i.Path.Value == `"testing/synctest"` {
			return nil
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		var values []ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			values = n.Args
		case *ast.ValueSpec:
			values = n.Values
		}
		for _, v := range values {
			if d := constant(v); d >= 10*time.Second && d < 2*time.Minute {
				at = append(at, v.Pos())
			}
		}
		return true
	})
	return at
}

// constant returns the duration of an expression that is made of numbers and of
// units of package time, and 0 of another one.
func constant(e ast.Expr) time.Duration {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return constant(e.X)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "time" {
			return map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}[e.Sel.Name]
		}
	case *ast.BinaryExpr:
		x, y := constant(e.X), constant(e.Y)
		switch e.Op {
		case token.MUL:
			if x != 0 {
				return x * time.Duration(number(e.Y))
			}
			return time.Duration(number(e.X)) * y
		case token.ADD:
			return x + y
		}
	}
	return 0
}

func number(e ast.Expr) (n int) {
	if lit, ok := e.(*ast.BasicLit); ok {
		n, _ = strconv.Atoi(strings.ReplaceAll(lit.Value, "_", ""))
	}
	return n
}

// What is a limit, and what is not.
func TestLimits(t *testing.T) {
	for body, want := range map[string]int{
		"f(30 * time.Second)": 1, "f(time.Minute)": 1, "time.Now().Add(20*time.Second)": 1, "f(x, 50*(time.Second))": 1,
		"const c = 20 * time.Second": 1, "var c = time.Minute": 1, "f(time.Second*30 + n*time.Millisecond)": 1,
		"f(60_000 * time.Millisecond)": 1, "for end := time.Now().Add(time.Minute); ; {}": 1,
		"f(time.Hour)": 0, "f(5 * time.Second)": 0, "f(config{limit: time.Minute})": 0, "f(wait.Patience)": 0, "_ = x < time.Minute": 0,
		"f(time.Second / n)": 0, "f(30)": 0, "f(2 * time.Minute)": 0,
	} {
		file, err := parser.ParseFile(positions, "", "package p\nfunc g() { "+body+" }\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(limits(file)); got != want {
			t.Errorf("%s: %d limits, want %d", body, got, want)
		}
	}
	file, err := parser.ParseFile(positions, "", "package p\nimport \"testing/synctest\"\nfunc g() { f(time.Minute) }\n", 0)
	if err != nil {
		t.Fatal(err)
	}
	if at := limits(file); at != nil {
		t.Error("a limit where no time passes:", at)
	}
}
