//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
)

func TestMain(m *testing.M) {
	procs.Init()
	code := proctest.Main(m)
	for deadline := time.Now().Add(wait.Patience); code == 0 && strings.Contains(stacks(), "nats-io"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			fmt.Println("goroutines of NATS are left:", stacks())
			code = 1
		}
	}
	os.Exit(code)
}

// stacks returns those of all goroutines.
func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

var (
	soon       = proctest.Soon
	eventually = proctest.Eventually
	testKey    = []byte("0123456789abcdef0123456789abcdef")
	testConfig = Config{AuthKey: testKey}
	errTest    = errors.New("remote test: an error with a name")
)

func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }

func init() { procs.RegisterError("remote.errTest", errTest) }

type point struct {
	X, Y int
	Name string
}

var (
	square = procs.Register("remotetest.square", func(_ context.Context, x int) (int, error) { return x * x, nil })
	moved  = procs.Register("remotetest.moved", func(_ context.Context, p point) (point, error) {
		return point{p.X + 1, p.Y - 1, p.Name + "!"}, nil
	})
	fails = procs.Register("remotetest.fails", func(_ context.Context, how string) (int, error) {
		switch how {
		case "panic":
			panic("oh")
		case "goexit":
			runtime.Goexit()
		case "exit":
			os.Exit(3)
		case "file":
		}
		return 0, fmt.Errorf("as was wished: %w", errTest)
	})
	untilCancelled = procs.Register("remotetest.untilCancelled", func(ctx context.Context, path string) (int, error) {
		os.WriteFile(path, []byte("begun"), 0o600)
		<-ctx.Done()
		os.WriteFile(path, []byte("cancelled"), 0o600)
		return 0, ctx.Err()
	})
	slow = procs.Register("remotetest.slow", func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return os.Getpid(), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	// quits returns what its caller cannot decode, for the reason that it is
	// given.
	quits = procs.Register("remotetest.quits", func(_ context.Context, how string) (unruly, error) { return unruly(how), nil })

	bytesBack = procs.Register("remotetest.bytes", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })
	length    = procs.Register("remotetest.length", func(_ context.Context, b []byte) (int, error) { return len(b), nil })
	withFile  = procs.Register("remotetest.withFile", func(_ context.Context, f *os.File) (*os.File, error) { return os.Stdin, nil })
)

// unruly is a result with a method of its own.
type unruly string

func (u unruly) MarshalBinary() ([]byte, error) { return []byte(u), nil }

func (u *unruly) UnmarshalBinary(b []byte) error {
	switch *u = unruly(b); *u {
	case "goexit":
		runtime.Goexit()
	case "panic":
		panic("oh")
	case "error":
		return errTest
	}
	return nil
}

// workerProcess is a worker in a process of its own.
var workerProcess = procs.Register("remotetest.worker", func(ctx context.Context, url string) (int, error) {
	return 0, Work(ctx, url, WorkerConfig{Config: testConfig, Slots: 2})
})

// narrowProcess is one that runs one task at a time.
var narrowProcess = procs.Register("remotetest.narrowWorker", func(ctx context.Context, url string) (int, error) {
	return 0, Work(ctx, url, WorkerConfig{Config: testConfig, Slots: 1})
})

func serve(t testing.TB, config ServerConfig) *Server {
	t.Helper()
	if config.AuthKey == nil && !config.NoAuth {
		config.AuthKey = testKey
	}
	s := must(Serve(config))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func connect(t testing.TB, url string) *Session {
	t.Helper()
	s := must(Connect(soon(t), url, testConfig))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func newPool(t testing.TB, url string, config PoolConfig) *Pool {
	t.Helper()
	p := must(NewPool(connect(t, url), config))(t)
	t.Cleanup(p.Terminate)
	return p
}

// worksHere starts a worker in this process, and returns what ends it.
func worksHere(t testing.TB, url string, config WorkerConfig) (leave func()) {
	t.Helper()
	if config.AuthKey == nil {
		config.Config = testConfig
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Work(ctx, url, config) }()
	left := false
	leave = func() {
		if left {
			return
		}
		left = true
		cancel()
		if err := <-done; err != nil {
			t.Error("worker:", err)
		}
	}
	t.Cleanup(leave)
	return leave
}

func startWorker(t testing.TB, url string) *procs.Process {
	t.Helper()
	return started(t, workerProcess, url)
}

func started[In any](t testing.TB, f *procs.Func[In, int], in In) *procs.Process {
	t.Helper()
	return proctest.Started(t, procs.NewProcess(f, in, procs.ProcessConfig{}))
}

// hasLine waits until a pool has a line to a worker, or has looked for one in
// vain.
func hasLine(t testing.TB, p *Pool, want bool) {
	t.Helper()
	d := p.lane.(*direct)
	eventually(t, fmt.Sprint("there is a line: ", want), func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, peer := range d.peers {
			if (peer.line != nil) != want {
				return false
			}
		}
		return len(d.peers) > 0
	})
}

func hasWorkers(t testing.TB, p *Pool, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " workers are there"), func() bool { return len(p.Workers()) == n })
}
