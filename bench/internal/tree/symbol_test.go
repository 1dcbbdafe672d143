package tree

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// symbols is what a package declares: names of the package's block, each with
// the names of its fields and methods.
type symbols map[string]map[string]bool

// unknown is a member of a type whose members are not looked for, because they
// are another package's.
const unknown = "*"

// declared returns the symbols of every package of the module, by directory.
func declared(t *testing.T) map[string]symbols {
	t.Helper()
	all := make(map[string]symbols)
	for _, s := range sources(t) {
		if all[s.dir] == nil {
			all[s.dir] = make(symbols)
		}
		all[s.dir].add(s.file)
	}
	for _, s := range all {
		s.promote()
	}
	return all
}

// standard returns the symbols of a package of the standard library.
func standard(path string) (symbols, error) {
	files, err := filepath.Glob(filepath.Join(build.Default.GOROOT, "src", path, "*.go"))
	if err != nil {
		return nil, err
	}
	s := make(symbols)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.add(file)
	}
	s.promote()
	return s, nil
}

// has reports whether there is such a name, or such a member of it.
func (s symbols) has(name, member string) bool {
	members, ok := s[name]
	return ok && (member == "" || members[member] || members[unknown])
}

func (s symbols) note(name, member string) {
	if s[name] == nil {
		s[name] = make(map[string]bool)
	}
	if member != "" {
		s[name][member] = true
	}
}

func (s symbols) add(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				s.note(d.Name.Name, "")
			} else {
				s.note(typeName(d.Recv.List[0].Type), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						s.note(n.Name, "")
					}
				case *ast.TypeSpec:
					s.note(spec.Name.Name, "")
					s.members(spec.Name.Name, spec.Type)
				}
			}
		}
	}
}

// members notes the fields and methods that a type is declared with.
// Those of an embedded type are for promote, which finds its name among them.
func (s symbols) members(name string, t ast.Expr) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default: // an alias, or a type that has the fields of another
		s.note(name, unknown)
		return
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			s.note(name, n.Name)
		}
		if len(f.Names) == 0 {
			s.note(name, typeName(f.Type))
			if strings.Contains(typeName(f.Type), ".") {
				s.note(name, unknown)
			}
		}
	}
}

// promote gives each type the members of those that it embeds.
func (s symbols) promote() {
	for changed := true; changed; {
		changed = false
		for name, members := range s {
			for m := range members {
				for inner := range s[m] {
					if m != name && !members[inner] {
						s.note(name, inner)
						changed = true
					}
				}
			}
		}
	}
}

// typeName returns the name of a type without pointers and type arguments, with
// its package if it is another's.
func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.ParenExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		return typeName(t.X) + "." + t.Sel.Name
	case *ast.Ident:
		return t.Name
	}
	return unknown
}
