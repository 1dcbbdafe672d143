package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// oddRun is a run of everything that a report can have to say: models of all
// kinds, curves that cross, ties, outliers, latencies, failures and skips of
// cases and of a workload, disturbed blocks, a machine that warns.
func oddRun() string {
	var b strings.Builder
	b.WriteString(`# switchyard {"format":1,"run":"2026-11-20T19:03:11Z","command":"make bench","seed":7,"count":9,"benchtime_ns":20000000,"cpus":"0-1","models":["seq","fiber","worker","rare"]}
# model {"name":"seq","note":"alone","baseline":true}
# model {"name":"fiber","note":"many on one thread"}
# model {"name":"worker","note":"processes","processes":true}
# model {"name":"rare"}
# workload {"name":"Map","story":"Squares.","op":"square","source":"map.go","cases":["task=1us","task=10us","task=100us","task=1ms"]}
# workload {"name":"Empty","control":true}
# workload {"name":"Pipe","cases":["n=1","n=2"]}
cpu: Test CPU
cores: 2
goos: linux
goarch: amd64
kernel: 6.1
go: go1.26
commit: abc
virtual: kvm
governor: powersave
smt: on
cgroup-quota: 150000
`)
	line := func(name, model string, ns, noise float64, extra string) {
		fmt.Fprintf(&b, "Benchmark%s/model=%s-2 %d %g ns/op %g ops/s %s\n", name, model, 5+len(model), ns*noise, 1e9/(ns*noise), extra)
	}
	for i := range 9 {
		noise := 1 + float64(i*4%9)/200
		for k, task := range []string{"1us", "10us", "100us", "1ms"} {
			size := []float64{1e3, 1e4, 1e5, 1e6}[k]
			line("Map/task="+task, "seq", size, noise, fmt.Sprintf("%d cpu-ns/op %d peak-RSS-bytes", int(size), 1<<20+i))
			lat := fmt.Sprintf("%d p50-ns %d p90-ns %d p99-ns %d p99.9-ns %d max-ns", 100+i, 200+i, 900+50*i, 1500+i, 4000+i)
			line("Map/task="+task, "fiber", size+500, noise, lat+" 16 B/op 1 allocs/op 0.5 csw/op 3 gcs")
			odd := noise
			if i == 7 && k < 2 {
				odd *= []float64{1.08, 9}[k]
			}
			line("Map/task="+task, "worker", size/2+2e4, odd, strings.ReplaceAll(lat, "00 p", "10 p"))
		}
		line("Map/task=1ms", "rare", 9e5+float64(1e5*(i%3)), 1, "")
		line("Empty", "fiber", 100, noise, "")
		line("Empty", "worker", 130, noise, "")
		for n := 1; n <= 2; n++ {
			line(fmt.Sprintf("Pipe/n=%d", n), "fiber", 50*float64(n), noise, "")
			line(fmt.Sprintf("Pipe/n=%d", n), "worker", 50.2*float64(n), noise, "")
		}
		fmt.Fprintf(&b, "# block {\"block\":%d,\"attempt\":1,\"canary_ns\":[100,%d],\"canary_base_ns\":100,\"steal_pct\":%d,\"load1\":%d,\"disturbed\":%v,\"benchtime_ns\":%d}\n", i+1, 100+2*i, i/3, i/2, i%4 == 1, 20e6+i/8*1e6)
	}
	b.WriteString("--- FAIL: BenchmarkPipe/n=2/model=rare-2\n    wrote nothing\n--- FAIL: BenchmarkRing/model=worker-2\n    died\n--- SKIP: BenchmarkPipe/n=1/model=rare-2\n    too slow\n--- SKIP: BenchmarkPipe/model=seq-2\n    nobody to talk to\n")
	b.WriteString("BenchmarkRing/model=fiber-2 100 70 ns/op\nBenchmarkRing/model=fiber-2 ten\n")
	return b.String()
}

// bare is the page without its style and scripts, an element per line.
func bare(page string) string {
	page = scriptElement.ReplaceAllString(styleElement.ReplaceAllString(page, ""), "")
	return strings.NewReplacer("><", ">\n<").Replace(page)
}

// TestGoldenOdd keeps the whole of a text, in colour and without, and of a
// page.
func TestGoldenOdd(t *testing.T) {
	run := read(t, oddRun())
	run.Files = []string{"bench.txt", "latency.hlog"}
	for name, opt := range map[string]TextOptions{
		"odd-text.golden":   {Width: 90, Color: true, Verbose: true, Page: "report.html", Baseline: read(t, "BenchmarkX 1 5 ns/op\nBenchmarkX")},
		"odd-narrow.golden": {Width: 40, Verbose: true},
	} {
		var text bytes.Buffer
		if err := WriteText(&text, Analyze(run), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, text.String())
	}
	page := pageOf(t, run)
	sound(t, page)
	golden(t, "odd-page.golden", bare(page))
}

