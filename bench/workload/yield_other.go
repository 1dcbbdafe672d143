//go:build !linux

package workload

import "runtime"

func yieldProcess() { runtime.Gosched() }
