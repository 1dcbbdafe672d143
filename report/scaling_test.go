package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// lanes is a run on so many CPUs, with a speed-up of four fifths of them.
func lanes(cores int, cpus ...int) string {
	text := fmt.Sprintf("# switchyard {\"format\":1,\"models\":[\"go\",\"py\"]}\ncores: %d\n", cores)
	for block := range 6 {
		text += fmt.Sprintf("# begin {\"block\":%d,\"attempt\":1}\n", block+1)
		for _, n := range cpus {
			for k, model := range []string{"go", "py"} {
				text += fmt.Sprintf("BenchmarkMap/n=%d/model=%s-%d 100 %.1f ops/s\n", k+1, model, n, 1000*(1+0.8*float64(n-1))*(1+0.01*float64((block+n+k)%3)))
			}
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	return text
}

// A run on several numbers of CPUs has a section of speed-ups on the page, and
// a table in the long text; on four numbers with the parameters of the law.
func TestScalingSection(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
		not  []string
	}{
		{lanes(8, 1, 2, 4, 8), []string{"1.8", "contention", "coherency", "peak", "8 CPUs"}, []string{"not test"}},
		{lanes(2, 1, 2), []string{"1.8", "The law of scaling is not testable on this machine", "2 CPUs"}, []string{"contention", "coherency"}},
		{lanes(2, 2), nil, []string{"Scaling", "How it scales", "law of scaling"}},
	} {
		a := Analyze(read(t, test.text))
		var text, short, page bytes.Buffer
		if err := WriteText(&text, a, TextOptions{Verbose: true, Width: 160}); err != nil {
			t.Fatal(err)
		}
		if err := WriteText(&short, a, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, a, PageOptions{}); err != nil {
			t.Fatal(err)
		}
		sound(t, page.String())
		all := strings.Join(strings.Fields(text.String()), " ")
		for _, want := range test.want {
			if !strings.Contains(all, want) || !strings.Contains(page.String(), want) {
				t.Errorf("text or page do not say %q:\n%s", want, &text)
			}
		}
		for _, not := range test.not {
			if strings.Contains(all, not) || strings.Contains(page.String(), ">"+not) {
				t.Errorf("text or page say %q:\n%s", not, &text)
			}
		}
		if has := strings.Contains(page.String(), `id="scaling"`); has != (test.want != nil) || has != strings.Contains(page.String(), "Speed-up of Map") {
			t.Errorf("the page has a section, or not, or no chart: %v", has)
		}
	}
}

// A name without a number of CPUs and one that ends in 1 are of one CPU each:
// there is a row, and nothing to draw.
func TestScalingOfOneNumberOfCPUs(t *testing.T) {
	one := strings.Repeat("BenchmarkX/model=a 1 100 ns/op\nBenchmarkX/model=a-1 1 50 ns/op\n", 6)
	for text, charts := range map[string]int{one: 0, one + strings.Repeat("BenchmarkX/model=a-2 1 50 ns/op\n", 6): 1} {
		page := pageOf(t, read(t, text))
		sound(t, page)
		if n := strings.Count(page, `aria-label="Speed-up of X `); n != charts || strings.Contains(page, "could not be drawn") || strings.Count(section(t, page, "scaling"), "<tr data-workload") != 1 {
			t.Errorf("%d charts, want %d, of\n%s", n, charts, text)
		}
	}
}

// Of many cases those have a chart in which the models scale most differently,
// and the page says so; the table has all of them.
func TestScalingCharts(t *testing.T) {
	const cases = 12
	text := "# switchyard {\"format\":1,\"models\":[\"a\",\"b\"]}\ncores: 16\n"
	for block := range 6 {
		text += fmt.Sprintf("# begin {\"block\":%d,\"attempt\":1}\n", block+1)
		for k := range cases {
			for _, n := range []int{1, 2, 4, 8, 16} {
				text += fmt.Sprintf("BenchmarkMap/n=%d/model=a-%d 100 %.1f ops/s\n", 100+k, n, 1000*(1+float64(k*(n-1))/20))
				text += fmt.Sprintf("BenchmarkMap/n=%d/model=b-%d 100 %.1f ops/s\n", 100+k, n, 1000.0)
			}
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, Analyze(read(t, text)), PageOptions{}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	for k := range cases {
		has := strings.Contains(page.String(), fmt.Sprintf("Speed-up of Map n=%d ", 100+k))
		if want := k >= cases-8; has != want {
			t.Errorf("case %d of %d, in which the models differ the more the later it is, has a chart: %v", k+1, cases, has)
		}
	}
	section := page.String()[strings.Index(page.String(), `id="scaling"`):]
	section = section[:strings.Index(section, "</section>")]
	if !strings.Contains(section, "Charts are of the cases, of 12, in which") || strings.Count(section, "<tr data-workload") != 2*cases {
		t.Errorf("the section of scaling does not say what it left out, or its table lacks some")
	}
}

// The table of a run on 16 CPUs fits a terminal: one part has all speed-ups,
// and where there is room they have their intervals. The rows of the matrix
// name the CPUs.
func TestScalingInTerminal(t *testing.T) {
	text := strings.ReplaceAll(lanes(16, 1, 2, 4, 8, 16), "n=2", "n=1")
	head := "# workload {\"name\":\"Map\",\"op\":\"op\",\"cases\":[\"n=1\",\"n=2\"],\"models\":[\"go\",\"py\"],\"kind\":\"computing and waiting\"}\n"
	for i := range 20 { // more than rows of the matrix: it has kinds
		name := fmt.Sprintf("W%d", i)
		head += strings.ReplaceAll(head[:strings.Index(head, "\n")+1], "\"Map\"", "\""+name+"\"")
	}
	more := strings.Replace(text, "cores:", head+"cores:", 1)
	for i := range 20 {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "Benchmark") {
				more = strings.Replace(more, line, line+strings.Replace(line, "Map", fmt.Sprintf("W%d", i), 1), 1)
			}
		}
	}
	a := Analyze(read(t, more))
	for width, want := range map[int][]string{
		80:  {"2 CPUs  4 CPUs  8 CPUs  16 CPUs", "contention, %", "coherency, %", "\nComputing and waiting on 16 CPUs "},
		160: {" (1.7", "contention  "},
	} {
		var out bytes.Buffer
		for _, verbose := range []bool{false, true} {
			if err := WriteText(&out, a, TextOptions{Verbose: verbose, Width: width}); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%d columns: no %q", width, w)
			}
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !strings.Contains(line, "go test") {
				t.Errorf("%d columns: a line has %d: %s", width, n, line)
			}
		}
	}
}

