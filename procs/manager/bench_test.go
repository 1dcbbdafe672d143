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
