package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// check parses and type-checks one file that imports nothing.
func check(t *testing.T, text string) *Package {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p := &Package{Path: "x", files: []*source{{path: "x.go", name: "x.go", text: []byte(text), file: file, fset: fset}}}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	p.conf = types.Config{Importer: importer.Default()}
	if _, err := p.conf.Check("x", fset, []*ast.File{file}, p.info); err != nil {
		t.Fatal(err)
	}
	p.Changes = find(p, p.files[0])
	return p
}

func compiles(p *Package, c *Change) bool {
	return p.compiles(map[string][]byte{c.src.path: c.apply()})
}

// Each kind of change, as the lines that it makes of a line.
func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		kind, code string
		want       []string // "before -> after"
	}{
		{"condition", "func f(a, b int) bool {\n if a < b {\n return true\n }\n return false }",
			[]string{"if a < b { -> if !(a < b) {"}},
		{"condition", "func f(a bool) {\n for !a {\n }\n }", []string{"for !a { -> for a {"}},
		{"condition", "func f(a int) {\n if a == 1 {\n }\n }", nil}, // equality has it
		{"condition", "func f(a bool) {\n switch {\n case a:\n }\n }", []string{"case a: -> case !(a):"}},
		{"condition", "const debug = false\nfunc f() {\n if debug {\n if f(); true {\n }\n }\n }", nil}, // compiled away
		{"condition", "const debug = true\nfunc f() {\n if debug {\n }\n }", []string{"if debug { -> if !(debug) {"}},
		{"boundary", "func f(a int) bool {\n return a >= 1 }", []string{"return a >= 1 } -> return a > 1 }"}},
		{"equality", "func f(a int) bool {\n return a != 1 }", []string{"return a != 1 } -> return a == 1 }"}},
		{"arithmetic", "func f(a int) int {\n return a * 2 + 1 }",
			[]string{"return a * 2 + 1 } -> return a * 2 - 1 }", "return a * 2 + 1 } -> return a / 2 + 1 }"}},
		{"arithmetic", "func f(a int) int {\n a++\n a -= 2\n return a }", []string{"a++ -> a--", "a -= 2 -> a += 2"}},
		{"arithmetic", "func f(a, b string) string {\n return a + b }", nil}, // strings do not subtract
		{"logic", "func f(a, b bool) bool {\n return a && b }", []string{"return a && b } -> return a || b }"}},
		{"number", "const a = 7", []string{"const a = 7 -> const a = 8", "const a = 7 -> const a = 6"}},
		{"number", "const a = 0", []string{"const a = 0 -> const a = 1"}},
		{"number", "const a = 1.5", []string{"const a = 1.5 -> const a = 1.6500000000000001"}},
		{"call", "func g()\nfunc f() {\n g()\n }", []string{"g() -> if false { g() }"}},
		{"call", "func f(c chan int) {\n c <- 1\n }", []string{"c <- 1 -> if false { c <- 1 }"}},
		{"assignment", "type T struct{ n int }\nfunc (t *T) f() {\n t.n = 1\n }", []string{"t.n = 1 -> if false { t.n = 1 }"}},
		{"assignment", "func f() {\n a := 1\n _ = a\n }", nil}, // a declaration, and nothing
		{"defer", "func f() {\n defer f()\n }", []string{"defer f() -> if false { defer f() }"}},
		{"case", "func f(a int) {\n switch a {\n case 1:\n f(2)\n default:\n f(3)\n }\n }",
			[]string{"case 1: ... -> default:", "default: ... -> }"}},
		{"else", "func f(a int) {\n if a == 1 {\n } else {\n f(1)\n }\n }", []string{"} else { -> } else if false {"}},
		{"else", "func f(a int) {\n if a == 1 {\n } else if a == 2 {\n }\n }", []string{"} else if a == 2 { -> } else if false && (a == 2) {"}},
		{"return", "func g()\nfunc f() (int, error) {\n g()\n return 1, nil }", []string{"g() -> return *new(int), *new(error); g()"}},
		{"return", "func g()\nfunc f() (n int) {\n g()\n return 1 }", []string{"g() -> return; g()"}},
		{"error", "func f(e error) (int, error) {\n return 1, e }", []string{"return 1, e } -> { _ = e; return 1, nil } }"}},
		{"error", "func g() (int, error)\nfunc f() (int, error) {\n return g() }",
			[]string{"return g() } -> { mutant0, _ := g(); return mutant0, nil } }"}},
		{"error", "func f(e error) error {\n return nil }", nil},
		{"arguments", "func g(a, b int, c string)\nfunc f() {\n g(1, 2, \"\")\n }", []string{`g(1, 2, "") -> g(2, 1, "")`}},
		{"arguments", "func g(a int, b ...int)\nfunc f(b []int) {\n g(1, b...)\n }", nil},
		{"arguments", "func f(a, b int) int {\n return max(a, b) }", nil},
	} {
		p := check(t, "package x\n\n"+tt.code+"\n")
		var got []string
		for _, c := range p.Changes {
			if c.Kind == tt.kind {
				got = append(got, c.Before+" -> "+c.After)
				if !compiles(p, c) {
					t.Errorf("%s of %q does not compile: %q", tt.kind, tt.code, c.apply())
				}
				if c.body != nil && c.apart() {
					t.Errorf("%s of %q does not compile: %q", tt.kind, tt.code, switched([]*Change{c}, nil))
				}
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s of %q:\n got %q\nwant %q", tt.kind, tt.code, got, tt.want)
		}
	}
}