// Speed-ups have their intervals as long as all of them have the room.
func TestScalingAtItsWidth(t *testing.T) {
	a := Analyze(read(t, lanes(8, 1, 2, 4, 8)))
	wide := utf8.RuneCountInString("Map n=1, go") + 3*26
	for width, narrow := range map[int]bool{wide: false, wide - 1: true} {
		var out bytes.Buffer
		if err := WriteText(&out, a, TextOptions{Verbose: true, Width: width}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "contention, %") != narrow || strings.Contains(out.String(), "1.82× (") == narrow {
			t.Errorf("%d columns:\n%s", width, &out)
		}
	}
}

// The verdict begins with what holds on most CPUs: of a run on several numbers
// of them the short text has no more, and the page folds the others up.
func TestVerdictOnMostCPUsFirst(t *testing.T) {
	for _, cpus := range [][]int{{1, 2, 4, 8}, {8, 2}, {4}} {
		a := Analyze(read(t, strings.NewReplacer("n=2", "n=1", "cores:", `# workload {"name":"Map","kind":"mapping"}`+"\ncores:").Replace(lanes(8, cpus...))))
		var text, page bytes.Buffer
		if err := WriteText(&text, a, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, a, PageOptions{}); err != nil {
			t.Fatal(err)
		}
		most, on, more := slices.Max(cpus), "", fmt.Sprintf("%d more, on fewer CPUs", len(cpus)-1)
		if len(cpus) > 1 {
			on = fmt.Sprintf(" on %d CPUs", most)
		}
		if d := a.Verdict.Decisions; len(d) != len(cpus) || d[0].Kind.Name != "Mapping"+on {
			t.Fatalf("%v: decisions %+v", cpus, d)
		}
		if n := strings.Count(text.String(), "\n- Mapping"); n != 1 || !strings.Contains(text.String(), "\n- Mapping"+on+": ") ||
			strings.Contains(text.String(), "- "+more+", with -v\n") != (len(cpus) > 1) {
			t.Errorf("%v: the short text has %d sentences:\n%s", cpus, n, &text)
		}
		if strings.Contains(page.String(), "<summary>"+more+"</summary>") != (len(cpus) > 1) {
			t.Errorf("%v: the page does not fold up %q, or does without need", cpus, more)
		}
	}
}
