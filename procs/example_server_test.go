//go:build linux

package procs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"switchyard/procs"
)

// talk answers in upper case until the client has nothing more to say.
var talk = procs.Register("example.talk", func(_ context.Context, f *os.File) (int, error) {
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	buf := make([]byte, 1024)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return 0, nil
		}
		if _, err := conn.Write(bytes.ToUpper(buf[:n])); err != nil {
			return 0, err
		}
	}
})

// serve accepts n connections, and hands each on as a file.
func serve(l net.Listener, n int, hand func(*os.File) error) error {
	for range n {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		f, err := conn.(*net.TCPConn).File()
		conn.Close()
		if err != nil {
			return err
		}
		err = hand(f)
		f.Close() // the other process has its own
		if err != nil {
			return err
		}
	}
	return nil
}

// ask lets clients say something at the same time. wait prints the answers.
func ask(address string, words ...string) (wait func()) {
	answers := make([]string, len(words))
	var clients sync.WaitGroup
	for i, w := range words {
		clients.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, w)
			conn.(*net.TCPConn).CloseWrite()
			answer, err := io.ReadAll(conn)
			answers[i] = fmt.Sprint(string(answer), " ", err)
		})
	}
	return func() {
		clients.Wait()
		for _, a := range answers {
			fmt.Println(a)
		}
	}
}

// A TCP server with a process for each connection.
func ExampleNewProcess_server() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	wait := ask(l.Addr().String(), "hello", "good morning", "good night")
	err = serve(l, 3, func(f *os.File) error {
		return procs.NewProcess(talk, f, procs.ProcessConfig{Daemon: true}).Start()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	wait()
	for _, p := range procs.ActiveChildren() { // each ends with its connection
		p.Join(context.Background())
	}
	// Output:
	// HELLO <nil>
	// GOOD MORNING <nil>
	// GOOD NIGHT <nil>
}

// A TCP server with a pool: two connections at a time, however many come.
func ExamplePool() {
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Terminate()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	wait := ask(l.Addr().String(), "one", "two", "three", "four")
	err = serve(l, 4, func(f *os.File) error {
		procs.ApplyAsync(pool, talk, f)
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	wait()
	pool.Close()
	fmt.Println(pool.Join(context.Background()))
	// Output:
	// ONE <nil>
	// TWO <nil>
	// THREE <nil>
	// FOUR <nil>
	// <nil>
}

var beat = procs.Register("example.beat", func(ctx context.Context, to *procs.Conn) (int, error) {
	return 0, procs.Heartbeat(ctx, time.Millisecond, func(int, time.Duration) { to.Send(procs.CurrentProcess().Name() + " is alive") })
})

// A daemon reports that the program lives, while the program works.
func ExampleHeartbeat() {
	here, there, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer here.Close()
	p := procs.NewProcess(beat, there, procs.ProcessConfig{Name: "the server", Daemon: true})
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	there.Close()
	for range 3 {
		var word string
		err := here.Recv(&word)
		fmt.Println(word, err)
	}
	p.Terminate()
	p.Join(context.Background())
	// Output:
	// the server is alive <nil>
	// the server is alive <nil>
	// the server is alive <nil>
}
