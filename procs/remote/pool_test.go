//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

func TestPool(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 3})
	p := newPool(t, server.URL(), PoolConfig{})
	if v, err := Apply(soon(t), p, square, 7); v != 49 || err != nil {
		t.Fatal(v, err)
	}
	if v, err := Apply(soon(t), p, moved, point{1, 2, "a"}); v != (point{2, 1, "a!"}) || err != nil {
		t.Fatal(v, err)
	}
	for _, chunk := range []int{0, 1, 7, 1000} {
		xs := make([]int, 100)
		for i := range xs {
			xs[i] = i
		}
		vs, err := Map(soon(t), p, square, xs, procs.Chunk(chunk))
		if err != nil {
			t.Fatal(chunk, err)
		}
		for i, v := range vs {
			if v != i*i {
				t.Fatal(chunk, i, v)
			}
		}
	}
	if vs, err := Map(soon(t), p, square, nil); len(vs) != 0 || err != nil {
		t.Fatal(vs, err)
	}
	var got atomic.Int64
	f := Submit(p, square, 3, procs.OnResult(func(v int) { got.Add(int64(v)) }))
	if v, err := f.Result(soon(t)); v != 9 || err != nil {
		t.Fatal(v, err)
	}
	eventually(t, "the callback is called", func() bool { return got.Load() == 9 })
	if w := p.Workers(); len(w) != 1 || w[0].PID != os.Getpid() || w[0].Slots != 3 || w[0].Tasks != 0 {
		t.Fatal(w)
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(soon(t), p, square, 7); !errors.Is(err, procs.ErrClosed) {
		t.Fatal(err)
	}
}

// Errors, panics and runtime.Goexit of a function are its task's alone.
func TestPoolErrors(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	p := newPool(t, server.URL(), PoolConfig{})
	var remote *procs.RemoteError
	if _, err := Apply(soon(t), p, fails, ""); !errors.Is(err, errTest) || !errors.As(err, &remote) {
		t.Error(err)
	}
	if _, err := Apply(soon(t), p, fails, "panic"); !errors.As(err, &remote) || !remote.Panic || remote.Message != "oh" {
		t.Error(err)
	}
	if _, err := Apply(soon(t), p, fails, "goexit"); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Error(err)
	}
	failed := make(chan error, 1)
	Submit(p, fails, "", procs.OnError(func(err error) { failed <- err }))
	if err := <-failed; !errors.Is(err, errTest) {
		t.Error(err)
	}
	_, err := Map(soon(t), p, fails, []string{"", ""}, procs.Chunk(1))
	if !errors.As(err, &remote) || remote.Index != 0 && remote.Index != 1 {
		t.Error(err)
	}
	file := must(os.Open(os.DevNull))(t)
	defer file.Close()
	if _, err := Apply(soon(t), p, withFile, file); !errors.Is(err, procs.ErrEncode) {
		t.Error(err)
	}
	if v, err := Apply(soon(t), p, square, 5); v != 25 || err != nil {
		t.Error(v, err)
	}
}

