// Package proctest is what the tests of package procs and of those below it
// share: waiting that cannot hang, and the look at what a run left behind. It
// knows nothing of procs, whose own tests use it.
package proctest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
)

// Main runs the tests, and fails the run if they leave something behind. Use it
// in TestMain, after procs.Init.
func Main(m *testing.M) (code int) {
	wait.HeedHangup()
	before := given()
	if code = m.Run(); code != 0 {
		return code
	}
	if leaks := findLeaks(before); leaks != "" {
		fmt.Fprintln(os.Stderr, "leaked:\n"+leaks)
		return 1
	}
	return 0
}

// findLeaks looks for what the tests must not leave behind: goroutines of our
// packages, children, descriptors, segments. It waits for what is about to go.
func findLeaks(before map[string]int) (leaks string) {
	deadline := time.Now().Add(wait.Patience)
	for {
		runtime.GC() // adopted objects nobody closed
		if leaks = leaksNow(before); leaks == "" || time.Now().After(deadline) {
			return leaks
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func leaksNow(before map[string]int) string {
	var out []string
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "switchyard/procs") && !strings.Contains(g, "child.onLauncher") && !strings.Contains(g, ".TestMain(") {
			out = append(out, g)
		}
	}
	children, _ := filepath.Glob("/proc/self/task/*/children")
	for _, c := range children {
		if b, _ := os.ReadFile(c); len(b) > 0 {
			out = append(out, "children: "+string(b))
		}
	}
	for kind, open := range descriptors() {
		if len(open) > before[kind] {
			out = append(out, fmt.Sprintf("descriptors, of which there may be %d: %q", before[kind], open))
		}
	}
	if n := shm.Live(); n != 0 {
		out = append(out, fmt.Sprintf("%d segments", n))
	}
	// Tests name their memory after this process; other tests run beside it.
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/switchyard*-%d-*", os.Getpid())); len(left) > 0 {
		out = append(out, "named segments: "+strings.Join(left, " "))
	}
	return strings.Join(out, "\n\n")
}

// descriptors lists what this process has open of the kinds that procs makes.
func descriptors() map[string][]string {
	open := make(map[string][]string)
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, f := range fds {
		to, _ := os.Readlink(f)
		for _, kind := range []string{"memfd:", "socket:", "pidfd", "eventfd", "pipe:"} {
			if strings.Contains(to, kind) {
				open[kind] = append(open[kind], f+" "+to)
			}
		}
	}
	return open
}

// given counts those that are not the tests' own: standard files, which may be
// pipes, and what the runtime's poller wakes itself by.
func given() map[string]int {
	n := make(map[string]int)
	for kind, open := range descriptors() {
		n[kind] = len(open)
	}
	n["eventfd"] = max(n["eventfd"], 1)
	return n
}
