//go:build linux

package remote

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/procs"
)

// BenchmarkPython squares numbers, with one worker process, one task in flight
// or 64, in both lanes, and has Python's BaseManager do the same in turn:
//
//	go test -run=- -bench=Python -benchtime=3x ./procs/remote
func BenchmarkPython(b *testing.B) {
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3")
	}
	server := serve(b, ServerConfig{})
	startWorker(b, server.URL())
	for _, c := range []struct {
		name string
		lane Lane
	}{{"AtMostOnce", AtMostOnce}, {"AtLeastOnce", AtLeastOnce}} {
		for _, inflight := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/inflight=%d", c.name, inflight), func(b *testing.B) {
				p := newPool(b, server.URL(), PoolConfig{Lane: c.lane, Ahead: inflight})
				const n = 2000
				squares(b, p, 100, inflight)
				var ours, python time.Duration
				b.ResetTimer()
				for range b.N {
					begin := time.Now()
					squares(b, p, n, inflight)
					ours += time.Since(begin)
					python += baseManager(b, n, inflight)
				}
				b.StopTimer()
				b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/n, "ns/task")
				b.ReportMetric(float64(python.Nanoseconds())/float64(b.N)/n, "python-ns/task")
				b.ReportMetric(float64(python)/float64(ours), "x-python")
			})
		}
	}
}

func squares(b *testing.B, p *Pool, n, inflight int) {
	var fs []*procs.Future[int]
	take := func(i int) {
		if v, err := fs[i].Result(context.Background()); v != i*i || err != nil {
			b.Fatal(v, err)
		}
	}
	for i := range n {
		fs = append(fs, Submit(p, square, i))
		if i >= inflight-1 {
			take(i - inflight + 1)
		}
	}
	for i := max(0, n-inflight+1); i < n; i++ {
		take(i)
	}
}

func baseManager(b *testing.B, n, inflight int) time.Duration {
	cmd := exec.Command("python3", "testdata/basemanager.py", strconv.Itoa(n), strconv.Itoa(inflight))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	s, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil || s <= 0 {
		b.Fatalf("python printed %q", out)
	}
	return time.Duration(s * float64(time.Second))
}
