//go:build !unix

package kernel

import "errors"

// DupFD fails: there are no descriptors to pass on.
func DupFD(int) (int, error) { return -1, errors.ErrUnsupported }

// CloseFD does nothing.
func CloseFD(int) {}

// Writable is not implemented here.
func Writable(int) bool { return false }
