package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Floor is what a benchmark is compared with.
type Floor struct {
	Unit string      // of the metric: how many times the floor's time is ours
	Do   func(n int) // does it n times
	Per  int         // how many of it are one op of the benchmark, 0: one
}

// Beside does op b.N times, in rounds of at least so many, and after each round
// the floor, untimed, for about as long. The metric is how many times the
// floor's mean time an op takes.
//
// The two have rounds of one length and take turns, because what disturbs a
// long round is seldom seen by a short one, and because two processes that have
// just begun to talk are often on one processor and soon on two, which is
// several times as slow or as fast. That is also why it is the mean, and not
// the median, which would be the one or the other.
func Beside(b *testing.B, f Floor, least int, op func(n int)) {
	b.Helper()
	timed := func(do func(int), n int) time.Duration {
		begin := time.Now()
		do(n)
		return max(1, time.Since(begin))
	}
	var ours, theirs time.Duration
	ops := 0 // of the floor
	f.Do(1)  // wakes whom it needs
	rounds := min(32, max(1, b.N/least))
	b.ResetTimer()
	for r := range rounds {
		n := b.N*(r+1)/rounds - b.N*r/rounds
		took := timed(op, n)
		ours += took
		b.StopTimer()
		m := max(1, n*max(1, f.Per)/16)
		if ops > 0 {
			m = max(1, int(float64(took)/float64(theirs)*float64(ops)))
		}
		theirs += timed(f.Do, m)
		ops += m
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(ours)/float64(b.N)/(float64(theirs)/float64(ops)*float64(max(1, f.Per))), f.Unit)
}

// BesidePython lets op and peer.py, by this name, do n operations b.N times in
// turn, and skips the benchmark if there is no python3. The script is in the
// folder testdata/python of package procs.
func BesidePython(b *testing.B, folder, name string, n int, op func(n int)) {
	b.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3")
	}
	op(min(n, 100)) // everybody is awake
	var ours, python []time.Duration
	b.ResetTimer() // the timer counts both, so that -benchtime bounds both
	for range b.N {
		begin := time.Now()
		op(n)
		ours = append(ours, time.Since(begin))
		cmd := exec.Command("python3", filepath.Join(folder, "peer.py"), name, strconv.Itoa(n))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		s, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil || s <= 0 {
			b.Fatalf("python printed %q", out)
		}
		python = append(python, time.Duration(s*float64(time.Second)))
	}
	b.StopTimer()
	b.ReportMetric(Median(ours)/float64(n), "ns/op")
	b.ReportMetric(Median(python)/float64(n), "python-ns/op")
	b.ReportMetric(Median(python)/Median(ours), "x-python")
}

// Median returns the median, in ns. It sorts d.
func Median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2])
}
