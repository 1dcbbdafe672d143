package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	_ "switchyard/bench/testenv"
	"switchyard/procs"
)

func TestMain(m *testing.M) {
	procs.Init() // the server of Fetch ends in here
	if os.Getenv("PEERS_GO_RUNNER") != "" {
		main()
	}
	os.Exit(m.Run())
}

// A runner prints nothing but its result, whatever its libraries log.
func TestOutput(t *testing.T) {
	for _, w := range suite().Workloads {
		for m := range w.Impls {
			cmd := exec.Command(os.Args[0], "-workload", w.Name, "-model", string(m), "-params", string(w.Points()[0]), "-cpus", "2", "-benchtime", "1ms")
			cmd.Env = append(os.Environ(), "PEERS_GO_RUNNER=1")
			out, err := cmd.Output()
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == bench.ExitVoid {
				continue
			}
			if err != nil {
				t.Errorf("%s in %s: %v", w.Name, m, err)
			}
			for line := range strings.Lines(string(out)) {
				if word, _, _ := strings.Cut(line, " "); !strings.HasPrefix(word, "Benchmark"+w.Name+"/") && word != "calibrated" && word != "latency" {
					t.Errorf("%s in %s prints %q", w.Name, m, line)
				}
			}
		}
	}
}

func TestDeclarations(t *testing.T) {
	if err := suite().Check(); err != nil {
		t.Error(err)
	}
}

// A runner lists workloads that go together with those of the one beside it,
// and says which versions it has linked.
func TestList(t *testing.T) {
	var out, errs strings.Builder
	if status := bench.Runner([]string{"-list"}, suite(), &out, &errs); status != bench.ExitOK {
		t.Fatalf("status %d: %s", status, &errs)
	}
	models, workloads, err := benchlog.ReadList([]byte(out.String()))
	if err != nil || len(models) != 3 || len(workloads) != 10 {
		t.Fatalf("%d models, %d workloads, %v", len(models), len(workloads), err)
	}
	for _, m := range models {
		if !regexp.MustCompile(`(github\.com|golang\.org)/[\w/]+( v\d+\.\d+\.\d+)?[:,]`).MatchString(m.Note) {
			t.Errorf("%s: %q", m.Name, m.Note)
		}
	}
}

// Every case has the right answer and ledger, with few ops and with many, and
// leaves no goroutine behind.
func TestMatrix(t *testing.T) {
	for _, w := range suite().Workloads {
		for _, m := range suite().Models {
			for _, p := range w.Points() {
				if w.Impls[m.Name] == nil {
					continue
				}
				c := bench.Case{Workload: w.Name, Params: p, Model: m.Name, CPUs: max(2, runtime.GOMAXPROCS(0))}
				t.Run(c.String(), func(t *testing.T) {
					r := measured(t, w, c, 1)
					before := runtime.NumGoroutine()
					if op := r.Elapsed / time.Duration(r.N); r.N < 200 && 200*op < 500*time.Millisecond {
						measured(t, w, c, 200)
					} else {
						measured(t, w, c, 1)
					}
					for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; {
						if time.Now().After(deadline) {
							t.Fatalf("%d goroutines, were %d", runtime.NumGoroutine(), before)
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
		}
	}
}

func measured(t *testing.T, w *bench.Workload, c bench.Case, n int) *bench.Result {
	r, err := bench.Measure(w, c, bench.Options{N: n})
	if void := (*bench.VoidError)(nil); errors.As(err, &void) {
		t.Skip(void.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What leaves out work, or does it twice, is no result.
func TestMutants(t *testing.T) {
	s := suite()
	for name, change := range map[string]func(impl bench.Func, b *bench.B) (uint64, error){
		"less work": func(impl bench.Func, b *bench.B) (uint64, error) {
			n := b.N
			b.N -= n / 2
			defer func() { b.N = n }()
			return impl(b)
		},
		"another answer": func(impl bench.Func, b *bench.B) (uint64, error) {
			answer, err := impl(b)
			return answer + 1, err
		},
	} {
		for _, w := range s.Workloads {
			for m, impl := range w.Impls {
				mutant := *w
				mutant.Impls = map[bench.Model]bench.Func{m: func(b *bench.B) (uint64, error) { return change(impl, b) }}
				c := bench.Case{Workload: w.Name, Params: w.Points()[0], Model: m, CPUs: 2}
				if _, err := bench.Measure(&mutant, c, bench.Options{N: 100}); err == nil {
					t.Errorf("%s in %s, %s: a result like any other", w.Name, m, name)
				}
			}
		}
	}
}
