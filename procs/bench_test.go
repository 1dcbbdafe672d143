//go:build linux

package procs

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
)

var leanMade string // removed by TestMain

// lean is a directory with two programs: "empty", whose main is empty, and
// "lean", which can start processes of itself. This test binary is neither: it
// links the testing package, whose start costs as much again.
var lean = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "procs-bench")
	if err != nil {
		return "", err
	}
	leanMade = dir
	for _, name := range []string{"empty", "lean"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "./testdata/"+name)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return "", err
		}
	}
	return dir, nil
})

func leanDir(b *testing.B) string {
	dir, err := lean()
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkEmptyProgramStart is the floor of BenchmarkProcessStart: the
// standard library starts and waits for a Go program whose main is empty.
func BenchmarkEmptyProgramStart(b *testing.B) {
	exe := filepath.Join(leanDir(b), "empty")
	b.ResetTimer()
	for range b.N {
		startEmpty(b, exe)
	}
}

func startEmpty(b *testing.B, exe string) {
	p, err := os.StartProcess(exe, []string{exe}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		b.Fatal(err)
	}
	if s, err := p.Wait(); err != nil || !s.Success() {
		b.Fatal(s, err)
	}
}

// BenchmarkProcessStart starts and joins processes of a program that links
// nothing but this package, with one processor each (ProcessConfig.GOMAXPROCS,
// as for a pool's workers: a Go program that may use several begins with more
// threads). It takes turns with the empty program, so that x-empty, the ratio
// of the medians, is about the same moments, and with processes without that
// setting, of which x-empty-all is the ratio.
func BenchmarkProcessStart(b *testing.B) {
	dir := leanDir(b)
	exe := filepath.Join(dir, "empty")
	var one, all, empty []time.Duration
	start := func(procs int) time.Duration {
		begin := time.Now()
		p := NewProcess(testNothing, 0, ProcessConfig{Executable: filepath.Join(dir, "lean"), GOMAXPROCS: procs})
		if err := p.Start(); err != nil {
			b.Fatal(err)
		}
		p.Join(context.Background())
		if code, _ := p.ExitCode(); code != 0 {
			b.Fatal(code)
		}
		return time.Since(begin)
	}
	kinds := []func(){ // in another order each time: what went before matters
		func() { one = append(one, start(1)) },
		func() { all = append(all, start(0)) },
		func() {
			begin := time.Now()
			startEmpty(b, exe)
			empty = append(empty, time.Since(begin))
		},
	}
	b.ResetTimer()
	for range b.N {
		for _, i := range rand.Perm(len(kinds)) {
			kinds[i]()
		}
	}
	b.ReportMetric(proctest.Median(one), "ns/op")
	b.ReportMetric(proctest.Median(one)/proctest.Median(empty), "x-empty")
	b.ReportMetric(proctest.Median(all)/proctest.Median(empty), "x-empty-all")
}

// BenchmarkProcessStartHeap starts and joins processes while the parent has so
// much heap in use. x-8MiB is beside a parent with 8 MiB, both asked in turn;
// that of 8 MiB itself tells how sure it is.
func BenchmarkProcessStartHeap(b *testing.B) {
	for _, heap := range []struct {
		name string
		size int
	}{{"8MiB", 8 << 20}, {"4GiB", 4 << 30}} {
		b.Run("heap="+heap.name, func(b *testing.B) {
			var info syscall.Sysinfo_t
			if syscall.Sysinfo(&info) == nil && (info.Freeram+info.Bufferram)*uint64(info.Unit) < uint64(heap.size)*3/2 {
				b.Skip("not enough memory is free")
			}
			big, small := newLeanParent(b, heap.size), newLeanParent(b, 8<<20)
			var ours, theirs []time.Duration
			b.ResetTimer()
			for range b.N {
				ours = append(ours, big("n"))
				theirs = append(theirs, small("n"))
			}
			b.ReportMetric(proctest.Median(ours), "ns/op")
			b.ReportMetric(proctest.Median(ours)/proctest.Median(theirs), "x-8MiB")
		})
	}
}

// newLeanParent starts the lean program with so much heap in use, and returns
// what lets it start and join a process, and tells how long that took.
func newLeanParent(b *testing.B, size int) func(ask string) time.Duration {
	cmd := exec.Command(filepath.Join(leanDir(b), "lean"), strconv.Itoa(size))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	start := func(ask string) time.Duration {
		if _, err := io.WriteString(in, ask); err != nil || !lines.Scan() {
			b.Fatal(err, lines.Err())
		}
		ns, err := strconv.Atoi(lines.Text())
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(ns)
	}
	start("n") // the heap is there
	return start
}

// testNothing is what testdata/lean registers.
var testNothing = Register("nothing", func(context.Context, int) (int, error) { return 0, nil })

// BenchmarkPoolApply is a task there and back. x-ospipe: in units of eight
// bytes there and back through pipes of the operating system and a process that
// does nothing with them.
func BenchmarkPoolApply(b *testing.B) {
	apply := applying(b)
	proctest.Beside(b, osEcho(b, 8), 1, apply)
}

// BenchmarkPoolLarge is a task whose argument and result are so many bytes.
// x-gob: in units of the same as encoding/gob through pipes of the operating
// system.
func BenchmarkPoolLarge(b *testing.B) {
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20, 16 << 20, 64 << 20} {
		b.Run("size="+strconv.Itoa(size), func(b *testing.B) {
			p := newPool(b, PoolConfig{Workers: 1})
			ctx, arg := soon(b), make([]byte, size)
			b.SetBytes(int64(2 * size))
			f := gobEcho(b, size)
			b.ReportAllocs()
			apply := func(n int) {
				for i := range n {
					arg[size-1] = byte(i)
					v, err := Apply(ctx, p, testIncrement, arg)
					if err != nil || len(v) != size || v[0] != 1 || v[size-1] != byte(i) {
						b.Fatal(err, len(v))
					}
				}
			}
			apply(2)
			proctest.Beside(b, f, 1, apply)
		})
	}
}

