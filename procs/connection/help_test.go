//go:build linux

package connection

import (
	"os"
	"testing"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

func TestMain(m *testing.M) {
	procs.Init()
	os.Exit(proctest.Main(m))
}

var soon = proctest.Soon

func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }
