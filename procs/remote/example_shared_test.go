//go:build linux

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"switchyard/procs/remote"
)

// The master and the worker of many a tutorial of Python's BaseManager: they
// share a task queue and a result queue, know them by their names, and may be
// on different machines. What a worker has taken and is not done with when it
// dies goes to another one.
func Example_masterAndWorker() {
	ctx := context.Background()
	config := remote.Config{AuthKey: []byte("a key of thirty-two random bytes")}
	server, err := remote.Serve(remote.ServerConfig{AuthKey: config.AuthKey})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	var worker sync.WaitGroup
	worker.Go(func() { // another program
		session, err := remote.Connect(ctx, server.URL(), config)
		if err != nil {
			log.Fatal(err)
		}
		defer session.Close()
		tasks, results := openQueues(ctx, session)
		for range 3 {
			task, err := tasks.Take(ctx)
			if err != nil {
				log.Fatal(err)
			}
			n := task.Value
			if err := results.Put(ctx, fmt.Sprintf("%d * %d = %d", n, n, n*n)); err != nil {
				log.Fatal(err)
			}
			if err := task.Done(ctx); err != nil {
				log.Fatal(err)
			}
		}
	})
	defer worker.Wait()

	session, err := remote.Connect(ctx, server.URL(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	tasks, results := openQueues(ctx, session)
	for _, n := range []int{2, 30, 400} {
		if err := tasks.Put(ctx, n); err != nil {
			log.Fatal(err)
		}
	}
	for range 3 {
		fmt.Println(results.Get(ctx))
	}
	// Output:
	// 2 * 2 = 4 <nil>
	// 30 * 30 = 900 <nil>
	// 400 * 400 = 160000 <nil>
}

// Producer and consumers with Queue.join, and with Queue.shutdown of Python
// 3.13: the master waits until all is done, and then lets everybody go.
func ExampleJoinableQueue() {
	ctx := context.Background()
	config := remote.Config{AuthKey: []byte("a key of thirty-two random bytes")}
	server, err := remote.Serve(remote.ServerConfig{AuthKey: config.AuthKey})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	open := func() (q *remote.JoinableQueue[string], leave func() error) {
		session, err := remote.Connect(ctx, server.URL(), config)
		if err != nil {
			log.Fatal(err)
		}
		q, err = remote.OpenJoinableQueue[string](ctx, session, "pages", remote.QueueConfig{})
		if err != nil {
			log.Fatal(err)
		}
		return q, session.Close
	}

	var consumers sync.WaitGroup
	for range 3 {
		consumers.Go(func() { // another program
			q, leave := open()
			defer leave()
			for {
				page, err := q.Get(ctx)
				if errors.Is(err, remote.ErrShutDown) {
					return
				}
				if err != nil {
					log.Fatal(err)
				}
				_ = len(page) // the work
				if err := q.TaskDone(ctx); err != nil {
					log.Fatal(err)
				}
			}
		})
	}

	q, leave := open()
	defer leave()
	for _, page := range []string{"a", "b", "c", "d", "e"} {
		if err := q.Put(ctx, page); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("joined:", q.Join(ctx))
	fmt.Println("shut down:", q.ShutDown(ctx, false))
	consumers.Wait()
	fmt.Println(q.Put(ctx, "f"))
	// Output:
	// joined: <nil>
	// shut down: <nil>
	// remote: queue "pages": remote: queue was shut down
}

func openQueues(ctx context.Context, s *remote.Session) (*remote.Queue[int], *remote.Queue[string]) {
	tasks, err := remote.OpenQueue[int](ctx, s, "tasks", remote.QueueConfig{Size: 1000})
	if err != nil {
		log.Fatal(err)
	}
	results, err := remote.OpenQueue[string](ctx, s, "results", remote.QueueConfig{})
	if err != nil {
		log.Fatal(err)
	}
	return tasks, results
}
