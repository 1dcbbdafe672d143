package workload

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

var echo = &bench.Workload{
	Name: "Echo",
	Kind: "waiting and IO",
	Story: "A TCP server on the loopback interface answers lines of 64 bytes in upper case, to clients that each wait for their " +
		"answer before they ask again (closed loop). The clients are goroutines in every model and share the CPUs with the " +
		"server. Greenlets serve on one thread; the process model has one process per connection.",
	Op:    "request",
	Cases: []bench.Params{"conns=10"},
	More:  []bench.Params{"conns=1", "conns=100"},
	Batch: func(p bench.Params) int { return p.Int("conns") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger { // of the clients: they see what the servers do
		return bench.Ledger{Units: b.Int("conns"), Ops: b.N, Bytes: lineSize * b.N}
	},
	Exceptions: map[int]string{2: "what a server reads may be there before it asks"},
	Impls: map[bench.Model]bench.Func{
		Serial:    echoSerial,
		Greenlet:  echoGreenlet(echoClients),
		Goroutine: echoShared(goroutines, echoClients),
		Ants:      echoShared(pooled, echoClients),
		Thread:    echoShared(threads, echoClients),
		Process:   echoProcess(echoClients),
	},
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

// run asks all questions, from Start to Stop, and returns how many were
// answered rightly.
func (c clients) run(b *bench.B) (uint64, error) {
	return race(b, goroutines, len(c), func(i int, u *bench.Unit) error {
		// A server that takes one connection after the other waits for this.
		defer c[i].Close()
		return askAll(c[i], b.Share(i, len(c)), u)
	})
}

// askAll asks n questions, one after the other.
func askAll(conn net.Conn, n int, u *bench.Unit) error {
	question, answer := newQuestion(), make([]byte, lineSize)
	want := bytes.ToUpper(question)
	t := u.Begin(0)
	for i := range n {
		number(question, i)
		number(want, i)
		if _, err := conn.Write(question); err != nil {
			return err
		}
		n, err := io.ReadFull(conn, answer)
		u.Bytes += n
		if err != nil {
			return err
		}
		t = u.Next(t, i+1)
		u.Ops++
		if bytes.Equal(answer, want) {
			u.Answer++
		}
	}
	return nil
}

// echoSerial serves one connection after the other.
func echoSerial(b *bench.B) (uint64, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = serve(conn) // what went wrong shows in the answers
			conn.Close()
		}
	})
	defer serving.Wait()
	defer ln.Close()
	c, err := dialClients(b, ln.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.close()
	return c.run(b)
}

// echoGreenlet runs its hub on a goroutine of its own, beside the clients.
func echoGreenlet(ask clientele) bench.Func {
	return func(b *bench.B) (uint64, error) { return serveHub(b, ask) }
}

func serveHub(b *bench.B, ask clientele) (uint64, error) {
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
	answered, err := ask(b, s.addr)
	stop := s.h.Post(func() { s.h.Spawn(func() error { return server.Stop(joinTimeout) }) })
	return answered, cmp.Or(err, stop, <-ended)
}

// echoClients are those of a server that serves all connections at once.
func echoClients(b *bench.B, addr string) (uint64, error) {
	return withClients(b, addr, clients.run)
}

// echoShared has one unit per connection, which accepts and serves it.
func echoShared(launch launcher, ask clientele) bench.Func {
	return func(b *bench.B) (uint64, error) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		defer ln.Close()
		team, err := gather(b, launch, b.Int("conns"), func(int) {
			if conn, err := ln.Accept(); err == nil {
				_ = serve(conn) // what went wrong shows in the answers
				conn.Close()
			}
		})
		if err != nil {
			return 0, err
		}
		team.open()
		answered, err := ask(b, ln.Addr().String())
		ln.Close() // nobody else is served, should a client have failed
		team.dismiss()
		return answered, err
	}
}

// echoWorker takes one connection from the listener that all share.
var echoWorker = registerWorker("bench.echo", func(_ context.Context, listener *os.File, _ *bench.Unit) error {
	ln, err := net.FileListener(listener)
	if err != nil {
		return err
	}
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	ln.Close()
	defer conn.Close()
	return serve(conn)
})

func echoProcess(ask clientele) bench.Func {
	return func(b *bench.B) (uint64, error) { return serveProcesses(b, ask) }
}

func serveProcesses(b *bench.B, ask clientele) (answered uint64, err error) {
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
	err = serveWorkers(b, echoWorker, slices.Repeat([]*os.File{file}, b.Int("conns")), func(*workers) (err error) {
		answered, err = ask(b, ln.Addr().String())
		return err
	})
	return answered, err
}
