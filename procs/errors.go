package procs

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"

	"switchyard/procs/internal/fault"
)

// ErrWorkerDied: the worker died while it ran the task. The error is a *WorkerDiedError.
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
	return &WorkerDiedError{Worker: w.name, PID: w.child.pid, ExitCode: w.child.exitCode()}
}

// RemoteError is an error that a function returned, or a panic, in another process. errors.Is finds, as if it had happened here, the
// sentinels given to RegisterError, those of the packages context, errors, io, io/fs, os and strconv, numbers of the system (syscall.ENOENT), and
// this package's own. Those of package net are not among them, because a worker that does not need it should not link it:
// RegisterError("net.ErrClosed", net.ErrClosed).
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

// Is tells whether the error was, or wrapped, the sentinel target in its own process.
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

type sentinelSet struct {
	mu   sync.RWMutex
	errs map[string]error
}

// RegisterError makes errors.Is work for err across processes: an error that wraps err there is found to wrap it here. Call it
// where the sentinel is declared. It panics if the name is taken.
func RegisterError(name string, err error) {
	if name == "" || err == nil || !reflect.TypeOf(err).Comparable() {
		panic("procs: RegisterError needs a name and a comparable error")
	}
	sentinels.mu.Lock()
	defer sentinels.mu.Unlock()
	sentinels.fill()
	if _, ok := sentinels.errs[name]; ok {
		panic("procs: RegisterError: the name " + name + " is taken")
	}
	sentinels.errs[name] = err
}

func (s *sentinelSet) fill() {
	if s.errs == nil {
		s.errs = builtinErrors()
	}
}

func (s *sentinelSet) all() map[string]error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.errs == nil {
		s.mu.RUnlock()
		s.mu.Lock()
		s.fill()
		s.mu.Unlock()
		s.mu.RLock()
	}
	return s.errs
}

func (s *sentinelSet) name(err error) (string, bool) {
	if n, ok := err.(syscall.Errno); ok {
		return errnoName(n), true
	}
	if err == nil || !reflect.TypeOf(err).Comparable() {
		return "", false
	}
	all := s.all()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for n, e := range all {
		if e == err {
			return n, true
		}
	}
	return "", false
}

// of returns the names of all sentinels that errors.Is finds in err, and of the error numbers.
func (s *sentinelSet) of(err error) (names []string) {
	all := s.all()
	s.mu.RLock()
	defer s.mu.RUnlock()
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var visit func(error)
	visit = func(err error) {
		switch err := err.(type) {
		case *RemoteError: // on its way through one more process
			for _, name := range err.is {
				add(name)
			}
			return
		case syscall.Errno:
			add(errnoName(err))
		}
		alike, _ := err.(interface{ Is(error) bool })
		for name, sentinel := range all {
			if err == sentinel || alike != nil && alike.Is(sentinel) {
				add(name)
			}
		}
		switch err := err.(type) {
		case interface{ Unwrap() error }:
			if inner := err.Unwrap(); inner != nil {
				visit(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range err.Unwrap() {
				if inner != nil {
					visit(inner)
				}
			}
		}
	}
	visit(err)
	return names
}

// encodeError turns the error of a task into bytes.
func encodeError(err error) []byte {
	e := RemoteError{Message: err.Error(), Type: fmt.Sprintf("%T", err), Index: -1}
	var chunk *fault.Chunk
	if errors.As(err, &chunk) {
		e.Index = chunk.Index
		err = chunk.Err
		e.Type = fmt.Sprintf("%T", err)
	}
	var p *fault.Panic
	if errors.As(err, &p) {
		e.Panic, e.Stack, e.Type = true, p.Stack, fmt.Sprintf("%T", p.Value)
		e.Message = fmt.Sprint(p.Value)
		if cause, ok := p.Value.(error); ok {
			err = cause
		}
	}
	e.is = sentinels.of(err)
	return e.encode()
}

// encodeRemote is encodeError, but passes an error that comes from a third process on as it is.
func encodeRemote(err error) []byte {
	var e *RemoteError
	if !errors.As(err, &e) || errors.As(err, new(*fault.Panic)) {
		return encodeError(err)
	}
	passed := *e
	var chunk *fault.Chunk
	if errors.As(err, &chunk) {
		passed.Index = chunk.Index
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
