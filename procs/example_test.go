//go:build linux

package procs_test

import (
	"context"
	"errors"
	"fmt"

	"switchyard/procs"
)

// Functions are registered at package level; TestMain of this package calls
// Init, as a program's main does.
var (
	cube   = procs.Register("example.cube", func(_ context.Context, x int) (int, error) { return x * x * x, nil })
	greet  = procs.Register("example.greet", func(_ context.Context, c *procs.Conn) (int, error) { return 0, c.Send("hello from a child") })
	wobbly = procs.Register("example.wobbly", func(_ context.Context, x int) (int, error) { panic("fell over") })
)

// joinAll starts processes, and waits for all of them.
func joinAll(ps ...*procs.Process) error {
	for i, p := range ps {
		if err := p.Start(); err != nil {
			for _, started := range ps[:i] {
				started.Kill()
			}
			return err
		}
	}
	for _, p := range ps {
		p.Join(context.Background())
	}
	return nil
}

func Example() {
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Terminate()
	fmt.Println(procs.Map(context.Background(), pool, cube, []int{1, 2, 3}))
	// Output: [1 8 27] <nil>
}

func ExampleNewProcess() {
	here, there, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer here.Close()
	p := procs.NewProcess(greet, there, procs.ProcessConfig{Name: "greeter"})
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	there.Close() // the child has its own
	var words string
	fmt.Println(here.Recv(&words), words)
	p.Join(context.Background())
	fmt.Println(p.ExitCode())
	// Output:
	// <nil> hello from a child
	// 0 true
}

func ExampleSubmit() {
	ex, err := procs.NewExecutor(procs.PoolConfig{Workers: 2}) // or threads.NewExecutor, of package threads
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ex.Shutdown(true, false)
	f, g := procs.Submit(ex, cube, 4), procs.Submit(ex, wobbly, 1)
	fmt.Println(f.Result(context.Background()))
	var remote *procs.RemoteError
	if err := g.Err(context.Background()); errors.As(err, &remote) {
		fmt.Println(remote.Panic, err)
	}
	// Output:
	// 64 <nil>
	// true panic: fell over
}
