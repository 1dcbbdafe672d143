package hub

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// init turns the process into the outside clients of the echo benchmark when
// it was started as such.
func init() {
	if spec := os.Getenv("HUB_ECHO_LOAD"); spec != "" {
		if err := generateLoad(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// cpuTime is the processor time of this process, without its children.
func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
