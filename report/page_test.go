package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
	"switchyard/bench/testenv"
	"switchyard/report/internal/reporttest"
	"switchyard/report/results"
)

var update = flag.Bool("update", false, "write the golden files anew")

func pageOf(t testing.TB, run *Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, Analyze(run), PageOptions{Version: "v0"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	styleElement  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	scriptElement = regexp.MustCompile(`(?s)<script( [^>]*)?>(.*?)</script>`)
)

// elements walks the page's elements, scripts and style taken out, and fails
// when a tag does not match its end.
func elements(t *testing.T, page string, visit func(xml.StartElement)) {
	t.Helper()
	page = styleElement.ReplaceAllString(page, "")
	page = scriptElement.ReplaceAllString(page, "")
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		if el, ok := tok.(xml.StartElement); ok {
			visit(el)
		}
	}
}

// sound checks what must hold for every page, whatever the files say.
func sound(t *testing.T, page string) {
	t.Helper()
	if n := strings.Count(strings.ToLower(page), "<script"); n != 2 {
		t.Errorf("%d script elements, want the data and the script", n)
	}
	if !json.Valid([]byte(scriptElement.FindAllStringSubmatch(page, -1)[0][2])) {
		t.Error("the embedded data is not JSON")
	}
	ids, refs := map[string]bool{}, []string{}
	elements(t, page, func(el xml.StartElement) {
		switch el.Name.Local {
		case "iframe", "object", "embed", "link", "img", "base", "foreignObject":
			t.Errorf("an element %s", el.Name.Local)
		}
		for _, a := range el.Attr {
			name := strings.ToLower(a.Name.Local)
			switch {
			case strings.HasPrefix(name, "on"), name == "style", name == "src":
				t.Errorf("attribute %s=%q of %s", name, a.Value, el.Name.Local)
			case name == "id":
				if ids[a.Value] {
					t.Errorf("id %q twice", a.Value)
				}
				ids[a.Value] = true
			case name == "href" && !strings.HasPrefix(a.Value, "#"):
				t.Errorf("a link leaves the page: %q", a.Value)
			case name == "href":
				anchor, _, _ := strings.Cut(a.Value[1:], "?")
				refs = append(refs, anchor)
			case name == "for":
				refs = append(refs, a.Value)
			}
		}
	})
	for _, r := range refs {
		if !ids[r] {
			t.Errorf("a link to #%s, which is not there", r)
		}
	}
}

func TestPage(t *testing.T) {
	run := loadSynthetic(t, reporttest.Synthetic{Seed: 1, Count: 6})
	page := pageOf(t, run)
	sound(t, page)
	if len(page) > 3<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for _, forbidden := range []string{"http://", "https://", "url(", "@import", "<no value>", "%!", "ZgotmplZ"} {
		if i := strings.Index(page, forbidden); i >= 0 {
			t.Errorf("the page holds %q: …%s…", forbidden, page[max(0, i-60):min(len(page), i+60)])
		}
	}
	for _, id := range []string{"verdict", "matrix", "breakeven", "w-CPUMap", "noise", "method", "environment", "data"} {
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("no section %s", id)
		}
	}
}

// A run of all workloads in their full sizes still fits.
func TestFullRunFits(t *testing.T) {
	run := loadSynthetic(t, reporttest.Synthetic{Seed: 1, Count: 6})
	for _, w := range slices.Clone(run.Workloads) {
		for k := range 3 {
			run.Workloads = append(run.Workloads, copyOf(w, fmt.Sprintf("%s%d", w.Name, k)))
		}
	}
	page := pageOf(t, run)
	sound(t, page)
	if len(page) > 3<<20 {
		t.Errorf("a page of %d cases has %d bytes", len(run.Cases()), len(page))
	}
	if n := strings.Count(page, "<svg"); n < 2*len(run.Cases()) {
		t.Errorf("%d charts for %d cases", n, len(run.Cases()))
	}
}

// copyOf is the workload under another name, with cases of its own.
func copyOf(w *results.Workload, name string) *results.Workload {
	out := *w
	out.Name, out.Cases = name, nil
	for _, c := range w.Cases {
		kase := *c
		kase.Workload, kase.Cells = &out, map[string]*results.Cell{}
		for m, cell := range c.Cells {
			one := *cell
			one.Case = &kase
			kase.Cells[m] = &one
		}
		out.Cases = append(out.Cases, &kase)
	}
	return &out
}

