package tree

import (
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// TestExportedTypes fails if something exported by procs or greenlet has a type
// of an internal package in it, which who uses it could not name: in a
// signature, a field, an embedded type, a constraint, or behind an alias.
func TestExportedTypes(t *testing.T) {
	from := importer.ForCompiler(token.NewFileSet(), "source", nil)
	for _, path := range []string{"procs", "procs/connection", "procs/manager", "procs/threads", "greenlet", "greenlet/hub"} {
		p, err := from.Import("switchyard/" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.Scope().Names() {
			if ast.IsExported(name) {
				for _, found := range internalIn(p.Scope().Lookup(name)) {
					t.Errorf("%s.%s mentions %s", path, name, found)
				}
			}
		}
	}
}

// internalIn returns the internal types that a declaration shows.
func internalIn(o types.Object) (found []string) {
	seen := map[types.Type]bool{}
	var look func(t types.Type)
	look = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Alias:
			look(types.Unalias(t))
		case *types.Named:
			if p := t.Obj().Pkg(); p != nil && strings.HasPrefix(p.Path(), "switchyard/") && strings.Contains(p.Path(), "/internal/") {
				found = append(found, t.String())
			}
			for a := range t.TypeArgs().Types() {
				look(a)
			}
		case *types.TypeParam:
			look(t.Constraint())
		case *types.Signature:
			for p := range t.TypeParams().TypeParams() {
				look(p)
			}
			look(t.Params())
			look(t.Results())
		case *types.Tuple:
			for v := range t.Variables() {
				look(v.Type())
			}
		case *types.Struct:
			for f := range t.Fields() {
				if f.Exported() {
					look(f.Type())
				}
			}
		case *types.Interface:
			for m := range t.ExplicitMethods() {
				if m.Exported() {
					look(m.Type())
				}
			}
			for e := range t.EmbeddedTypes() {
				look(e)
			}
		case *types.Union:
			for e := range t.Terms() {
				look(e.Type())
			}
		case *types.Map:
			look(t.Key())
			look(t.Elem())
		case interface{ Elem() types.Type }: // pointer, slice, array, channel
			look(t.Elem())
		}
	}
	n, ok := o.Type().(*types.Named)
	if _, isType := o.(*types.TypeName); !isType || !ok {
		look(o.Type())
		return found
	}
	for p := range n.TypeParams().TypeParams() {
		look(p)
	}
	look(n.Underlying())
	methods := types.NewMethodSet(types.NewPointer(n))
	for m := range methods.Methods() { // those of embedded types, too
		if m.Obj().Exported() {
			look(m.Type())
		}
	}
	return found
}