// What is longer than the server takes is refused where it would be sent, and
// does not end the connection.
func TestPoolMessageTooLong(t *testing.T) {
	server := serve(t, ServerConfig{MaxMessage: 1 << 16})
	worksHere(t, server.URL(), WorkerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	if _, err := Apply(soon(t), p, length, make([]byte, 1<<16)); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if _, err := Apply(soon(t), p, bytesBack, 1<<16); !errors.Is(err, procs.ErrMessageTooLong) {
		t.Error(err)
	}
	if n, err := Apply(soon(t), p, length, make([]byte, 1<<16-taskHead)); n != 1<<16-taskHead || err != nil {
		t.Error(n, err)
	}
}

// Cancel and a time limit end the context of a task that runs; one that waits
// is not begun.
func TestPoolCancel(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	p := newPool(t, server.URL(), PoolConfig{})
	says := func(name, what string) {
		t.Helper()
		eventually(t, name+" is "+what, func() bool {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			return string(b) == what
		})
	}
	first := Submit(p, untilCancelled, filepath.Join(dir, "first"))
	second := Submit(p, untilCancelled, filepath.Join(dir, "second"))
	says("first", "begun")
	if !second.Cancel() || !second.Cancelled() {
		t.Error("a task that waits cannot be cancelled")
	}
	if !first.Stop() {
		t.Error("a task that runs cannot be stopped")
	}
	if _, err := first.Result(soon(t)); !errors.Is(err, procs.ErrCancelled) {
		t.Error(err)
	}
	says("first", "cancelled")
	ctx, cancel := context.WithCancel(context.Background())
	go func() { says("third", "begun"); cancel() }()
	if _, err := Apply(ctx, p, untilCancelled, filepath.Join(dir, "third")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	says("third", "cancelled")
	if _, err := Apply(soon(t), p, untilCancelled, filepath.Join(dir, "fourth"), procs.Timeout(20*time.Millisecond)); !errors.Is(err, procs.ErrTimeout) {
		t.Error(err)
	}
	says("fourth", "cancelled")
	if v, err := Apply(soon(t), p, square, 5); v != 25 || err != nil {
		t.Error(v, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "second")); err == nil {
		t.Error("a task was begun that had been cancelled")
	}
}

// A terminated pool's tasks end with it, those that run and those that wait,
// and their contexts are cancelled.
func TestPoolTerminate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task") // first: the worker ends before it
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	p := newPool(t, server.URL(), PoolConfig{})
	var fs []*procs.Future[int]
	for range 100 {
		fs = append(fs, Submit(p, untilCancelled, path))
	}
	eventually(t, "one is begun", func() bool { _, err := os.Stat(path); return err == nil })
	p.Terminate()
	for _, f := range fs {
		if _, err := f.Result(soon(t)); !errors.Is(err, procs.ErrTerminated) {
			t.Fatal(err)
		}
	}
	eventually(t, "it is cancelled", func() bool { b, _ := os.ReadFile(path); return string(b) == "cancelled" })
}

// The task of a worker that is killed fails, and so does that of one that ends
// by itself; what they had not begun is done by others.
func TestPoolKilledWorker(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	victim := startWorker(t, server.URL())
	hasWorkers(t, p, 1)
	path := filepath.Join(t.TempDir(), "task")
	f := Submit(p, untilCancelled, path)
	eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
	proctest.Slay(t, victim)
	var dead *DeadError
	if _, err := f.Result(soon(t)); !errors.Is(err, procs.ErrWorkerDied) || !errors.As(err, &dead) || dead.Worker.PID == 0 {
		t.Fatal(err)
	}
	waiting := Submit(p, square, 4)
	startWorker(t, server.URL())
	if v, err := waiting.Result(soon(t)); v != 16 || err != nil {
		t.Fatal(v, err)
	}
	if _, err := Apply(soon(t), p, fails, "exit"); !errors.Is(err, procs.ErrWorkerDied) {
		t.Fatal(err)
	}
}

// Of a thousand tasks, while workers are killed, each is done once or fails
// with the death of its worker.
func TestPoolWorkersKilledAtRandom(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	var workers []*procs.Process
	for range 4 {
		workers = append(workers, startWorker(t, server.URL()))
	}
	hasWorkers(t, p, 4)
	var fs []*procs.Future[int]
	for i := range 1000 {
		fs = append(fs, Submit(p, square, i))
		if i%400 == 399 {
			proctest.Slay(t, workers[i/400])
		}
	}
	for i, f := range fs {
		if v, err := f.Result(soon(t)); err == nil && v != i*i || err != nil && !errors.Is(err, procs.ErrWorkerDied) {
			t.Fatal(i, v, err)
		}
	}
}

// A worker that leaves finishes what it runs, and hands back the rest.
func TestWorkerLeaves(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{})
	leave := worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	hasWorkers(t, p, 1)
	first := Submit(p, slow, 50*time.Millisecond)
	var rest []*procs.Future[int]
	for i := range 20 {
		rest = append(rest, Submit(p, square, i))
	}
	leave()
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	if pid, err := first.Result(soon(t)); pid != os.Getpid() || err != nil { // begun by either
		t.Fatal(pid, err)
	}
	for i, f := range rest {
		if v, err := f.Result(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
}

// A worker whose types differ does not get the tasks, and the error says so;
// another one does them.
func TestPoolOtherTypes(t *testing.T) {
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	w := must(newWorker(s, WorkerConfig{Slots: 1}))(t)
	for name := range w.self.Functions {
		w.self.Functions[name] = strings.Repeat("00", 16)
	}
	clear(w.functions)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.work(ctx) }()
	defer func() { cancel(); <-done }()
	p := newPool(t, server.URL(), PoolConfig{Patience: time.Nanosecond})
	hasWorkers(t, p, 1)
	if _, err := Apply(soon(t), p, square, 2); !errors.Is(err, ErrNoWorker) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d) has it with other types", os.Getpid())) {
		t.Error(err)
	}
	patient := newPool(t, server.URL(), PoolConfig{Patience: -1})
	f := Submit(patient, square, 3)
	worksHere(t, server.URL(), WorkerConfig{})
	if v, err := f.Result(soon(t)); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// A worker that lacks a function though it announced it refuses the task with a
