//go:build linux

package transport_test

import (
	"os"
	"testing"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/transport"
)

func TestMain(m *testing.M) {
	procs.Init()
	os.Exit(proctest.Main(m))
}

const kindBytes = 0

var (
	soon       = proctest.Soon
	eventually = proctest.Eventually
)

func must[T any](v T, err error) func(t testing.TB) T { return proctest.Must(v, err) }

func second[T any](_ T, err error) error { return err }

// run starts a process that calls fn(in).
func run[In, Out any](t testing.TB, fn *procs.Func[In, Out], in In) *procs.Process {
	t.Helper()
	return proctest.Started(t, procs.NewProcess(fn, in, procs.ProcessConfig{}))
}

var (
	join = proctest.Join[*procs.Process]
	slay = proctest.Slay[*procs.Process]
)

func testPipePair(t *testing.T, d procs.Direction) (a, b *procs.Conn) {
	t.Helper()
	a, b, err := procs.NewPipe(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// socketPair returns both ends of a connection as a Listener makes them: over
// a Unix socket in the runtime's poller, or over TCP.
func socketPair(t *testing.T, stream bool) (a, b *procs.Conn) {
	t.Helper()
	x, y := transport.SocketPair(t, stream)
	a, b = bridge.NewConn(x).(*procs.Conn), bridge.NewConn(y).(*procs.Conn)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// dupConn passes an end through another pipe, as it would be to another
// process.
func dupConn(t *testing.T, c *procs.Conn) *procs.Conn {
	t.Helper()
	a, b := testPipePair(t, procs.OneWay)
	if err := b.Send(c); err != nil {
		t.Fatal(err)
	}
	var out *procs.Conn
	if err := a.Recv(&out); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out
}
