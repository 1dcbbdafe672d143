//go:build !linux

package procs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

var errPlatform = fmt.Errorf("procs: processes on %s: %w", runtime.GOOS, errors.ErrUnsupported)

type control struct{ fd int }

func newControl() (*control, int, error)                    { return nil, -1, errPlatform }
func (c *control) poll() error                              { return errPlatform }
func (c *control) close()                                   {}
func (c *control) send(byte, []byte, []int) error           { return errPlatform }
func (c *control) recv([]byte) (byte, []byte, []int, error) { return 0, nil, nil, io.EOF }

type spawnSpec struct {
	exe      string
	name     string
	dir      string
	env      []string
	procs    int
	stdio    [3]*os.File
	control  int
	detached bool
	lifeline *control
	ended    func(*child)
}

type child struct {
	pid  int
	done chan struct{}
}

func heedLifeline(int) error                 { return errPlatform }
func spawn(*spawnSpec) (*child, error)       { return nil, errPlatform }
func (c *child) signal(syscall.Signal) error { return errPlatform }
func (c *child) alive() bool                 { return false }
func (c *child) exitCode() int               { return 0 }

func monotonic() int64 { return 0 }

func waitForParent() {}
