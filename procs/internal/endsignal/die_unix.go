//go:build unix

package endsignal

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Die ends the process as if it had not handled s, so that its parent sees that
// it was s. Of Told it sees SIGTERM.
func Die(s syscall.Signal) {
	if s == Told {
		s = syscall.SIGTERM
	}
	if s == syscall.SIGQUIT { // its stacks were printed: not again
		os.Exit(2)
	}
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Second) // it comes to another thread, perhaps
	os.Exit(1)
}
