// Command table measures the project beside what it is compared with and prints
// a table: what "make peers" does. Each row is a metric of a Go benchmark that
// lets both take turns and checks what they answer; it is run several times,
// for the spread.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A row is a metric of a benchmark, and what it must be.
type row struct {
	what   string
	metric string
	must   float64 // at most; at least, if least; no demand if zero
	least  bool
}

// A bench is a benchmark, by its package and its name as "go test" matches it.
type bench struct {
	dir, name string
	times     string // for -benchtime
	count     int
	rows      []row
	reason    string // why it gave nothing
	values    map[string][]float64
}

const own = "bench/peers/go/rows"

func benches() []*bench {
	return []*bench{
		{dir: "procs", name: "PoolLarge/size=1048576", times: "300x", count: 5, rows: []row{
			{what: "pool call of 1 MiB there and back / gob over a pipe", metric: "x-gob", must: 0.4}}},
		{dir: own, name: "Executor", times: "1x", count: 5, rows: []row{
			{what: "executor over goroutines, 10^6 tasks / conc's result pool", metric: "x-conc", must: 0.85},
			{what: "executor over goroutines, 10^6 tasks / errgroup", metric: "x-errgroup"}}},
		{dir: own, name: "Ring/cpus=one", times: "1x", count: 5, rows: []row{
			{what: "ring of ten processes on one CPU, ns a hop", metric: "ns/hop", must: 5000},
			{what: "ring of ten processes on one CPU / C, futexes", metric: "x-c"}}},
		{dir: own, name: "Ring/cpus=all", times: "1x", count: 5, rows: []row{
			{what: "ring of ten processes on all CPUs / C, futexes", metric: "x-c", must: 1.1}}},
		{dir: "procs", name: "ProcessStart", times: "100x", count: 5, rows: []row{
			{what: "process start, end, GOMAXPROCS=1 / an empty Go program", metric: "x-empty", must: 1},
			{what: "process start, end, GOMAXPROCS of the environment / the same", metric: "x-empty-all", must: 1}}},
		{dir: "procs", name: "ProcessReserved", times: "50x", count: 5, rows: []row{
			{what: "process start, end, out of a reserve, ns", metric: "ns/op", must: 300_000}}},
		{dir: own, name: "DictGrowth", times: "1x", count: 5, rows: []row{
			{what: "manager's dictionary, an op: 32 clients / 1", metric: "x-growth", must: 2}}},
		{dir: own, name: "QueueGrowth", times: "1x", count: 9, rows: []row{
			{what: "queue, an item: 2+2 processes / 1+1", metric: "x-growth", must: 1.7}}},
		{dir: own, name: "MapGrowth", times: "1x", count: 5, rows: []row{
			{what: "map, a task sent by itself: 64 workers / 2", metric: "x-growth", must: 1.4}}},
		{dir: own, name: "Parks", times: "1x", count: 7, rows: []row{
			{what: "greenlet start, park, end, CPU / a goroutine", metric: "x-goroutine"}}},
		{dir: own, name: "Sleepers", times: "1x", count: 7, rows: []row{
			{what: "hub spawn, sleep, end, CPU / a goroutine", metric: "x-goroutine", must: 1.6}}},
		{dir: own, name: "Parked", times: "1x", count: 5, rows: []row{
			{what: "memory of a parked hub greenlet / a goroutine", metric: "x-goroutine", must: 1.15}}},
		{dir: own, name: "Echo/conns=1$", times: "1x", count: 7, rows: []row{
			{what: "hub echo, 1 connection, server CPU a request / gnet", metric: "x-gnet-cpu", must: 1.05}}},
		{dir: own, name: "Echo/conns=1000", times: "1x", count: 7, rows: []row{
			{what: "hub echo, 1000 connections, p99 / gnet", metric: "x-gnet-p99", must: 1},
			{what: "hub echo, 1000 connections, requests / gnet", metric: "x-gnet-rate"},
			{what: "hub echo, 1000 connections, Jain's index", metric: "jain", must: 0.98, least: true}}},
		{dir: own, name: "Idle", times: "1x", count: 1, rows: []row{
			{what: "idle pool, queue and hub, ms of CPU in 10 s", metric: "cpu-ms/10s", must: 1}}},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: table ROOT\n\nROOT is the root of the project.")
		os.Exit(2)
	}
	all := benches()
	failed := false
	for _, b := range all {
		fmt.Fprintln(os.Stderr, b.dir, b.name)
		if err := b.run(os.Args[1]); err != nil {
			failed = true
			fmt.Fprintln(os.Stderr, err)
		}
	}
	write(os.Stdout, all)
	if failed {
		os.Exit(1)
	}
}

