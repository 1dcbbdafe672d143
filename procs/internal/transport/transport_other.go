//go:build !linux

package transport

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"switchyard/procs/internal/codec"
)

var errPlatform = fmt.Errorf("procs: pipes on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// NewPipe makes a pipe. Only Linux has them here.
func NewPipe(bool) (a, b Transport, err error) { return nil, nil, errPlatform }

// OfSocket makes a Transport of a socket. Only Linux has them here.
func OfSocket(*os.File, bool, int, bool) (Transport, error) { return nil, errPlatform }

// OfPythonSocket makes a Transport of a socket. Only Linux has them here.
func OfPythonSocket(*os.File, int) (Transport, error) { return nil, errPlatform }

// Adopt is the inverse of Share.
func Adopt(*codec.Wire) (t Transport, readable, writable bool, err error) {
	return nil, false, false, errPlatform
}

// NewBlob puts bytes into memory that can be passed on.
func NewBlob([]byte) (int, error) { return -1, errPlatform }

// ReadBlob reads what NewBlob wrote.
func ReadBlob(int) ([]byte, error) { return nil, errPlatform }