// testIncrement adds one to the first byte.
var testIncrement = Register("test.increment", func(_ context.Context, b []byte) ([]byte, error) {
	b[0]++
	return b, nil
})

// applying starts a pool, and returns what calls Apply n times, one after the
// other.
func applying(b *testing.B) func(n int) {
	b.Helper()
	p := newPool(b, PoolConfig{Workers: 2})
	ctx := context.Background()
	apply := func(n int) {
		for i := range n {
			if v, err := Apply(ctx, p, testSquare, i); v != i*i || err != nil {
				b.Fatal(v, err)
			}
		}
	}
	apply(1) // a worker is there
	return apply
}

// BenchmarkPoolApplyAsync submits 20,000 tasks and then collects them.
// x-goroutines: in units of the same through channels in this process.
func BenchmarkPoolApplyAsync(b *testing.B) {
	p := newPool(b, PoolConfig{Workers: 2})
	benchInFlight(b, 20_000, func(x int) *AsyncResult[int] { return ApplyAsync(p, testSquare, x) }, (*AsyncResult[int]).Get)
}

// BenchmarkExecutorSubmit submits 10,000 tasks and then collects them.
// x-goroutines: as BenchmarkPoolApplyAsync.
func BenchmarkExecutorSubmit(b *testing.B) {
	e, err := NewExecutor(PoolConfig{Workers: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Shutdown(true, true)
	benchInFlight(b, 10_000, func(x int) *Future[int] { return Submit(e, testSquare, x) }, (*Future[int]).Result)
}

func benchInFlight[R any](b *testing.B, inFlight int, submit func(x int) R, get func(R, context.Context) (int, error)) {
	ctx := context.Background()
	get(submit(1), ctx)
	rs := make([]R, 0, inFlight)
	runtime.GC()
	proctest.Beside(b, squaresHere(b), inFlight, func(n int) {
		for done := 0; done < n; done += len(rs) {
			rs = rs[:0]
			for i := range min(inFlight, n-done) {
				rs = append(rs, submit(i))
			}
			for i, r := range rs {
				if v, err := get(r, ctx); v != i*i || err != nil {
					b.Fatal(v, err)
				}
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

var pipeSizes = []int{64, 1 << 10, 16 << 10, 64 << 10, 1 << 20}

// BenchmarkPipe sends bytes to another process and waits until they come back.
// x-ospipe: in units of BenchmarkOSPipe.
func BenchmarkPipe(b *testing.B) {
	for _, size := range pipeSizes {
		b.Run("size="+strconv.Itoa(size), func(b *testing.B) {
			trips := pipeTrips(b, size)
			b.SetBytes(int64(2 * size))
			proctest.Beside(b, osEcho(b, size), 1, trips)
		})
	}
}

// pipeTrips starts a process that sends back what it gets, and returns what
// sends so many bytes there and back n times.
func pipeTrips(b *testing.B, size int) func(n int) {
	b.Helper()
	ours, theirs, err := NewPipe(Duplex)
	if err != nil {
		b.Fatal(err)
	}
	p := run(b, testEcho, theirs)
	theirs.Close()
	b.Cleanup(func() {
		ours.Close()
		join(b, p)
	})
	msg, buf := make([]byte, size), make([]byte, size)
	return func(n int) {
		for i := range n {
			msg[0] = byte(i)
			if err := ours.SendBytes(msg); err != nil {
				b.Fatal(err)
			}
			if n, err := ours.RecvBytesInto(buf); n != size || err != nil || buf[0] != byte(i) {
				b.Fatal(n, err)
			}
		}
	}
}

// BenchmarkPipeRing: one hop of a token round ten processes. x-raw: in units of
// the same through the same sockets by bare system calls, of which the Go
// runtime is not told.
func BenchmarkPipeRing(b *testing.B) {
	raw := tokenRing(b, true)
	proctest.Beside(b, proctest.Floor{Unit: "x-raw", Do: raw}, 2000, tokenRing(b, false))
}

// tokenRing returns what lets the token make so many hops, or a few more.
func tokenRing(b *testing.B, raw bool) func(hops int) {
	const n = 10
	var in, out [n]*Conn
	for i := range n {
		r, w, err := NewPipe(OneWay)
		if err != nil {
			b.Fatal(err)
		}
		in[(i+1)%n], out[i] = r, w
	}
	for i := 1; i < n; i++ {
		p := NewProcess(benchRing, ringMember{in[i], out[i], raw}, ProcessConfig{GOMAXPROCS: 1})
		proctest.Started(b, p)
		in[i].Close()
		out[i].Close()
	}
	b.Cleanup(func() { in[0].Close(); out[0].Close() })
	first := ringMember{in[0], out[0], raw}
	recv, send := first.ends()
	return func(hops int) {
		for i := 0; i < hops; i += n {
			if err := send(); err != nil {
				b.Fatal(err)
			}
			if err := recv(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

type ringMember struct {
	In, Out *Conn
	Raw     bool
}

// ends returns how a token is received and sent.
func (m *ringMember) ends() (recv, send func() error) {
	token := []byte("12345678")
	if !m.Raw {
		return func() error { _, err := m.In.RecvBytes(0); return err }, func() error { return m.Out.SendBytes(token) }
	}
	call := func(c *Conn, trap uintptr) func() error {
		var fd uintptr
		if rc, err := c.SyscallConn(); err == nil {
			rc.Control(func(s uintptr) { fd = s })
		}
		return func() error {
			for {
				n, _, errno := unix.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&token[0])), uintptr(len(token)))
				switch {
				case int(n) == len(token):
					return nil
				case errno != unix.EAGAIN && errno != unix.EINTR: // they end its slices
					return errors.Join(io.EOF, errno)
				}
			}
		}
	}
	return call(m.In, unix.SYS_READ), call(m.Out, unix.SYS_WRITE)
}

var benchRing = Register("bench.ring", func(_ context.Context, m ringMember) (int, error) {
	recv, send := m.ends()
	for recv() == nil {
		if send() != nil {
			break
		}
	}
	return 0, nil
})

// BenchmarkOSPipe is the floor of BenchmarkPipe: the same through two pipes of
// the operating system.
func BenchmarkOSPipe(b *testing.B) {
	for _, size := range pipeSizes {
		b.Run("size="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(2 * size))
			f := osEcho(b, size)
			f.Do(1)
			b.ResetTimer()
			f.Do(b.N)
		})
	}
}

// BenchmarkPoolMap squares 200,000 integers. x-goroutines: in units of the same
// through channels in this process.
func BenchmarkPoolMap(b *testing.B) {
	xs := make([]int, 200_000)
	for i := range xs {
		xs[i] = i
	}
	for _, chunk := range []int{1, 0} {
		name := strconv.Itoa(chunk)
		if chunk == 0 {
			name = "auto"
		}
		b.Run("chunk="+name, func(b *testing.B) {
			p := newPool(b, PoolConfig{Workers: 2})
			ctx := context.Background()
			Apply(ctx, p, testSquare, 1)
			f := squaresHere(b)
			f.Per = len(xs)
			proctest.Beside(b, f, 1, func(n int) {
				for range n {
					vs, err := Map(ctx, p, testSquare, xs, Chunk(chunk))
					if err != nil || vs[777] != 777*777 || vs[len(xs)-1] != (len(xs)-1)*(len(xs)-1) {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)*float64(len(xs))/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

// BenchmarkPoolGrowth maps single elements in 64 workers. x-two-workers is how
// many times as long one takes as in two.
func BenchmarkPoolGrowth(b *testing.B) {
	mapper := func(workers int) func(n int) {
		p := newPool(b, PoolConfig{Workers: workers})
		return func(n int) {
			xs := make([]int, n)
			for i := range xs {
				xs[i] = i
			}
			ys, err := Map(b.Context(), p, testSquare, xs, Chunk(1))
			if err != nil || ys[n-1] != (n-1)*(n-1) {
				b.Fatal(err)
			}
		}
	}
	many, two := mapper(64), mapper(2)
	many(10000) // all of them are up
	proctest.Beside(b, proctest.Floor{Unit: "x-two-workers", Do: two}, 20000, many)
}