// The same files give the same page, to the byte.
func TestPageIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	reporttest.Synthetic{Seed: 3, Count: 4, Only: "Spawn"}.Write(t, dir)
	var pages [2]string
	for i := range pages {
		run, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = pageOf(t, run)
	}
	if pages[0] != pages[1] {
		t.Error("the same run gives two pages")
	}
}

// The policy names the page's own script and style by their hash: anything
// else, were it to slip in, would not run.
func TestContentSecurityPolicy(t *testing.T) {
	page := pageOf(t, read(t, reporttest.Small))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	csp := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	style := styleElement.FindStringSubmatch(page)[1]
	script := scriptElement.FindAllStringSubmatch(page, -1)[1][2]
	hash := func(element string) string {
		sum := sha256.Sum256([]byte(element))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	for _, want := range []string{"default-src 'none'", "style-src " + hash(style), "script-src " + hash(script)} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q does not say %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
}

var hostileNames = []string{
	`<script>alert(1)</script>`, `"onmouseover="alert(1)`, `'><img/src=x/onerror=alert(1)>`, `</style></script><b>`,
	"\u202Eevil\u202C", "\x1b[31mred", "{{.}}", "a&b;", "%s%d%n", "\u0000\u0001", "\xff\xfe", "--><!--", "]]>",
	"constructor", "__proto__", strings.Repeat("long", 500), "é́́́́", "=cmd|calc",
}

// Names come from files that anyone may have written.
func TestHostileNames(t *testing.T) {
	var b strings.Builder
	for i, n := range hostileNames {
		q, _ := json.Marshal(n)
		fmt.Fprintf(&b, "# workload {\"name\":%s,\"story\":%s,\"op\":%s,\"source\":%s}\n", q, q, q, q)
		n = strings.NewReplacer(" ", "_", "\x00", "").Replace(n)
		for range 6 {
			fmt.Fprintf(&b, "Benchmark%s/k=%s/model=%s-2 1 %d ns/op 5 %s\n", n, n, n, 10+i, n)
			fmt.Fprintf(&b, "Benchmark%s/k=%s/model=goroutine-2 1 %d ns/op\n", n, n, 20+i)
		}
		fmt.Fprintf(&b, "--- FAIL: Benchmark%s/model=%s-2\n    %s\n--- SKIP: Benchmark%s/n=1/model=serial-2\n    %s\n", n, n, n, n, n)
		fmt.Fprintf(&b, "key%d: %s\n# switchyard {\"run\":%s,\"command\":%s}\n", i, n, q, q)
	}
	run := read(t, b.String())
	page := pageOf(t, run)
	sound(t, page)
	var text bytes.Buffer
	if err := WriteText(&text, Analyze(run), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"\x1b", "\u202e", "\x01"} {
		if strings.Contains(text.String(), s) {
			t.Errorf("the text holds %q: a terminal would obey it", s)
		}
		if s != "\x1b" && strings.Contains(scriptElement.ReplaceAllString(page, ""), s) {
			t.Errorf("the page holds %q", s)
		}
	}
}

// Odd but possible files: every one gives a sensible page and text.
func TestOddRuns(t *testing.T) {
	repeat := func(n int, format string, a ...any) string { return strings.Repeat(fmt.Sprintf(format, a...), n) }
	for name, file := range map[string]string{
		"one result":        "BenchmarkX/model=a-2 1 5 ns/op\n",
		"one model":         repeat(6, "BenchmarkX/n=1/model=a-2 1 5 ns/op\nBenchmarkX/n=2/model=a-2 1 9 ns/op\n"),
		"constant":          repeat(9, "BenchmarkX/n=1/model=a-2 1 5 ns/op\nBenchmarkX/n=2/model=b-2 1 9 ns/op\n"),
		"all failed":        "--- FAIL: BenchmarkX/n=1/model=a-2\n    no\n",
		"huge":              repeat(6, "BenchmarkX/n=1e300/model=a-2 1 1e308 ns/op 1e308 ops/s 1e308 p99-ns\nBenchmarkX/n=1/model=a-2 1 1e-308 ns/op 1e-308 ops/s\n"),
		"tiny":              repeat(6, "BenchmarkX/n=1e-300/model=a-2 1 5e-324 ns/op 5e-324 ops/s\nBenchmarkX/n=2/model=b-2 1 1 ns/op 1 ops/s\n"),
		"zero":              repeat(6, "BenchmarkX/n=0/model=a-2 0 0 ns/op 0 ops/s 0 p50-ns 0 p99-ns\n"),
		"NaN":               repeat(6, "BenchmarkX/n=1/model=a-2 1 NaN ns/op NaN ops/s\nBenchmarkX/n=1/model=b-2 1 5 ns/op\n"),
		"infinite":          repeat(6, "BenchmarkX/n=1/model=a-2 1 +Inf ns/op Inf ops/s -Inf p99-ns\n"),
		"far apart":         repeat(6, "BenchmarkX/n=1/model=a-2 1 1e-9 ns/op 1e18 ops/s\nBenchmarkX/n=1/model=b-2 1 1e9 ns/op 1e-15 ops/s\n"),
		"bad numbers":       "# block {\"canary_ns\":[0],\"canary_base_ns\":0,\"steal_pct\":1e308,\"run_queue_pct\":1e308,\"load1\":-1}\n# switchyard {\"benchtime_ns\":1e308,\"count\":-5}\nBenchmarkX/model=a-2 1 5 ns/op\n",
		"many results":      repeat(300, "BenchmarkX/model=a-2 1 5 ns/op\nBenchmarkX/model=b-2 1 5.5 ns/op\n"),
		"two lanes":         repeat(6, "BenchmarkX/n=1/model=a-1 1 5 ns/op\nBenchmarkX/n=1/model=a-8 1 2 ns/op\n"),
		"no story, skipped": "--- SKIP: BenchmarkX/model=a-2\n",
		"fail twice":        "BenchmarkX/model=a-2 1 5 ns/op\n--- FAIL: BenchmarkX/model=a-2\n    one\n--- FAIL: BenchmarkX/model=a-2\n    two\n",
	} {
		t.Run(name, func(t *testing.T) {
			run := read(t, file)
			page := pageOf(t, run)
			sound(t, page)
			for _, bad := range []string{"NaN×", "+Inf", "%!", "could not be drawn"} {
				if strings.Contains(scriptElement.ReplaceAllString(page, ""), bad) {
					t.Errorf("the page holds %q", bad)
				}
			}
			for _, width := range []int{0, 1, 40, 400} {
				if err := WriteText(io.Discard, Analyze(run), TextOptions{Width: width, Color: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// How long tasks waited for a CPU in a block stands beside what the hypervisor
// took, where the kernel says it; of a run whose file says it of no block there
// is no column.
func TestBlocksOfRunQueue(t *testing.T) {
	const result = "BenchmarkX/model=a-2 1 5 ns/op\n"
	const head, row = `<th scope="col">waiting for a CPU</th>`, "<td>0.0 %%</td><td>%s</td><td>1.00</td>"
	page := pageOf(t, read(t, result+`# block {"block":1,"attempt":1,"run_queue_pct":212.4,"load1":1}`+"\n"+
		result+`# block {"block":2,"attempt":1,"load1":1}`+"\n"))
	for _, want := range []string{head, fmt.Sprintf(row, "212 %"), fmt.Sprintf(row, "–")} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the page has not one %q", want)
		}
	}
	page = pageOf(t, read(t, result+`# block {"block":1,"attempt":1,"steal_pct":0,"load1":1}`+"\n"))
	if !strings.Contains(page, "<td>0.0 %</td><td>1.00</td>") || strings.Contains(page, "waiting for a CPU") {
		t.Error("a run that does not know how long tasks waited has a column for it")
	}
}

// Where a workload cannot keep a rule of fairness, the page says so, and why;
// what a foreign runner says is text.
func TestExceptionsOfFairness(t *testing.T) {
	const result = "BenchmarkX/model=a-2 1 5 ns/op\n"
	workload := func(more string) string {
		return `# workload {"name":"X","story":"S.","op":"op","source":"","vary":[],"cases":[""],"models":["a"]` + more + "}\n" + result
	}
	page := pageOf(t, read(t, workload(`,"exceptions":{"17":"no <b>reason</b>","2":"nobody waits"}`)))
	if want := "<dt>Exceptions</dt><dd>X, rule 2: nobody waits. X, rule 17: no &lt;b&gt;reason&lt;/b&gt;.</dd>"; !strings.Contains(page, want) {
		t.Errorf("the page has no %q", want)
	}
	if page := pageOf(t, read(t, workload(""))); strings.Contains(page, "<dt>Exceptions</dt>") {
		t.Error("a workload without exceptions has some")
	}
}

// Every number in the embedded data is the file's own.
func TestDataIsTheFile(t *testing.T) {
	dir := t.TempDir()
	reporttest.Synthetic{Seed: 4, Count: 4, Only: "CPUMap"}.Write(t, dir)
	run, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Cells []struct {
			Workload, Case, Model string
			Units                 []string
			Results               [][]float64
		}
	}
	page := pageOf(t, run)
	if err := json.Unmarshal([]byte(scriptElement.FindAllStringSubmatch(page, -1)[0][2]), &data); err != nil {
		t.Fatal(err)
	}
	bench, err := os.ReadFile(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(bench), "\n")
	n := 0
	for _, c := range data.Cells {
		for _, r := range c.Results {
			fields := strings.Fields(lines[int(r[0])-1])
			if !strings.HasPrefix(fields[0], "Benchmark"+c.Workload) || !strings.Contains(fields[0], c.Case) || !strings.Contains(fields[0], "model="+c.Model) {
				t.Fatalf("line %v is %s, not %s %s %s", r[0], fields[0], c.Workload, c.Case, c.Model)
			}
			for i, unit := range c.Units {
				at := slices.Index(fields, unit)
				var want float64
				if _, err := fmt.Sscan(fields[at-1], &want); err != nil || r[3+i] != want {
					t.Fatalf("%s %s: %v, the file has %s", fields[0], unit, r[3+i], fields[at-1])
				}
				n++
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d numbers compared", n)
	}
}

func loadSynthetic(t testing.TB, s reporttest.Synthetic) *Run {
	t.Helper()
	dir := t.TempDir()
	s.Write(t, dir)
	run, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Path = "results/latest"
	return run
}

// golden compares with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s, line %d:\n got %.300s\nwant %.300s\n(go test -update writes it anew)", path, i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	t.Fatalf("%s: shorter than wanted", path)
}

// section cuts one section out of a page.
func section(t *testing.T, page, id string) string {
	t.Helper()
	start := strings.Index(page, `id="`+id+`"`)
	if start < 0 {
		t.Fatalf("no section %s", id)
	}
	end := strings.Index(page[start:], "</section>")
	if end < 0 {
		t.Fatalf("section %s has no end", id)
	}
	return page[start : start+end]
}

// TestGolden keeps the text of a run and its page, but for most workloads'
// sections. Numbers are rounded by then, so that they hold on every platform.
func TestGolden(t *testing.T) {
	run := loadSynthetic(t, reporttest.Synthetic{Seed: 1, Count: 6})
	page1 := benchlog.ReportFile
	for name, opt := range map[string]TextOptions{"text.golden": {Width: 120, Verbose: true, Page: "results/latest/" + page1}, "narrow.golden": {Width: 60, Page: "results/latest/" + page1}} {
		var text bytes.Buffer
		if err := WriteText(&text, Analyze(run), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, text.String())
	}
	page := pageOf(t, run)
	for _, id := range []string{"verdict", "breakeven", "w-Nop", "w-Lock", "noise", "method", "environment", "data"} {
		golden(t, id+".golden", section(t, page, id))
	}
}

// A failed case, one that has no implementation, a model without some cases.
func TestGoldenMatrix(t *testing.T) {
	for _, only := range []string{"Lock", "Spawn"} {
		page := pageOf(t, loadSynthetic(t, reporttest.Synthetic{Seed: 1, Count: 6, Only: only}))
		golden(t, "matrix-"+only+".golden", section(t, page, "matrix"))
	}
}

// goldenPair are two runs of odd kinds: a failure of a case in each, a case and
// a model that only one has, other facts, notes, another number of CPUs,
// results too few and too noisy to tell.
func goldenPair(t *testing.T) (old, new *Run) {
	var a, b strings.Builder
	a.WriteString("cpu: A\ngo: go1.25\n")
	b.WriteString("cpu: B\ngo: go1.26\nkernel: 6\n")
	for i := range 8 {
		fmt.Fprintf(&a, "BenchmarkLock/tasks=2/model=goroutine-2 100 %d ns/op %d peak-RSS-bytes\n", 100+i, 1<<20+i)
		fmt.Fprintf(&b, "BenchmarkLock/tasks=2/model=goroutine-2 100 %d ns/op %d peak-RSS-bytes\n", 150+i, 1<<20+i)
		fmt.Fprintf(&a, "BenchmarkLock/tasks=2/model=greenlet-2 100 %d ns/op\n", 300+i)
		fmt.Fprintf(&b, "BenchmarkLock/tasks=2/model=greenlet-2 100 %d ns/op\n", 100+i)
		fmt.Fprintf(&a, "BenchmarkLock/tasks=8/model=greenlet-2 100 %d ns/op\n", 1000+i)
		fmt.Fprintf(&b, "BenchmarkLock/tasks=8/model=greenlet-2 100 %d ns/op\n", 1001+i)
		fmt.Fprintf(&a, "BenchmarkLock/tasks=8/model=goroutine-2 100 %d ns/op\n", 1000+i*i*40)
		fmt.Fprintf(&b, "BenchmarkLock/tasks=8/model=goroutine-2 100 %d ns/op\n", 1030+i*i*40)
		fmt.Fprintf(&a, "BenchmarkRing/model=goroutine-2 100 %d ns/op\n", 70+i)
		fmt.Fprintf(&b, "BenchmarkRing/model=goroutine-4 100 %d ns/op\n", 70+i)
		fmt.Fprintf(&b, "BenchmarkPipe/model=goroutine-2 100 %d ns/op\n", 20+i)
		fmt.Fprintf(&a, "BenchmarkPipe/model=greenlet-2 100 %d ns/op\n", 20+i)
		fmt.Fprintf(&a, "BenchmarkEcho/model=greenlet-2 100 %d ns/op\n", 20+i)
	}
	a.WriteString("BenchmarkSleep/model=greenlet-2 1 5 ns/op\n--- FAIL: BenchmarkLock/tasks=4/model=greenlet-2\n    old trouble\n")
	b.WriteString("BenchmarkSleep/model=greenlet-2 1 9 ns/op\n--- FAIL: BenchmarkEcho/model=greenlet-2\n    wrote nothing\nBenchmarkRing/model=x-2 ten 5 ns/op\nBenchmarkCut")
	old, new = read(t, a.String()), read(t, b.String())
	old.Path = "old results.txt"
	return old, new
}

// TestGoldenCompare keeps the comparison, as text and on the page.
func TestGoldenCompare(t *testing.T) {
	old, new := goldenPair(t)
	for name, opt := range map[string]TextOptions{"compare.golden": {}, "compare-narrow.golden": {Width: 50, Color: true}} {
		var text bytes.Buffer
		if err := WriteCompare(&text, Compare(old, new), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, text.String())
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, Analyze(new), PageOptions{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	golden(t, "page-compare.golden", section(t, page.String(), "compare"))
	golden(t, "page-matrix.golden", section(t, page.String(), "matrix"))
	golden(t, "page-noise.golden", section(t, page.String(), "noise"))
	golden(t, "page-verdict.golden", section(t, page.String(), "verdict"))
	golden(t, "data.json.golden", scriptElement.FindAllStringSubmatch(page.String(), -1)[0][2])
}

func TestColor(t *testing.T) {
	run := read(t, reporttest.Small)
	var plain, color bytes.Buffer
	if err := WriteText(&plain, Analyze(run), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := WriteText(&color, Analyze(run), TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(color.String(), "\x1b[1m") {
		t.Error("colour where none was asked for, or none where it was")
	}
	stripped := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(color.String(), "")
	if stripped != plain.String() {
		t.Error("colour changes more than colour")
	}
}

// TestLook renders runs to be looked at: the synthetic one into the directory
// in SYNTHETIC, and a real one in place, in the directory in REAL.
func TestLook(t *testing.T) {
	made, real := testenv.Asked("SYNTHETIC"), testenv.Asked("REAL")
	if made == "" && real == "" {
		t.Skip("neither SYNTHETIC nor REAL names a directory")
	}
	if made != "" {
		reporttest.Synthetic{Seed: 1, Count: 6}.Write(t, made)
	}
	for _, dir := range []string{made, real} {
		if dir == "" {
			continue
		}
		run, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := WriteText(&text, Analyze(run), TextOptions{Width: 120, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		t.Logf("\n%s", &text)
		if err := os.WriteFile(filepath.Join(dir, benchlog.ReportFile), []byte(pageOf(t, run)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
