package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"switchyard/bench/benchlog"
)

const (
	readmeRoot = "../../.."
	keptRun    = "results/amd-epyc-2-cores/2026-11-28-03cfa1292807"
	keptAB     = "results/amd-epyc-2-cores/2026-11-27-unoptimised"
)

// A block of a document is what stands between two fences.
type block struct {
	lang, text string
	at         string // where it is
}

func blocks(t *testing.T, name string) (all []block) {
	t.Helper()
	var b *block
	for n, line := range strings.SplitAfter(readFile(t, readmeRoot, name), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{lang: strings.TrimSpace(lang), at: fmt.Sprintf("%s:%d", name, n+1)}
		case fence:
			all = append(all, *b)
			b = nil
		case b != nil:
			b.text += line
		}
	}
	if b != nil || len(all) < 4 {
		t.Fatalf("%s has %d blocks, and one is open: %v", name, len(all), b)
	}
	return all
}

// commands returns the commands of a block, each with what it prints.
func (b block) commands() (all [][2]string) {
	for _, part := range strings.Split("\n"+b.text, "\n$ ")[1:] {
		end := 0
		for { // a line that ends with a backslash goes on
			line, _, _ := strings.Cut(part[end:], "\n")
			end += len(line)
			if !strings.HasSuffix(line, `\`) || end == len(part) {
				break
			}
			end++
		}
		all = append(all, [2]string{part[:end], strings.TrimPrefix(part[end:], "\n")})
	}
	return all
}

// What the README says can be typed can be typed, and does what it says; what
// it shows as output is what the program prints; its code is built and run.
// Measurements are shortened. The workload that it shows is tried by a test of
// package workload. So are the commands that CONTRIBUTING.md tells to type.
func TestReadme(t *testing.T) {
	notWithRace(t)
	if testing.Short() {
		t.Skip("short: builds the runner and a module of its own")
	}
	r := newReader(t)
	for _, b := range append(blocks(t, "README.md"), blocks(t, ".github/CONTRIBUTING.md")...) {
		switch {
		case b.lang == "console":
			for _, c := range b.commands() {
				r.command(b, c[0], c[1])
			}
		case b.lang == "text":
			r.verdict(b)
		case b.lang == "go" && strings.HasPrefix(b.text, "package workload"): // a test of package workload
		case b.lang == "go":
			r.snippets = append(r.snippets, b)
		default:
			t.Errorf("%s: nothing tries a block of %q", b.at, b.lang)
		}
	}
	r.module()
	r.variables()
}

// A reader follows the README: with bin and results in a directory, where a
// module of the reader's lies beside a link to this one.
type reader struct {
	*testing.T
	dir      string
	setup    []string // commands that make the reader's module use this one
	snippets []block
}

func newReader(t *testing.T) *reader {
	for _, program := range []string{"go", "make", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	r := &reader{T: t, dir: t.TempDir()}
	r.sh(readmeRoot, "go build -o "+r.dir+"/bin/ ./bench/cmd/...")
	return r
}

// sh returns what a command prints. It must succeed.
func (r *reader) sh(dir, command string) string {
	r.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		r.Fatalf("%s: %v\n%s%s", command, err, out.Bytes(), errs.Bytes())
	}
	return out.String()
}

func (r *reader) write(name, text string) {
	r.Helper()
	name = filepath.Join(r.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o755)); err != nil {
		r.Fatal(err)
	}
}

func (r *reader) contains(what, text string, words ...string) {
	r.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			r.Errorf("%s: no %q in\n%s", what, w, text)
		}
	}
}

// command tries a command of the README, and compares what it prints with what
// the README shows.
func (r *reader) command(b block, command, output string) {
	r.Helper()
	typed, _, _ := strings.Cut(command, "   #")
	typed = strings.TrimSpace(typed)
	is := func(prefix string) bool { return typed == prefix || strings.HasPrefix(typed, prefix+" ") }
	if is("make") {
		target := strings.Fields(typed)[1]
		r.contains("make help", r.sh(readmeRoot, "make"), "\nmake "+target+" ")
		r.sh(readmeRoot, "make -n "+strings.TrimPrefix(typed, "make "))
	}
	switch {
	case typed == "make bench":
		r.contains(typed, r.bench(typed, "--workloads 'Nop|PingPong' --count 2"),
			"Files: "+r.here("results/latest/bench.txt  results/latest/latency.hlog  results/latest/report.html"))
		r.contains(command, readFile(r.T, r.dir, "results/latest/report.html"), "PingPong")
	case is("make bench") && strings.Contains(typed, "PEERS=python"):
		heading, _, _ := strings.Cut(output, "\n")
		list, err := exec.Command(filepath.Join(readmeRoot, "bench/peers/python/runner"), "-list").CombinedOutput()
		if err != nil || bytes.Contains(list, []byte("make peers-deps")) {
			r.Logf("not tried: %s", list)
			break
		}
		// A hundred processes of Python are one, as many times.
		r.contains(typed, r.bench(typed, "--count 1 --workloads 'PingPong|Spawn/n=1'"), heading+"\n- Handing over: greenlet ", " py-greenlet ", " py-process ")
	case is("make bench"):
		r.bench(typed, "--count 1")
		text := readFile(r.T, r.dir, "results/latest/bench.txt")
		r.contains(typed, text, "BenchmarkPingPong/model=greenlet-", "BenchmarkPingPong/model=process-", "BenchmarkLock/")
		if regexp.MustCompile(`(?m)^Benchmark(?:\w+/(?:.*/)?model=(?:serial|goroutine|ants|thread)|Spawn|Nop)\b`).MatchString(text) {
			r.Errorf("%s: measures more\n%s", typed, text)
		}
	case is("make compare"):
		r.contains(typed, r.sh(readmeRoot, "make --no-print-directory compare OUT="+r.dir+"/results/latest"), "sec/op", " goroutine ", " greenlet\n", " process\n")
		for _, line := range strings.Split(r.sh(readmeRoot, "make --no-print-directory compare OUT="+keptRun), "\n") {
			if utf8.RuneCountInString(line) > 80 {
				r.Errorf("%s: wider than a terminal: %s", typed, line)
			}
		}
	case is("make"):
	case typed == "bin/switchyard list":
		r.contains(typed, r.sh(r.dir, typed), "WORKLOAD", "MODELS", "CASES", "PingPong", "tasks=2", "serial greenlet goroutine ants thread process")
	case typed == "bin/switchyard run --help":
		r.contains(typed, r.sh(r.dir, typed), "--cpu", "--budget", "--seed", "--resume")
	case is("bin/switchyard compare before.txt after.txt"): // of benchmarks of the reader's
	case is("bin/switchyard compare results/ab"):
		r.copyRun(keptAB, "results/ab")
		r.contains(typed, r.sh(r.dir, typed), cmp.Or(output, "PingPong"))
	case is("bin/switchyard advise"):
		r.copyRun(keptRun, "results/latest")
		r.contains(typed, r.sh(r.dir, typed), output)
	case is("go tool benchstat"):
		r.contains(typed, r.sh(readmeRoot, strings.ReplaceAll(typed, "results/latest", keptRun)), output)
	case is("go test -run xxx -bench Python"):
		r.python(output)
	case is("go mod"):
		r.setup = append(r.setup, typed)
	case is("bin/switchyard run"): // a run of our own
		r.sh(readmeRoot, r.here(typed)+" --count 1 --benchtime 1ms --repeats 0 --deadline 1m --budget 10m --out "+r.dir+"/results/latest")
		r.contains(typed, readFile(r.T, r.dir, "results/latest/bench.txt"), "model=sh-", "model=greenlet-")
	case is("bin/switchyard doctor"):
		r.contains(typed, r.sh(r.dir, typed), " ")
		r.doctor(b, output)
	case is("go test"):
		r.goTest(typed)
	case is("git worktree"), is("for"): // commits of the reader's
		r.sh(r.dir, "sh -n -c "+shellWords([]string{typed}))
	default:
		r.Errorf("%s: nothing tries %q", b.at, typed)
	}
}

// here lets a command use the reader's bin and results.
func (r *reader) here(command string) string {
	return regexp.MustCompile(`\b(bin/|results/latest)`).ReplaceAllString(command, r.dir+"/$1")
}

// bench does what make would do after the build, with less to measure.
func (r *reader) bench(command, less string) string {
	r.Helper()
	build, run, ok := strings.Cut(r.sh(readmeRoot, strings.Replace(command, "make", "make -n", 1)), "\n")
	if !ok || !strings.Contains(build, " -o bin/ ./bench/cmd/...") {
		r.Fatalf("%s does not begin with a build: %s", command, build)
	}
	return r.sh(readmeRoot, r.here(strings.TrimSpace(run))+" --benchtime 1ms --repeats 0 --deadline 1m --budget 10m "+less)
}

// verdict compares a verdict with that of the run that is kept.
func (r *reader) verdict(b block) {
	r.Helper()
	r.copyRun(keptRun, "results/latest")
	r.contains("the kept run", r.sh(r.dir, "bin/switchyard report"), b.text)
}

// doctor compares what the doctor is shown to say with what it says of such
// facts.
func (r *reader) doctor(b block, output string) {
	r.Helper()
	var facts []benchlog.Fact
	for line := range strings.Lines(output) {
		if m := regexp.MustCompile(`^(?:good|note|bad) +(\S+) +(.*)\n`).FindStringSubmatch(line); m != nil {
			facts = append(facts, benchlog.Fact{Key: m[1], Value: m[2]})
		}
	}
	var says strings.Builder
	if err := doctorText(&says, benchlog.Judge(facts)); err != nil || len(facts) == 0 || !strings.HasPrefix(says.String(), output) {
		r.Errorf("%s: of %v the doctor says\n%s\nand not\n%s", b.at, facts, &says, output)
	}
}

// copyRun makes a kept run the reader's.
func (r *reader) copyRun(kept, name string) {
	r.Helper()
	dir := filepath.Join(r.dir, name)
	if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(filepath.Join(readmeRoot, kept)))); err != nil {
		r.Fatal(err)
	}
}

// goTest looks for the tests, benchmarks and packages that a command names.
func (r *reader) goTest(command string) {
	r.Helper()
	for _, pkg := range regexp.MustCompile(` \./\S+`).FindAllString(command, -1) {
		names, err := filepath.Glob(filepath.Join(readmeRoot, pkg[1:], "*_test.go"))
		if err != nil || len(names) == 0 {
			r.Errorf("%s: no tests in%s", command, pkg)
		}
		code := ""
		for _, name := range names {
			code += readFile(r.T, "", name)
		}
		if m := regexp.MustCompile(`-run (\w+)`).FindStringSubmatch(command); m != nil {
			r.contains(command, code, "\nfunc "+m[1])
		}
	}
}

// python looks whether the README's benchmarks are those beside Python. Their
// figures are another machine's, or moment's.
func (r *reader) python(output string) {
	code := readFile(r.T, readmeRoot, "procs/python_bench_test.go") + readFile(r.T, readmeRoot, "procs/manager/bench_test.go")
	shown := regexp.MustCompile(`(?m)^BenchmarkPython/(\w+)-\d+ .* ns/op .* python-ns/op .* x-python$`).FindAllStringSubmatch(output, -1)
	names := regexp.MustCompile(`BesidePython\(b, "[^"]+", "\w+"|"map_\w+"`).FindAllString(code, -1)
	if lines := strings.Count(output, "\n"); len(shown) != lines || lines != len(names) {
		r.Errorf("%d of %d lines are results beside Python's, of %d", len(shown), lines, len(names))
	}
	for _, name := range shown {
		r.contains("BenchmarkPython", code, `"`+name[1]+`"`)
	}
}

// module makes the reader's module as the README says, with the README's code,
// and runs that and a test.
func (r *reader) module() {
	r.Helper()
	root, err := filepath.Abs(readmeRoot)
	if err != nil {
		r.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(r.dir, "switchyard")); err != nil {
		r.Fatal(err)
	}
	r.write("mine/go.sum", readFile(r.T, root, "go.sum")) // so that no sum has to be looked up
	prints := make(map[string]string)                     // by package
	for _, b := range r.snippets {
		want := ""
		if m := regexp.MustCompile(`fmt\.Println\(.*\) // (.*\n)`).FindStringSubmatch(b.text); m != nil {
			want = m[1]
		}
		switch {
		case strings.Contains(b.text, "func TestMain("):
			r.write("mine/main_test.go", "package main\n\n"+`import ("context"; "os"; "testing"; "switchyard/procs")`+"\n\n"+b.text+`
func TestSquare(t *testing.T) {
	e, err := procs.NewExecutor(procs.PoolConfig{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Shutdown(true, false)
	if v, err := procs.Submit(e, square, 3).Result(context.Background()); v != 9 || err != nil {
		t.Error(v, err)
	}
}
`)
		case strings.Contains(b.text, "func main("):
			prints["."] = want
			r.write("mine/main.go", "package main\n\n"+`import ("context"; "fmt"; "log"; "switchyard/procs")`+"\n\n"+b.text)
		case strings.Contains(b.text, "hub.Run("):
			prints["./greenlets"] = want
			r.write("mine/greenlets/main.go", "package main\n\n"+`import ("fmt"; "switchyard/greenlet/hub")`+"\n\nfunc main() {\n"+b.text+"if err != nil { panic(err) }\n}\n")
		default:
			r.Errorf("%s: nothing tries this code", b.at)
		}
	}
	dir := filepath.Join(r.dir, "mine")
	r.sh(dir, "go mod init example.com/mine")
	for _, c := range r.setup {
		r.sh(dir, c)
	}
	// What the go command has built it knows by the directory.
	r.sh(dir, "go mod edit -replace=switchyard="+shellWords([]string{root}))
	if len(prints) != 2 {
		r.Errorf("the README has programs in %v", prints)
	}
	for pkg, want := range prints {
		if got := r.sh(dir, "go run "+pkg); got != want {
			r.Errorf("the README's %s prints %q, want %q", pkg, got, want)
		}
	}
	r.contains("go test", r.sh(dir, "go test -vet=off -v ."), "--- PASS: TestSquare")
	r.write("mine/children/main.go", childrenProgram)
	if got := r.sh(dir, "go build -o children.exe ./children && ./children.exe 1h && ./children.exe 10ms procs.Exit"); got != "slept 10ms\n" {
		r.Errorf("children that are left, and then waited for by procs.Exit, print %q", got)
	}
}

// childrenProgram leaves a child that sleeps, as the README warns, and calls
// procs.Exit if told to, as it advises.
const childrenProgram = `package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"switchyard/procs"
)

var sleep = procs.Register("sleep", func(_ context.Context, d time.Duration) (int, error) {
	time.Sleep(d)
	fmt.Println("slept", d)
	return 0, nil
})

func main() {
	procs.Init()
	d, err := time.ParseDuration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := procs.NewProcess(sleep, d, procs.ProcessConfig{}).Start(); err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 2 {
		procs.Exit(0)
	}
}
`

// variables looks for the Makefile's variables that the README explains.
func (r *reader) variables() {
	r.Helper()
	makefile := readFile(r.T, readmeRoot, "Makefile")
	for _, name := range regexp.MustCompile("`([A-Z]{3,})[`=]").FindAllStringSubmatch(readFile(r.T, readmeRoot, "README.md"), -1) {
		if !regexp.MustCompile(`(?m)^`+name[1]+` +\?=`).MatchString(makefile) && name[1] != "FAIL" && name[1] != "GOMAXPROCS" {
			r.Errorf("the Makefile has no variable %s", name[1])
		}
	}
}
