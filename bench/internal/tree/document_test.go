package tree

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents returns the Markdown files of the module, from the root.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			rel, err := filepath.Rel(root, n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, filepath.ToSlash(rel))
		}
	}
	if len(all) < 2 {
		t.Fatalf("found %q", all)
	}
	return all
}

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("`([^`\n]+)`")
	// A file or folder of the module: several elements, or a file of a known
	// kind; a folder that a pattern of the go command begins with.
	treePath = regexp.MustCompile(`^\.?/?((?:bench|greenlet|procs|report|results|\.browser|\.ci|\.github|\.mutants)(?:/[\w.-]+)*?)(?:/|/\.\.\.)?$`)
	target   = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
)

// What a document links to, the paths that it names, and the targets of make
// exist. What a run writes is not kept: nothing that git ignores in results is.
func TestDocumentPaths(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil || strings.HasPrefix(name, "results/latest") || strings.HasPrefix(name, "results/ab") || strings.HasPrefix(name, "results/null")
	}
	found := 0
	for _, name := range documents(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			found++
			file := name
			if to != "" {
				file = path.Join(path.Dir(name), to)
			}
			if !exists(file) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && !hasHeading(t, file, anchor) {
				t.Errorf("%s links to %s: no such heading", name, m[1])
			}
		}
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			if p := treePath.FindStringSubmatch(m[1]); p != nil {
				found++
				if !exists(p[1]) {
					t.Errorf("%s names %s, which is not there", name, m[1])
				}
			}
		}
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which is no target", name, m[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("found %d paths and targets, want dozens", found)
	}
}

// hasHeading reports whether a document has a heading that GitHub gives this
// anchor.
func hasHeading(t *testing.T, name, anchor string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		hashes, title, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && hashes != "" && strings.Trim(hashes, "#") == "" && strings.ReplaceAll(strings.ToLower(title), " ", "-") == anchor {
			return true
		}
	}
	return false
}

var (
	// A file or folder of the module, and a Go file of the same package.
	commentPath = regexp.MustCompile(`(?:^|[\s(])((?:bench|greenlet|procs|report|\.browser|\.ci|\.github|\.mutants)/[\w./-]*\w)`)
	commentFile = regexp.MustCompile(`(?:^|[\s(])(\w+\.go)(?:[\s),;]|\.\s|:\s)`)
)

// So do the files and folders that comments name.
func TestCommentPaths(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if s.inTestdata() {
			continue
		}
		for _, c := range s.file.Comments {
			text := withoutCode(c.Text())
			var names []string
			for _, m := range commentPath.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
			for _, m := range commentFile.FindAllStringSubmatch(text, -1) {
				names = append(names, path.Join(s.dir, m[1]))
			}
			found += len(names)
			for _, name := range names {
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Errorf("%s: %s is not there", positions.Position(c.Pos()), name)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d names of files", found)
	}
}

// The tests that a document names in code are there.
func TestDocumentTestNamesExist(t *testing.T) {
	tests := make(map[string]bool)
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test {
				tests[f.Name.Name] = true
			}
		}
	}
	found := 0
	for _, name := range documents(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`(Test[A-Z]\\w*)`").FindAllStringSubmatch(string(data), -1) {
			if found++; !tests[m[1]] && !foreign[m[1]] {
				t.Errorf("%s names %s, and there is no such test", name, m[1])
			}
		}
	}
	if found < 32 {
		t.Errorf("only %d tests are named", found)
	}
}
