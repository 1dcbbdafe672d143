//go:build linux

package remote

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchyard/procs"
)

func TestExecutor(t *testing.T) {
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 2})
	for _, lane := range []Lane{AtMostOnce, AtLeastOnce} {
		e := must(NewExecutor(connect(t, server.URL()), PoolConfig{Lane: lane}))(t)
		defer e.Terminate()
		if v, err := Submit(e, square, 7).Result(soon(t)); v != 49 || err != nil {
			t.Fatal(lane, v, err)
		}
		for _, chunk := range []int{0, 1, 2, 100} {
			var got []int
			for v, err := range ExecutorMap(soon(t), e, square, []int{1, 2, 3, 4, 5}, procs.Chunk(chunk)) {
				if err != nil {
					t.Fatal(lane, chunk, err)
				}
				got = append(got, v)
			}
			if !slices.Equal(got, []int{1, 4, 9, 16, 25}) {
				t.Error(lane, chunk, got)
			}
		}
		failed, done := 0, 0
		for _, err := range ExecutorMap(soon(t), e, length, [][]byte{{1}, {1, 2}}) {
			done++
			if err != nil {
				t.Error(lane, err)
			}
		}
		for _, err := range ExecutorMap(soon(t), e, fails, []string{"", "panic", "goexit"}) {
			if err != nil {
				failed++
			}
		}
		if failed != 3 || done != 2 {
			t.Error(lane, failed, done)
		}
		if _, err := Submit(e, slow, time.Hour, procs.Timeout(20*time.Millisecond)).Result(soon(t)); !errors.Is(err, procs.ErrTimeout) {
			t.Error(lane, err)
		}
		// A loop that ends, or whose context does, cancels the others.
		ctx, cancel := context.WithCancel(context.Background())
		path := filepath.Join(t.TempDir(), "task")
		ended := 0
		go func() {
			eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
			cancel()
		}()
		for _, err := range ExecutorMap(ctx, e, untilCancelled, []string{path, path + "2"}) {
			if ended++; !errors.Is(err, context.Canceled) {
				t.Error(lane, err)
			}
		}
		eventually(t, "it is cancelled", func() bool { b, _ := os.ReadFile(path); return string(b) == "cancelled" })
		e.Shutdown(true, false)
		e.Shutdown(true, true)
		if _, err := Submit(e, square, 1).Result(soon(t)); !errors.Is(err, procs.ErrClosed) || ended != 1 {
			t.Error(lane, err, ended)
		}
	}
}

// Shutdown cancels what no worker has begun, and nothing else.
func TestExecutorShutdownCancels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task")
	server := serve(t, ServerConfig{})
	worksHere(t, server.URL(), WorkerConfig{Slots: 1})
	e := must(NewExecutor(connect(t, server.URL()), PoolConfig{Ahead: 5}))(t)
	defer e.Terminate()
	runs := Submit(e, untilCancelled, path)
	eventually(t, "it is begun", func() bool { _, err := os.Stat(path); return err == nil })
	var rest []*procs.Future[int]
	for i := range 20 { // 5 of them in the worker
		rest = append(rest, Submit(e, square, i))
	}
	e.Shutdown(false, true)
	for i, f := range rest {
		if _, err := f.Result(soon(t)); !errors.Is(err, procs.ErrCancelled) || !f.Cancelled() {
			t.Fatal(i, err)
		}
	}
	if runs.Done() {
		t.Error("what ran was ended")
	}
	runs.Cancel()
	e.Shutdown(true, false)
}

// Workers say who they are, whatever lane they are asked for.
func TestWorkers(t *testing.T) {
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	if all, err := s.Workers(soon(t)); len(all) != 0 || err != nil {
		t.Fatal(all, err)
	}
	begin := time.Now()
	leave := worksHere(t, server.URL(), WorkerConfig{Name: "b", Slots: 3})
	worksHere(t, server.URL(), WorkerConfig{Name: "a"})
	eventually(t, "two are there", func() bool {
		all, err := s.Workers(soon(t))
		return err == nil && len(all) == 2 && all[0].Name == "a" && all[1].Name == "b" && all[1].Slots == 3 && all[1].PID == os.Getpid() &&
			slices.Contains(all[1].Functions, "remotetest.square") && all[1].Heard.After(begin) && !all[1].Leaving
	})
	for _, lane := range []Lane{AtMostOnce, AtLeastOnce} {
		hasWorkers(t, newPool(t, server.URL(), PoolConfig{Lane: lane}), 2)
	}
	leave()
	eventually(t, "one is there", func() bool {
		all, err := s.Workers(soon(t))
		return err == nil && len(all) == 1 && all[0].Name == "a"
	})
}
