//go:build unix

package kernel

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

func limitText(errno syscall.Errno) string {
	switch errno {
	case unix.EMFILE:
		var limit unix.Rlimit
		unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
		return fmt.Sprintf("this process may have %d descriptors: close what is not used, or raise ulimit -n", limit.Cur)
	case unix.ENFILE:
		return "all processes together have as many descriptors as they may: raise the sysctl fs.file-max"
	case unix.ETOOMANYREFS:
		return "too many descriptors are on their way to processes that do not receive them: receive, or raise ulimit -n"
	}
	return ""
}
