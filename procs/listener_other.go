//go:build !linux

package procs

import (
	"context"
	"os"
)

type listenSocket struct {
	address, path string
	f             *os.File
}

func (s *listenSocket) open(*os.File, string) error { return errPlatform }

func (s *listenSocket) listen(string) error                     { return errPlatform }
func (s *listenSocket) accept() (*os.File, error)               { return nil, errPlatform }
func (s *listenSocket) close()                                  {}
func (s *listenSocket) conn(*os.File, int, bool) (*Conn, error) { return nil, errPlatform }

func socketConn(*os.File, string, int, bool) (*Conn, error) { return nil, errPlatform }

func dialSocket(context.Context, string, *DialConfig) (*os.File, string, error) {
	return nil, "", errPlatform
}

func listenerPrefix() string { return "procs-socket-" }
func sweepListenerDirs()     {}
