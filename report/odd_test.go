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

// given is a run of an open loop and of one by a clock, whose limit is not the
// usual one: of one model a rate could not be made, another is beyond the
// limit.
func given() string {
	text := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","count":6,"p99_limit_ns":250000,"models":["seq","a","b","c"]}
# model {"name":"seq","baseline":true}
# workload {"name":"Open","kind":"waiting","op":"request","vary":["conns","rate"],"cases":["conns=8/rate=1000","conns=8/rate=2000","conns=8/rate=4000"],"open":true}
# workload {"name":"Beat","op":"beat","vary":["hogs"],"cases":["hogs=1","hogs=2"],"paced":true}
--- SKIP: BenchmarkOpen/conns=8/rate=4000/model=b-2
    saturated
--- FAIL: BenchmarkBeat/hogs=2/model=c-2
    late
clock-read-ns: 25
`
	for i := range 6 {
		for m, model := range []string{"seq", "a", "b", "c"} {
			for k, rate := range []int{1000, 2000, 4000} {
				if model != "b" || rate < 4000 {
					p99 := []int{60_000, 100_000, 150_000, 400_000}[m]/(3-k) + 97*(i*5%6)
					text += fmt.Sprintf("BenchmarkOpen/conns=8/rate=%d/model=%s-2 %d %d ns/op %d ops/s %d p50-ns %d p99-ns %d lag-p99-ns %d max-ns %d cpu-ns/op\n",
						rate, model, 50+m, 1_000_000_000/rate, rate, p99/3, p99, 1500+10*i, 4*p99, 9000+100*m+i)
				}
			}
			for hogs := 1; hogs <= 2; hogs++ {
				p99 := 30_000*hogs*(m+1) + 11*(i*5%6)
				text += fmt.Sprintf("BenchmarkBeat/hogs=%d/model=%s-2 5 10000000 ns/op 100 ops/s %d p50-ns %d p99-ns %d turnaround-ns %d response-ns %d waiting-ns\n",
					hogs, model, p99/2, p99, 7*p99, 3*p99, 2*p99)
			}
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", i+1)
	}
	return text
}

// inSessions is a run in three sessions, in which the models differ by more
// than from result to result.
func inSessions() string {
	text := "# switchyard {\"format\":1,\"sessions\":3,\"models\":[\"a\",\"b\",\"c\"]}\n"
	for i := range 21 {
		for m, ns := range []int{100, 150, 800} {
			text += fmt.Sprintf("BenchmarkX/n=1/model=%c-2 1000 %d ns/op %d p99-ns %d units\n", 'a'+m, ns+i*i%7+m*(i/7), 1000+i, 10)
			text += fmt.Sprintf("BenchmarkX/n=2/model=%c-2 1000 %d ns/op %d p99-ns %d units\n", 'a'+m, 2*ns+i*i%5+9*(i/7), 1000+i, 1000)
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"session\":%d,\"canary_ns\":[100,101],\"canary_base_ns\":100}\n", i+1, i/7+1)
	}
	return text
}

// TestGoldenSections keeps what a text and a page have of runs of other kinds:
// of given rates, in sessions, beside others' models, on several numbers of
// CPUs, of two builds.
func TestGoldenSections(t *testing.T) {
	builds := abRun(t, "aa", "bb")
	for name, test := range map[string]struct {
		run      *Run
		width    int
		sections []string
	}{
		"given":    {read(t, given()), 100, []string{"verdict", "matrix", "w-Open", "w-Beat", "noise", "method"}},
		"sessions": {read(t, inSessions()), 100, []string{"verdict", "matrix", "w-X", "noise"}},
		"peers":    {read(t, withPeers(true).text()), 100, []string{"verdict", "matrix"}},
		"scaling":  {read(t, lanes(8, 1, 2, 4, 8)), 160, []string{"verdict", "scaling"}},
		"builds":   {builds, 100, []string{"verdict", "matrix"}},
	} {
		a := Analyze(test.run)
		var out bytes.Buffer
		if err := errors.Join(WriteText(&out, a, TextOptions{Width: test.width, Verbose: true}), WriteText(&out, a, TextOptions{})); err != nil {
			t.Fatal(err)
		}
		page := pageOf(t, test.run)
		sound(t, page)
		for _, id := range test.sections {
			out.WriteString("\n" + bare(section(t, page, id)) + "\n")
		}
		golden(t, "sections-"+name+".golden", out.String())
	}
}

// Names and reasons lose nothing up to the room that they have, and beyond it
// their middle, or their end.
func TestTextOfLongNames(t *testing.T) {
	const line = "Benchmark%s/model=%s-2 1 %d ns/op\n"
	word := func(n int) string { return strings.Repeat("long", n)[:n] }
	write := func(file string, opt TextOptions) string {
		var b bytes.Buffer
		if err := WriteText(&b, Analyze(read(t, file)), opt); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	has := func(what, text, name string, n int, want bool) {
		t.Helper()
		if strings.Contains(text, name) != want {
			t.Errorf("%s of %d characters, whole: %v\n%s", what, n, !want, text)
		}
	}
	for n, whole := range map[int]bool{24: true, 25: false} {
		has("a workload", write(strings.Repeat(fmt.Sprintf(line, word(n), "a", 5)+fmt.Sprintf(line, word(n), "b", 9), 6), TextOptions{Width: 200}), "\n"+word(n)+" ", n, whole)
	}
	for n, whole := range map[int]bool{20: true, 21: false} {
		_, matrix, _ := strings.Cut(write(strings.Repeat(fmt.Sprintf(line, "X", word(n), 5)+fmt.Sprintf(line, "X", "b", 9), 6), TextOptions{Width: 200}), "\n\n")
		matrix, _, _ = strings.Cut(matrix, "Throughput over")
		has("a model", matrix, word(n), n, whole)
	}
	for n, whole := range map[int]bool{32: true, 33: false} {
		kinds := ""
		for i := range 15 {
			kinds += fmt.Sprintf("# workload {\"name\":\"W%d\",\"kind\":%q}\n", i, word(n))
		}
		for range 6 {
			for i := range 15 {
				name := fmt.Sprintf("W%d", i)
				kinds += fmt.Sprintf(line, name, "a", 5) + fmt.Sprintf(line, name, "b", 9)
			}
		}
		has("a kind", write(kinds, TextOptions{Width: 200}), "\nL"+word(n)[1:]+" ", n, whole)
	}
	for n, whole := range map[int]bool{300: true, 301: false} {
		reason := write("BenchmarkX-2 1 5 ns/op\n--- FAIL: BenchmarkY-2\n    "+word(n-len("Y: "))+"\n", TextOptions{Width: 1000})
		has("a failure", reason, "FAILED Y: "+word(n-len("Y: "))+"\n", n, whole)
	}
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
