//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"switchyard/procs/internal/shm"
)

type queueArgs struct {
	Queue *Queue[int]
	From  int
	N     int
}

type order struct {
	Name  string
	Items []int
	Price map[string]float64
}

type echoArgs struct {
	In, Out *Queue[order]
}

var (
	testQueuePut = Register("test.queue.put", func(ctx context.Context, a queueArgs) (int, error) {
		for i := range a.N {
			if err := a.Queue.Put(ctx, a.From+i); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	testQueueGet = Register("test.queue.get", func(ctx context.Context, a queueArgs) (int, error) {
		for range a.N {
			if _, err := a.Queue.Get(ctx); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	testQueueEcho = Register("test.queue.echo", func(ctx context.Context, a echoArgs) (int, error) {
		for {
			o, err := a.In.Get(ctx)
			if err == ErrClosed {
				return 0, a.Out.ShutDown(false)
			}
			if err != nil {
				return 0, err
			}
			if err := a.Out.Put(ctx, o); err != nil {
				return 0, err
			}
		}
	})
)

func TestQueuePut(t *testing.T) {
	q := closing(t, must(NewQueue[int](6))(t), nil)
	if !q.Empty() || q.Full() {
		t.Error("not empty in the beginning")
	}
	for i := range 3 {
		if err := q.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
		if err := q.PutNowait(10 + i); err != nil {
			t.Fatal(err)
		}
	}
	if q.Empty() || !q.Full() || q.Len() != 6 {
		t.Error("not full with six of six")
	}
	if err := q.PutNowait(99); err != ErrFull {
		t.Error(err)
	}
	if err := q.PutTimeout(99, shortly); err != ErrFull {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := q.Put(ctx, 99); err != context.DeadlineExceeded {
		t.Error(err)
	}
	join(t, run(t, testQueueGet, queueArgs{Queue: q, N: 6}))
	if !q.Empty() || q.Full() {
		t.Error("not empty after six gets")
	}
}

func TestQueueGet(t *testing.T) {
	q := closing(t, must(NewQueue[int](0))(t), nil)
	p := run(t, testQueuePut, queueArgs{q, 100, 4})
	for i := range 4 {
		if v, err := q.Get(soon(t)); v != 100+i || err != nil {
			t.Error(v, err)
		}
	}
	join(t, p)
	if _, err := q.GetNowait(); err != ErrEmpty || !q.Empty() {
		t.Error(err)
	}
	start := time.Now()
	if _, err := q.GetTimeout(shortly); err != ErrEmpty || time.Since(start) < shortly {
		t.Error(err, time.Since(start))
	}
	if _, err := q.GetTimeout(-time.Second); err != ErrEmpty {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if _, err := q.Get(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
}

// What was put before a child started is there for the child, and what a child
// put is there when it is gone.
func TestQueueOutlivesItsPutter(t *testing.T) {
	q := closing(t, must(NewQueue[int](0))(t), nil)
	for i := range 10 {
		q.Put(soon(t), i)
	}
	join(t, run(t, testQueuePut, queueArgs{q, 10, 10}))
	for i := range 20 {
		if v, err := q.GetNowait(); v != i || err != nil {
			t.Error(i, v, err)
		}
	}
}

func TestQueueLen(t *testing.T) {
	q := closing(t, must(NewQueue[int](0))(t), nil)
	for want, step := range []func(){
		1: func() { q.Put(soon(t), 1) },
		2: func() { q.Put(soon(t), 5) },
	} {
		if step != nil {
			step()
		}
		if q.Len() != want {
			t.Errorf("%d, want %d", q.Len(), want)
		}
	}
	for want := 1; want >= 0; want-- {
		q.Get(soon(t))
		if q.Len() != want {
			t.Errorf("%d, want %d", q.Len(), want)
		}
	}
}

func TestQueueValuesOfAnyTypeAndSize(t *testing.T) {
	in, out := closing(t, must(NewQueue[order](3))(t), nil), closing(t, must(NewQueue[order](3))(t), nil)
	p := run(t, testQueueEcho, echoArgs{in, out})
	var sent []order
	for i := range 20 {
		o := order{fmt.Sprint("order ", i), make([]int, i*i*100), map[string]float64{"eur": float64(i)}}
		o.Items = append(o.Items, i)
		sent = append(sent, o)
	}
	go func() {
		for _, o := range sent {
			in.Put(soon(t), o)
		}
		in.ShutDown(false)
	}()
	for i, want := range sent {
		if got, err := out.Get(soon(t)); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: %v, %v", i, got.Name, err)
		}
	}
	if _, err := out.Get(soon(t)); err != ErrClosed {
		t.Error(err)
	}
	join(t, p)
	b := closing(t, must(NewQueue[[]byte](0))(t), nil)
	giant := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	if err := b.Put(soon(t), giant); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(soon(t)); err != nil || !bytes.Equal(got, giant) {
		t.Error(len(got), err)
	}
	s := closing(t, must(NewQueue[string](0))(t), nil)
	s.Put(soon(t), "")
	s.Put(soon(t), "text")
	for _, want := range []string{"", "text"} {
		if got, err := s.Get(soon(t)); got != want || err != nil {
			t.Error(got, err)
		}
	}
}

func TestQueueRefusesWhatCannotTravel(t *testing.T) {
	if _, err := NewQueue[chan int](0); !errors.Is(err, ErrEncode) {
		t.Errorf("a queue of channels: %v", err)
	}
	if _, err := NewQueue[*Lock](0); !errors.Is(err, ErrEncode) {
		t.Errorf("a queue of locks: %v", err)
	}
	if _, err := NewQueue[int](-1); !errors.Is(err, os.ErrInvalid) {
		t.Error("a queue of negative size:", err)
	}
	q := closing(t, must(NewQueue[any](1))(t), nil)
	if err := q.Put(soon(t), make(chan int)); !errors.Is(err, ErrEncode) {
		t.Errorf("a channel behind an interface: %v", err)
	}
	if err := q.PutNowait("fine"); err != nil || q.Len() != 1 { // it has taken no place
		t.Error("the queue does not go on after a value it refused", err)
	}
	if v, err := q.Get(soon(t)); v != "fine" || err != nil || !q.Empty() {
		t.Error(v, err)
	}
	// Who puts is told what the value's own method said.
	own := closing(t, must(NewQueue[crosser](1))(t), nil)
	if err := own.Put(soon(t), crosser{Mode: "error encoding parent"}); !errors.Is(err, ErrEncode) || !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if err := own.Put(soon(t), crosser{Mode: "panic encoding parent"}); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	if err := own.PutNowait(crosser{Body: "fine"}); err != nil {
		t.Error(err)
	}
	if v, err := own.GetNowait(); v.Body != "fine" || err != nil {
		t.Error(v, err)
	}
}

func TestQueueClosed(t *testing.T) {
	q := must(NewQueue[int](1))(t)
	waiting := make(chan error)
	go func() { _, err := q.Get(soon(t)); waiting <- err }()
	eventually(t, "the getter sleeps", q.q.Waiting)
	q.Close()
	if err := <-waiting; err != ErrClosed {
		t.Errorf("get that waited: %v", err)
	}
	if err := q.PutNowait(1); err != ErrClosed {
		t.Error(err)
	}
	if _, err := q.GetNowait(); err != ErrClosed {
		t.Error(err)
	}
	if err := q.ShutDown(true); err != ErrClosed || q.Len() != 0 || q.Full() || !q.Empty() {
		t.Error(err)
	}
	j := must(NewJoinableQueue[int](0))(t)
	j.Put(soon(t), 1)
	j.Close()
	_, err := j.Get(soon(t))
	for _, err := range []error{err, j.Put(soon(t), 1), j.TaskDone(), j.Join(soon(t))} {
		if err != ErrClosed {
			t.Error(err)
		}
	}
	if !j.Empty() || j.Unfinished() != 0 {
		t.Error(j.Len(), j.Unfinished())
	}
}

func TestQueueShutDown(t *testing.T) {
	q := closing(t, must(NewQueue[int](0))(t), nil)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			for {
				if _, err := q.Get(soon(t)); err != nil {
					if err != ErrClosed {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	p := run(t, testQueuePut, queueArgs{q, 0, 1000})
	join(t, p)
	q.ShutDown(false)
	wg.Wait()
	if q.Len() != 0 {
		t.Errorf("%d values left", q.Len())
	}
}

// Putters and getters are killed, waiting or working. The others go on, and
// what arrives is in order.
func TestQueueSurvivesKills(t *testing.T) {
	for _, maxsize := range []int{1, 10, 0} {
		q := closing(t, must(NewQueue[int](maxsize))(t), nil)
		for range 5 {
			getter := run(t, testQueueGet, queueArgs{Queue: q, N: 1 << 40})
			eventually(t, "the getter sleeps", q.q.Waiting)
			putter := run(t, testQueuePut, queueArgs{q, 0, 1 << 40})
			slay(t, getter)
			last := -1
			for range 100 {
				v, err := q.Get(soon(t))
				if err != nil || v <= last {
					t.Fatalf("%d after %d, %v", v, last, err)
				}
				last = v
			}
			slay(t, putter)
			for {
				v, err := q.GetNowait()
				if err == ErrEmpty {
					break
				}
				if err != nil || v <= last {
					t.Fatalf("%d after %d, %v", v, last, err)
				}
				last = v
			}
		}
	}
}

func TestQueueDoesNotAllocate(t *testing.T) {
	if shm.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	q := closing(t, must(NewQueue[int](0))(t), nil)
	ctx := context.Background()
	n := testing.AllocsPerRun(100, func() {
		if err := q.Put(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Get(ctx); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSimpleQueue(t *testing.T) {
	q := must(NewSimpleQueue[string]())(t)
	if !q.Empty() {
		t.Error("not empty")
	}
	q.Put(soon(t), "x")
	if q.Empty() {
		t.Error("empty")
	}
	if v, err := q.Get(soon(t)); v != "x" || err != nil || !q.Empty() {
		t.Error(v, err)
	}
	// In a child as here.
	b := closing(t, must(NewSimpleQueue[bool]())(t), nil)
	if !b.Empty() {
		t.Error("not empty")
	}
	join(t, run(t, testSimpleQueueEmpty, b))
	for _, want := range []bool{true, false} {
		if v, err := b.Get(soon(t)); v != want || err != nil {
			t.Error(v, err)
		}
	}
	if !b.Empty() {
		t.Error("not empty in the end")
	}
	for range 2 { // closing it twice does no harm
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := q.Get(soon(t)); err != ErrClosed || !q.Empty() {
		t.Error(err)
	}
	if err := q.Put(soon(t), "y"); err != ErrClosed {
		t.Error(err)
	}
}

var testSimpleQueueEmpty = Register("test.simplequeue.empty", func(ctx context.Context, q *SimpleQueue[bool]) (int, error) {
	return 0, errors.Join(q.Put(ctx, q.Empty()), q.Put(ctx, q.Empty()))
})
