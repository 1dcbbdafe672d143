//go:build !linux

package child

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
)

var errPlatform = fmt.Errorf("procs: processes on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// ErrRightsLost: see the Linux side.
var ErrRightsLost = errors.New("procs: descriptors did not arrive")

// Control is the socket between a process and its child. Only Linux has it.
type Control struct{ fd int }

// Close does nothing.
func (c *Control) Close() {}

// Send fails.
func (c *Control) Send(byte, []byte, []int) error { return errPlatform }

// Recv finds nobody.
func (c *Control) Recv([]byte) (byte, []byte, []int, error) { return 0, nil, nil, io.EOF }

// Child is a process we started: there is none.
type Child struct{ PID int }

// Start fails.
func Start(*Spec) (*Child, *Control, error) { return nil, nil, errPlatform }

// SetReserve fails.
func SetReserve(size, gomaxprocs int) error { return errPlatform }

// HeedLifeline fails.
func (f *First) HeedLifeline() error { return errPlatform }

// Done returns nil.
func (c *Child) Done() <-chan struct{} { return nil }

// Signal fails.
func (c *Child) Signal(syscall.Signal) error { return errPlatform }

// Alive reports false.
func (c *Child) Alive() bool { return false }

// ExitCode returns 0.
func (c *Child) ExitCode() int { return 0 }

func (p *Parent) wait() {}
