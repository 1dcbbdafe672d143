//go:build linux

package manager

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

// BenchmarkManagerDict calls a manager in another process. Its floor is a round
// trip through a Unix socket: no message that goes through the kernel can be
// answered faster. x-socket is how many times as long a call takes.
func BenchmarkManagerDict(b *testing.B) {
	m := testManager(b)
	d := must(NewDict[string, int](m))(b)
	b.Run("set", func(b *testing.B) {
		proctest.Beside(b, unixSocket(b), 1, func(n int) {
			for i := range n {
				if err := d.Set("key", i); err != nil {
					b.Fatal(err)
				}
			}
			if v, ok, err := d.Get("key"); v != n-1 || !ok || err != nil {
				b.Fatal(v, ok, err)
			}
		})
	})
	b.Run("get", func(b *testing.B) {
		for range b.N {
			if _, ok, err := d.Get("key"); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("add", func(b *testing.B) {
		for range b.N {
			if _, err := DictAdd(d, "sum", 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if err := d.Set("key", i); err != nil {
					b.Error(err)
				}
			}
		})
	})
	q := must(NewQueue[int](m, 0))(b)
	b.Run("queue", func(b *testing.B) {
		for i := range b.N {
			q.PutNowait(i)
			if v, err := q.GetNowait(); v != i || err != nil {
				b.Fatal(v, err)
			}
		}
	})
	far := managerAt(b, ":0")
	f := must(NewDict[string, int](far))(b)
	b.Run("set-tcp", func(b *testing.B) {
		for i := range b.N {
			if err := f.Set("key", i); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkManagerGrowth adds to numbers of one dict from 32 processes.
// x-one-client is how many times as long an addition takes as from one.
func BenchmarkManagerGrowth(b *testing.B) {
	d := must(NewDict[int, int](testManager(b)))(b)
	done := must(procs.NewQueue[int](0))(b)
	b.Cleanup(func() { done.Close() })
	total := 0
	several := func(clients int) func(n int) {
		var asks []*procs.Queue[int]
		for i := range clients {
			ask := must(procs.NewQueue[int](0))(b)
			asks = append(asks, ask)
			p := procs.NewProcess(testAdder, adder{d, i, ask, done}, procs.ProcessConfig{GOMAXPROCS: 1})
			proctest.Started(b, p)
			b.Cleanup(func() { ask.ShutDown(true); join(b, p); ask.Close() })
		}
		return func(n int) {
			total += n
			for i, ask := range asks {
				if err := ask.PutNowait(n*(i+1)/clients - n*i/clients); err != nil {
					b.Fatal(err)
				}
			}
			for range clients {
				if _, err := done.Get(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	many, one := several(32), several(1)
	many(32)
	proctest.Beside(b, proctest.Floor{Unit: "x-one-client", Do: one}, 5000, many)
	sum := 0
	for _, n := range must(d.Copy())(b) {
		sum += n
	}
	if sum != total {
		b.Error(sum, "of", total)
	}
}

// An adder adds to the number ID as often as it is asked.
type adder struct {
	D         *Dict[int, int]
	ID        int
	Ask, Done *procs.Queue[int]
}

var testAdder = procs.Register("test.manager.adder", func(ctx context.Context, a adder) (int, error) {
	for {
		n, err := a.Ask.Get(ctx)
		if err != nil {
			return 0, nil // no more
		}
		for range n {
			if _, err := DictAdd(a.D, a.ID, 1); err != nil {
				return 0, err
			}
		}
		if err := a.Done.Put(ctx, n); err != nil {
			return 0, err
		}
	}
})

// BenchmarkPython compares with Python's: see the benchmark of this name in
// package procs.
func BenchmarkPython(b *testing.B) {
	b.Run("manager_dict", func(b *testing.B) {
		d := must(NewDict[int, int](testManager(b)))(b)
		proctest.BesidePython(b, "../testdata/python", "manager_dict", 20_000, func(n int) {
			for i := range n {
				if err := d.Set(i%100, i); err != nil {
					b.Fatal(err)
				}
			}
			if v, ok, err := d.Get((n - 1) % 100); v != n-1 || !ok || err != nil {
				b.Fatal(v, ok, err)
			}
		})
	})
}

// unixSocket is a round trip of 16 bytes with a process that does nothing but
// answer, by bare system calls.
func unixSocket(b *testing.B) proctest.Floor {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	theirs := newTestFile(fds[1])
	run(b, testBareEcho, theirs)
	theirs.Close()
	b.Cleanup(func() { unix.Close(fds[0]) })
	buf := make([]byte, 16)
	return proctest.Floor{Unit: "x-socket", Do: func(n int) {
		for range n {
			if _, err := unix.Write(fds[0], buf); err != nil {
				b.Fatal(err)
			}
			if n, err := unix.Read(fds[0], buf); n != len(buf) || err != nil {
				b.Fatal(n, err)
			}
		}
	}}
}

func newTestFile(fd int) *os.File { return os.NewFile(uintptr(fd), "socket") }

var testBareEcho = procs.Register("test.bareEcho", func(_ context.Context, f *os.File) (int, error) {
	fd := int(f.Fd())
	for buf := make([]byte, 16); ; {
		n, err := unix.Read(fd, buf)
		if n <= 0 {
			return 0, err
		}
		if _, err := unix.Write(fd, buf[:n]); err != nil {
			return 0, err
		}
	}
})
