package procs

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"switchyard/procs/internal/fault"
)

// ErrWorkerDied means that the worker died while it ran the task. The error is
// a *WorkerDiedError.
var ErrWorkerDied = errors.New("procs: worker died")

// WorkerDiedError tells how a worker ended.
type WorkerDiedError struct {
	Worker   string
	PID      int
	ExitCode int // -N: signal N
}

// Error describes the death.
func (e *WorkerDiedError) Error() string {
	how := fmt.Sprintf("exit code %d", e.ExitCode)
	if e.ExitCode < 0 {
		how = fmt.Sprintf("signal %d", -e.ExitCode)
	}
	return fmt.Sprintf("procs: worker %s (process %d) died: %s", e.Worker, e.PID, how)
}

// Is makes errors.Is(err, ErrWorkerDied) hold.
func (e *WorkerDiedError) Is(target error) bool { return target == ErrWorkerDied }

// died tells how w, which was reaped, ended.
func (w *worker) died() error {
	return &WorkerDiedError{Worker: w.name, PID: w.child.PID, ExitCode: w.child.ExitCode()}
}

// RemoteError is an error that a function returned, or a panic, in another
// process. errors.Is finds, as if it had happened here, the sentinels given to
// RegisterError, those of the packages context, errors, io, io/fs, os and
// strconv, numbers of the system (syscall.ENOENT), and this package's own.
// Those of package net are not among them, because a worker that does not need
// it should not link it: RegisterError("net.ErrClosed", net.ErrClosed).
type RemoteError struct {
	Message string
	Type    string // the Go type of the error, or of the value of the panic
	Panic   bool
	Stack   string // where it panicked
	Index   int    // which element of a chunk of Map failed, -1 if none; with Map, which element of its input

	is []string // names of sentinels it wraps
}

// Error returns the message. The stack is not part of it.
func (e *RemoteError) Error() string {
	if e.Panic {
		return "panic: " + e.Message
	}
	return e.Message
}

// Is reports whether the error was, or wrapped, the sentinel target in its own
// process.
func (e *RemoteError) Is(target error) bool {
	name, ok := sentinels.name(target)
	if !ok {
		return false
	}
	for _, s := range e.is {
		if s == name {
			return true
		}
	}
	return false
}

// sentinels are the errors that keep their identity between processes.
var sentinels sentinelSet

// A sentinel is one of them, by the name under which it travels.
type sentinel struct {
	name string
	err  error
}

// sentinelSet changes for those alone who look at it later: whoever looks
// through it calls methods of the program's errors, and must not hold a lock
// meanwhile. It is no map, since RegisterError is called before main, in every
// process.
type sentinelSet struct {
	mu   sync.Mutex // one change at a time
	errs atomic.Pointer[[]sentinel]
}

// RegisterError makes errors.Is work for err across processes: an error that
// wraps err there is found to wrap it here. Call it where the sentinel is
// declared. It panics if the name is taken.
func RegisterError(name string, err error) {
	if name == "" || err == nil || !reflect.TypeOf(err).Comparable() {
		panic("procs: RegisterError needs a name and a comparable error")
	}
	if !sentinels.add(name, err) {
		panic("procs: RegisterError: the name " + name + " is taken")
	}
}

func (s *sentinelSet) add(name string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all()
	if slices.ContainsFunc(all, func(e sentinel) bool { return e.name == name }) {
		return false
	}
	all = append(all, sentinel{name, err}) // behind what others look at
	s.errs.Store(&all)
	return true
}

// all returns the sentinels, not to be changed.
func (s *sentinelSet) all() []sentinel {
	if all := s.errs.Load(); all != nil {
		return *all
	}
	all := builtinErrors()
	if !s.errs.CompareAndSwap(nil, &all) {
		return *s.errs.Load()
	}
	return all
}