// run runs the benchmark and reads what it prints.
func (b *bench) run(root string) error {
	dir, err := os.Stat(root + "/" + b.dir)
	if err != nil || !dir.IsDir() {
		return cmp.Or(err, errors.New("no directory"))
	}
	parts := strings.Split(b.name, "/")
	for i, p := range parts {
		parts[i] = "^" + strings.TrimSuffix(p, "$") + "$"
	}
	parts[0] = "^Benchmark" + parts[0][1:]
	cmd := exec.Command("go", "test", "-run=^$", "-v", "-timeout=5m", "-bench="+strings.Join(parts, "/"),
		"-benchtime="+b.times, "-count="+strconv.Itoa(b.count), ".")
	cmd.Dir = root + "/" + b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.reason = "failed"
		return fmt.Errorf("%s %s: %w\n%s", b.dir, b.name, err, out)
	}
	b.read(bytes.NewReader(out))
	if len(b.values) == 0 && b.reason == "" {
		b.reason = "gave no figures"
		return fmt.Errorf("%s %s gave no figures:\n%s", b.dir, b.name, out)
	}
	return nil
}

// read takes the metrics out of what "go test -v" prints, or the reason why the
// benchmark was skipped, which comes after the line that says so.
func (b *bench) read(r io.Reader) {
	b.values = make(map[string][]float64)
	skipped := false
	for s := bufio.NewScanner(r); s.Scan(); {
		line := s.Text()
		f := strings.Fields(line)
		switch {
		case skipped:
			_, reason, _ := strings.Cut(line, ".go:")
			_, reason, _ = strings.Cut(reason, ": ")
			b.reason, skipped = "skipped: "+reason, false
		case strings.Contains(line, "--- SKIP"):
			skipped = true
		case len(f) >= 4 && strings.HasPrefix(f[0], "Benchmark"):
			for i := 2; i+1 < len(f); i += 2 {
				if v, err := strconv.ParseFloat(f[i], 64); err == nil {
					b.values[f[i+1]] = append(b.values[f[i+1]], v)
				}
			}
		}
	}
}

// write prints the table. A demand is held if the median meets it; "nearly"
// says that it does not, and one of four values does.
func write(w io.Writer, all []*bench) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmedian\tquartiles\tmust\theld")
	for _, b := range all {
		for _, r := range b.rows {
			fmt.Fprintf(t, "%s\t%s\n", r.what, r.cells(b))
		}
	}
	t.Flush()
}

func (r row) cells(b *bench) string {
	must := "-"
	if sign := "<="; r.must != 0 {
		if r.least {
			sign = ">="
		}
		must = sign + " " + strconv.FormatFloat(r.must, 'f', -1, 64)
	}
	s := b.values[r.metric]
	if len(s) == 0 {
		return "-\t-\t" + must + "\t" + cmp.Or(b.reason, "no such metric")
	}
	low, median, high := quantile(s, 0.25), quantile(s, 0.5), quantile(s, 0.75)
	best := low
	meets := func(v float64) bool { return r.least && v >= r.must || !r.least && v <= r.must }
	if r.least {
		best = high
	}
	held := "no"
	switch {
	case r.must == 0:
		held = "-"
	case meets(median):
		held = "yes"
	case meets(best):
		held = "nearly"
	}
	return fmt.Sprintf("%.4g\t%.4g to %.4g\t%s\t%s", median, low, high, must, held)
}

// quantile sorts s and interpolates.
func quantile(s []float64, q float64) float64 {
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	return s[i] + (at-float64(i))*(s[min(i+1, len(s)-1)]-s[i])
}
