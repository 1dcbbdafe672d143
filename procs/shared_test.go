//go:build linux

package procs

import (
	"runtime"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/shm"
)

// run starts a process that calls fn(in).
func run[In, Out any](t testing.TB, fn *Func[In, Out], in In) *Process {
	t.Helper()
	return proctest.Started(t, NewProcess(fn, in, ProcessConfig{}))
}

var (
	join = proctest.Join[*Process]
	slay = proctest.Slay[*Process]
)

// must stops the test on an error.
func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }

// closing closes something when the test ends.
func closing[T interface{ Close() error }](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// eventually waits for something that another process does.
var eventually = proctest.Eventually

// Objects that a task took and nobody closed let go of their segments and
// descriptors when they are garbage.
func TestSharedObjectsGoWithTheGarbage(t *testing.T) {
	live := shm.Live()
	for range 50 {
		must(NewLock())(t)
		must(NewQueue[int](0))(t)
		must(NewValue(1))(t)
		must(NewSharedMemory(100))(t)
	}
	eventually(t, "the garbage is collected", func() bool { runtime.GC(); return shm.Live() <= live })
}

const shortly = 30 * time.Millisecond

// hang is what a child does that waits to be killed.
func hang() error {
	time.Sleep(time.Hour)
	return nil
}
