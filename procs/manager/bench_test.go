//go:build linux

package manager

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs"
)

// BenchmarkDict calls a manager in another process. Its floor is BenchmarkUnixSocket: no message that goes through the kernel
// can be answered faster.
func BenchmarkDict(b *testing.B) {
	m := testManager(b)
	d := must(NewDict[string, int](m))(b)
	b.Run("set", func(b *testing.B) {
		for i := range b.N {
			if err := d.Set("key", i); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if v, ok, err := d.Get("key"); v != b.N-1 || !ok || err != nil {
			b.Fatal(v, ok, err)
		}
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

// BenchmarkUnixSocket is a round trip of 16 bytes with a process that does nothing but answer, by bare system calls.
func BenchmarkUnixSocket(b *testing.B) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	theirs := newTestFile(fds[1])
	run(b, testBareEcho, theirs)
	theirs.Close()
	defer unix.Close(fds[0])
	buf := make([]byte, 16)
	b.ResetTimer()
	for range b.N {
		if _, err := unix.Write(fds[0], buf); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(fds[0], buf); n != len(buf) || err != nil {
			b.Fatal(n, err)
		}
	}
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
