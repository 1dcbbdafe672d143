package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// kinds lists what can be changed, in the order of all output.
var kinds = []string{
	"condition",  // negated
	"boundary",   // < and <=, > and >=
	"equality",   // == and !=
	"arithmetic", // + and -, * and /
	"logic",      // && and ||
	"number",     // one more, one less; a fraction a tenth more
	"call",       // not made
	"assignment", // not made
	"defer",      // not made
	"case",       // missing
	"else",       // never taken
	"return",     // too early
	"error",      // returned as nil
	"arguments",  // two of one type swapped
}

// A Change is one edit of one file.
type Change struct {
	Package  string `json:"package"`
	File     string `json:"file"` // relative to the module
	Line     int    `json:"line"`
	Function string `json:"function"` // "(*T).Method", "Func", or "" outside of functions
	Kind     string `json:"kind"`
	Before   string `json:"before"` // the first line that changes
	After    string `json:"after"`

	pkg   *Package
	src   *source
	edits []edit
	body  *ast.BlockStmt // of the innermost function around the edits; nil outside of functions
	value bool           // that function returns something
}

// An edit replaces the bytes [from, to) of a file.
type edit struct {
	from, to int
	text     string
}

// Name identifies the change whatever its line number; see package doc.
func (c *Change) Name() string {
	return fmt.Sprintf("%s:%s: %s -> %s", c.File, c.Function, c.Before, c.After)
}

// apply returns the changed file.
func (c *Change) apply() []byte { return c.src.edited(0, len(c.src.text), c.edits) }

// lines returns the whole lines that the change touches, before and after.
func (c *Change) lines() (before, after string) {
	text, changed := c.src.text, c.apply()
	first, last := c.edits[0].from, c.edits[len(c.edits)-1].to
	begin := bytes.LastIndexByte(text[:first], '\n') + 1
	end := len(text)
	if i := bytes.IndexByte(text[last:], '\n'); i >= 0 {
		end = last + i
	}
	return string(text[begin:end]), string(changed[begin : len(changed)-len(text)+end])
}

// describe fills in Before and After, the first lines that differ.
func (c *Change) describe() {
	before, after := c.lines()
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	i := 0
	for i < len(a)-1 && i < len(b)-1 && a[i] == b[i] {
		i++
	}
	c.Before, c.After = brief(a[i], len(a)-i), brief(b[i], len(b)-i)
}

func brief(line string, lines int) string {
	line = strings.Join(strings.Fields(line), " ")
	if lines > 1 {
		line += " ..."
	}
	return line
}

// Diff shows the change as the lines that differ, at most five on each side.
func (c *Change) Diff() string {
	var out strings.Builder
	before, after := c.lines()
	side := func(sign, text string) {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if i == 5 {
				fmt.Fprintf(&out, "  %s ... (%d lines more)\n", sign, len(lines)-i)
				return
			}
			fmt.Fprintf(&out, "  %s%s\n", sign, line)
		}
	}
	side("-", before)
	side("+", after)
	return out.String()
}

// A finder lists the changes of one file.
type finder struct {
	src   *source
	info  *types.Info
	found []*Change
	stack []ast.Node
}

// find lists every change of a file.
func find(pkg *Package, src *source) []*Change {
	f := &finder{src: src, info: pkg.info}
	ast.Inspect(src.file, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		if f.compiledAway(n) {
			return false
		}
		f.stack = append(f.stack, n)
		f.node(n)
		return true
	})
	for _, c := range f.found {
		c.Package, c.File, c.pkg, c.src = pkg.Path, src.name, pkg, src
		c.describe()
	}
	return f.found
}

// compiledAway reports an if without else whose condition is a constant false,
// such as "if debug": no test of this build can see what is in it.
func (f *finder) compiledAway(n ast.Node) bool {
	s, ok := n.(*ast.IfStmt)
	if !ok || s.Else != nil || s.Init != nil {
		return false
	}
	v := f.info.Types[s.Cond].Value
	return v != nil && v.Kind() == constant.Bool && !constant.BoolVal(v)
}

func (f *finder) at(p token.Pos) int { return f.src.at(p) }

func (f *finder) text(n ast.Node) string { return string(f.src.text[f.at(n.Pos()):f.at(n.End())]) }

// add notes a change at a node.
func (f *finder) add(kind string, n ast.Node, edits ...edit) {
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	c := &Change{Kind: kind, Line: f.src.fset.Position(n.Pos()).Line, Function: f.function(), edits: edits}
	for _, n := range slices.Backward(f.stack) {
		sig, body := function(n)
		if body != nil && edits[0].from > f.at(body.Lbrace) && edits[len(edits)-1].to <= f.at(body.Rbrace) {
			c.body, c.value = body, sig.Results != nil
			break
		}
	}
	f.found = append(f.found, c)
}

