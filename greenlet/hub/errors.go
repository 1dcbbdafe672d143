package hub

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/greenlet"
)

var (
	// ErrExit is what a blocking call returns in a greenlet that is killed
	// (gevent.GreenletExit). Clean up and return.
	ErrExit = greenlet.ErrExit

	// ErrTimeout is the expired limit of a blocking call or of a [Timeout].
	// It reports Timeout() true, as net.Error asks.
	ErrTimeout error = timeoutError{}

	// ErrDeadlock is what a [DeadlockError] is (gevent's LoopExit).
	ErrDeadlock = errors.New("this operation would block forever")

	// ErrEmpty means that a queue has nothing to take without waiting.
	ErrEmpty = errors.New("hub: queue is empty")
	// ErrFull means that a queue has no room, or a pool no free place, without
	// waiting.
	ErrFull = errors.New("hub: full")
	// ErrShutDown means that the queue was shut down (gevent.queue.ShutDown).
	ErrShutDown = errors.New("hub: queue is shut down")
	// ErrClosed means that the hub, server or pool is closed.
	ErrClosed = errors.New("hub: closed")
	// ErrNotReady means that the greenlet or result has no outcome yet.
	ErrNotReady = errors.New("hub: not ready")
)

// errLate is the expired limit of a wait of the package's own, which goes on
// from there. It never leaves the package, so nobody can throw it: a greenlet
// that is killed with ErrTimeout or os.ErrDeadlineExceeded is killed.
var errLate = errors.New("hub: late")

type timeoutError struct{}

func (timeoutError) Error() string   { return "hub: timed out" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// A DeadlockError says that no greenlet can ever run again: none is ready, no
// timer runs, nobody waits for a descriptor and nothing is expected from
// outside. It wraps [ErrDeadlock].
type DeadlockError struct {
	Blocked []string // the waiting greenlets, at most 16
	Total   int      // how many there are
}

func (e *DeadlockError) Error() string {
	more := ""
	if e.Total > len(e.Blocked) {
		more = fmt.Sprintf(" and %d more", e.Total-len(e.Blocked))
	}
	return fmt.Sprintf("hub: %v (waiting: %s%s)", ErrDeadlock, strings.Join(e.Blocked, ", "), more)
}

// Unwrap returns [ErrDeadlock].
func (e *DeadlockError) Unwrap() error { return ErrDeadlock }
