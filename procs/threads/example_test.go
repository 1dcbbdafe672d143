package threads_test

import (
	"context"
	"fmt"

	"switchyard/procs"
	"switchyard/procs/threads"
)

var cube = procs.Register("example.cube", func(_ context.Context, x int) (int, error) { return x * x * x, nil })

func Example() {
	e, err := threads.NewExecutor(threads.Config{Workers: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Shutdown(true, false)
	for v, err := range procs.ExecutorMap(context.Background(), e, cube, []int{1, 2, 3}) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 8 <nil>
	// 27 <nil>
}