// function returns the parts of a function, if n is one.
func function(n ast.Node) (*ast.FuncType, *ast.BlockStmt) {
	switch n := n.(type) {
	case *ast.FuncLit:
		return n.Type, n.Body
	case *ast.FuncDecl:
		return n.Type, n.Body
	}
	return nil, nil
}

// replace notes the change of a node's text.
func (f *finder) replace(kind string, n ast.Node, text string) {
	f.add(kind, n, edit{f.at(n.Pos()), f.at(n.End()), text})
}

// function names the declared function that is being visited.
func (f *finder) function() string {
	for _, n := range f.stack {
		if d, ok := n.(*ast.FuncDecl); ok {
			if d.Recv == nil || len(d.Recv.List) == 0 {
				return d.Name.Name
			}
			recv := f.text(d.Recv.List[0].Type)
			if strings.HasPrefix(recv, "*") {
				recv = "(" + recv + ")"
			}
			return recv + "." + d.Name.Name
		}
	}
	return ""
}

// signature returns the type of the innermost function being visited.
func (f *finder) signature() *ast.FuncType {
	for _, n := range slices.Backward(f.stack) {
		if sig, _ := function(n); sig != nil {
			return sig
		}
	}
	return nil
}

// node lists the changes that begin at a node.
func (f *finder) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.condition(n.Cond)
		f.orElse(n)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.condition(n.Cond)
		}
	case *ast.SwitchStmt:
		f.cases(n.Body, n.Tag == nil)
	case *ast.TypeSwitchStmt:
		f.cases(n.Body, false)
	case *ast.SelectStmt:
		f.cases(n.Body, false)
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.BasicLit:
		f.number(n)
	case *ast.AssignStmt:
		f.operator(n, n.TokPos, n.Tok)
	case *ast.IncDecStmt:
		f.operator(n, n.TokPos, n.Tok)
	case *ast.CallExpr:
		f.arguments(n)
	case *ast.ReturnStmt:
		f.errors(n)
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
}

// condition negates. A comparison with == or != is left to equality.
func (f *finder) condition(cond ast.Expr) {
	if b, ok := cond.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return
	}
	if u, ok := cond.(*ast.UnaryExpr); ok && u.Op == token.NOT {
		f.replace("condition", cond, f.text(u.X))
		return
	}
	f.replace("condition", cond, "!("+f.text(cond)+")")
}

func (f *finder) orElse(n *ast.IfStmt) {
	switch e := n.Else.(type) {
	case *ast.BlockStmt:
		at := f.at(e.Pos())
		f.add("else", e, edit{at, at, "if false "})
	case *ast.IfStmt:
		f.replace("else", e.Cond, "false && ("+f.text(e.Cond)+")")
	}
}

// cases drops each clause and, in a switch without a tag, negates conditions.
func (f *finder) cases(body *ast.BlockStmt, conditions bool) {
	for i, s := range body.List {
		end := body.Rbrace
		if i+1 < len(body.List) {
			end = body.List[i+1].Pos()
		}
		f.add("case", s, edit{f.at(s.Pos()), f.at(end), ""})
		if c, ok := s.(*ast.CaseClause); ok && conditions && len(c.List) == 1 {
			f.condition(c.List[0])
		}
	}
}

// swaps are operators and what they become.
var swaps = map[token.Token]struct {
	kind string
	op   token.Token
}{
	token.LSS: {"boundary", token.LEQ}, token.LEQ: {"boundary", token.LSS},
	token.GTR: {"boundary", token.GEQ}, token.GEQ: {"boundary", token.GTR},
	token.EQL: {"equality", token.NEQ}, token.NEQ: {"equality", token.EQL},
	token.LAND: {"logic", token.LOR}, token.LOR: {"logic", token.LAND},
	token.ADD: {"arithmetic", token.SUB}, token.SUB: {"arithmetic", token.ADD},
	token.MUL: {"arithmetic", token.QUO}, token.QUO: {"arithmetic", token.MUL},
	token.ADD_ASSIGN: {"arithmetic", token.SUB_ASSIGN}, token.SUB_ASSIGN: {"arithmetic", token.ADD_ASSIGN},
	token.MUL_ASSIGN: {"arithmetic", token.QUO_ASSIGN}, token.QUO_ASSIGN: {"arithmetic", token.MUL_ASSIGN},
	token.INC: {"arithmetic", token.DEC}, token.DEC: {"arithmetic", token.INC},
}

func (f *finder) binary(n *ast.BinaryExpr) {
	if t, ok := f.info.TypeOf(n).Underlying().(*types.Basic); ok && t.Info()&types.IsString != 0 {
		return
	}
	f.operator(n, n.OpPos, n.Op)
}

