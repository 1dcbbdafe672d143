//go:build linux

package connection

import (
	"fmt"
	"math/rand/v2"
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

// abstractName is an address that nobody else has: the tests may run twice at
// once.
func abstractName(what string) string {
	return fmt.Sprintf("@procs-test-%s-%d-%x", what, os.Getpid(), rand.Uint64())
}

func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }
