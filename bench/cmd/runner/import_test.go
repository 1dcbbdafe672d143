package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// closeToTheMachine is which packages of the module may ask the kernel by
// themselves (sys) or go around the type system (unsafe), and what for. Tests
// may do both anywhere.
var closeToTheMachine = map[string]string{
	"bench sys":                      "what the process tree has used",
	"bench/output sys":               "locks and examines the files that results go to",
	"bench/run sys":                  "CPU sets, adoption of orphans and the description of the machine",
	"greenlet/hub sys":               "epoll, timerfd and sockets that do not block",
	"procs sys":                      "pipes with descriptors, and the start of processes",
	"procs unsafe":                   "typed views of segments, and lengths of generic values",
	"procs/connection sys":           "sockets of listeners, and who is at the other end",
	"procs/internal/codec unsafe":    "copies values that hold no pointers as bytes",
	"procs/internal/kernel sys":      "descriptors and limits, for all of procs",
	"procs/internal/shm sys":         "memory that processes share, futexes, and who lives",
	"procs/internal/shm unsafe":      "typed views of segments",
	"procs/internal/taskring sys":    "futexes of the pool's rings, without what shm links",
	"procs/internal/taskring unsafe": "typed views of the pool's rings",
	"procs/manager unsafe":           "adds to numbers where they lie in memory",
}

// TestCloseToTheMachine fails if another package imports golang.org/x/sys or
// unsafe, on any system, or if one of those above no longer does.
func TestCloseToTheMachine(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{} // package and import: a file
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path == root {
				return nil
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			switch p, _ := strconv.Unquote(i.Path.Value); {
			case p == "unsafe":
				seen[filepath.ToSlash(dir)+" unsafe"] = path
			case strings.HasPrefix(p, "golang.org/x/sys/"):
				seen[filepath.ToSlash(dir)+" sys"] = path
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, file := range seen {
		if closeToTheMachine[what] == "" {
			t.Errorf("%s is new (%s): use what procs/internal/kernel, procs/internal/shm or greenlet/hub offer, or add it to the list with a reason", what, file)
		}
	}
	for what := range closeToTheMachine {
		if _, ok := seen[what]; !ok {
			t.Errorf("%s is in the list and not in the code: take it off", what)
		}
	}
}
