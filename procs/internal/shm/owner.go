package shm

import "sync/atomic"

// An Owner names a process for as long as the machine runs: the pid in bits 0 to 29, bit 31 free for the
// user of the word, and in the upper half the time the process was started, so that a pid which
// was given to a new process is not mistaken for the old one. 0 is nobody.
type Owner uint64

const pidMask = 1<<30 - 1

// PID returns the process id.
func (o Owner) PID() int { return int(o & pidMask) }

func makeOwner(pid int, started uint64) Owner {
	return Owner(uint64(pid)&pidMask | started<<32)
}

// Self returns the owner that this process is.
func Self() Owner {
	if o := me.Load(); o != 0 {
		return Owner(o)
	}
	o := self()
	me.Store(uint64(o))
	return o
}

var me atomic.Uint64 // what Self returns, 0: not asked yet
