// Package bridge lets packages connection, manager, remote and threads, which
// import package procs, use what procs does not export. Package procs sets
// these variables when it is initialised; nobody else does. Values of its types
// pass as any, because this package cannot name them.
package bridge

import (
	"context"
	"reflect"
	"time"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/transport"
)

// Function is a registered function without its types.
type Function interface {
	// RunOne decodes one argument, runs the function and appends the encoded
	// result to what out returns, which is called only then. On an error the
	// result is empty.
	RunOne(ctx context.Context, in []byte, w *codec.Wire, out Buffer, ow *codec.Wire) ([]byte, error)
	// RunChunk does the same for n arguments.
	RunChunk(ctx context.Context, n int, in []byte, w *codec.Wire, out Buffer, ow *codec.Wire) ([]byte, error)
}

// A Buffer returns an empty slice to append to.
type Buffer func() []byte

// NoBuffer is the Buffer of who has no memory to reuse.
func NoBuffer() []byte { return nil }

// Task is one call of an executor over goroutines. It does not panic, but it
// may end its goroutine (runtime.Goexit).
type Task interface {
	// Run makes the call and completes its future. The call's context is one of
	// a scope, which NewScope has made.
	Run(scope any)
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

// Driver brings a future to its end.
type Driver interface {
	// Await is called by who is going to wait for the future, until ctx is
	// done, in the goroutine that would wait. It may bring it to its end there,
	// and returns when it has, or cannot.
	Await(ctx context.Context)
	// Cancelled is called when the future was cancelled, before its callbacks.
	Cancelled()
}

// Registration is what is inside a *procs.Func[In, Out].
type Registration struct {
	ID              uint64
	Name            string
	In              any // *codec.Codec[In]
	Out             any // *codec.Codec[Out]
	InType, OutType reflect.Type
}

// Options is what options of a call say.
type Options struct {
	OnResult any // func(T), or nil
	OnError  func(error)
	Timeout  time.Duration // 0: none
	Chunk    int           // 0: automatic
}

// Call is what is inside a *procs.Initializer: a function, and its argument,
// encoded.
type Call struct {
	ID   uint64
	Name string
	Body []byte
}

var (
	// NewConn makes a *procs.Conn that sends and receives through t.
	NewConn func(t transport.Transport) any
	// TransportOf returns what is beneath a *procs.Conn.
	TransportOf func(conn any) transport.Transport

	// Find returns the function with a number, or procs.ErrUnknownFunc.
	Find func(id uint64) (Function, error)
	// Registered looks into a *procs.Func.
	Registered func(fn any) Registration
	// Functions returns all registered functions.
	Functions func() []Registration
	// OptionsOf looks into a []procs.Option. timeout is the default.
	OptionsOf func(timeout time.Duration, opts any) Options
	// CallOf looks into a *procs.Initializer that is not nil. Descriptors of
	// the argument stay in w.
	CallOf func(init any, w *codec.Wire) (Call, error)
	// Initializer makes a *procs.Initializer.
	Initializer func(c Call) any

	// NewExecutor makes a *procs.Executor.
	NewExecutor func(b Backend) any
	// NewScope makes of a context what the contexts of tasks begin with.
	NewScope func(ctx context.Context) any

	// Drive gives a *procs.Future, which nobody else has yet, its Driver.
	Drive func(future any, d Driver)
	// Settle completes a *procs.Future[T] with the T that value points to, and
	// reports true, if it is pending and has no callbacks: so nothing of the
	// program's is called.
	Settle func(future, value any) bool

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
