//go:build linux

package procs

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFutureStates(t *testing.T) {
	f := NewFuture[int]()
	if f.Done() || f.Running() || f.Cancelled() || !strings.Contains(f.String(), "pending") {
		t.Fatal(f)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Result(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := f.Err(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !f.SetRunning() || !f.Running() || f.Cancel() || !strings.Contains(f.String(), "running") {
		t.Fatal(f)
	}
	mustPanic(t, "SetRunning twice", func() { f.SetRunning() })
	go func() { time.Sleep(time.Millisecond); f.SetResult(5) }()
	if v, err := f.Result(soon(t)); v != 5 || err != nil || !f.Done() || f.Running() || f.Cancel() || !strings.Contains(f.String(), "returned int") {
		t.Fatal(v, err, f)
	}
	mustPanic(t, "two results", func() { f.SetResult(6) })
	mustPanic(t, "an error after a result", func() { f.SetError(os.ErrExist) })
	g := NewFuture[string]()
	mustPanic(t, "no error", func() { g.SetError(nil) })
	g.SetError(os.ErrExist)
	if err := g.Err(soon(t)); err != os.ErrExist || g.Cancelled() || !strings.Contains(g.String(), "raised file already exists") {
		t.Fatal(err, g)
	}
	mustPanic(t, "two errors", func() { g.SetError(os.ErrExist) })
	h := NewFuture[int]()
	h.Cancel()
	if !h.Cancel() || !h.Cancelled() || !h.Done() || h.SetRunning() || !strings.Contains(h.String(), "cancelled") {
		t.Fatal(h)
	}
	if _, err := h.Result(soon(t)); err != ErrCancelled {
		t.Fatal(err)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestFutureCallbacks(t *testing.T) {
	for name, end := range map[string]func(*Future[int]){
		"result": func(f *Future[int]) { f.SetResult(1) },
		"error":  func(f *Future[int]) { f.SetError(os.ErrExist) },
		"cancel": func(f *Future[int]) { f.Cancel() },
	} {
		f := NewFuture[int]()
		var got []int
		note := func(n int) func(*Future[int]) {
			return func(g *Future[int]) {
				if g != f || !g.Done() {
					t.Error(name, g)
				}
				got = append(got, n)
				if n == 2 {
					panic("in a callback")
				}
			}
		}
		f.AddDoneCallback(note(1))
		f.AddDoneCallback(note(2))
		f.AddDoneCallback(note(3))
		if len(got) != 0 {
			t.Error("too early")
		}
		end(f)
		f.AddDoneCallback(note(4)) // done already: at once
		f.AddDoneCallback(note(2))
		if !slices.Equal(got, []int{1, 2, 3, 4, 2}) {
			t.Error(name, got)
		}
	}
}

func TestAsCompletedTimeout(t *testing.T) {
	a, b := NewFuture[int](), NewFuture[int]()
	a.SetResult(1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	var got []*Future[int]
	var last error
	for f, err := range AsCompleted(ctx, []*Future[int]{b, a}) {
		got, last = append(got, f), err
	}
	if !slices.Equal(got, []*Future[int]{a, nil}) || !errors.Is(last, context.DeadlineExceeded) || !strings.Contains(last.Error(), "1 (of 2) futures unfinished") {
		t.Fatal(got, last)
	}
}

// crosser makes trouble on its way between processes, where Mode says: in the parent while it is encoded, in the worker while it is
// decoded or encoded again.
type crosser struct{ Mode, Body string }

func (c *crosser) trouble(where string) error {
	in := "parent"
	if ParentProcess() != nil {
		in = "worker"
	}
	switch c.Mode {
	case "error " + where + " " + in:
		return os.ErrInvalid
	case "panic " + where + " " + in:
		panic("trouble")
	case "exit " + where + " " + in:
		os.Exit(9)
	}
	return nil
}

func (c *crosser) MarshalBinary() ([]byte, error) {
	return []byte(c.Mode + "\n" + c.Body), c.trouble("encoding")
}

func (c *crosser) UnmarshalBinary(b []byte) error {
	c.Mode, c.Body, _ = strings.Cut(string(b), "\n")
	return c.trouble("decoding")
}

var testCross = Register("test.cross", func(_ context.Context, c crosser) (crosser, error) { return c, nil })

// Whatever fails on the way fails the task, and only it.
func TestExecutorSurvivesTransport(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	for _, c := range []struct {
		mode string
		want error // nil: any
	}{
		{"error encoding parent", ErrEncode},
		{"panic encoding parent", ErrEncode},
		{"error decoding worker", os.ErrInvalid},
		{"panic decoding worker", nil},
		{"exit decoding worker", ErrWorkerDied},
		{"error encoding worker", ErrEncode},
		{"panic encoding worker", ErrEncode},
		{"exit encoding worker", ErrWorkerDied},
		{"error decoding parent", os.ErrInvalid},
		{"panic decoding parent", nil},
	} {
		for _, body := range []string{"", strings.Repeat("x", 1<<20)} { // in the ring, and beside it
			bad := Submit(e, testCross, crosser{c.mode, body})
			if _, err := bad.Result(soon(t)); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.mode, err)
			}
			_, err := Map(soon(t), e.Pool(), testCross, []crosser{{c.mode, body}, {"", body}}, Chunk(1))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("map %s: %v", c.mode, err)
			}
			if v, err := Submit(e, testCross, crosser{"", body}).Result(soon(t)); v.Body != body || err != nil {
				t.Fatal(c.mode, err)
			}
		}
	}
	e.Shutdown(true, false)
}
