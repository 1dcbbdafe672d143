package workload

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/proctree"
)

// patience is how long the tests wait for a case that does nothing. A machine
// that is busy with something else takes no part in it: the time counts in
// which the case has had no work for a processor.
const patience = 30 * time.Second

// watched measures a case. One op, or batch, is all there is; before more of
// them a tenth warms up. The error is a sentence: what went wrong, what has
// hung and where, or what is left behind.
func watched(w *bench.Workload, c bench.Case, n int, patience time.Duration) (*bench.Result, error) {
	options := bench.Options{N: n, Op: time.Microsecond}
	if n == 1 && !w.Open {
		options = bench.Options{Benchtime: 1} // calibrated by the first pass
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	done := make(chan error, 1)
	var r *bench.Result
	go func() {
		var err error
		r, err = bench.Measure(w, c, options)
		done <- err
	}()
	if err := watch(done, patience); err != nil {
		return nil, err
	}
	if r.N < n {
		return nil, fmt.Errorf("%d ops were done, want %d at least", r.N, n)
	}
	return r, cmp.Or(
		eventually("descriptors", files, patience, openFiles),
		eventually("children", 0, patience, func() int { return len(proctree.Descendants(os.Getpid())) }),
		eventually("goroutines", goroutines, patience, runtime.NumGoroutine),
	)
}

// watch waits for an outcome. It gives up when this process and those below it
// have not used a processor for as long as patience, or have used it for ten
// times as long, and ends those below.
func watch(done <-chan error, patience time.Duration) error {
	began := time.Now()
	last, used := began, cpuTicks()
	poll := time.NewTicker(patience / 10) // seldom: to look is work too
	defer poll.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-poll.C:
		}
		if now := cpuTicks(); now > used+10 || now == 0 {
			last, used = time.Now(), now
		}
		how := ""
		switch {
		case time.Since(last) >= patience:
			how = "hangs"
		case time.Since(began) >= 10*patience:
			how = "does not end"
		default:
			continue
		}
		err := fmt.Errorf("it %s after %v: %s", how, time.Since(began).Round(time.Second), whereabouts())
		for _, pid := range proctree.Descendants(os.Getpid()) {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
		return err
	}
}

// cpuTicks returns the CPU time of this process and of those below it, in
// hundredths of a second; 0 where it cannot be read.
func cpuTicks() (ticks int) {
	for _, pid := range append(proctree.Descendants(os.Getpid()), os.Getpid()) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// utime, stime, and those of children that have ended: the 14th field
		// to the 17th, of which two stand before the name's parenthesis.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for i := 11; i < 15 && i < len(fields); i++ {
			n, _ := strconv.Atoi(fields[i])
			ticks += n
		}
	}
	return ticks
}

var (
	goroutineLine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[([^,\]]*)`)
	workloadLine  = regexp.MustCompile(`(?m)^switchyard/bench/workload\.(.*)\(`)
)

// whereabouts says in which functions of this package goroutines are, and what
// they wait for there.
func whereabouts() string {
	buf := make([]byte, 1<<20)
	var all []string
	for text := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		state, at := goroutineLine.FindStringSubmatch(text), workloadLine.FindStringSubmatch(text)
		if state == nil || at == nil || strings.Contains(text, "workload.whereabouts(") || strings.Contains(text, "workload.TestMain(") {
			continue
		}
		if s := at[1] + " (" + state[1] + ")"; !slices.Contains(all, s) && !strings.Contains(text, "testing.tRunner") {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return "no goroutine is in this package"
	}
	return strings.Join(all[:min(len(all), 5)], ", ")
}

// eventually reports that a count does not come down to what it was: what ends
// on its own is given time.
func eventually(what string, most int, patience time.Duration, count func() int) error {
	for deadline := time.Now().Add(patience); count() > most; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d %s are left, %d before: %s", count(), what, most, whereabouts())
		}
	}
	return nil
}

// openFiles counts the descriptors of this process, or returns 0 where it
// cannot.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// late is a workload that is right for fifty ops; what it does then may be off.
func late(then func(b *bench.B) (off uint64)) *bench.Workload {
	return &bench.Workload{
		Name: "Late", Story: "A test's.", Op: "op",
		Want: func(b *bench.B) uint64 { return uint64(b.N) },
		Impls: map[bench.Model]bench.Func{Goroutine: func(b *bench.B) (uint64, error) {
			b.Start()
			off := uint64(0)
			if b.N > 50 {
				off = then(b)
			}
			b.Stop()
			return uint64(b.N) + off, nil
		}},
	}
}

// What goes wrong only after some dozens of ops is found with many of them, and
// not with few.
func TestWatched(t *testing.T) {
	for name, tt := range map[string]struct {
		then     func(b *bench.B, never <-chan struct{}) uint64
		patience time.Duration // short for what is sure not to end
		want     string
	}{
		"a deadlock": {func(_ *bench.B, never <-chan struct{}) uint64 { <-never; return 0 },
			time.Second, `^it hangs after \d+s: TestWatched\.func\S+ \(chan receive\)$`},
		"a wrong answer": {func(*bench.B, <-chan struct{}) uint64 { return 1 },
			patience, `^wrong answer: got 201, want 200$`},
		"a goroutine too many": {func(_ *bench.B, never <-chan struct{}) uint64 { go func() { <-never }(); return 0 },
			time.Second, `^\d+ goroutines are left, \d+ before: .*TestWatched\.func\S+ \(chan receive\)`},
		"a file too many": {func(*bench.B, <-chan struct{}) uint64 {
			f, err := os.Open(os.DevNull)
			if err == nil {
				t.Cleanup(func() { f.Close() })
			}
			return 0
		}, time.Second, `^\d+ descriptors are left, \d+ before: `},
		"nothing": {func(*bench.B, <-chan struct{}) uint64 { return 0 }, patience, "^$"},
	} {
		t.Run(name, func(t *testing.T) {
			never, before := make(chan struct{}), runtime.NumGoroutine()
			defer func() {
				close(never)
				if err := eventually("goroutines", before, patience, runtime.NumGoroutine); err != nil {
					t.Error(err)
				}
			}()
			w := late(func(b *bench.B) uint64 { return tt.then(b, never) })
			c := bench.Case{Workload: w.Name, Model: Goroutine, CPUs: 1}
			if _, err := watched(w, c, fewOps, patience); err != nil {
				t.Fatalf("with few ops: %v", err)
			}
			text := ""
			if _, err := watched(w, c, manyOps, tt.patience); err != nil {
				text = err.Error()
			}
			if !regexp.MustCompile(tt.want).MatchString(text) {
				t.Errorf("error %q, want %q", text, tt.want)
			}
		})
	}
}