// reason; another takes it.
func TestWorkerRefuses(t *testing.T) {
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	w := must(newWorker(s, WorkerConfig{Slots: 100}))(t)
	clear(w.functions)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.work(ctx) }()
	defer func() { cancel(); <-done }()
	p := newPool(t, server.URL(), PoolConfig{})
	hasWorkers(t, p, 1)
	f := Submit(p, square, 3)
	worksHere(t, server.URL(), WorkerConfig{})
	if v, err := f.Result(soon(t)); v != 9 || err != nil {
		t.Error(v, err)
	}
}

// Without any worker the error comes when patience is over.
func TestPoolNobody(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{Patience: time.Nanosecond})
	if _, err := Apply(soon(t), p, square, 2); !errors.Is(err, ErrNoWorker) || !strings.Contains(err.Error(), "0 workers") {
		t.Error(err)
	}
}

// A caller waits while as many tasks as allowed are unfinished.
func TestPoolMaxUnfinished(t *testing.T) {
	server := serve(t, ServerConfig{})
	p := newPool(t, server.URL(), PoolConfig{MaxUnfinished: 2})
	Submit(p, square, 1)
	second := Submit(p, square, 2)
	begun := make(chan *procs.Future[int], 1)
	go func() { begun <- Submit(p, square, 3) }()
	select {
	case <-begun:
		t.Fatal("a third task was begun")
	case <-time.After(30 * time.Millisecond):
	}
	second.Cancel()
	(<-begun).Cancel()
}

// The connection is lost in the midst of tasks; the next server at the same
// address serves the same pool and the same workers.
func TestPoolServerRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task")
	server := serve(t, ServerConfig{})
	address := strings.TrimPrefix(server.URL(), "nats://")
	worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	p := newPool(t, server.URL(), PoolConfig{})
	f := Submit(p, untilCancelled, path)
	eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
	server.Close()
	if _, err := f.Result(soon(t)); !errors.Is(err, ErrConnectionLost) {
		t.Fatal(err)
	}
	waits := Submit(p, square, 6)
	serve(t, ServerConfig{Address: address})
	if v, err := waits.Result(soon(t)); v != 36 || err != nil {
		t.Fatal(v, err)
	}
}

// Methods of results and callbacks that fail, or end their goroutine, fail
// their own call at most; the pool goes on. An error says which result it was.
func TestPoolUnruly(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{})
	for _, lane := range []Lane{AtMostOnce, AtLeastOnce} {
		p := newPool(t, server.URL(), PoolConfig{Lane: lane})
		for how, want := range map[string]string{"goexit": "Goexit", "panic": "oh", "error": errTest.Error()} {
			if _, err := Apply(soon(t), p, quits, how); err == nil || !strings.Contains(err.Error(), "result of remotetest.quits") || !strings.Contains(err.Error(), want) {
				t.Errorf("lane %d, %s: %v", lane, how, err)
			}
			_, err := Map(soon(t), p, quits, []string{"", "", how, ""}, procs.Chunk(3))
			if err == nil || !strings.Contains(err.Error(), want) || how != "goexit" && !strings.Contains(err.Error(), "result 2 of remotetest.quits") {
				t.Errorf("lane %d, %s in a chunk: %v", lane, how, err)
			}
		}
		var called atomic.Int32
		for _, option := range []procs.Option{
			procs.OnResult(func(int) { called.Add(1); runtime.Goexit() }),
			procs.OnResult(func(int) { called.Add(1); panic("oh") }),
		} {
			if v, err := Submit(p, square, 3, option).Result(soon(t)); v != 9 || err != nil {
				t.Errorf("lane %d: %v %v", lane, v, err)
			}
		}
		if vs, err := Map(soon(t), p, square, []int{1, 2, 3}); len(vs) != 3 || err != nil {
			t.Errorf("lane %d: %v %v", lane, vs, err)
		}
		p.Close()
		if err := p.Join(soon(t)); err != nil || called.Load() != 2 {
			t.Errorf("lane %d: %v, %d callbacks", lane, err, called.Load())
		}
	}
}
