//go:build unix

package hub_test

import (
	"context"
	"fmt"
	"os"

	"switchyard/greenlet/hub"
)

// Run a command for its exit code. Other greenlets go on meanwhile.
func ExampleHub_Command() {
	err := hub.Run(func(h *hub.Hub) error {
		cmd := h.Command("sh", "-c", "exit 3")
		if err := cmd.Start(); err != nil {
			return err
		}
		err := cmd.Wait()
		fmt.Println("exit code", cmd.ExitCode(), err)
		return nil
	})
	fmt.Println(err)
	// Output:
	// exit code 3 exit status 3
	// <nil>
}

// Give a command its input, and collect what it says.
func ExamplePopen_Communicate() {
	err := hub.Run(func(h *hub.Hub) error {
		cmd := h.Command("sh", "-c", "sort; echo done >&2")
		out, errs, err := cmd.Communicate([]byte("set q=mx\nexit\nbaidu.com\n"))
		fmt.Printf("%sstderr: %sexit code %d %v\n", out, errs, cmd.ExitCode(), err)
		return nil
	})
	fmt.Println(err)
	// Output:
	// baidu.com
	// exit
	// set q=mx
	// stderr: done
	// exit code 0 <nil>
	// <nil>
}

// A call that blocks holds up all greenlets, unless it is awaited: here the
// reader of a pipe waits for the one who writes to it.
func ExampleAwait() {
	err := hub.Run(func(h *hub.Hub) error {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		reader := h.Spawn(func() error {
			buf := make([]byte, 100)
			n, err := hub.Await(h, func(context.Context) (int, error) { return r.Read(buf) })
			fmt.Printf("read %q %v\n", buf[:n], err)
			return err
		})
		writer := h.Spawn(func() error {
			fmt.Println("write")
			fmt.Fprint(w, "hello")
			return w.Close()
		})
		return h.JoinAll(reader, writer)
	})
	fmt.Println(err)
	// Output:
	// write
	// read "hello" <nil>
	// <nil>
}
