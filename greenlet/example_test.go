package greenlet_test

import (
	"errors"
	"fmt"

	"switchyard/greenlet"
)

// Two greenlets pass a value to and fro, then the second one ends, and its
// parent, main, goes on.
func Example() {
	main := greenlet.Main[int]()
	defer main.Close()

	var ping, pong *greenlet.Greenlet[int]
	ping = greenlet.New(main, func(_ *greenlet.Greenlet[int], v int) (int, error) {
		for {
			fmt.Println("ping", v)
			var err error
			if v, err = pong.Switch(v + 1); err != nil {
				return 0, err
			}
		}
	})
	pong = greenlet.New(main, func(_ *greenlet.Greenlet[int], v int) (int, error) {
		for v < 4 {
			fmt.Println("pong", v)
			var err error
			if v, err = ping.Switch(v + 1); err != nil {
				return 0, err
			}
		}
		return v, nil
	})
	v, err := ping.Switch(1)
	fmt.Println("main", v, err)
	fmt.Println(ping)
	fmt.Println(pong)
	// Output:
	// ping 1
	// pong 2
	// ping 3
	// main 4 <nil>
	// greenlet 1 (suspended)
	// greenlet 2 (dead)
}

// An error that is thrown into a greenlet is what its Switch returns there.
func ExampleGreenlet_Throw() {
	err := greenlet.Run(func(main *greenlet.Greenlet[string]) error {
		worker := greenlet.New(main, func(_ *greenlet.Greenlet[string], job string) (string, error) {
			defer fmt.Println("worker cleans up")
			for {
				var err error
				if job, err = main.Switch(job + " done"); err != nil {
					return "", fmt.Errorf("worker: %w", err)
				}
			}
		})
		fmt.Println(worker.Switch("job 1"))
		fmt.Println(worker.Switch("job 2"))
		_, err := worker.Throw(errors.New("power cut"))
		return err
	})
	fmt.Println(err)
	// Output:
	// job 1 done <nil>
	// job 2 done <nil>
	// worker cleans up
	// worker: power cut
}

// A trace function sees who switched to whom.
func ExampleGreenlet_SetTrace() {
	greenlet.Run(func(main *greenlet.Greenlet[int]) error {
		main.SetName("main")
		main.SetTrace(func(e greenlet.Event[int]) {
			fmt.Println(e.Kind, "from", e.Origin.Name(), "to", e.Target.Name())
		})
		g := greenlet.New(main, func(*greenlet.Greenlet[int], int) (int, error) {
			return 0, errors.New("failed")
		})
		g.SetName("worker")
		g.Switch(0)
		return nil
	})
	// Output:
	// switch from main to worker
	// throw from worker to main
}
