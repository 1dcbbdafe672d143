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
	return proctest.Started(t, procs.NewProcess(fn, in, procs.ProcessConfig{}))
}

var (
	join = proctest.Join[*procs.Process]
	slay = proctest.Slay[*procs.Process]
)

// hang is what a child does that waits to be killed.
func hang() error {
	time.Sleep(time.Hour)
	return nil
}

var (
	testExit   = procs.Register("test.exit", func(_ context.Context, code int) (int, error) { os.Exit(code); return 0, nil })
	testSquare = procs.Register("test.square", func(_ context.Context, x int) (int, error) { return x * x, nil })
)
