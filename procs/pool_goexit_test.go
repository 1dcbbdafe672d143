//go:build linux

package procs

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// goner is a value whose own methods end the goroutine that encodes or decodes
// it.
type goner struct{ Mode string }

func (c *goner) trouble(where string) {
	in := "parent"
	if ParentProcess() != nil {
		in = "worker"
	}
	if c.Mode == where+" "+in {
		runtime.Goexit()
	}
}

func (c *goner) MarshalBinary() ([]byte, error) { c.trouble("encoding"); return []byte(c.Mode), nil }

func (c *goner) UnmarshalBinary(b []byte) error {
	c.Mode = string(b)
	c.trouble("decoding")
	return nil
}

var testGoner = Register("test.goner", func(_ context.Context, c goner) (goner, error) { return c, nil })

// A type whose own method ends its goroutine costs a task, and no pool.
func TestPoolGoexitInTransport(t *testing.T) {
	for _, mode := range []string{"decoding worker", "encoding worker", "decoding parent", "encoding parent"} {
		t.Run(mode, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 1})
			other := ApplyAsync(p, testSquare, 3)
			err := MapAsync(p, testGoner, []goner{{""}, {mode}, {""}}, Chunk(1)).f.Err(soon(t))
			if err == nil || !strings.Contains(err.Error(), "runtime.Goexit") {
				t.Error(err)
			}
			if v, err := other.Get(soon(t)); v != 9 || err != nil {
				t.Error(v, err)
			}
			if v, err := Apply(soon(t), p, testSquare, 4); v != 16 || err != nil {
				t.Error(v, err)
			}
		})
	}
}

// A callback that ends its goroutine, such as one that calls FailNow of a test,
// keeps nobody else from being called.
func TestPoolGoexitInCallback(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var called atomic.Int32
	goexit := OnResult(func(int) { called.Add(1); runtime.Goexit() })
	over := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() { // a lone caller of Apply takes turns with the collector
		for x := 0; ; x++ {
			select {
			case <-over:
				return
			default:
			}
			if v, err := Apply(soon(t), p, testSquare, x); v != x*x || err != nil {
				t.Error(x, v, err)
				return
			}
		}
	})
	stop := sync.OnceFunc(func() { close(over); other.Wait() })
	defer stop()
	for i := range 20 {
		var rs []*AsyncResult[int]
		for j := range 20 {
			r := ApplyAsync(p, testSquare, j, goexit)
			r.f.AddDoneCallback(func(*Future[int]) { called.Add(1) })
			rs = append(rs, r)
		}
		for j, r := range rs {
			if v, err := r.Get(soon(t)); v != j*j || err != nil {
				t.Fatal(i, j, v, err)
			}
		}
	}
	stop()
	failed := MapAsync(p, testPanic, []string{"a"}, OnError(func(error) { called.Add(1); runtime.Goexit() }))
	if _, err := failed.Get(soon(t)); err == nil {
		t.Error("no error")
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := called.Load(); n != 20*20*2+1 {
		t.Error(n, "callbacks")
	}
}

// The last tasks of a pool that is terminated fail, whatever their callbacks
// do.
func TestPoolGoexitAtTheEnd(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	var rs []*AsyncResult[int]
	for range 10 {
		rs = append(rs, ApplyAsync(p, testHang, 0, OnError(func(error) { runtime.Goexit() })))
	}
	p.Terminate()
	for _, r := range rs {
		if _, err := r.Get(soon(t)); !errors.Is(err, ErrTerminated) {
			t.Fatal(err)
		}
	}
}
