package tree

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	// procs.Pool.Terminate, with a package of the module
	qualified = regexp.MustCompile(`(?:^|[^\w./"-])([a-z][a-z0-9]*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	// Pool.Terminate
	member = regexp.MustCompile(`(?:^|[^\w./"-])([A-Z]\w*)\.([A-Z]\w*)`)
	// a word with a capital inside, or with parentheses: not English
	compound = regexp.MustCompile(`(?:^|[^\w./"'-])(?:([A-Z][a-z0-9]+[A-Z]\w*|[a-z]+[A-Z]\w*)\b|(\w+)\(\))`)
)

// foreign are compound names of others that comments may mention without a
// package.
var foreign = map[string]bool{}

func init() {
	for _, names := range []string{
		"KiB MiB GiB NaN GitHub JavaScript PowerShell HdrHistogram",
		// Python, gevent
		"BaseManager GreenletExit LoopExit PoolFull MainProcess ProcessPoolExecutor SyncManager ThreadPoolExecutor ValueError",
		// the standard library, x/sys, x/perf
		"CmsgSpace DialTLSContext FailNow HypothesisTests InsecureSkipVerify ReadFrom TestMain",
		"PingPong",
		"BenchmarkX TestXxx TryXxx XxxTimeout", // any name of this kind
	} {
		for _, name := range strings.Fields(names) {
			foreign[name] = true
		}
	}
}

// Whatever a comment or a document names exists: procs.Pool.Terminate, in
// package procs just Pool.Terminate. A word with a capital inside is a name
// somewhere below the same top directory: comments of procs name tests of
// taskring.
func TestNamesExist(t *testing.T) {
	all := declared(t)
	used := make(map[string]map[string]bool) // by top directory: every name in the code
	dirs := make(map[string]string)          // by the package's name
	top := func(s source) string { dir, _, _ := strings.Cut(s.dir, "/"); return dir }
	for _, s := range sources(t) {
		if used[top(s)] == nil {
			used[top(s)] = make(map[string]bool)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[top(s)][id.Name] = true
			}
			return true
		})
		if name := s.file.Name.Name; name != "main" && !s.inTestdata() {
			dirs[strings.TrimSuffix(name, "_test")] = s.dir
		}
	}
	found := 0
	for _, s := range sources(t) {
		if s.inTestdata() {
			continue
		}
		for _, c := range s.file.Comments {
			text := withoutCode(c.Text())
			for _, m := range qualified.FindAllStringSubmatch(text, -1) {
				if dir, ours := dirs[m[1]]; ours {
					found++
					if !all[dir].has(m[2], m[3]) {
						t.Errorf("%s: package %s has no %s %s", positions.Position(c.Pos()), m[1], m[2], m[3])
					}
				}
			}
			for _, m := range member.FindAllStringSubmatch(text, -1) {
				if _, ours := all[s.dir][m[1]]; ours {
					found++
					if !all[s.dir].has(m[1], m[2]) {
						t.Errorf("%s: %s has no %s", positions.Position(c.Pos()), m[1], m[2])
					}
				}
			}
			for _, m := range compound.FindAllStringSubmatch(text, -1) {
				found++
				if name := m[1] + m[2]; !used[top(s)][name] && !foreign[name] {
					t.Errorf("%s: there is no %s below %s", positions.Position(c.Pos()), name, top(s))
				}
			}
		}
	}
	if found < 1000 {
		t.Errorf("found %d names, want thousands", found)
	}
	for _, name := range documents(t) {
		text, err := os.ReadFile(path.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range qualified.FindAllStringSubmatch(string(text), -1) {
			if dir, ours := dirs[m[1]]; ours && !all[dir].has(m[2], m[3]) {
				t.Errorf("%s: package %s has no %s %s", name, m[1], m[2], m[3])
			}
		}
	}
}

// withoutCode returns the text of a comment without its indented lines.
func withoutCode(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "\t") {
			b.WriteString(line)
		}
	}
	return b.String()
}