func (f *finder) operator(n ast.Node, pos token.Pos, op token.Token) {
	if s, ok := swaps[op]; ok {
		f.add(s.kind, n, edit{f.at(pos), f.at(pos) + len(op.String()), s.op.String()})
	}
}

func (f *finder) number(n *ast.BasicLit) {
	switch n.Kind {
	case token.INT:
		v, err := strconv.ParseInt(n.Value, 0, 64)
		if err != nil {
			return
		}
		f.replace("number", n, strconv.FormatInt(v+1, 10))
		if v > 0 {
			f.replace("number", n, strconv.FormatInt(v-1, 10))
		}
	case token.FLOAT:
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil && v != 0 {
			f.replace("number", n, strconv.FormatFloat(v*1.1, 'g', -1, 64))
		}
	}
}

// arguments swaps neighbours of one type, unless their order means nothing.
func (f *finder) arguments(n *ast.CallExpr) {
	if b, ok := n.Fun.(*ast.Ident); ok && f.info.Types[b].IsBuiltin() && (b.Name == "min" || b.Name == "max") {
		return
	}
	for i := 1; i < len(n.Args); i++ {
		a, b := n.Args[i-1], n.Args[i]
		ta, tb := f.info.TypeOf(a), f.info.TypeOf(b)
		if ta == nil || tb == nil || f.text(a) == f.text(b) || f.info.Types[a].IsType() {
			continue
		}
		if i == len(n.Args)-1 && n.Ellipsis.IsValid() {
			continue
		}
		if types.Identical(types.Default(ta), types.Default(tb)) {
			f.add("arguments", n,
				edit{f.at(a.Pos()), f.at(a.End()), f.text(b)}, edit{f.at(b.Pos()), f.at(b.End()), f.text(a)})
		}
	}
}

// errors returns nil in place of an error that is still evaluated.
func (f *finder) errors(n *ast.ReturnStmt) {
	sig := f.signature()
	if sig == nil || sig.Results == nil || len(n.Results) == 0 {
		return
	}
	results := sig.Results.List
	if !isError(f.info.TypeOf(results[len(results)-1].Type)) {
		return
	}
	last := n.Results[len(n.Results)-1]
	if id, ok := last.(*ast.Ident); ok && id.Name == "nil" {
		return
	}
	if tuple, ok := f.info.TypeOf(last).(*types.Tuple); ok {
		var names []string
		for i := range tuple.Len() - 1 {
			names = append(names, "mutant"+strconv.Itoa(i))
		}
		f.replace("error", n, fmt.Sprintf("{ %s, _ := %s; return %s, nil }",
			strings.Join(names, ", "), f.text(last), strings.Join(names, ", ")))
		return
	}
	from, to := f.at(last.Pos()), f.at(last.End())
	f.add("error", n,
		edit{f.at(n.Pos()), f.at(n.Pos()), "{ _ = " + f.text(last) + "; "},
		edit{from, to, "nil }"})
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// statements drops calls, assignments and defers of a list, and returns
// before each statement. What is dropped stays in the code as "if false", so
// that no variable or import becomes unused.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		f.early(s)
		switch s := s.(type) {
		case *ast.ExprStmt:
			f.drop("call", s)
		case *ast.GoStmt, *ast.SendStmt:
			f.drop("call", s)
		case *ast.DeferStmt:
			f.drop("defer", s)
		case *ast.IncDecStmt:
			f.drop("assignment", s)
		case *ast.AssignStmt:
			if id, ok := s.Lhs[0].(*ast.Ident); s.Tok != token.DEFINE && (len(s.Lhs) > 1 || !ok || id.Name != "_") {
				f.drop("assignment", s)
			}
		}
	}
}

func (f *finder) drop(kind string, s ast.Stmt) {
	from, to := f.at(s.Pos()), f.at(s.End())
	f.add(kind, s, edit{from, from, "if false { "}, edit{to, to, " }"})
}

// early returns zero values before a statement, or the named results as they
// are.
func (f *finder) early(s ast.Stmt) {
	switch s.(type) {
	case *ast.ReturnStmt, *ast.EmptyStmt, *ast.BranchStmt, *ast.LabeledStmt:
		return
	}
	sig := f.signature()
	if sig == nil {
		return
	}
	var zeros []string
	if sig.Results != nil {
		for _, r := range sig.Results.List {
			if len(r.Names) > 0 {
				zeros = nil
				break
			}
			zeros = append(zeros, "*new("+f.text(r.Type)+")")
		}
	}
	at := f.at(s.Pos())
	text := "return"
	if len(zeros) > 0 {
		text += " " + strings.Join(zeros, ", ")
	}
	f.add("return", s, edit{at, at, text + "; "})
}
