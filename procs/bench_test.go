//go:build linux

package procs

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var leanMade string // removed by TestMain

// lean is a directory with two programs: "empty", whose main is empty, and "lean", which can start processes of itself. This
// test binary is neither: it links the testing package, whose start costs as much again.
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

// BenchmarkEmptyProgramStart is the floor of BenchmarkProcessStart: the standard library starts and waits for a Go program whose
// main is empty.
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

// BenchmarkProcessStart starts and joins processes of a program that links nothing but this package, with one processor each
// (ProcessConfig.GOMAXPROCS, as for a pool's workers: a Go program that may use several begins with more threads). Beside
// every start it times that of the empty program, so that x-empty, the ratio of the medians, is about the same moments;
// x-empty-all is the ratio without that setting.
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
	b.ResetTimer()
	for range b.N {
		one = append(one, start(1))
		b.StopTimer()
		begin := time.Now()
		startEmpty(b, exe)
		empty = append(empty, time.Since(begin))
		all = append(all, start(0))
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(median(one)/median(empty), "x-empty")
	b.ReportMetric(median(all)/median(empty), "x-empty-all")
}

// BenchmarkProcessStartHeap starts and joins processes while the parent has so much heap in use.
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
			exe := filepath.Join(leanDir(b), "lean")
			out, err := exec.Command(exe, strconv.Itoa(b.N), strconv.Itoa(heap.size)).CombinedOutput()
			if err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			var took []time.Duration
			for _, line := range strings.Fields(string(out)) {
				n, err := strconv.Atoi(line)
				if err != nil {
					b.Fatalf("%s", out)
				}
				took = append(took, time.Duration(n))
			}
			b.ReportMetric(median(took), "ns/op")
		})
	}
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2])
}

// testNothing is what testdata/lean registers.
var testNothing = Register("nothing", func(context.Context, int) (int, error) { return 0, nil })

func BenchmarkPoolApply(b *testing.B) {
	p := newPool(b, PoolConfig{Workers: 2})
	ctx := context.Background()
	Apply(ctx, p, testSquare, 1)
	b.ResetTimer()
	for i := range b.N {
		if v, err := Apply(ctx, p, testSquare, i); v != i*i || err != nil {
			b.Fatal(v, err)
		}
	}
	b.StopTimer()
}

func BenchmarkPoolApplyAsync(b *testing.B) {
	const inFlight = 20_000
	p := newPool(b, PoolConfig{Workers: 2})
	ctx := context.Background()
	Apply(ctx, p, testSquare, 1)
	rs := make([]*AsyncResult[int], 0, inFlight)
	runtime.GC()
	b.ResetTimer()
	for done := 0; done < b.N; done += len(rs) {
		rs = rs[:0]
		for i := range min(inFlight, b.N-done) {
			rs = append(rs, ApplyAsync(p, testSquare, i))
		}
		for i, r := range rs {
			if v, err := r.Get(ctx); v != i*i || err != nil {
				b.Fatal(v, err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

func BenchmarkExecutorSubmit(b *testing.B) {
	const inFlight = 10_000
	e, err := NewExecutor(PoolConfig{Workers: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Shutdown(true, true)
	ctx := context.Background()
	Submit(e, testSquare, 1).Result(ctx)
	fs := make([]*Future[int], 0, inFlight)
	runtime.GC()
	b.ResetTimer()
	for done := 0; done < b.N; done += len(fs) {
		fs = fs[:0]
		for i := range min(inFlight, b.N-done) {
			fs = append(fs, Submit(e, testSquare, i))
		}
		for i, f := range fs {
			if v, err := f.Result(ctx); v != i*i || err != nil {
				b.Fatal(v, err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

var pipeSizes = []int{64, 1 << 10, 16 << 10, 64 << 10, 1 << 20}

// BenchmarkPipe sends bytes to another process and waits until they come back.
func BenchmarkPipe(b *testing.B) {
	for _, size := range pipeSizes {
		b.Run("size="+strconv.Itoa(size), func(b *testing.B) {
			ours, theirs, err := NewPipe(Duplex)
			if err != nil {
				b.Fatal(err)
			}
			p := NewProcess(testEcho, theirs, ProcessConfig{})
			if err := p.Start(); err != nil {
				b.Fatal(err)
			}
			theirs.Close()
			msg, buf := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(2 * size))
			for i := 0; b.Loop(); i++ {
				msg[0] = byte(i)
				if err := ours.SendBytes(msg); err != nil {
					b.Fatal(err)
				}
				if n, err := ours.RecvBytesInto(buf); n != size || err != nil || buf[0] != byte(i) {
					b.Fatal(n, err)
				}
			}
			ours.Close()
			p.Join(context.Background())
		})
	}
}

// testCat echoes frames of a fixed size from one operating system pipe to another.
var testCat = Register("test.cat", func(_ context.Context, c catArgs) (int, error) {
	buf := make([]byte, c.Size)
	for {
		if _, err := io.ReadFull(c.In, buf); err != nil {
			return 0, nil
		}
		if _, err := c.Out.Write(buf); err != nil {
			return 0, nil
		}
	}
})

type catArgs struct {
	In, Out *os.File
	Size    int
}

// BenchmarkOSPipe is the floor of BenchmarkPipe: the same through two pipes of the operating system.
func BenchmarkOSPipe(b *testing.B) {
	for _, size := range pipeSizes {
		b.Run("size="+strconv.Itoa(size), func(b *testing.B) {
			r1, w1, _ := os.Pipe()
			r2, w2, err := os.Pipe()
			if err != nil {
				b.Fatal(err)
			}
			p := NewProcess(testCat, catArgs{r1, w2, size}, ProcessConfig{})
			if err := p.Start(); err != nil {
				b.Fatal(err)
			}
			r1.Close()
			w2.Close()
			msg, buf := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(2 * size))
			for i := 0; b.Loop(); i++ {
				msg[0] = byte(i)
				if size <= 64<<10 {
					w1.Write(msg)
				} else {
					go w1.Write(msg) // more than the pipe holds
				}
				if _, err := io.ReadFull(r2, buf); err != nil || buf[0] != byte(i) {
					b.Fatal(err)
				}
			}
			w1.Close()
			r2.Close()
			p.Join(context.Background())
		})
	}
}

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
			b.ResetTimer()
			for range b.N {
				vs, err := Map(ctx, p, testSquare, xs, Chunk(chunk))
				if err != nil || vs[777] != 777*777 || vs[len(xs)-1] != (len(xs)-1)*(len(xs)-1) {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)*float64(len(xs))/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
