package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the module's directory.
const root = "../../.."

// module is the module's path.
const module = "switchyard"

// source is one Go file of the module.
type source struct {
	path string // with slashes, from the root
	dir  string // its package: "." would be the root
	test bool
	file *ast.File
	text string
}

var (
	positions = token.NewFileSet()
	parseTree = sync.OnceValues(func() ([]source, error) {
		var all []source
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == root {
				return err
			}
			name := d.Name()
			if d.IsDir() {
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
					return fs.SkipDir
				}
				return nil
			}
			if !strings.HasSuffix(name, ".go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(positions, path, text, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			all = append(all, source{
				path: rel, dir: strings.TrimSuffix(rel, "/"+name), test: strings.HasSuffix(name, "_test.go"),
				file: file, text: string(text),
			})
			return nil
		})
		return all, err
	})
)

// sources returns every Go file of the module, for any system, tests and
// testdata included.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseTree()
	if err != nil || len(all) < 100 {
		t.Fatal(len(all), "files:", err)
	}
	return all
}

// inTestdata reports whether the go command passes over the file.
func (s source) inTestdata() bool {
	return strings.Contains("/"+s.path, "/testdata/")
}
