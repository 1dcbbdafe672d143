//go:build linux

package remote

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
)

func openJoinable(t testing.TB, url, name string, config QueueConfig) *JoinableQueue[int] {
	t.Helper()
	q := must(OpenJoinableQueue[int](soon(t), connect(t, url), name, config))(t)
	t.Cleanup(func() { q.Close() })
	return q
}

// joins returns what Join says.
func joins(q *Queue[int], ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- q.Join(ctx) }()
	return done
}

// waits reports that something has not happened yet.
func waits(t testing.TB, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatal("it did not wait:", err)
	case <-time.After(50 * time.Millisecond):
	}
}

// Join waits until all values that were put are done with, whoever took them:
// queue.Queue.join of Python.
func TestJoinableQueue(t *testing.T) {
	server := serve(t, ServerConfig{})
	master, worker := openJoinable(t, server.URL(), "tasks", QueueConfig{}), openJoinable(t, server.URL(), "tasks", QueueConfig{})
	if err := master.Join(soon(t)); err != nil { // nothing was put
		t.Error(err)
	}
	if err := master.TaskDone(soon(t)); !errors.Is(err, procs.ErrTooManyDone) {
		t.Error(err)
	}
	for i := range 3 {
		if err := master.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	done := joins(master.Queue, soon(t))
	for i, get := range []func() (int, error){
		func() (int, error) { return worker.Get(soon(t)) },
		func() (int, error) { return worker.TryGet(soon(t)) },
		func() (int, error) { return worker.GetTimeout(wait.Patience) },
	} {
		if v, err := get(); v != i || err != nil {
			t.Fatal(v, err)
		}
	}
	if _, err := worker.TryGet(soon(t)); !errors.Is(err, procs.ErrEmpty) {
		t.Error(err)
	}
	if _, err := worker.GetTimeout(time.Millisecond); !errors.Is(err, procs.ErrEmpty) {
		t.Error(err)
	}
	waits(t, done) // empty, and not done with
	for range 3 {
		waits(t, done)
		if err := worker.TaskDone(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := worker.TaskDone(soon(t)); !errors.Is(err, procs.ErrTooManyDone) {
		t.Error(err)
	}
	// What is put meanwhile counts, and a context ends the wait.
	if err := master.Put(soon(t), 3); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := master.Join(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	done = joins(master.Queue, soon(t))
	waits(t, done)
	master.Close()
	if err := <-done; !errors.Is(err, procs.ErrClosed) {
		t.Error(err)
	}
	if err := master.Join(soon(t)); !errors.Is(err, procs.ErrClosed) {
		t.Error(err)
	}
}

// A consumer that goes between Get and TaskDone does not keep Join for ever:
// its values come back. What it was done with does not.
func TestJoinableQueueConsumerGoes(t *testing.T) {
	server := serve(t, ServerConfig{})
	master, goes := openJoinable(t, server.URL(), "tasks", QueueConfig{}), openJoinable(t, server.URL(), "tasks", QueueConfig{})
	for i := range 2 {
		if err := master.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := goes.Get(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := goes.TaskDone(soon(t)); err != nil {
		t.Fatal(err)
	}
	done := joins(master.Queue, soon(t))
	goes.Close()
	if v, err := master.Get(soon(t)); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	waits(t, done)
	if err := master.TaskDone(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := goes.TaskDone(soon(t)); !errors.Is(err, procs.ErrClosed) {
		t.Error(err)
	}
}

// Join counts what Queue's own ways remove, too.
func TestQueueJoin(t *testing.T) {
	server := serve(t, ServerConfig{})
	q := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	for i := range 2 {
		if err := q.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	done := joins(q, soon(t))
	item := must(q.Take(soon(t)))(t)
	if v, err := q.Get(soon(t)); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	waits(t, done)
	if err := item.Done(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Puts end at once, gets when the queue is empty, those that wait too:
// queue.Queue.shutdown of Python 3.13.
func TestQueueShutDown(t *testing.T) {
	server := serve(t, ServerConfig{})
	here := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{Size: 2})
	there := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	for i := range 2 {
		if err := here.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	var ends sync.WaitGroup
	for _, q := range []*Queue[int]{here, there} {
		ends.Go(func() { // the queue is full
			if err := q.Put(soon(t), 7); !errors.Is(err, ErrShutDown) {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	for range 2 { // again does nothing
		if err := here.ShutDown(soon(t), false); err != nil {
			t.Fatal(err)
		}
	}
	ends.Wait()
	done := joins(here, soon(t))
	for i := range 2 {
		if v, err := there.Get(soon(t)); v != i || err != nil {
			t.Fatal(v, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	later := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	for name, q := range map[string]*Queue[int]{"who shut it": here, "who was there": there, "who comes later": later} {
		if err := q.Put(soon(t), 1); !errors.Is(err, ErrShutDown) {
			t.Error(name, err)
		}
		if err := q.TryPut(soon(t), 1); !errors.Is(err, ErrShutDown) {
			t.Error(name, err)
		}
		if _, err := q.Get(soon(t)); !errors.Is(err, ErrShutDown) {
			t.Error(name, err)
		}
		if _, err := q.TryTake(soon(t)); !errors.Is(err, ErrShutDown) {
			t.Error(name, err)
		}
	}
	// One that did not hear of it finds out from the server.
	there.mu.Lock()
	there.shut = shutNot
	there.mu.Unlock()
	if err := there.Put(soon(t), 1); !errors.Is(err, ErrShutDown) {
		t.Error(err)
	}
	there.mu.Lock()
	there.shut = shutNot
	there.mu.Unlock()
	if _, err := there.TryGet(soon(t)); !errors.Is(err, ErrShutDown) {
		t.Error(err)
	}
	// The name can be used anew.
	if err := here.Remove(soon(t)); err != nil {
		t.Fatal(err)
	}
	again := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	if err := again.Put(soon(t), 1); err != nil {
		t.Error(err)
	}
}

// Who waits for a value that will not come is told.
func TestQueueShutDownWhileGetsWait(t *testing.T) {
	server := serve(t, ServerConfig{})
	q := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{})
	joinable := openJoinable(t, server.URL(), "tasks", QueueConfig{})
	gets := make(chan error, 3)
	for _, get := range []func() error{
		func() error { _, err := q.Get(soon(t)); return err },
		func() error { _, err := q.Take(soon(t)); return err },
		func() error { _, err := joinable.Get(soon(t)); return err },
	} {
		go func() { gets <- get() }()
	}
	eventually(t, "all wait", func() bool {
		c, err := q.stream.Consumer(soon(t), "getters")
		return err == nil && c.CachedInfo().NumWaiting == 3
	})
	if err := openQueue[int](t, connect(t, server.URL()), "tasks", QueueConfig{}).ShutDown(soon(t), false); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-gets; !errors.Is(err, ErrShutDown) {
			t.Error(err)
		}
	}
}

// At once means that values that nobody has taken are dropped; those that were
// taken are done with in peace, and Join waits for them.
func TestQueueShutDownNow(t *testing.T) {
	server := serve(t, ServerConfig{})
	master, worker := openJoinable(t, server.URL(), "tasks", QueueConfig{}), openJoinable(t, server.URL(), "tasks", QueueConfig{})
	for i := range 5 {
		if err := master.Put(soon(t), i); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := worker.Get(soon(t)); v != 0 || err != nil {
		t.Fatal(v, err)
	}
	if err := master.ShutDown(soon(t), false); err != nil {
		t.Fatal(err)
	}
	if err := master.ShutDown(soon(t), true); err != nil {
		t.Fatal(err)
	}
	if n, err := master.Len(soon(t)); n != 1 || err != nil {
		t.Error(n, err)
	}
	for _, q := range []*JoinableQueue[int]{master, worker, openJoinable(t, server.URL(), "tasks", QueueConfig{})} {
		if v, err := q.Get(soon(t)); !errors.Is(err, ErrShutDown) {
			t.Error(v, err)
		}
	}
	done := joins(master.Queue, soon(t))
	waits(t, done)
	if err := worker.TaskDone(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := master.Remove(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := master.ShutDown(soon(t), false); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
}
