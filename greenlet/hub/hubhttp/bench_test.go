package hubhttp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// The benchmarks put the hub's client and server beside net/http's on
// goroutines: rounds of both take turns in one process, and x-net/http is the
// median of the ratios of requests per second. Client and server share the
// process. KiB/idle is the memory of an idle connection at the client's end and
// the server's together.

const benchRounds = 7

func page(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a page of no great length") }

func get(c *http.Client, url string) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// fetchMany does n requests, conc at a time, on goroutines.
func fetchMany(c *http.Client, url string, n, conc int) error {
	errs := make(chan error, conc)
	for range conc {
		go func() {
			var err error
			for i := 0; i < n/conc && err == nil; i++ {
				err = get(c, url)
			}
			errs <- err
		}()
	}
	var first error
	for range conc {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// fetchOnHub does n requests, conc at a time, in greenlets.
func fetchOnHub(h *hub.Hub, c *http.Client, url string, n, conc int) error {
	gs := make([]*hub.Greenlet, conc)
	for i := range gs {
		gs[i] = h.Spawn(func() error {
			for range n / conc {
				if err := get(c, url); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return h.GetAll(gs...)
}

// compare reports mine's time of a request and the ratio to net/http's.
func compare(b *testing.B, conc int, mine, theirs func(n int) error) {
	n := max(b.N/benchRounds, 1000, 10*conc)
	var times, ratios []float64
	for round := range benchRounds + 1 {
		var took [2]time.Duration
		for i, f := range []func(int) error{mine, theirs} {
			start := time.Now()
			if err := f(n); err != nil {
				b.Fatal(err)
			}
			took[i] = time.Since(start)
		}
		if round > 0 { // the first one connects
			times = append(times, float64(took[0].Nanoseconds())/float64(n))
			ratios = append(ratios, float64(took[1])/float64(took[0]))
		}
	}
	slices.Sort(times)
	slices.Sort(ratios)
	b.ReportMetric(times[len(times)/2], "ns/op")
	b.ReportMetric(ratios[len(ratios)/2], "x-net/http")
}

func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

func BenchmarkTransport(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(page))
	defer s.Close()
	for _, conc := range []int{1, 100} {
		b.Run(fmt.Sprintf("greenlets=%d", conc), func(b *testing.B) {
			run(b, func(h *hub.Hub) {
				tr := hubhttp.NewTransport(h)
				before := inUse()
				c := &http.Client{Transport: tr}
				other := &http.Transport{MaxIdleConnsPerHost: 100}
				defer other.CloseIdleConnections()
				compare(b, conc,
					func(n int) error { return fetchOnHub(h, c, s.URL, n, conc) },
					func(n int) error { return fetchMany(&http.Client{Transport: other}, s.URL, n, conc) })
				other.CloseIdleConnections()
				if conc > 1 {
					b.ReportMetric((inUse()-before)/1024/float64(conc), "KiB/idle")
				}
			})
		})
	}
}

func BenchmarkServer(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(page))
	defer s.Close()
	for _, conc := range []int{1, 100} {
		b.Run(fmt.Sprintf("clients=%d", conc), func(b *testing.B) {
			run(b, func(h *hub.Hub) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				must(b, err)
				mine := hubhttp.NewServer(h, http.HandlerFunc(page))
				h.Spawn(func() error { return mine.Serve(l) })
				tr := &http.Transport{MaxIdleConnsPerHost: 100}
				c := &http.Client{Transport: tr}
				_, err = hub.Await(h, func(context.Context) (struct{}, error) {
					defer tr.CloseIdleConnections()
					compare(b, conc,
						func(n int) error { return fetchMany(c, "http://"+l.Addr().String(), n, conc) },
						func(n int) error { return fetchMany(c, s.URL, n, conc) })
					return struct{}{}, nil
				})
				must(b, err)
				must(b, mine.Close())
			})
		})
	}
}
