package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(initVariable); dir != "" {
		os.Exit(beInit(dir, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// module writes a module whose package a is tested in part, also by its
// importer b, and whose internal package by its owner.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example\n\ngo 1.26.0\n",
		"a/a.go": `package a

func Seen(n int) int { return n + 1 }

func Unseen(n int) int { return n * 2 }

func SeenByImporter(n int) int { return n - 3 }

func Loop(n int) int {
	for i := 0; ; i++ {
		if i >= n {
			return i
		}
	}
}
`,
		"a/a_test.go": `package a

import "testing"

func TestSeen(t *testing.T) {
	if Seen(1) != 2 {
		t.Error("wrong")
	}
}

func TestLoop(t *testing.T) {
	if Loop(5) != 5 {
		t.Error("wrong")
	}
}
`,
		"b/b.go":              "package b\n\nimport \"example/a\"\n\nfunc B() int { return a.SeenByImporter(5) }\n",
		"b/b_test.go":         "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {\n\tif B() != 2 {\n\t\tt.Error(\"wrong\")\n\t}\n}\n",
		"b/internal/c/c.go":   "package c\n\nfunc C() int { return 7 }\n",
		"b/internal/c/d/d.go": "package d\n",
		"b/uses.go":           "package b\n\nimport \"example/b/internal/c\"\n\nfunc D() int { return c.C() }\n",
		"b/uses_test.go":      "package b\n\nimport \"testing\"\n\nfunc TestD(t *testing.T) {\n\tif D() != 7 {\n\t\tt.Error(\"wrong\")\n\t}\n}\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOWORK", "off")
	return dir
}

// write makes a file, and the directories above.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func options(dir, match string, patterns ...string) Options {
	return Options{Dir: dir, Patterns: patterns, N: 100, Parallel: 2, JSON: true, Match: regexp.MustCompile(match)}
}

// outcomes runs the tool and returns the verdict of each change, and the
// scores.
func outcomes(t *testing.T, o Options) (map[string]Verdict, []Score) {
	t.Helper()
	var out bytes.Buffer
	if err := mutate(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]Verdict{}
	var scores []Score
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, `"verdict"`) {
			var s Score
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			scores = append(scores, s)
			continue
		}
		var c struct {
			Function, Before, After string
			Verdict                 Verdict
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		verdicts[c.Function+": "+c.After] = c.Verdict
	}
	return verdicts, scores
}

