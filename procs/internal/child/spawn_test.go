//go:build linux

package child

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestExplainStart(t *testing.T) {
	for errno, text := range map[syscall.Errno]string{
		syscall.EAGAIN: "ulimit -u", syscall.ENOMEM: "memory.max", syscall.E2BIG: "ProcessConfig.Env", syscall.EMFILE: "ulimit -n", syscall.ENOENT: "",
	} {
		if err := explainStart(errno); !errors.Is(err, errno) || !strings.Contains(err.Error(), text) {
			t.Error(err)
		}
	}
}
