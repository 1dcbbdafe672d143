//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"switchyard/procs/internal/bridge"
)

// Every method in every state.
func TestFutureStates(t *testing.T) {
	for _, c := range []struct {
		state                        string
		reach                        func(*Future[int])
		done, cancelled, run, cancel bool
		value                        int
		err                          error
	}{
		{"pending", func(*Future[int]) {}, false, false, false, true, 0, context.Canceled},
		{"running", func(f *Future[int]) { f.SetRunning() }, false, false, true, false, 0, context.Canceled},
		{"cancelled", func(f *Future[int]) { f.Cancel() }, true, true, false, true, 0, ErrCancelled},
		{"cancelled", func(f *Future[int]) { f.Cancel(); f.SetRunning() }, true, true, false, true, 0, ErrCancelled},
		{"finished raised file already exists", func(f *Future[int]) { f.SetError(os.ErrExist) }, true, false, false, false, 0, os.ErrExist},
		{"finished returned int", func(f *Future[int]) { f.SetRunning(); f.SetResult(42) }, true, false, false, false, 42, nil},
	} {
		f := NewFuture[int]()
		c.reach(f)
		if f.Done() != c.done || f.Cancelled() != c.cancelled || f.Running() != c.run {
			t.Error(c.state, f.Done(), f.Cancelled(), f.Running())
		}
		if s := f.String(); s != fmt.Sprintf("<Future %p %s>", f, c.state) {
			t.Error(s)
		}
		v, err := f.Result(gone())
		if v != c.value || !errors.Is(err, c.err) {
			t.Error(c.state, v, err)
		}
		if err := f.Err(gone()); !errors.Is(err, c.err) {
			t.Error(c.state, err)
		}
		if f.Cancel() != c.cancel || f.Cancelled() != (c.cancelled || c.state == "pending") || f.Running() != c.run {
			t.Error("after Cancel:", f)
		}
	}
	mustPanic(t, "no error", func() { NewFuture[int]().SetError(nil) })
}

// Who waits is woken by a result, an error, and Cancel.
func TestFutureWakes(t *testing.T) {
	for _, c := range []struct {
		end  func(*Future[int])
		want int
		err  error
	}{
		{func(f *Future[int]) { f.SetResult(42) }, 42, nil},
		{func(f *Future[int]) { f.SetError(os.ErrExist) }, 0, os.ErrExist},
		{func(f *Future[int]) { f.Cancel() }, 0, ErrCancelled},
	} {
		f := NewFuture[int]()
		results, errs := make(chan error), make(chan error)
		go func() {
			v, err := f.Result(soon(t))
			if v != c.want {
				t.Error(v)
			}
			results <- err
		}()
		go func() { errs <- f.Err(soon(t)) }()
		eventually(t, "somebody waits", func() bool {
			x := f.extra()
			x.mu.Lock()
			defer x.mu.Unlock()
			return x.done != nil
		})
		c.end(f)
		if err := <-results; err != c.err {
			t.Error(err)
		}
		if err := <-errs; err != c.err {
			t.Error(err)
		}
	}
}

