//go:build !unix

package procs

import "errors"

func dupFD(int) (int, error) { return -1, errors.ErrUnsupported }

func closeFD(int) {}
