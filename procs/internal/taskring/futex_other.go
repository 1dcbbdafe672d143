//go:build !linux

package taskring

import (
	"sync/atomic"
	"time"
)

// Pools need Linux: nothing gets here.
func futexWait(*atomic.Uint32, uint32, time.Duration) { time.Sleep(time.Millisecond) }

func futexWake(*atomic.Uint32) {}
