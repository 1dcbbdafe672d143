package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The form answers word for word what switchyard advise does: at measured sizes
// and between them, beyond the last, of parts that were not measured, where the
// memory is too small, and of a run on several numbers of CPUs. What to measure it does not say.
func TestAdvice(t *testing.T) {
	sameAdvice(t, keptRun, kept)
	one := uneven()
	for _, text := range []string{one, one + strings.ReplaceAll(one[strings.LastIndex(one, "\n    "):], "-2 10 ", "-16 10 ")} {
		results := filepath.Join(t.TempDir(), "bench.txt")
		html := results + ".html"
		if err := os.WriteFile(results, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(program, "report", results, "--html", html).CombinedOutput() // fails for the failed cell
		if _, err := os.Stat(html); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		sameAdvice(t, results, html)
	}
}

// uneven are results with all curves, wide and narrow intervals, failures,
// sizes that are too many, and too few results.
func uneven() string {
	var b strings.Builder
	b.WriteString(`# switchyard {"format":1,"models":["serial","a","b","c"]}
# model {"name":"serial","note":"n","baseline":true}
# model {"name":"a","note":"n"}
# model {"name":"b","note":"n"}
# model {"name":"c","note":"n"}
--- SKIP: BenchmarkParked/model=serial-2
    one <i>cannot</i> "park"
--- SKIP: BenchmarkParked/n=1000/stack=0/model=c-2
    1000 are too many
--- FAIL: BenchmarkPipe/payload=64/model=c-2
    broken \ & gone
`)
	for i := range 8 {
		for m, model := range []string{"serial", "a", "b", "c"} {
			one := func(name string, ns float64, rss int) {
				ns *= 1 + float64(m*i)/90
				fmt.Fprintf(&b, "Benchmark%s/model=%s-2 10 %g ns/op %g ops/s %g cpu-ns/op %d peak-RSS-bytes\n", name, model, ns, 1e9/ns, ns/2, rss)
			}
			for _, us := range []int{1, 10, 100} {
				one(fmt.Sprintf("CPUMap/task=%dus/chunk=1", us), float64(us)*(1000-200*float64(m)), 1<<20)
			}
			for _, wait := range []int{0, 50, 100} {
				if m < 3 || i < 3 {
					one(fmt.Sprintf("Mixed/tasks=8/wait=%d", wait), 1e5+float64(wait*m)*1e3, 1<<20)
				}
			}
			if m < 3 {
				one("Pipe/payload=8", 300+100*float64(m), 1<<20)
				one("Pipe/payload=64", 310+100*float64(m), 1<<20)
			}
			for _, n := range []int{10, 100, 1000} {
				if m > 0 {
					one(fmt.Sprintf("Sleep/n=%d/stack=0", n), 900*float64(m), n<<(10+m)+i<<12)
				}
				if m > 0 && (m < 3 || n < 1000) {
					one(fmt.Sprintf("Parked/n=%d/stack=0", n), 900, n<<(11+m)+i<<12)
				}
			}
		}
	}
	return b.String()
}

// mebibytes are as many bytes.
func mebibytes(n string) string {
	v, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return ""
	}
	return strconv.Itoa(int(v * (1 << 20)))
}

func sameAdvice(t *testing.T, results, html string) {
	t.Helper()
	p := open(t, view{page: html})
	for _, q := range []struct{ task, io, concurrency, payload, memory string }{
		{task: "200", io: "80", concurrency: "1000", payload: "4096", memory: "1024"},
		{task: "10"}, {task: "30"}, {task: "1000"}, {task: "0.5"}, {task: "7300000", io: "37.5"}, {task: "123.4", io: "0"},
		{io: "0.25"}, {io: "75"}, {io: "80"}, {io: "100", task: "5"},
		{concurrency: "1"}, {concurrency: "100", memory: "1"}, {concurrency: "50", memory: "0.25"}, {concurrency: "700", memory: "20"}, {concurrency: "1000", memory: "64"}, {concurrency: "100000", memory: "1"},
		{payload: "1"}, {payload: "8"}, {payload: "20"}, {payload: "64"}, {payload: "1000"}, {payload: "65536"}, {payload: "1000000000"},
	} {
		args := []string{"advise", results}
		for _, flag := range []struct{ name, value, unit string }{
			{"--task", q.task, "us"}, {"--concurrency", q.concurrency, ""}, {"--payload", q.payload, ""}, {"--memory", mebibytes(q.memory), ""},
		} {
			if flag.value != "" {
				args = append(args, flag.name, flag.value+flag.unit)
			}
		}
		if q.io != "" {
			args = append(args, "--io", q.io+"e-2")
		}
		out, err := exec.Command(program, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		want := words(strings.Split(string(out), "\nWhat would tell more:")[0])
		got := words(run[string](p, fmt.Sprintf(`(q => {
			const form = document.querySelector("#ask");
			for (const [name, value] of Object.entries(q)) form[name].value = value;
			form.dispatchEvent(new Event("input"));
			return [...document.querySelectorAll("#answer > p, #answer h3, #answer tr")].map(e => e.cells ? [...e.cells].map(c => c.textContent).join(" ") : e.textContent).join("\n");
		})({task: %q, io: %q, concurrency: %q, payload: %q, memory: %q})`, q.task, q.io, q.concurrency, q.payload, q.memory)))
		if got != want {
			t.Errorf("%q:\n%s\nwant\n%s", args, got, want)
		}
	}
}

var farAway = regexp.MustCompile(`: \w+ has no sizes near it`)

// words leaves of each line its words.
func words(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = farAway.ReplaceAllString(line, "")
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// What cannot be asked has no answer; keys that are typed into the form are no
// commands, and without a script there are the tables.
func TestAdviceForm(t *testing.T) {
	p := open(t, view{page: kept})
	for value, want := range map[string]string{`task.value = -1`: "A number is out of its range.", `io.value = 101`: "A number is out of its range.", `memory.value = 1`: "Say how many share the memory."} {
		got := run[string](p, `{ const f = document.querySelector("#ask"); f.reset(); f.`+value+`; f.dispatchEvent(new Event("input")); document.querySelector("#answer").textContent }`)
		if got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	before := run[string](p, `document.querySelector("#theme").textContent`)
	run[any](p, `document.querySelector("#ask").task.focus()`)
	p.keys("t/m12")
	p.await(`document.querySelector("#ask").task.value.endsWith("12")`)
	if got := run[string](p, `document.querySelector("#theme").textContent + document.activeElement.name`); got != before+"task" {
		t.Errorf("typed into the form: %s", got)
	}
	p = open(t, view{page: kept, noScript: true})
	if got := run[string](p, visible+`("#advise > *").map(e => e.tagName).join()`); strings.Contains(got, "FORM") || !strings.Contains(got, "DETAILS") {
		t.Errorf("without a script: %s", got)
	}
}