// What the tests of a package or of its importer see is caught, the rest
// survives, and the tree stays as it was.
func TestMutate(t *testing.T) {
	dir := module(t)
	before, err := os.ReadFile(filepath.Join(dir, "a/a.go"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(dir, `:(Seen|Unseen|SeenByImporter): .* return n . \d`, "./a")
	o.Known = Known{"a/a.go:Unseen: func Unseen(n int) int { return n * 2 } -> func Unseen(n int) int { return n * 1 }": "for the test"}
	verdicts, scores := outcomes(t, o)
	for change, want := range map[string]Verdict{
		"Seen: func Seen(n int) int { return n - 1 }":                     Caught,
		"SeenByImporter: func SeenByImporter(n int) int { return n + 3 }": Caught,
		"Unseen: func Unseen(n int) int { return n / 2 }":                 Survived,
		"Unseen: func Unseen(n int) int { return n * 3 }":                 Survived,
		"Unseen: func Unseen(n int) int { return n * 1 }":                 "", // known
	} {
		if verdicts[change] != want {
			t.Errorf("%s: %q, want %q", change, verdicts[change], want)
		}
	}
	if len(scores) != 1 || scores[0].Caught != 6 || scores[0].Survived != 2 || scores[0].Known != 1 {
		t.Errorf("scores %+v of %v", scores, verdicts)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "a/a.go")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the tree was changed: %v", err)
	}
}

// An internal package is tested by its owner.
func TestMutateInternal(t *testing.T) {
	verdicts, scores := outcomes(t, options(module(t), "", "./b/internal/c"))
	if len(scores) != 1 || scores[0].Caught != 2 || scores[0].Survived != 0 {
		t.Errorf("verdicts %v, scores %+v", verdicts, scores)
	}
}

// The owner's tests are run once without a change, however many of its internal
// packages they are to see changes of.
func TestMutateInternalOnce(t *testing.T) {
	dir, runs := module(t), filepath.Join(t.TempDir(), "runs")
	for name, text := range map[string]string{
		"b/internal/e/e.go":      "package e\n\nfunc E() int { return 8 }\n\nfunc F() int { return 9 }\n",
		"b/internal/e/e_test.go": "package e\n\nimport \"testing\"\n\nfunc TestE(t *testing.T) {\n\tif E() != 8 {\n\t\tt.Error(\"wrong\")\n\t}\n}\n",
		"b/e_test.go": `package b

import (
	"os"
	"testing"

	"example/b/internal/e"
)

func TestF(t *testing.T) {
	if e.F() != 9 {
		t.Error("wrong")
	}
	if os.Getenv("` + reachedVariable + `") == "" {
		return
	}
	f, err := os.OpenFile("` + runs + `", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("run\n")
	f.Close()
}
`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	verdicts, scores := outcomes(t, options(dir, "", "./b/internal/c", "./b/internal/e"))
	if len(scores) != 3 || scores[0].Caught != 2 || scores[1].Caught != 4 || scores[2].Caught != 6 || scores[2].Survived != 0 {
		t.Errorf("verdicts %v, scores %+v", verdicts, scores)
	}
	if text, err := os.ReadFile(runs); err != nil || string(text) != "run\n" {
		t.Errorf("the owner's test ran as %q, %v; want once", text, err)
	}
}

// A test that fails without the change, too, has not caught it: the second and
// the third run fail here, whatever they are of.
func TestMutateByChance(t *testing.T) {
	dir, runs := module(t), filepath.Join(t.TempDir(), "runs")
	for name, text := range map[string]string{
		"e/e.go": "package e\n\nfunc E() int { return 8 }\n",
		"e/e_test.go": `package e

import (
	"os"
	"testing"
)

func TestE(t *testing.T) {
	f, err := os.OpenFile("` + runs + `", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("x")
	text, _ := os.ReadFile(f.Name())
	if f.Close(); len(text) == 2 || len(text) == 3 {
		t.Error("by chance")
	}
	if E() < 8 {
		t.Error("wrong")
	}
}
`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	for after, want := range map[string]Verdict{"return 9": Survived, "return 7": Caught} {
		if err := os.RemoveAll(runs); err != nil {
			t.Fatal(err)
		}
		if verdicts, _ := outcomes(t, options(dir, after, "./e")); len(verdicts) != 1 || verdicts["E: func E() int { "+after+" }"] != want {
			t.Errorf("%s: %v, want %s", after, verdicts, want)
		}
	}
}

// A change that makes a test run for ever is caught by the limit, and the
// program is gone afterwards.
func TestMutateEndless(t *testing.T) {
	dir := module(t)
	m, err := Load(dir, []string{"./a"}, true)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Packages[0]
	r := &Runner{Dir: dir, Temp: t.TempDir(), Sealed: canSeal(), Floor: time.Second}
	i := slices.IndexFunc(p.Changes, func(c *Change) bool { return c.Function == "Loop" && c.Kind == "arithmetic" })
	c := p.Changes[i]
	b, err := r.Prepare(t.Context(), p.Tests[0], []*Change{c})
	if err != nil {
		t.Fatal(err)
	}
	defer b.remove()
	if err := r.Measure(t.Context(), b, b.suite.Tests); err != nil {
		t.Fatal(err)
	}
	verdict, by, err := r.Try(t.Context(), c, b)
	if err != nil || verdict != Limit || by != "example/a: timeout in TestLoop" {
		t.Errorf("%s: %s by %q, %v", c.Name(), verdict, by, err)
	}
}

// A change is made in the child that a test starts, too. It is tried on those
// tests alone that come to it, at whatever depth; one outside of functions, and
// one whose function has labels, on all, in a program of its own. So is one
// whose function a test wants inlined.
func TestPrepare(t *testing.T) {
	dir := module(t)
	for name, text := range map[string]string{
		"e/e.go": `package e

const limit = 3

var table = []func() bool{func() bool { return limit == 3 }}

func InChild() int { return 4 }

func Labels() int {
outer:
	for {
		for {
			break outer
		}
	}
	return 5
}

func Results() (n int, err error) {
	defer func() { n++ }()
	n, err = 6, nil
	return
}

func Quiet(c chan int) {
	c <- 7
}

func Pointer() *int {
	n := 8
	return &n
}
`,
		"e/e_test.go": `package e

import (
	"os"
	"os/exec"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("CHILD") != "" {
		os.Exit(InChild())
	}
	os.Exit(m.Run())
}

func TestTable(t *testing.T) {
	if !table[0]() {
		t.Error("wrong")
	}
}

func TestInChild(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHILD=1")
	if err := cmd.Run(); err == nil || err.Error() != "exit status 4" {
		t.Error(err)
	}
}

func TestLabels(t *testing.T) {
	if Labels() != 5 {
		t.Error("wrong")
	}
}

func TestResults(t *testing.T) {
	if n, err := Results(); n != 7 || err != nil {
		t.Error("wrong")
	}
}

func TestQuiet(t *testing.T) {
	c := make(chan int, 1)
	if Quiet(c); len(c) != 1 {
		t.Error("wrong")
	}
}

func TestPointer(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { *Pointer() = 9 }); n != 0 {
		t.Error("allocates")
	}
	if *Pointer() != 8 {
		t.Error("wrong")
	}
}

`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	m, err := Load(dir, []string{"./e"}, true)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Packages[0]
	r := &Runner{Dir: dir, Temp: t.TempDir(), Sealed: canSeal(), Floor: 5 * time.Second}
	b, err := r.Prepare(t.Context(), p.Tests[0], p.Changes)
	if err != nil {
		t.Fatal(err)
	}
	defer b.remove()
	if err := r.Measure(t.Context(), b, b.suite.Tests); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after  string
		by     string
		behind bool // a switch; where those that do not stand there are is known, too, if they are in a function
	}{
		{"const limit = 4", "TestTable", false},
		{"var table = []func() bool{func() bool { return limit != 3 }}", "TestTable", true},
		{"func InChild() int { return 3 }", "TestInChild", true},
		{"return 6", "TestLabels", false},
		{"n, err = 5, nil", "TestResults", true},
		{"if false { defer func() { n++ }() }", "TestResults", true},
		{"defer func() { n-- }()", "TestResults", true},
		{"if false { c <- 7 }", "TestQuiet", true},
		{"n := 7", "TestPointer", false},
	} {
		i := slices.IndexFunc(p.Changes, func(c *Change) bool { return c.After == tt.after })
		if i < 0 {
			t.Fatalf("no change to %q", tt.after)
		}
		c := p.Changes[i]
		if _, behind := b.number[c]; behind != tt.behind {
			t.Errorf("%s: behind a switch is %v, want %v", c.Name(), behind, tt.behind)
		}
		if got := b.reached[c]; c.body != nil && (len(got) != 1 || got[0].Name != tt.by) {
			t.Errorf("%s: reached by %v", c.Name(), got)
		}
		verdict, by, err := r.Try(t.Context(), c, b)
		if err != nil || verdict != Caught || by != "example/e: "+tt.by {
			t.Errorf("%s: %s by %q, %v", c.Name(), verdict, by, err)
		}
	}
}

// What a command leaves behind is killed with it, and a command that takes too
// much memory or time is ended.
func TestSupervise(t *testing.T) {
	if !canSeal() {
		t.Skip("no namespaces here")
	}
	dir := t.TempDir()
	r := &Runner{Dir: dir, Temp: dir, Sealed: true, Memory: 200 << 20}
	pid := filepath.Join(t.TempDir(), "alive")
	cmd := r.command([]string{"sh", "-c", "(setsid sh -c 'while :; do touch " + pid + "; sleep 0.01; done' &) ; until [ -e " + pid + " ]; do sleep 0.01; done"})
	if err := r.supervise(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(pid); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := os.Stat(pid); err == nil {
		t.Error("a grandchild outlived the command")
	}

	cmd = r.command([]string{"sh", "-c", "touch " + filepath.Join(dir, "new")})
	if err := r.supervise(t.Context(), cmd); err == nil {
		t.Error("the module could be written to")
	}

	cmd = r.command([]string{"sh", "-c", "x=$(head -c 400000000 /dev/zero | tr '\\0' x); sleep 60"})
	if err := r.supervise(t.Context(), cmd); !errors.Is(err, errLimit) {
		t.Errorf("too much memory: %v", err)
	}

	over := errors.New("over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, over)
	defer cancel()
	if err := r.supervise(ctx, r.command([]string{"sleep", "60"})); !errors.Is(err, over) {
		t.Errorf("too much time: %v", err)
	}
}

// Tests that fail without a change are said to, and nothing is counted.
func TestBaselineFails(t *testing.T) {
	dir := module(t)
	write(t, filepath.Join(dir, "a/bad_test.go"), "package a\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Fatal(\"oh no\") }\n")
	err := mutate(t.Context(), options(dir, "", "./a"), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "fail without a change") || !strings.Contains(err.Error(), "oh no") {
		t.Errorf("error %v", err)
	}
}
