//go:build linux

package procs

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	p := NewProcess(testHang, 0, ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	f := NewFuture[int]()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if ready, err := Wait(ctx, a, p, f); len(ready) != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(ready, err)
	}
	b.SendBytes([]byte("x"))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{a}) || err != nil {
		t.Fatal(ready, err)
	}
	a.RecvBytes(0)
	p.Kill()
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p}) || err != nil {
		t.Fatal(ready, err)
	}
	f.SetResult(1)
	p.Join(soon(t))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p, f}) || err != nil {
		t.Fatal(ready, err)
	}
}
