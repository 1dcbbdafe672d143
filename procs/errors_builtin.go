package procs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// builtinErrors are the sentinels that need no RegisterError: those of packages
// that every program links, and this package's own. os.ErrNotExist and its like
// stand for those of io/fs too, which are the same. Numbers of the system need
// no entry: see errnoName.
func builtinErrors() []sentinel {
	return []sentinel{
		{"context.Canceled", context.Canceled},
		{"context.DeadlineExceeded", context.DeadlineExceeded},
		{"errors.ErrUnsupported", errors.ErrUnsupported},
		{"io.EOF", io.EOF},
		{"io.ErrClosedPipe", io.ErrClosedPipe},
		{"io.ErrNoProgress", io.ErrNoProgress},
		{"io.ErrShortBuffer", io.ErrShortBuffer},
		{"io.ErrShortWrite", io.ErrShortWrite},
		{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
		{"fs.SkipAll", fs.SkipAll},
		{"fs.SkipDir", fs.SkipDir},
		{"os.ErrClosed", os.ErrClosed},
		{"os.ErrDeadlineExceeded", os.ErrDeadlineExceeded},
		{"os.ErrExist", os.ErrExist},
		{"os.ErrInvalid", os.ErrInvalid},
		{"os.ErrNoDeadline", os.ErrNoDeadline},
		{"os.ErrNotExist", os.ErrNotExist},
		{"os.ErrPermission", os.ErrPermission},
		{"os.ErrProcessDone", os.ErrProcessDone},
		{"strconv.ErrRange", strconv.ErrRange},
		{"strconv.ErrSyntax", strconv.ErrSyntax},

		{"procs.ErrBroken", ErrBroken},
		{"procs.ErrBrokenBarrier", ErrBrokenBarrier},
		{"procs.ErrCancelled", ErrCancelled},
		{"procs.ErrClosed", ErrClosed},
		{"procs.ErrDaemon", ErrDaemon},
		{"procs.ErrDirection", ErrDirection},
		{"procs.ErrEmpty", ErrEmpty},
		{"procs.ErrEncode", ErrEncode},
		{"procs.ErrFull", ErrFull},
		{"procs.ErrGaveUp", ErrGaveUp},
		{"procs.ErrMessageTooLong", ErrMessageTooLong},
		{"procs.ErrMessageCut", ErrMessageCut},
		{"procs.ErrMessageType", ErrMessageType},
		{"procs.ErrNoSpace", ErrNoSpace},
		{"procs.ErrNotHeld", ErrNotHeld},
		{"procs.ErrNotInitialised", ErrNotInitialised},
		{"procs.ErrNotParent", ErrNotParent},
		{"procs.ErrNotReady", ErrNotReady},
		{"procs.ErrNotStarted", ErrNotStarted},
		{"procs.ErrOwnerDied", ErrOwnerDied},
		{"procs.ErrRunning", ErrRunning},
		{"procs.ErrStarted", ErrStarted},
		{"procs.ErrTaskLost", ErrTaskLost},
		{"procs.ErrTerminated", ErrTerminated},
		{"procs.ErrTimeout", ErrTimeout},
		{"procs.ErrTooLong", ErrTooLong},
		{"procs.ErrTooManyDone", ErrTooManyDone},
		{"procs.ErrUnknownFunc", ErrUnknownFunc},
		{"procs.ErrWorkerDied", ErrWorkerDied},
	}
}

// errnoName is the name under which an error number of the system travels.
func errnoName(n syscall.Errno) string { return "errno " + strconv.Itoa(int(n)) }
