package hub_test

import (
	"errors"
	"fmt"
	"io"
	"time"

	"switchyard/greenlet/hub"
)

// Two greenlets share a hub: while one sleeps the other runs.
func Example() {
	err := hub.Run(func(h *hub.Hub) error {
		a := h.Spawn(func() error {
			fmt.Println("a: in foo")
			if err := h.Sleep(2 * time.Millisecond); err != nil {
				return err
			}
			fmt.Println("a: foo again")
			return nil
		})
		b := h.Spawn(func() error {
			fmt.Println("b: in bar")
			if err := h.Yield(); err != nil {
				return err
			}
			fmt.Println("b: bar again")
			return nil
		})
		return h.JoinAll(a, b)
	})
	fmt.Println(err)
	// Output:
	// a: in foo
	// b: in bar
	// b: bar again
	// a: foo again
	// <nil>
}

// A boss hands out work through a queue of three; the workers go home when it
// is shut down.
func ExampleQueue() {
	hub.Run(func(h *hub.Hub) error {
		tasks := hub.NewQueue[int](h, 3)
		var workers []*hub.Greenlet
		for _, name := range []string{"steve", "john"} {
			workers = append(workers, h.Spawn(func() error {
				for task, err := range tasks.All() {
					if err != nil {
						return err
					}
					fmt.Println(name, "got task", task)
					if err := h.Yield(); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		for i := range 5 {
			if err := tasks.Put(i); err != nil {
				return err
			}
		}
		tasks.ShutDown(false)
		return h.GetAll(workers...)
	})
	// Output:
	// steve got task 0
	// john got task 1
	// steve got task 2
	// john got task 3
	// steve got task 4
}

// If everybody waits for somebody else, the main greenlet is told.
func ExampleDeadlockError() {
	err := hub.Run(func(h *hub.Hub) error {
		ready := hub.NewEvent(h)
		h.Spawn(ready.Wait).SetName("waiter")
		return ready.Wait()
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, hub.ErrDeadlock))
	// Output:
	// hub: this operation would block forever (waiting: main (waiting), waiter (waiting))
	// true
}

// Limits nest; each is its own error.
func ExampleHub_WithTimeout() {
	hub.Run(func(h *hub.Hub) error {
		err := h.WithTimeout(time.Millisecond, func() error {
			return h.Sleep(time.Hour)
		})
		fmt.Println(err, errors.Is(err, hub.ErrTimeout))
		return nil
	})
	// Output: hub: timed out after 1ms true
}

// A TCP server and a client on one hub.
func ExampleStreamServer() {
	err := hub.Run(func(h *hub.Hub) error {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &hub.StreamServer{Handle: func(c *hub.Conn) error {
			_, err := io.Copy(c, c)
			return err
		}}
		server.Start(h, l)

		c, err := h.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		fmt.Fprint(c, "hello")
		if err := c.CloseWrite(); err != nil {
			return err
		}
		answer, err := io.ReadAll(c)
		fmt.Printf("%s\n", answer)
		if err != nil {
			return err
		}
		return server.Stop(-1)
	})
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}
