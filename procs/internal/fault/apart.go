package fault

import (
	"errors"
	"fmt"
)

// ErrGoexit is what Apart returns of a function that ended its goroutine.
var ErrGoexit = errors.New("runtime.Goexit was called")

// Apart runs f in a goroutine of its own, where runtime.Goexit does no harm,
// and waits for it. A panic is returned as a *Panic, Goexit as ErrGoexit. It
// costs about half a microsecond: it is for what is rare.
func Apart(f func()) error { return <-Go(f) }

// Go is Apart for those who may not wait: the channel, which nobody needs to
// read, gets one value.
func Go(f func()) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { done <- err }()
		defer Recover(&err)
		f()
		err = nil
	}()
	return done
}

// Text is what v says of itself: by Error, String or Format. If these fail, it
// tells so, and what v is.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return "<nil>"
	}
	var text string
	if Apart(func() { text = fmt.Sprint(v) }) != nil {
		return fmt.Sprintf("(a %T whose own text cannot be had)", v)
	}
	return text
}

// ErrorText returns the message of err. If the method Error fails, failed tells
// how: a *Panic, or ErrGoexit.
func ErrorText(err error) (text string, failed error) {
	failed = Apart(func() { text = err.Error() })
	return text, failed
}

// maxChain is how many errors Walk visits: one that wraps itself, or many ways
// to the same ones, must not keep it for ever.
const maxChain = 1000

// Walk visits err and what it wraps, an error before what is inside it, until
// visit returns true, and reports whether it did. An error whose method Unwrap
// panics wraps nothing. The methods are called in the caller's goroutine: see
// Apart.
func Walk(err error, visit func(error) bool) bool {
	left := maxChain
	return walk(err, &left, visit)
}

func walk(err error, left *int, visit func(error) bool) bool {
	for err != nil && *left > 0 {
		*left--
		if visit(err) {
			return true
		}
		var inner []error
		if inner, err = unwrap(err); inner != nil {
			for _, e := range inner {
				if walk(e, left, visit) {
					return true
				}
			}
		}
	}
	return false
}

func unwrap(err error) (many []error, one error) {
	defer func() { recover() }()
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		return nil, err.Unwrap()
	case interface{ Unwrap() []error }:
		return err.Unwrap(), nil
	}
	return nil, nil
}

// Find returns the first error of type E in err's chain. Unlike errors.As it
// calls no method As, and it comes to an end.
func Find[E error](err error) (found E, ok bool) {
	Walk(err, func(e error) bool {
		found, ok = e.(E)
		return ok
	})
	return found, ok
}

// Is reports whether err says by its method Is that it is target. One that
// panics says no.
func Is(err, target error) (is bool) {
	defer func() { recover() }()
	alike, ok := err.(interface{ Is(error) bool })
	return ok && alike.Is(target)
}

// Same reports whether two errors are one. Comparing errors of a type that
// holds what cannot be compared would panic.
func Same(a, b error) (same bool) {
	defer func() { recover() }()
	return a == b
}