// A future that is done stays as it is.
func TestFutureTwice(t *testing.T) {
	for _, reach := range []func(*Future[int]){
		func(f *Future[int]) { f.SetResult(1) },
		func(f *Future[int]) { f.SetError(os.ErrExist) },
		func(f *Future[int]) { f.Cancel() },
	} {
		f := NewFuture[int]()
		reach(f)
		was := f.String()
		mustPanic(t, "a result after "+was, func() { f.SetResult(2) })
		mustPanic(t, "an error after "+was, func() { f.SetError(os.ErrClosed) })
		if !f.Cancelled() {
			mustPanic(t, "SetRunning after "+was, func() { f.SetRunning() })
		} else if f.SetRunning() {
			t.Error("SetRunning of a cancelled future")
		}
		if f.String() != was {
			t.Error(f, was)
		}
		if v, err := f.Result(soon(t)); v == 2 || errors.Is(err, os.ErrClosed) {
			t.Error(v, err)
		}
	}
	f := NewFuture[int]()
	f.SetRunning()
	mustPanic(t, "SetRunning twice", func() { f.SetRunning() })
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

// Callbacks come in order, once each, with the future done; one that panics is
// logged, and keeps no other from being called.
func TestFutureCallbacks(t *testing.T) {
	var logged []string
	SetLog(LevelError, func(_ Level, message string) { logged = append(logged, message) })
	defer SetLog(LevelOff, nil)
	for _, c := range []struct {
		end  func(*Future[int])
		want string // what a callback sees
	}{
		{func(f *Future[int]) { f.SetResult(5) }, "5 <nil> false"},
		{func(f *Future[int]) { f.SetError(os.ErrExist) }, "0 file already exists false"},
		{func(f *Future[int]) { f.Cancel() }, "0 procs: cancelled true"},
	} {
		logged = nil
		f := NewFuture[int]()
		var got []int
		note := func(n int) func(*Future[int]) {
			return func(g *Future[int]) {
				v, err := g.Result(gone())
				if saw := fmt.Sprint(v, err, g.Cancelled()); g != f || !g.Done() || saw != c.want {
					t.Errorf("%v: %s, not %s", g, saw, c.want)
				}
				got = append(got, n)
				if n == 2 {
					panic("doh!")
				}
			}
		}
		f.AddDoneCallback(note(1))
		f.AddDoneCallback(note(2))
		f.AddDoneCallback(note(3))
		if len(got) != 0 {
			t.Error("too early")
		}
		c.end(f)
		f.AddDoneCallback(note(4)) // done already: at once
		f.AddDoneCallback(note(2))
		if !slices.Equal(got, []int{1, 2, 3, 4, 2}) {
			t.Error(c.want, got)
		}
		if len(logged) != 2 {
			t.Fatal(logged)
		}
		for _, line := range logged {
			if !strings.Contains(line, "callback of "+f.String()+" panicked: doh!") || !strings.Contains(line, "future_test.go") {
				t.Error(line)
			}
		}
	}
}

// Whoever completes a future, cancels it, waits for it or is to be called back,
// all at once: one of them brings it to its end, with the value or the error
// that it says, and everybody hears of it once.
func TestFutureAllAtOnce(t *testing.T) {
	for i := range 2000 {
		f := NewFuture[int]()
		var all sync.WaitGroup
		var won, called atomic.Int32
		for _, end := range []func() bool{
			func() bool { v := 7; return f.complete(&v, nil) },
			func() bool { return f.complete(nil, os.ErrExist) },
			func() bool { return f.cancelPending() },
			func() bool { v := 7; return bridge.Settle(f, &v) },
		} {
			all.Go(func() {
				if end() {
					won.Add(1)
				}
			})
		}
		for range 3 {
			all.Go(func() { f.AddDoneCallback(func(*Future[int]) { called.Add(1) }) })
			all.Go(func() {
				v, err := f.Result(soon(t))
				if ok := v == 7 && err == nil || v == 0 && (err == os.ErrExist || err == ErrCancelled); !ok {
					t.Error(i, v, err)
				}
				if f.Cancelled() != (err == ErrCancelled) {
					t.Error(i, f, err)
				}
			})
		}
		if i%2 == 0 {
			all.Go(func() { f.C() })
		}
		all.Wait()
		if won.Load() != 1 || called.Load() != 3 {
			t.Fatalf("%d: %d have completed it, %d of 3 callbacks were called", i, won.Load(), called.Load())
		}
	}
}

// What a task of an executor over goroutines takes is what a million of them
// take.
func TestTaskSize(t *testing.T) {
	if n := unsafe.Sizeof(localTask[int, int]{}); n > 64 {
		t.Errorf("a task has %d bytes, want 64 at most", n)
	}
}

// driver notes what a future tells the one who brings it to its end.
type driver struct {
	f     *Future[int]
	notes []string
}

func (d *driver) note(what string) { d.notes = append(d.notes, fmt.Sprint(what, " ", d.f.Done())) }
func (d *driver) Cancelled()       { d.note("cancelled") }

func (d *driver) Await(ctx context.Context) {
	d.note("awaited")
	if v := 7; ctx.Err() == nil && !bridge.Settle(d.f, &v) {
		d.note("heard")
	}
}

// A driver is asked by who has to wait, hears of a cancellation before all
// others, and completes only a pending future that calls nobody back.
func TestFutureDriver(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *driver)
		want string
	}{
		{"waited for", func(d *driver) { d.f.Err(t.Context()); d.f.Err(t.Context()) }, "awaited false"},
		{"for no time", func(d *driver) { d.f.Wait(gone()) }, "awaited false"},
		{"done before", func(d *driver) { d.f.SetResult(1); d.f.Wait(t.Context()) }, ""},
		{"running", func(d *driver) { d.f.SetRunning(); d.f.Wait(gone()); d.Await(t.Context()) }, "awaited false, awaited false, heard false"},
		{"cancelled", func(d *driver) {
			d.f.AddDoneCallback(func(*Future[int]) { d.note("callback") })
			d.f.Cancel()
			d.f.Cancel()
		}, "cancelled true, callback true"},
		{"with a callback", func(d *driver) {
			d.f.AddDoneCallback(func(*Future[int]) { d.note("callback") })
			d.Await(t.Context())
			d.f.SetResult(1)
		}, "awaited false, heard false, callback true"},
	} {
		d := &driver{f: NewFuture[int]()}
		bridge.Drive(d.f, d)
		c.do(d)
		if got := strings.Join(d.notes, ", "); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
}

// crosser makes trouble on its way between processes, where Mode says: in the
// parent while it is encoded, in the worker while it is decoded or encoded
// again.
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
	case "crash " + where + " " + in:
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
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

// What cannot be decoded is named: the argument or the result, its function,
// and of many which, wherever the chunks begin.
func TestUndecodableIsNamed(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	const n, bad = 6, 4
	for mode, what := range map[string]string{"error decoding worker": "argument", "error decoding parent": "result"} {
		var xs [n]crosser
		xs[bad].Mode = mode
		_, err := Apply(soon(t), p, testCross, xs[bad])
		if !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), what+" of test.cross: ") {
			t.Errorf("%s: %v", mode, err)
		}
		for _, chunk := range []int{1, 3, n} {
			_, err := Map(soon(t), p, testCross, xs[:], Chunk(chunk))
			remote, ok := errors.AsType[*RemoteError](err)
			index := what == "argument" && ok && remote.Index == bad && strings.Contains(err.Error(), "argument of test.cross: ") ||
				what == "result" && strings.Contains(err.Error(), fmt.Sprintf("result %d of test.cross: ", bad))
			if !errors.Is(err, os.ErrInvalid) || !index {
				t.Errorf("%s, chunks of %d: %v", mode, chunk, err)
			}
		}
	}
}

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
		{"crash decoding worker", ErrWorkerDied},
		{"error encoding worker", ErrEncode},
		{"panic encoding worker", ErrEncode},
		{"exit encoding worker", ErrWorkerDied},
		{"crash encoding worker", ErrWorkerDied},
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
