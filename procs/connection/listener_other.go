//go:build !linux

package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

var errPlatform = fmt.Errorf("connection: listeners on %s: %w", runtime.GOOS, errors.ErrUnsupported)

type listenSocket struct {
	network, address string
	f                *os.File
}

func (s *listenSocket) open(*os.File, string) error { return errPlatform }

func (s *listenSocket) listen(string, unixKind) error { return errPlatform }
func (s *listenSocket) accept() (*os.File, error)     { return nil, errPlatform }
func (s *listenSocket) close()                        {}

func dialSocket(context.Context, string, lookupHost, unixKind) (*os.File, string, error) {
	return nil, "", errPlatform
}

func maxStrangers() int { return 1 }

func listenerPrefix() string { return "procs-socket-" }
func sweepListenerDirs()     {}
