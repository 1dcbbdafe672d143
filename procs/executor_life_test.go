//go:build linux

package procs

import (
	"context"
	"io"
	"os"
	"slices"
	"testing"
)

func TestExecutorReusesWorkers(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	pids := e.Pool().PIDs()
	for range 50 {
		pid, err := Submit(e, testPID, struct{}{}).Result(soon(t))
		if err != nil || !slices.Contains(pids, pid) {
			t.Fatal(pid, pids, err)
		}
	}
	if !slices.Equal(pids, e.Pool().PIDs()) {
		t.Fatal(pids, e.Pool().PIDs())
	}
}

var testAtExit = Register("test.atexit", func(_ context.Context, f *os.File) (int, error) {
	AtExit(func() { f.WriteString("bye") })
	return 0, nil
})

func TestWorkerAtExit(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := newPool(t, PoolConfig{Workers: 2, Initializer: Call(testAtExit, w)})
	if v, err := Apply(soon(t), p, testSquare, 2); v != 4 || err != nil {
		t.Fatal(v, err)
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if b, err := io.ReadAll(r); string(b) != "byebye" || err != nil {
		t.Fatalf("%q %v", b, err)
	}
}
