//go:build linux

package procs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"switchyard/procs"
)

var talkBack = procs.Register("example.talkBack", func(_ context.Context, c *procs.Conn) (int, error) {
	defer c.Close()
	for _, v := range [][]int{{1, 2, 3}, {4, 5, 6}} {
		if err := c.Send(v); err != nil {
			return 0, err
		}
	}
	var thanks string
	if err := c.Recv(&thanks); err != nil {
		return 0, err
	}
	fmt.Println("child received:", thanks)
	return 0, nil
})

// Both ends send and receive. When all who had the other end have closed it,
// there is io.EOF.
func ExampleNewPipe() {
	here, there, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer here.Close()
	p := procs.NewProcess(talkBack, there, procs.ProcessConfig{Stdout: os.Stdout})
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	there.Close() // the child has its own
	for range 2 {
		var v []int
		err := here.Recv(&v)
		fmt.Println("parent received:", v, err)
	}
	here.Send("thank you")
	p.Join(context.Background())
	fmt.Println(here.Recv(new(int)) == io.EOF)
	// Output:
	// parent received: [1 2 3] <nil>
	// parent received: [4 5 6] <nil>
	// child received: thank you
	// true
}

var eatFrom = procs.Register("example.eatFrom", func(_ context.Context, right *procs.Conn) (int, error) {
	for {
		var bun string
		err := right.Recv(&bun)
		if err == io.EOF {
			fmt.Println("no more")
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		fmt.Println("received", bun)
	}
})

// A consumer reads until the producer has closed its end.
func ExampleConn() {
	right, left, err := procs.NewPipe(procs.OneWay) // right receives, left sends
	if err != nil {
		fmt.Println(err)
		return
	}
	consumer := procs.NewProcess(eatFrom, right, procs.ProcessConfig{Stdout: os.Stdout})
	if err := consumer.Start(); err != nil {
		fmt.Println(err)
		return
	}
	right.Close()
	for i := range 3 {
		left.Send(fmt.Sprint("bun ", i))
	}
	left.Close()
	consumer.Join(context.Background())
	// Output:
	// received bun 0
	// received bun 1
	// received bun 2
	// no more
}

// Bytes are a message as they are. One that is too long for the buffer is not
// lost.
func ExampleConn_SendBytes() {
	a, b, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()
	fmt.Println(b.Poll(0))
	a.SendBytes([]byte("hello"))
	a.SendBytes([]byte("good morning"))
	fmt.Println(b.Poll(0))

	buf := make([]byte, 8)
	n, err := b.RecvBytesInto(buf)
	fmt.Printf("%q %v\n", buf[:n], err)
	_, err = b.RecvBytesInto(buf)
	var short *procs.BufferTooShortError
	if errors.As(err, &short) {
		fmt.Printf("too short for %q\n", short.Message)
	}
	// Output:
	// false <nil>
	// true <nil>
	// "hello" <nil>
	// too short for "good morning"
}