// A change that leaves something unused, or a function without its return, is
// known not to compile.
func TestCompiles(t *testing.T) {
	p := check(t, "package x\n\nfunc f(a int) int {\n\tswitch a {\n\tcase 1:\n\t\treturn 1\n\tdefault:\n\t\tpanic(2)\n\t}\n}\n")
	verdicts := map[string]bool{}
	for _, c := range p.Changes {
		if c.Kind == "case" {
			verdicts[c.Before] = compiles(p, c)
		}
	}
	if !verdicts["case 1: ..."] || verdicts["default: ..."] || len(verdicts) != 2 {
		t.Errorf("compiles: %v", verdicts)
	}
}

// A name tells functions and methods apart, and has no line number.
func TestName(t *testing.T) {
	p := check(t, "package x\n\nvar v = 1\n\ntype T int\n\nfunc (t *T) m() int { return 2 }\nfunc (t T) n() int { return 3 }\nfunc o() int { return 4 }\n")
	var names []string
	for _, c := range p.Changes {
		if c.Kind == "number" {
			name, _, _ := strings.Cut(c.Name(), ": ")
			names = append(names, name)
		}
	}
	want := []string{"x.go:", "x.go:", "x.go:(*T).m", "x.go:(*T).m", "x.go:T.n", "x.go:T.n", "x.go:o", "x.go:o"}
	if !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
}

// The order depends on the seed alone, has every change once, and gives rare
// kinds more than their share.
func TestDraw(t *testing.T) {
	var changes []*Change
	for i := range 110 {
		c := &Change{Kind: "number", Line: i}
		if i < 10 {
			c.Kind = "defer"
		}
		changes = append(changes, c)
	}
	order := func(seed uint64) (all []*Change) {
		d := newDraw(seed, "p", changes)
		for c := d.next(); c != nil; c = d.next() {
			all = append(all, c)
		}
		return all
	}
	first := order(1)
	if !slices.Equal(first, order(1)) {
		t.Error("two draws with one seed differ")
	}
	if slices.Equal(first, order(2)) {
		t.Error("two seeds give one order")
	}
	seen := map[*Change]bool{}
	for _, c := range first {
		seen[c] = true
	}
	if len(first) != 110 || len(seen) != 110 {
		t.Errorf("%d drawn, %d different ones, want 110", len(first), len(seen))
	}
	// One in 1+√10 is a defer until they run out; by their number one in 11.
	defers := 0
	for seed := range uint64(50) {
		for _, c := range order(seed)[:10] {
			if c.Kind == "defer" {
				defers++
			}
		}
	}
	if defers < 80 || defers > 165 {
		t.Errorf("%d of 500 are defers, want about 120", defers)
	}
}

func TestKnown(t *testing.T) {
	known, err := ReadKnown(strings.NewReader("# One\n# reason.\na.go:f: x -> y\na.go:g: x -> y\n\n# Another.\nb.go:f: x -> y\n"))
	if err != nil || len(known) != 3 || known["a.go:g: x -> y"] != "One reason." || known["b.go:f: x -> y"] != "Another." {
		t.Errorf("read %q, %v", known, err)
	}
	for _, text := range []string{"a.go:f: x -> y\n", "# Reason.\n\na.go:f: x -> y\n", "# Reason.\na.go\n"} {
		if known, err := ReadKnown(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as %q", text, known)
		}
	}
	p := check(t, "package x\n\nconst a = 7\n")
	stale := Known{"x.go:: const a = 7 -> const a = 8": "", "x.go:: const a = 9 -> const a = 8": "", "y.go:: x -> y": ""}.stale([]*Package{p})
	if !slices.Equal(stale, []string{"x.go:: const a = 9 -> const a = 8"}) {
		t.Errorf("stale: %q", stale)
	}
}

// Wilson's intervals from the tables of Newcombe (1998).
func TestWilson(t *testing.T) {
	for _, tt := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		_, low, high := wilson(tt.k, tt.n)
		if max(low-tt.low, tt.low-low, high-tt.high, tt.high-high) > 0.0001 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tt.k, tt.n, low, high, tt.low, tt.high)
		}
	}
	if s, low, high := wilson(0, 0); s != 0 || low != 0 || high != 1 {
		t.Errorf("nothing of nothing: %v, %v to %v", s, low, high)
	}
}
