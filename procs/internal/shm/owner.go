package shm

import "sync/atomic"

// An Owner names a process for as long as the machine runs. From the lowest bit
// on it holds:
//
//	22 bits  the process id, as in the process's own pid namespace
//	 8 bits  of the namespace
//	 2 bits  free for the user of the word
//	20 bits  when it was started, so that a process which was given the same
//	         id later is not mistaken for it; 0 if that is not known
//	12 bits  of the namespace; 0 in all 20 bits if it is not known
//
// 0 is nobody. Whether an owner is dead is decided here and nowhere else, by
// Alive.
type Owner uint64

const (
	pidBits   = 22 // the most that Linux gives out
	startBits = 20
	placeBits = 20 // of the namespace

	placeLow   = 8 // of them, above the id; the others lie above the start
	startShift = 32
	highShift  = startShift + startBits
)

// PID returns the process id, which says something in the process's own pid
// namespace only.
func (o Owner) PID() int { return int(o & (1<<pidBits - 1)) }

func (o Owner) start() uint64 { return uint64(o) >> startShift & (1<<startBits - 1) }

func (o Owner) place() uint64 {
	return uint64(o)>>pidBits&(1<<placeLow-1) | uint64(o)>>highShift<<placeLow
}

func makeOwner(pid int, start, place uint64) Owner {
	return Owner(uint64(pid)&(1<<pidBits-1) | place&(1<<placeLow-1)<<pidBits | start<<startShift | place>>placeLow<<highShift)
}

// fold shortens v to so many bits. The result is not 0, which means unknown,
// and differs for numbers that lie close together.
func fold(v uint64, bits int) uint64 { return v%(1<<bits-1) + 1 }

// Self returns the owner that this process is.
func Self() Owner {
	if o := me.Load(); o != 0 {
		return Owner(o)
	}
	me.CompareAndSwap(0, uint64(self())) // it stays the same, also if /proc comes or goes
	return Owner(me.Load())
}

var me atomic.Uint64 // what Self returns, 0: not asked yet
