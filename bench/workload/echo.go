package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var echo = &bench.Workload{
	Name: "Echo",
	Story: "A TCP server on the loopback interface answers lines of 64 bytes in upper case, to clients that each wait for their " +
		"answer before they ask again (closed loop). The clients are goroutines in every model and share the CPUs with the " +
		"server. Greenlets serve on one thread; the process model has one process per connection.",
	Op:    "request",
	Cases: []bench.Params{"conns=1", "conns=10", "conns=100"},
	Batch: func(p bench.Params) int { return p.Int("conns") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    echoSerial,
		bench.Greenlet:  echoGreenlet,
		bench.Goroutine: echoGoroutine,
		bench.Ants:      echoAnts,
		bench.Thread:    echoThread,
		bench.Process:   echoProcess,
	},
}

// lineSize is the length of a request and of its answer.
const lineSize = 64

// upper writes the upper case of a line into itself.
func upper(line []byte) {
	for i, c := range line {
		if 'a' <= c && c <= 'z' {
			line[i] = c - 'a' + 'A'
		}
	}
}

// serve answers one connection until its client closes it.
func serve(conn io.ReadWriter) error {
	line := make([]byte, lineSize)
	for {
		if _, err := io.ReadFull(conn, line); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		upper(line)
		if _, err := conn.Write(line); err != nil {
			return err
		}
	}
}

// clients is the load: connections that are made before Start and ask b.N
// questions between them. An answer must be that of its own question.
type clients struct {
	conns []net.Conn
	lats  []*bench.Recorder
}

func dialClients(b *bench.B, addr string) (*clients, error) {
	n := b.Int("conns")
	c := &clients{lats: recorders(b, n)}
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func (c *clients) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// run asks all questions, from Start to Stop, and returns how many were
// answered rightly.
func (c *clients) run(b *bench.B) (uint64, error) {
	answered, errs := make([]uint64, len(c.conns)), make([]error, len(c.conns))
	var wg sync.WaitGroup
	b.Units(len(c.conns))
	b.Start()
	for i := range c.conns {
		wg.Go(func() { answered[i], errs[i] = ask(c.conns[i], b.Share(i, len(c.conns)), c.lats[i]) })
	}
	wg.Wait()
	b.Stop()
	return sum(answered), firstError(errs...)
}

func ask(conn net.Conn, n int, lat *bench.Recorder) (answered uint64, err error) {
	// A server that takes one connection after the other waits for this.
	defer conn.Close()
	question, answer := bytes.Repeat([]byte("q"), lineSize), make([]byte, lineSize)
	question[lineSize-1] = '\n'
	want := bytes.ToUpper(question)
	for i := range n {
		t := lat.Begin(i)
		// Letters would change with the case: the number is in bytes 128 and up.
		binary.BigEndian.PutUint64(question, uint64(i)|0x8080808080808080)
		copy(want, question[:8])
		if _, err := conn.Write(question); err != nil {
			return answered, err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return answered, err
		}
		lat.End(t)
		if bytes.Equal(answer, want) {
			answered++
		}
	}
	return answered, nil
}

// echoAccept accepts connections until the listener is closed, and hands each
// to handle.
func echoAccept(ln net.Listener, handle func(net.Conn)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		handle(conn)
	}
}

// echoWith measures a server that is given by how it handles a connection.
func echoWith(b *bench.B, handle func(net.Conn)) (uint64, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { echoAccept(ln, handle) })
	defer accepting.Wait()
	defer ln.Close()
	c, err := dialClients(b, ln.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.close()
	return c.run(b)
}

func echoSerial(b *bench.B) (uint64, error) {
	return echoWith(b, func(conn net.Conn) {
		defer conn.Close()
		_ = serve(conn) // what went wrong shows in the answers
	})
}

// echoGreenlet runs its hub on a goroutine of its own, beside the clients.
func echoGreenlet(b *bench.B) (uint64, error) {
	server := &hub.StreamServer{Handle: func(conn *hub.Conn) error { return serve(conn) }}
	type started struct {
		h    *hub.Hub
		addr string
	}
	ready, ended := make(chan started, 1), make(chan error, 1)
	go func() {
		ended <- hub.Run(func(h *hub.Hub) error {
			ln, err := h.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			ready <- started{h, ln.Addr().String()}
			return server.Serve(h, ln)
		})
	}()
	var s started
	select {
	case s = <-ready:
	case err := <-ended:
		return 0, err
	}
	stop := func() error {
		err := s.h.Post(func() { s.h.Spawn(func() error { return server.Stop(joinTimeout) }) })
		return firstError(err, <-ended)
	}
	c, err := dialClients(b, s.addr)
	if err != nil {
		return 0, firstError(err, stop())
	}
	answered, err := c.run(b)
	return answered, firstError(err, stop())
}

func echoGoroutine(b *bench.B) (uint64, error) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	return echoWith(b, func(conn net.Conn) {
		handlers.Go(func() {
			defer conn.Close()
			_ = serve(conn)
		})
	})
}

func echoAnts(b *bench.B) (uint64, error) {
	pool, err := ants.NewPool(b.Int("conns"))
	if err != nil {
		return 0, err
	}
	defer release(pool)
	return echoWith(b, func(conn net.Conn) {
		err := pool.Submit(func() {
			defer conn.Close()
			_ = serve(conn)
		})
		if err != nil {
			conn.Close()
		}
	})
}

func echoThread(b *bench.B) (uint64, error) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	return echoWith(b, func(conn net.Conn) {
		handlers.Go(func() {
			runtime.LockOSThread()
			defer conn.Close()
			_ = serve(conn)
		})
	})
}

type echoArgs struct {
	Listener *os.File
	Home     *procs.Event // set once the memory has been read
}

// echoWorker takes one connection from the listener that all share.
var echoWorker = procs.Register("bench.echo", func(ctx context.Context, in echoArgs) (struct{}, error) {
	ln, err := net.FileListener(in.Listener)
	if err != nil {
		return struct{}{}, err
	}
	conn, err := ln.Accept()
	if err != nil {
		return struct{}{}, err
	}
	ln.Close()
	defer conn.Close()
	return struct{}{}, firstError(serve(conn), in.Home.Wait(ctx))
})

func echoProcess(b *bench.B) (uint64, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	home, err := procs.NewEvent()
	if err != nil {
		return 0, err
	}
	defer home.Close()
	args := make([]echoArgs, b.Int("conns"))
	for i := range args {
		args[i] = echoArgs{file, home}
	}
	crew, err := startCrew(echoWorker, args)
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	c, err := dialClients(b, ln.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.close()
	answered, err := c.run(b)
	if err := firstError(err, home.Set()); err != nil {
		return 0, err
	}
	return answered, crew.join()
}