func (s *sentinelSet) name(err error) (string, bool) {
	if n, ok := err.(syscall.Errno); ok {
		return errnoName(n), true
	}
	if err == nil || !reflect.TypeOf(err).Comparable() {
		return "", false
	}
	for _, e := range s.all() {
		if fault.Same(e.err, err) {
			return e.name, true
		}
	}
	return "", false
}

// of returns the names of all sentinels that errors.Is finds in err, and of the
// error numbers. It calls methods of err.
func (s *sentinelSet) of(err error) (names []string) {
	all := s.all()
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	fault.Walk(err, func(err error) bool {
		switch err := err.(type) {
		case *RemoteError: // on its way through one more process
			for _, name := range err.is {
				add(name)
			}
			return false
		case syscall.Errno:
			add(errnoName(err))
		}
		for _, e := range all {
			if fault.Same(err, e.err) || fault.Is(err, e.err) {
				add(e.name)
			}
		}
		return false
	})
	return names
}

// describe makes the RemoteError of the error of a task. The methods of that
// error are the program's, and may do anything: what they do instead of
// answering becomes the message.
func describe(err error) *RemoteError {
	e := &RemoteError{Index: -1}
	var cause error // whose sentinels count
	fault.Apart(func() {
		if chunk, ok := fault.Find[*fault.Chunk](err); ok {
			e.Index, err = chunk.Index, chunk.Err
		}
		cause = err
		if p, ok := fault.Find[*fault.Panic](err); ok {
			e.panicked(p, "")
			if v, ok := p.Value.(error); ok {
				cause = v
			}
		}
	})
	e.Type = cmp.Or(e.Type, fmt.Sprintf("%T", err))
	if !e.Panic {
		var failed error
		if e.Message, failed = fault.ErrorText(err); failed != nil {
			e.failed(failed, fmt.Sprintf(" (in the method Error of a %T)", err))
		}
	}
	var names []string
	if fault.Apart(func() { names = sentinels.of(cause) }) == nil {
		e.is = names
	}
	return e
}

// failed says that a method of the error did what failed tells.
func (e *RemoteError) failed(failed error, where string) {
	if p, ok := failed.(*fault.Panic); ok {
		e.panicked(p, where)
		return
	}
	e.Message = failed.Error() + where
}

func (e *RemoteError) panicked(p *fault.Panic, where string) {
	e.Panic, e.Stack, e.Type, e.Message = true, p.Stack, fmt.Sprintf("%T", p.Value), fault.Text(p.Value)+where
}

// encodeError turns the error of a task into bytes.
func encodeError(err error) []byte { return describe(err).encode() }

// encodeRemote is encodeError, but passes an error that comes from a third
// process on as it is.
func encodeRemote(err error) []byte {
	var passed *RemoteError
	fault.Apart(func() {
		if _, ok := fault.Find[*fault.Panic](err); ok {
			return
		}
		if e, ok := fault.Find[*RemoteError](err); ok {
			copied := *e
			if chunk, ok := fault.Find[*fault.Chunk](err); ok {
				copied.Index = chunk.Index
			}
			passed = &copied
		}
	})
	if passed == nil {
		return encodeError(err)
	}
	return passed.encode()
}

func (e *RemoteError) encode() []byte {
	var w wire
	w.PutString(e.Message)
	w.PutString(e.Type)
	w.PutUint64(b2u(e.Panic))
	w.PutString(e.Stack)
	w.PutUint64(uint64(e.Index + 1))
	w.PutString(strings.Join(e.is, "\x00"))
	return w.Buf
}

func decodeError(b []byte) error {
	w := wire{Buf: b}
	e := &RemoteError{Message: w.TakeString(), Type: w.TakeString(), Panic: w.TakeUint64() != 0, Stack: w.TakeString(),
		Index: int(w.TakeUint64()) - 1}
	if is := w.TakeString(); is != "" {
		e.is = strings.Split(is, "\x00")
	}
	if w.Err() != nil {
		return fmt.Errorf("%w: an error", w.Err())
	}
	return e
}
