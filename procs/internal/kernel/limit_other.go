//go:build !unix

package kernel

import "syscall"

func limitText(syscall.Errno) string { return "" }
