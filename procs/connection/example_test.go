//go:build linux

package connection_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
)

var greetListener = procs.Register("example.greetListener", func(ctx context.Context, address string) (int, error) {
	c, err := connection.Dial(ctx, address, connection.DialConfig{})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return 0, c.Send("a process that knows the key says hello")
})

func ExampleListen() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	l, err := connection.Listen("", connection.ListenerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	if _, err := connection.Dial(ctx, l.Address(), connection.DialConfig{AuthKey: []byte("guessed")}); err != nil {
		fmt.Println("a stranger is refused")
	}
	p := procs.NewProcess(greetListener, l.Address(), procs.ProcessConfig{Stderr: os.Stdout})
	p.Start()
	c, err := l.Accept(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	var s string
	c.Recv(&s)
	fmt.Println(s)
	p.Join(ctx)
	// Output:
	// a stranger is refused
	// a process that knows the key says hello
}
