//go:build linux

package manager

import (
	"context"
	"os"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

func TestMain(m *testing.M) {
	procs.Init()
	os.Exit(proctest.Main(m))
}

var (
	soon       = proctest.Soon
	eventually = proctest.Eventually
)

func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }

// run starts a process that calls fn(in).
func run[In, Out any](t testing.TB, fn *procs.Func[In, Out], in In) *procs.Process {
	t.Helper()
	p := procs.NewProcess(fn, in, procs.ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); p.Join(context.Background()); p.Close() })
	return p
}

// join waits for processes that must end well.
func join(t testing.TB, ps ...*procs.Process) {
	t.Helper()
	for _, p := range ps {
		if err := p.Join(soon(t)); err != nil {
			t.Fatalf("%v: %v", p, err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			t.Fatalf("%v: exit code %d", p, code)
		}
	}
}

// slay kills a process and waits for its end.
func slay(t testing.TB, p *procs.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// hang is what a child does that waits to be killed.
func hang() error {
	time.Sleep(time.Hour)
	return nil
}

var (
	testExit   = procs.Register("test.exit", func(_ context.Context, code int) (int, error) { os.Exit(code); return 0, nil })
	testSquare = procs.Register("test.square", func(_ context.Context, x int) (int, error) { return x * x, nil })
)
