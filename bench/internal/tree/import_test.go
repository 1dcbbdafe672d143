package tree

import (
	"strconv"
	"strings"
	"testing"
)

// closeToTheMachine is which packages of the module may ask the kernel by
// themselves (sys) or go around the type system (unsafe), and what for. Tests
// may do both anywhere.
var closeToTheMachine = map[string]string{
	"bench sys":                       "what the process tree has used, and the processor's counters",
	"bench/host sys":                  "the room on the disk of the results",
	"bench/output sys":                "locks and examines the files that results go to",
	"bench/run sys":                   "CPU sets and adoption of orphans",
	"greenlet/hub sys":                "epoll, timerfd and sockets that do not block",
	"greenlet/hub unsafe":             "a wait in epoll of which the scheduler of Go is not told",
	"procs sys":                       "polls descriptors of files for Wait",
	"procs unsafe":                    "typed views of segments, and lengths of generic values",
	"procs/connection sys":            "sockets of listeners, and who is at the other end",
	"procs/internal/child sys":        "the start and the end of processes",
	"procs/internal/codec unsafe":     "copies values that hold no pointers as bytes",
	"procs/internal/kernel sys":       "descriptors and limits, for all of procs",
	"procs/internal/shm sys":          "memory that processes share, futexes, and who lives",
	"procs/internal/shm unsafe":       "typed views of segments",
	"procs/internal/taskring unsafe":  "typed views of the pool's rings",
	"procs/internal/transport sys":    "sockets, and descriptors over them",
	"procs/internal/transport unsafe": "the size of a place in shared memory",
	"procs/manager unsafe":            "adds to numbers where they lie in memory",
}

// TestCloseToTheMachine fails if another package imports golang.org/x/sys or
// unsafe, on any system, or if one of those above no longer does.
func TestCloseToTheMachine(t *testing.T) {
	seen := map[string]string{} // package and import: a file
	for _, i := range imports(t) {
		switch {
		case i.path == "unsafe":
			seen[i.by.dir+" unsafe"] = i.by.path
		case within(i.path, "golang.org/x/sys/..."):
			seen[i.by.dir+" sys"] = i.by.path
		}
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

// arrows is which packages of the module may import which others. The longest
// pattern that matches counts. The runtimes know nothing of what measures them,
// the harness nothing of what it measures, the report nothing of either.
var arrows = map[string]string{
	"greenlet/...":         "greenlet/...",
	"procs/...":            "procs/...",
	"bench/...":            "bench bench/benchlog bench/host bench/output bench/proctree bench/run/...",
	"bench/workload":       "bench greenlet/... procs/...",
	"bench/cmd/runner":     "bench bench/workload procs",
	"bench/peers/remote":   "bench bench/workload procs procs/remote",
	"bench/cmd/switchyard": "bench bench/benchlog bench/host bench/output bench/run/... report",
	"report/...":           "report/... bench/benchlog",
	"report/inference":     "",

	// What tests share.
	"greenlet/hub/internal/hubtest": "bench/testenv",
	"bench/testenv":                 "",
	"procs/internal/proctest":       "procs/... bench/testenv",
	"report/internal/reporttest":    "report/... bench/benchlog bench/testenv",
}

func TestArrows(t *testing.T) {
	for _, i := range imports(t) {
		to, ours := strings.CutPrefix(i.path, module+"/")
		if !ours {
			continue
		}
		rule := ""
		for pattern := range arrows {
			if within(i.by.dir, pattern) && len(pattern) > len(rule) {
				rule = pattern
			}
		}
		if rule == "" {
			t.Errorf("%s: no arrow leads from %s: add one", i.by.path, i.by.dir)
		} else if !withinAny(to, arrows[rule]) {
			t.Errorf("%s imports %s: %s may import %s", i.by.path, to, rule, arrows[rule])
		}
	}
}

// suppliers is who may import which module of others.
var suppliers = map[string]string{
	"github.com/HdrHistogram/hdrhistogram-go/...": "bench bench/benchlog bench/run/... report/...",
	"github.com/aclements/go-moremath/...":        "report/inference",
	"github.com/montanaflynn/stats/...":           "report/...",
	"github.com/nats-io/nats-server/v2/...":       "procs/remote",
	"github.com/nats-io/nats.go/...":              "procs/remote",
	"github.com/nats-io/nkeys/...":                "procs/remote",
	"github.com/panjf2000/ants/v2/...":            "bench/workload procs/threads",
	"github.com/schollz/progressbar/v3/...":       "bench/cmd/switchyard",
	"github.com/spf13/cobra/...":                  "bench/cmd/switchyard",
	"github.com/spf13/pflag/...":                  "bench/cmd/switchyard", // what cobra says of flags
	"go.uber.org/goleak/...":                      "greenlet/hub/internal/hubtest",
	"golang.org/x/net/html/...":                   "report/verify", // reads a page as a browser does
	"golang.org/x/perf/...":                       "report/...",
	"golang.org/x/sys/...":                        "bench/... greenlet/hub procs/...", // see closeToTheMachine
	"golang.org/x/term/...":                       "bench/cmd/switchyard",
	"gonum.org/v1/plot/...":                       "report/...",
}

func TestSuppliers(t *testing.T) {
	used := map[string]bool{}
	for _, i := range imports(t) {
		if first, _, _ := strings.Cut(i.path, "/"); !strings.Contains(first, ".") {
			continue
		}
		found := false
		for pattern, who := range suppliers {
			if !within(i.path, pattern) {
				continue
			}
			found, used[pattern] = true, true
			if !withinAny(i.by.dir, who) {
				t.Errorf("%s imports %s, which is for %s", i.by.path, i.path, who)
			}
		}
		if !found {
			t.Errorf("%s imports %s, which nobody may: add it to the list", i.by.path, i.path)
		}
	}
	for pattern := range suppliers {
		if !used[pattern] {
			t.Errorf("nobody imports %s: take it off the list", pattern)
		}
	}
}

// imported is one import declaration of a file that is no test.
type imported struct {
	by   source
	path string
}

func imports(t *testing.T) (all []imported) {
	t.Helper()
	for _, s := range sources(t) {
		if s.test || s.inTestdata() {
			continue
		}
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, imported{s, path})
		}
	}
	return all
}

// within reports whether a package is the one that the pattern names, or for
// "dir/..." dir or below.
func within(path, pattern string) bool {
	tree, below := strings.CutSuffix(pattern, "/...")
	return path == tree || below && strings.HasPrefix(path, tree+"/")
}

// withinAny is within for a list of patterns.
func withinAny(path, patterns string) bool {
	for _, p := range strings.Fields(patterns) {
		if within(path, p) {
			return true
		}
	}
	return false
}
