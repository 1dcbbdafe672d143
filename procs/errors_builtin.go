package procs

import (
	"context"
	"io"
	"os"
)

// builtinErrors are the sentinels that need no RegisterError. Other files of this package add theirs here.
func builtinErrors() map[string]error {
	return map[string]error{
		"context.Canceled":         context.Canceled,
		"context.DeadlineExceeded": context.DeadlineExceeded,
		"io.EOF":                   io.EOF,
		"io.ErrUnexpectedEOF":      io.ErrUnexpectedEOF,
		"os.ErrInvalid":            os.ErrInvalid,
		"os.ErrNotExist":           os.ErrNotExist,
		"os.ErrExist":              os.ErrExist,
		"os.ErrPermission":         os.ErrPermission,
		"os.ErrDeadlineExceeded":   os.ErrDeadlineExceeded,
		"os.ErrClosed":             os.ErrClosed,
		"procs.ErrClosed":          ErrClosed,
		"procs.ErrTimeout":         ErrTimeout,
		"procs.ErrCancelled":       ErrCancelled,
		"procs.ErrTerminated":      ErrTerminated,
		"procs.ErrBroken":          ErrBroken,
		"procs.ErrWorkerDied":      ErrWorkerDied,
		"procs.ErrEncode":          ErrEncode,
		"procs.ErrUnknownFunc":     ErrUnknownFunc,
		"procs.ErrDaemon":          ErrDaemon,
	}
}
