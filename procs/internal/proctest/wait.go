package proctest

import (
	"context"
	"testing"

	"switchyard/procs/internal/proctest/wait"
)

// Soon is a context for what must not hang.
func Soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits for something that another process does.
var Eventually = wait.Until

// Must stops the test on an error.
func Must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
