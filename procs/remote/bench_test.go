//go:build linux

package remote

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
		name   string
		config Config
		lane   Lane
	}{{"AtMostOnce", testConfig, AtMostOnce}, {"AtMostOnce/ServerOnly", serverOnly, AtMostOnce}, {"AtLeastOnce", testConfig, AtLeastOnce}} {
		for _, inflight := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/inflight=%d", c.name, inflight), func(b *testing.B) {
				s := must(Connect(soon(b), server.URL(), c.config))(b)
				defer s.Close()
				p := must(NewPool(s, PoolConfig{Lane: c.lane, Ahead: inflight}))(b)
				defer p.Terminate()
				if c.lane == AtMostOnce {
					hasLine(b, p, !c.config.ServerOnly)
				}
				besidePython(b, inflight, func(n int) { squares(b, p, n, inflight) })
			})
		}
	}
}

// BenchmarkFloor measures what a round trip takes at least, beside Python's
// BaseManager: bytes that another process sends back, by way of the server, as
// both are configured by this package, stored on both ways or not, or over a
// socket between the two.
//
//	go test -run=- -bench=Floor -benchtime=3x ./procs/remote
func BenchmarkFloor(b *testing.B) {
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3")
	}
	message := make([]byte, taskHead+8)
	b.Run("NATS", func(b *testing.B) {
		server := serve(b, ServerConfig{})
		nc := connect(b, server.URL()).nc
		started(b, echoNATS, server.URL())
		ask := func() error { _, err := nc.Request("echo", message, time.Second); return err }
		eventually(b, "it is there", func() bool { return ask() == nil })
		besidePython(b, 1, func(n int) {
			for range n {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("JetStream", func(b *testing.B) {
		server := serve(b, ServerConfig{})
		s := connect(b, server.URL())
		back := make(chan bool, 1)
		var a acks
		defer a.send()
		js := must(jetstream.New(s.nc))(b)
		for _, name := range []string{"tasks", "results"} {
			must(js.CreateStream(soon(b), jetstream.StreamConfig{Name: name, Subjects: []string{name}, Retention: jetstream.WorkQueuePolicy}))(b)
			must(js.CreateConsumer(soon(b), name, jetstream.ConsumerConfig{Durable: "all", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1}))(b)
		}
		started(b, echoStored, server.URL())
		c := must(js.Consumer(soon(b), "results", "all"))(b)
		defer must(c.Consume(func(m jetstream.Msg) { a.add(m); back <- true }))(b).Stop()
		besidePython(b, 1, func(n int) {
			end := soon(b).Done()
			for range n {
				must(js.PublishAsync("tasks", message))(b)
				select {
				case <-back:
				case <-end:
					b.Fatal("nothing came back")
				}
			}
		})
	})
	for _, network := range []string{"tcp", "unix"} {
		b.Run(network, func(b *testing.B) {
			l := must(net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(b.TempDir(), "socket")}[network]))(b)
			defer l.Close()
			started(b, echoSocket, [2]string{network, l.Addr().String()})
			c := must(l.Accept())(b)
			defer c.Close()
			besidePython(b, 1, func(n int) {
				for range n {
					c.Write(message)
					if _, err := io.ReadFull(c, message); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

var (
	serverOnly = Config{AuthKey: testKey, ServerOnly: true}

	echoNATS = procs.Register("remotetest.echoNATS", func(ctx context.Context, url string) (int, error) {
		s, err := Connect(ctx, url, testConfig)
		if err == nil {
			_, err = s.nc.Subscribe("echo", func(m *nats.Msg) { m.Respond(m.Data) })
			<-ctx.Done()
		}
		return 0, err
	})
	echoStored = procs.Register("remotetest.echoStored", func(ctx context.Context, url string) (int, error) {
		s, err := Connect(ctx, url, testConfig)
		if err != nil {
			return 0, err
		}
		js, err := jetstream.New(s.nc)
		if err != nil {
			return 0, err
		}
		c, err := js.Consumer(ctx, "tasks", "all")
		if err != nil {
			return 0, err
		}
		var a acks
		_, err = c.Consume(func(m jetstream.Msg) { js.PublishAsync("results", m.Data()); a.add(m) })
		<-ctx.Done()
		return 0, err
	})
	echoSocket = procs.Register("remotetest.echoSocket", func(_ context.Context, at [2]string) (int, error) {
		c, err := net.Dial(at[0], at[1])
		if err == nil {
			_, err = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		}
		return 0, err
	})
)

// besidePython measures what does n tasks, and BaseManager, in turn.
func besidePython(b *testing.B, inflight int, do func(n int)) {
	const n = 2000
	do(100)
	var ours, python time.Duration
	b.ResetTimer()
	for range b.N {
		begin := time.Now()
		do(n)
		ours += time.Since(begin)
		python += baseManager(b, n, inflight)
	}
	b.StopTimer()
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/n, "ns/task")
	b.ReportMetric(float64(python.Nanoseconds())/float64(b.N)/n, "python-ns/task")
	b.ReportMetric(float64(python)/float64(ours), "x-python")
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
