//go:build !unix

package kernel

import "errors"

// DupFD fails: there are no descriptors to pass on.
func DupFD(int) (int, error) { return -1, errors.ErrUnsupported }

// CloseFD does nothing.
func CloseFD(int) {}

// TryRead fails: sockets that are read this way are those of package procs.
func TryRead(int, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

// TryWrite fails, likewise.
func TryWrite(int, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }
