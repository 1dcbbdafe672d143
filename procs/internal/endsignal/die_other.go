//go:build !unix

package endsignal

import (
	"os"
	"syscall"
)

// Die ends the process.
func Die(syscall.Signal) { os.Exit(1) }
