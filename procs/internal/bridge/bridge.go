// Package bridge lets packages connection, manager and threads, which import
// package procs, use what procs does not export. Package procs sets these
// variables when it is initialised; nobody else does. Values of its types pass
// as any, because this package cannot name them.
package bridge

import (
	"context"
	"os"

	"switchyard/procs/internal/codec"
)

// Messages are a connection as it is beneath procs.Conn: messages of any kind,
// with descriptors. One Send and one Recv may run at a time.
type Messages interface {
	Send(kind uint32, body []byte, fds []int) error
	// Recv appends the next message to buf. It returns io.EOF when the other
	// side is gone. The descriptors are the caller's.
	Recv(buf []byte) (kind uint32, body []byte, fds []int, err error)
	// Local reports whether descriptors can be sent: the other side is on this
	// machine.
	Local() bool
}

// Function is a registered function without its types.
type Function interface {
	// RunOne decodes one argument, runs the function and appends the encoded
	// result to out.
	RunOne(ctx context.Context, in []byte, w *codec.Wire, out []byte, ow *codec.Wire) ([]byte, error)
	// RunChunk does the same for n arguments.
	RunChunk(ctx context.Context, n int, in []byte, w *codec.Wire, out []byte, ow *codec.Wire) ([]byte, error)
}

// Task is one call of an executor over goroutines. It does not panic, but it
// may end its goroutine (runtime.Goexit).
type Task interface {
	// Run makes the call and completes its future.
	Run(ctx context.Context)
	// Fail completes the future of a call that will not be made.
	Fail(err error)
}

// Backend runs an executor's tasks in goroutines of this process. Package procs
// links no backend, because every child would pay for it at its start. All
// methods may be called from any goroutine.
type Backend interface {
	// Submit queues a task and returns at once. The error says why the task
	// will never run: procs.ErrClosed or procs.ErrBroken.
	Submit(Task) error
	// Shutdown is Executor.Shutdown.
	Shutdown(wait, cancelFutures bool)
	// Stop cancels the contexts of all tasks, including later ones.
	Stop()
	// Size returns how many tasks run at the same time.
	Size() int
}

// Registration is what is inside a *procs.Func[In, Out].
type Registration struct {
	ID   uint64
	Name string
	In   any // *codec.Codec[In]
	Out  any // *codec.Codec[Out]
}

// Call is what is inside a *procs.Initializer: a function, and its argument,
// encoded.
type Call struct {
	ID   uint64
	Name string
	Body []byte
}

var (
	// Conn makes a *procs.Conn of a connected, non-blocking socket: of TCP
	// (stream), whose messages have at most limit bytes, or a Unix socket that
	// keeps packets apart. With poller it waits in the runtime's poller. It
	// owns f, unless it fails.
	Conn func(f *os.File, stream bool, limit int, poller bool) (any, error)
	// MessagesOf returns what is beneath a *procs.Conn.
	MessagesOf func(conn any) Messages

	// Find returns the function with a number, or procs.ErrUnknownFunc.
	Find func(id uint64) (Function, error)
	// Registered looks into a *procs.Func.
	Registered func(fn any) Registration
	// CallOf looks into a *procs.Initializer that is not nil. Descriptors of
	// the argument stay in w.
	CallOf func(init any, w *codec.Wire) (Call, error)
	// Initializer makes a *procs.Initializer.
	Initializer func(c Call) any

	// NewExecutor makes a *procs.Executor.
	NewExecutor func(b Backend) any

	// BeforeExit does what procs.Exit does before the process ends.
	BeforeExit func()
	// Asked says of a *procs.Process that was not started that it takes SIGTERM
	// as endsignal says.
	Asked func(process any)
	// Logf reports to the hook of procs.SetLog. It never calls it, so that it
	// may be called with a lock held.
	Logf func(level int32, format string, args ...any)

	// EncodeError turns an error into bytes. One that comes from another
	// process already, a *procs.RemoteError, is passed on as it is.
	EncodeError func(err error) []byte
	// DecodeError makes the *procs.RemoteError of what EncodeError wrote.
	DecodeError func(b []byte) error
)
