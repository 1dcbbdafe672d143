//go:build linux

package procs_test

import (
	"context"
	"fmt"
	"os"
	"slices"

	"switchyard/procs"
)

// Apply waits for each result: the tasks run one after the other.
func ExampleApply() {
	ctx := context.Background()
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Terminate()
	for x := range 3 {
		fmt.Println(procs.Apply(ctx, pool, cube, x))
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 8 <nil>
}

var processID = procs.Register("example.processID", func(context.Context, int) (int, error) { return os.Getpid(), nil })

// ApplyAsync does not wait. Callbacks run in the parent, one after the other.
// Join waits for all tasks of a pool that is closed to new ones.
func ExampleApplyAsync() {
	ctx := context.Background()
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Terminate()
	var cubes []int
	for x := range 4 {
		procs.ApplyAsync(pool, cube, x, procs.OnResult(func(y int) { cubes = append(cubes, y) }))
	}
	procs.ApplyAsync(pool, wobbly, 1, procs.OnError(func(err error) { fmt.Println("error:", err) }))
	id := procs.ApplyAsync(pool, processID, 0)
	pool.Close()
	if err := pool.Join(ctx); err != nil {
		fmt.Println(err)
	}
	slices.Sort(cubes) // they came in any order
	fmt.Println(cubes)
	pid, err := id.Get(ctx)
	fmt.Println("in a process of its own:", pid != os.Getpid(), err)
	_, err = procs.Apply(ctx, pool, cube, 1)
	fmt.Println(err)
	// Output:
	// error: panic: fell over
	// [0 1 8 27]
	// in a process of its own: true <nil>
	// procs: closed
}

// Asynchronous: submit all, then ask for the results. Synchronous: ask for each
// before the next is submitted.
func ExampleExecutor() {
	ctx := context.Background()
	ex, err := procs.NewExecutor(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	var futures []*procs.Future[int]
	for x := range 3 {
		futures = append(futures, procs.Submit(ex, cube, x))
	}
	for _, f := range futures {
		fmt.Println(f.Result(ctx))
	}
	for x := range 3 {
		fmt.Println(procs.Submit(ex, cube, x+3).Result(ctx))
	}
	ex.Shutdown(true, false)
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 8 <nil>
	// 27 <nil>
	// 64 <nil>
	// 125 <nil>
}
