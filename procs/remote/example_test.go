//go:build linux

package remote_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"switchyard/procs"
	"switchyard/procs/remote"
)

var cube = procs.Register("remoteexample.cube", func(_ context.Context, x int) (int, error) { return x * x * x, nil })

// A server, a worker and a pool, which are three programs on as many machines
// as a rule, and share nothing but the key and the functions.
func Example() {
	config := remote.Config{AuthKey: []byte("a key of thirty-two random bytes")}
	server, err := remote.Serve(remote.ServerConfig{AuthKey: config.AuthKey})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	ctx, stop := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { // the worker's whole program, after procs.Init
		if err := remote.Work(ctx, server.URL(), remote.WorkerConfig{Config: config}); err != nil && ctx.Err() == nil {
			log.Fatal(err)
		}
	})
	defer worker.Wait()
	defer stop()

	session, err := remote.Connect(ctx, server.URL(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for _, lane := range []remote.Lane{remote.AtMostOnce, remote.AtLeastOnce} {
		pool, err := remote.NewPool(session, remote.PoolConfig{Lane: lane})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(remote.Map(ctx, pool, cube, []int{1, 2, 3}))
		pool.Close()
		pool.Join(ctx)
	}
	// Output:
	// [1 8 27] <nil>
	// [1 8 27] <nil>
}

// An executor over the workers of other machines is used as one over processes
// of this one; the workers' list says who is there.
func ExampleExecutor() {
	config := remote.Config{AuthKey: []byte("a key of thirty-two random bytes")}
	server, err := remote.Serve(remote.ServerConfig{AuthKey: config.AuthKey})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx, stop := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := remote.Work(ctx, server.URL(), remote.WorkerConfig{Config: config, Name: "mill", Slots: 2}); err != nil && ctx.Err() == nil {
			log.Fatal(err)
		}
	})
	defer worker.Wait()
	defer stop()

	session, err := remote.Connect(ctx, server.URL(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	executor, err := remote.NewExecutor(session, remote.PoolConfig{})
	if err != nil {
		log.Fatal(err)
	}
	future := remote.Submit(executor, cube, 5)
	for v, err := range remote.ExecutorMap(ctx, executor, cube, []int{1, 2, 3}) {
		fmt.Println(v, err)
	}
	fmt.Println(future.Result(ctx))
	for _, w := range executor.Pool().Workers() {
		fmt.Println(w.Name, w.Slots)
	}
	executor.Shutdown(true, false)
	// Output:
	// 1 <nil>
	// 8 <nil>
	// 27 <nil>
	// 125 <nil>
	// mill 2
}
