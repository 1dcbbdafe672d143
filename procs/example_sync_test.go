//go:build linux

package procs_test

import (
	"context"
	"fmt"

	"switchyard/procs"
)

type squares struct {
	Numbers *procs.JoinableQueue[int]
	Sum     *procs.Value[int]
}

var exampleSquares = procs.Register("example.squares", func(ctx context.Context, s squares) (int, error) {
	for {
		n, err := s.Numbers.Get(ctx)
		if err == procs.ErrClosed {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := s.Sum.Update(ctx, func(sum *int) { *sum += n * n }); err != nil {
			return 0, err
		}
		if err := s.Numbers.TaskDone(); err != nil {
			return 0, err
		}
	}
})

// Two processes take numbers from a queue and add their squares to a shared
// value.
func ExampleJoinableQueue() {
	ctx := context.Background()
	numbers, _ := procs.NewJoinableQueue[int](10)
	sum, _ := procs.NewValue(0)
	defer numbers.Close()
	defer sum.Close()
	for range 2 {
		p := procs.NewProcess(exampleSquares, squares{numbers, sum}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		defer p.Join(ctx)
	}
	for n := range 100 {
		numbers.Put(ctx, n)
	}
	numbers.Join(ctx)       // all worked off
	numbers.ShutDown(false) // the processes return
	total, _ := sum.Get()
	fmt.Println(total)
	// Output: 328350
}

// A lock whose owner died goes to the next one, with a warning.
func ExampleLock() {
	lock, _ := procs.NewLock()
	defer lock.Close()
	switch err := lock.Acquire(context.Background()); err {
	case nil:
		fmt.Println("acquired")
	case procs.ErrOwnerDied:
		fmt.Println("acquired; look whether the last owner left a mess")
	default:
		fmt.Println("not acquired:", err)
		return
	}
	fmt.Println(lock.TryAcquire())
	lock.Release()
	// Output:
	// acquired
	// false
}
