package workload

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"

	"switchyard/bench"
)

var echoOpen = &bench.Workload{
	Name: "EchoOpen",
	Kind: "waiting and IO",
	Story: "The servers of Echo under an open loop: requests leave at random times at a given rate, as those of many users do, " +
		"on ten connections in turn, whether or not earlier ones have been answered. Latency counts from the time at which a request was to " +
		"leave. The load is made by one goroutine that polls the clock: of the CPUs that the case has, the server " +
		"has one less.",
	Op:         "request",
	Cases:      []bench.Params{"conns=10/rate=2000", "conns=10/rate=40000"},
	More:       []bench.Params{"conns=10/rate=10000"},
	Open:       true,
	Refine:     []string{bench.RateParam},
	Want:       func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger:     echo.Ledger,
	Limit:      twoCPUs,
	Exceptions: echo.Exceptions,
	Impls: map[bench.Model]bench.Func{
		Greenlet:  echoGreenlet(openClients),
		Goroutine: echoShared(goroutines, openClients),
		Ants:      echoShared(pooled, openClients),
		Thread:    echoShared(threads, openClients),
		Process:   echoProcess(openClients),
	},
	NA: map[bench.Model]string{Serial: "it serves one connection after the other, and the load is on all of them"},
}

// twoCPUs is the limit of an open loop.
func twoCPUs(b *bench.B) error {
	if b.CPUs < 2 {
		return bench.Void("an open loop needs two CPUs: on one, its generator and what it measures would wait for each other")
	}
	return nil
}

// open lets requests leave on the connections in turn, at the times of an open
// loop, and returns how many were answered rightly.
func (c clients) open(b *bench.B) (uint64, error) {
	n, loop := len(c), b.OpenLoop()
	members, errs := units(b, n), make([]error, n)
	var hearing sync.WaitGroup
	question := newQuestion()
	b.Units(n)
	b.Start()
	for i := range n {
		hearing.Go(func() {
			errs[i] = hear(c[i], i, n, b.Share(i, n), members[i], loop)
			if errs[i] != nil {
				c.close() // nobody waits for what will not come
			}
		})
	}
	err := loop.Run(func(i int) error {
		number(question, i)
		_, err := c[i%n].Write(question)
		return err
	})
	if err != nil {
		c.close()
	}
	hearing.Wait()
	b.Stop()
	c.close()
	return b.Answer(), errors.Join(append(errs, err)...)
}

// hear takes count answers from a connection: to questions first, first+step
// and so on.
func hear(conn net.Conn, first, step, count int, u *bench.Unit, loop *bench.OpenLoop) error {
	answer, want := make([]byte, lineSize), bytes.ToUpper(newQuestion())
	for i := first; count > 0; i, count = i+step, count-1 {
		n, err := io.ReadFull(conn, answer)
		u.Bytes += n
		if err != nil {
			return err
		}
		loop.Answered(i)
		u.Ops++
		number(want, i)
		if bytes.Equal(answer, want) {
			u.Answer++
		}
	}
	return nil
}

func openClients(b *bench.B, addr string) (uint64, error) {
	return withClients(b, addr, clients.open)
}
