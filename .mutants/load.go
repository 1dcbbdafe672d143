package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Module is what go list knows of the tree.
type Module struct {
	Dir      string // root
	Packages []*Package
	Suites   []*Suite          // of all the packages, importers after what they import
	export   map[string]string // compiled form of each package, by import path
	all      map[string]*listed
}

// A Package is one whose code is to be changed.
type Package struct {
	Path    string
	Tests   []*Suite // which are to see a change
	Changes []*Change

	files []*source
	info  *types.Info
	conf  types.Config
}

type source struct {
	path string // absolute
	name string // relative to the module
	text []byte
	file *ast.File
	fset *token.FileSet
}

// at returns the offset of a position.
func (s *source) at(p token.Pos) int { return s.fset.Position(p).Offset }

// edited returns the bytes [from, to), changed. The edits are in order, and lie
// within.
func (s *source) edited(from, to int, edits []edit) []byte {
	var out []byte
	for _, e := range edits {
		out = append(out, s.text[from:e.from]...)
		out = append(out, e.text...)
		from = e.to
	}
	return append(out, s.text[from:to]...)
}

// listed is one package as go list prints it.
type listed struct {
	ImportPath, Dir, Export                  string
	GoFiles                                  []string
	Imports, Deps, TestImports, XTestImports []string
	TestGoFiles, XTestGoFiles                []string
	Standard                                 bool
	Error                                    *struct{ Err string }
}

// Load finds the packages that match the patterns, in the module of dir, and
// lists their changes. If own, importers are not among the tests.
func Load(dir string, patterns []string, own bool) (*Module, error) {
	root, err := output(dir, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	m := &Module{Dir: strings.TrimSpace(string(root)), export: map[string]string{}, all: map[string]*listed{}}
	wanted, err := output(dir, append([]string{"go", "list"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	// All are needed to know who imports whom, and the compiled form of those
	// alone that are looked at, and of what the switch imports.
	const fields = "-json=ImportPath,Dir,Export,GoFiles,Imports,Deps,TestImports,XTestImports,TestGoFiles,XTestGoFiles,Standard,Error"
	err = m.list("go", "list", fields, "./...")
	if err == nil {
		err = m.list(append([]string{"go", "list", "-deps", "-export", fields, "os", "strconv"}, strings.Fields(string(wanted))...)...)
	}
	if err != nil {
		return nil, err
	}
	for _, path := range strings.Fields(string(wanted)) {
		p, err := m.load(path, own)
		if err != nil {
			return nil, err
		}
		m.Packages = append(m.Packages, p)
	}
	// Who imports another depends on more.
	slices.SortFunc(m.Suites, func(a, b *Suite) int {
		return cmp.Or(cmp.Compare(len(m.all[a.Path].Deps), len(m.all[b.Path].Deps)), cmp.Compare(a.Path, b.Path))
	})
	return m, nil
}

// list notes the packages that a go list command prints as JSON.
func (m *Module) list(command ...string) error {
	text, err := output(m.Dir, command...)
	if err != nil {
		return err
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if l.Error != nil {
			return errors.New(l.Error.Err)
		}
		m.all[l.ImportPath], m.export[l.ImportPath] = &l, l.Export
	}
}

// load parses and checks one package and lists its changes.
func (m *Module) load(path string, own bool) (*Package, error) {
	l := m.all[path]
	if l == nil {
		return nil, fmt.Errorf("%s is not in the module", path)
	}
	fset := token.NewFileSet()
	p := &Package{Path: path}
	for _, tests := range m.tests(path, own) {
		suite, err := m.suite(tests)
		if err != nil {
			return nil, err
		}
		p.Tests = append(p.Tests, suite)
	}
	p.conf = types.Config{Importer: importer.ForCompiler(fset, "gc", m.open)}
	var files []*ast.File
	for _, name := range l.GoFiles {
		s := &source{path: filepath.Join(l.Dir, name), fset: fset}
		s.name, _ = filepath.Rel(m.Dir, s.path)
		var err error
		if s.text, err = os.ReadFile(s.path); err != nil {
			return nil, err
		}
		if s.file, err = parser.ParseFile(fset, s.path, s.text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		p.files, files = append(p.files, s), append(files, s.file)
	}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	if _, err := p.conf.Check(path, fset, files, p.info); err != nil {
		return nil, err
	}
	for _, s := range p.files {
		if !ast.IsGenerated(s.file) {
			p.Changes = append(p.Changes, find(p, s)...)
		}
	}
	return p, nil
}

func (m *Module) open(path string) (io.ReadCloser, error) {
	if m.export[path] == "" {
		return nil, fmt.Errorf("no compiled form of %s", path)
	}
	return os.Open(m.export[path])
}

// compiles reports whether the package still type-checks with other texts of
// some of its files, and files that it does not have, by path.
func (p *Package) compiles(texts map[string][]byte) bool {
	fset := p.files[0].fset
	var files []*ast.File
	for _, s := range p.files {
		if texts[s.path] == nil {
			files = append(files, s.file)
		}
	}
	for path, text := range texts {
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		files = append(files, file)
	}
	_, err := p.conf.Check(p.Path, fset, files, nil)
	return err == nil
}

// tests returns the packages whose tests see a change of path: its own, and
// those that import it; of X/internal/..., X.
func (m *Module) tests(path string, own bool) []string {
	var tests []string
	if l := m.all[path]; len(l.TestGoFiles)+len(l.XTestGoFiles) > 0 {
		tests = append(tests, path)
	}
	if owner, _, ok := strings.Cut(path, "/internal/"); ok && m.all[owner] != nil {
		return append(tests, owner)
	}
	if own {
		return tests
	}
	var importers []string
	for other, l := range m.all {
		if other == path || l.Standard || len(l.TestGoFiles)+len(l.XTestGoFiles) == 0 {
			continue
		}
		if slices.Contains(l.Imports, path) || slices.Contains(l.TestImports, path) || slices.Contains(l.XTestImports, path) {
			importers = append(importers, other)
		}
	}
	slices.Sort(importers)
	return append(tests, importers...)
}

// suite returns the tests of a package, one suite for all who are tested by it.
func (m *Module) suite(path string) (*Suite, error) {
	if i := slices.IndexFunc(m.Suites, func(s *Suite) bool { return s.Path == path }); i >= 0 {
		return m.Suites[i], nil
	}
	l := m.all[path]
	s := &Suite{Path: path, Dir: l.Dir}
	m.Suites = append(m.Suites, s)
	return s, s.load(slices.Concat(l.TestGoFiles, l.XTestGoFiles))
}

// output runs a command and returns what it printed.
func output(dir string, command ...string) ([]byte, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command[:2], " "), err, stderr.Bytes())
	}
	return out, nil
}
