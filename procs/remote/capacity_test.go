//go:build linux

package remote

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkCapacity measures what the package's documentation reckons with: for
// one task of a number, which returns another, or a number through a queue, the
// time of a processor that the server, the worker and the pool take, what the
// server reads and writes, and what a stored task takes on disk. All three are
// processes of their own.
//
//	go test -run=- -bench=Capacity -benchtime=20000x ./procs/remote
func BenchmarkCapacity(b *testing.B) {
	server, url := startServer(b, b.TempDir(), "127.0.0.1:0")
	stored := storedTask(b, url)
	worker := startWorker(b, url)
	lane := func(lane Lane, inflight int, config Config) func(*testing.B) func(n int) {
		return func(b *testing.B) func(n int) {
			s := must(Connect(soon(b), url, config))(b)
			b.Cleanup(func() { s.Close() })
			p := must(NewPool(s, PoolConfig{Lane: lane, Ahead: inflight}))(b)
			b.Cleanup(p.Terminate)
			if lane == AtMostOnce {
				hasLine(b, p, !config.ServerOnly)
			}
			return func(n int) { squares(b, p, n, inflight) }
		}
	}
	for _, c := range []struct {
		name string
		open func(*testing.B) func(n int)
	}{
		{"AtMostOnce/inflight=1", lane(AtMostOnce, 1, testConfig)},
		{"AtMostOnce/inflight=64", lane(AtMostOnce, 64, testConfig)},
		{"AtMostOnce/ServerOnly/inflight=1", lane(AtMostOnce, 1, serverOnly)},
		{"AtMostOnce/ServerOnly/inflight=64", lane(AtMostOnce, 64, serverOnly)},
		{"AtLeastOnce/inflight=1", lane(AtLeastOnce, 1, testConfig)},
		{"AtLeastOnce/inflight=64", lane(AtLeastOnce, 64, testConfig)},
		{"Queue", func(b *testing.B) func(n int) { return throughQueue(b, url) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			do := c.open(b)
			do(1000)
			pids := map[string]int{"server": server.PID(), "worker": worker.PID(), "pool": os.Getpid()}
			used := map[string]time.Duration{}
			for name, pid := range pids {
				used[name] = -cpu(b, pid)
			}
			moved := -readAndWritten(b, server.PID())
			b.ResetTimer()
			do(b.N)
			b.StopTimer()
			for name, pid := range pids {
				b.ReportMetric(float64((used[name]+cpu(b, pid)).Nanoseconds())/float64(b.N), name+"-cpu-ns/task")
			}
			b.ReportMetric(float64(moved+readAndWritten(b, server.PID()))/float64(b.N), "server-IO-B/task")
			b.ReportMetric(stored, "waiting-disk-B/task")
		})
	}
}

// throughQueue returns what puts numbers into a queue and gets them, each of 16
// goroutines one at a time.
func throughQueue(b *testing.B, url string) func(n int) {
	q := openQueue[int](b, connect(b, url), "numbers", QueueConfig{})
	return func(n int) {
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				for i := g; i < n; i += 16 {
					if err := q.Put(context.Background(), i); err != nil {
						b.Error(err)
					}
					if _, err := q.Get(context.Background()); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
}

// storedTask returns how much disk a task takes that waits for a worker.
func storedTask(b *testing.B, url string) float64 {
	const n = 1000
	p := newPool(b, url, PoolConfig{Lane: AtLeastOnce})
	for i := range n {
		Submit(p, square, i)
	}
	var size uint64
	eventually(b, "all are stored", func() bool {
		s, err := p.lane.(*durable).js.Stream(context.Background(), p.s.stream("tasks"))
		if err != nil {
			return false
		}
		size = s.CachedInfo().State.Bytes
		return s.CachedInfo().State.Msgs == n
	})
	return float64(size) / n
}

// cpu returns what a process has used, in hundredths of a second.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	text := must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))(t)
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')'):])
	user, system := must(strconv.Atoi(string(fields[12])))(t), must(strconv.Atoi(string(fields[13])))(t)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// readAndWritten returns the bytes that a process has read and written.
func readAndWritten(t testing.TB, pid int) (n int) {
	t.Helper()
	var read, written int
	text := must(os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)))(t)
	if _, err := fmt.Sscanf(string(text), "rchar: %d\nwchar: %d", &read, &written); err != nil {
		t.Fatal(err)
	}
	return read + written
}