// What go test itself prints, of packages, units and numbers of CPUs of its
// own.
func TestGoldenForeign(t *testing.T) {
	var b strings.Builder
	for i := range 7 {
		for _, pkg := range []string{"a", "b"} {
			fmt.Fprintf(&b, "pkg: example.com/%s\n", pkg)
			for _, cpus := range []string{"", "-4"} {
				fmt.Fprintf(&b, "BenchmarkSave/size=1KiB%s 100 %d ns/op %d B/op %d MB/s\nBenchmarkSave/size=64KiB%s 100 %d ns/op %d B/op %d widgets\n", cpus, 100+i, 64, 10+i, cpus, 900+i, 128, i)
			}
		}
	}
	b.WriteString("--- FAIL: BenchmarkOther\n    no\nFAIL\texample.com/c [build failed]\n")
	run := read(t, b.String())
	var text bytes.Buffer
	if err := WriteText(&text, Analyze(run), TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "foreign-text.golden", text.String())
	page := pageOf(t, run)
	sound(t, page)
	golden(t, "foreign-page.golden", bare(page))
}

// A long list of failures is cut, a wide interval is a number no more, and an
// open one says so.
func TestTextAtItsLimits(t *testing.T) {
	text := func(file string, width int) string {
		var b bytes.Buffer
		if err := WriteText(&b, Analyze(read(t, file)), TextOptions{Width: width, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	failures := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "--- FAIL: BenchmarkX%02d/model=a-2\n    no %d\n", i, i)
		}
		return text(b.String(), 0)
	}
	if got := failures(20); strings.Count(got, "FAILED ") != 20 || strings.Contains(got, "more") {
		t.Errorf("twenty failures:\n%s", got)
	}
	if got := failures(22); strings.Count(got, "FAILED ") != 21 || !strings.Contains(got, "FAILED X19, a: no 19\nFAILED 2 more\n") {
		t.Errorf("22 failures:\n%s", got)
	}
	wide := func(top int) string {
		return text(strings.Repeat("BenchmarkX/model=a-2 1 1000 ns/op 1e6 ops/s\n", 6)+fmt.Sprintf("BenchmarkX/model=a-2 1 5 ns/op %d ops/s\n", top)+strings.Repeat(fmt.Sprintf("BenchmarkX/model=a-2 1 5 ns/op %d ops/s\n", top), 3), 0)
	}
	for top, want := range map[int]string{5e6: "±400%", 10.99e6: "±999%", 11e6: "±>999%", 12e6: "±>999%"} {
		if got := wide(top); !strings.Contains(got, want) {
			t.Errorf("up to %d, want %s:\n%s", top, want, got)
		}
	}
	if got := text("BenchmarkX/model=a-2 1 5 ns/op\n", 0); !strings.Contains(got, "200M ±   ∞ *") || !strings.Contains(got, "\nTrust: low (") {
		t.Errorf("one result:\n%s", got)
	}
}

// full is a disk that has no room left.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// What could not be written is an error of every writer, and what reads in
// memory is what was read from files.
func TestWritersTellOfErrors(t *testing.T) {
	run := read(t, oddRun())
	for name, err := range map[string]error{
		"text":     WriteText(full{}, Analyze(run), TextOptions{}),
		"compare":  WriteCompare(full{}, Compare(run, run), TextOptions{}),
		"markdown": WriteCompareMarkdown(full{}, Compare(run, run), false),
		"CSV":      WriteCompareCSV(full{}, Compare(run, run)),
		"JSON":     WriteCompareJSON(full{}, Compare(run, run)),
		"page":     WriteHTML(full{}, Analyze(run), PageOptions{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mem, err := FromMemory("dir", []byte(oddRun()), nil)
	if err != nil || mem.Results() != run.Results() || mem.Path != "dir" || mem.Dir() != "dir" || len(mem.Files) != 2 {
		t.Errorf("from memory: %v, %+v", err, mem)
	}
	if _, err := FromMemory("dir", nil, nil); !errors.Is(err, ErrNoResults) {
		t.Errorf("from nothing: %v", err)
	}
	if got := ShellQuote("a b"); got != "'a b'" {
		t.Error(got)
	}
}

// A package's path is no list of parameters: it stays as it is in rows and in
// the verdict.
func TestPathsOfPackagesStay(t *testing.T) {
	text := ""
	for _, pkg := range []string{"a", "b"} {
		text += "pkg: example.com/" + pkg + "\n"
		for i := range 6 {
			text += fmt.Sprintf("BenchmarkX/n=1/k=2/model=m-2 1 %d ns/op\n", 10+i)
			if pkg == "a" {
				text += fmt.Sprintf("BenchmarkX/n=1/k=2/model=o-2 1 %d ns/op\n", 50+i)
			}
		}
	}
	var b bytes.Buffer
	if err := WriteText(&b, Analyze(read(t, text)), TextOptions{Width: 200, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nexample.com/a.X n=1 k=2  ", "\nexample.com/b.X n=1 k=2  "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if s := Analyze(read(t, text)).Verdict.Decisions[0].Claim(); !strings.HasPrefix(s, "example.com/a.X: m, 4.") || !strings.HasSuffix(s, " in example.com/a.X n=1 k=2).") {
		t.Error(s)
	}
}
