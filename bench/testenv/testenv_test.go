package testenv

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// childVar makes the test program a child: one that says what it was asked, and
// what a process that it starts has in its environment.
const childVar = "TESTENV_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		for name := range questions {
			os.Stdout.WriteString("asked " + name + "=" + Asked(name) + "\n")
		}
		env := exec.Command("env")
		env.Stdout, env.Stderr = os.Stdout, os.Stderr
		if env.Run() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What the tests were asked, what make was told and what go test was told stays
// with them; the rest is inherited.
func TestNobodyInherits(t *testing.T) {
	if _, err := exec.LookPath("env"); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"=1", "GOFLAGS=-short -mod=mod -v -tags=a,b --race -run=^X$ -overlay=/o.json", "GORACE=halt_on_error=1")
	names := slices.Clone(ofMake)
	for name := range questions {
		names = append(names, name)
	}
	for _, name := range names {
		cmd.Env = append(cmd.Env, name+"=some "+name)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	for name := range questions {
		if want := "asked " + name + "=some " + name; !slices.Contains(lines, want) {
			t.Errorf("no line %q", want)
		}
	}
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, "="); slices.Contains(names, name) {
			t.Errorf("inherited: %s", line)
		}
	}
	for _, want := range []string{childVar + "=1", "GOFLAGS=-mod=mod -tags=a,b -overlay=/o.json", "GORACE=atexit_sleep_ms=0"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

// Who asks for what is no question has mistyped its name.
func TestAskedWhatIsNone(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Asked("PROCS_MONKEYS")
}
