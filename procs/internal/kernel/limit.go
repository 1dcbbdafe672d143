package kernel

import (
	"errors"
	"fmt"
	"syscall"
)

// Explain wraps an error that is a limit of the kernel in a sentence that says
// which limit it is and what to do about it. Other errors, and those that were
// explained already, are returned as they are. The result is still the errno
// to errors.Is.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	var explained *limitError
	if !errors.As(err, &errno) || errors.As(err, &explained) {
		return err
	}
	if text := limitText(errno); text != "" {
		return &limitError{text, err}
	}
	return err
}

// A limitError is an error with the limit that was met and the remedy.
type limitError struct {
	text string
	err  error
}

func (e *limitError) Error() string { return fmt.Sprintf("%v (%s)", e.err, e.text) }
func (e *limitError) Unwrap() error { return e.err }
