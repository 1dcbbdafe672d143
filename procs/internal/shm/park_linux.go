package shm

import (
	"os"
	"slices"
	"sync"
	"time"

	"switchyard/procs/internal/kernel"
)

// Segments that processes pass back and forth soon return. Mapping one anew
// costs a few microseconds, and unmapping it more the larger it is, even if a
// single page was touched: handover of 1 GiB in package procs' benchmark of
// shared memory took 1.13 to 1.37 times that of 64 KiB, and both twice as long
// as now. So the last few mappings that were let go stay for a moment, to be
// used again if the same segment arrives.
var parked struct {
	mu    sync.Mutex
	spots []*spot // the oldest first
}

// spot holds a mapping that nobody uses.
type spot struct {
	id    kernel.FileID // which is the segment's as long as it is mapped
	mem   []byte
	timer *time.Timer
}

const (
	maxParked = 4
	parkFor   = 100 * time.Millisecond // for so long the memory may outlive its last user
)

// Park is Unmap for an anonymous segment that may come again: Adopt finds the
// mapping if it does so soon. Otherwise the mapping goes after a tenth of a
// second.
func (s *Segment) Park() error {
	if s.name != "" {
		return s.Unmap()
	}
	id, err := s.ID()
	if err != nil {
		return s.Unmap()
	}
	err = s.Close()
	s.cleanup.Stop()
	if !s.state.unmapped.CompareAndSwap(false, true) { // from now on the mapping is ours
		return err
	}
	parked.mu.Lock()
	defer parked.mu.Unlock()
	if len(parked.spots) == maxParked {
		parked.spots[0].timer.Stop()
		leaveSpot(parked.spots[0])
	}
	p := &spot{id: id, mem: s.mem}
	p.timer = time.AfterFunc(parkFor, func() {
		parked.mu.Lock()
		defer parked.mu.Unlock()
		leaveSpot(p)
	})
	parked.spots = append(parked.spots, p)
	return err
}

// leaveSpot unmaps p, unless it was taken already. parked.mu is held.
func leaveSpot(p *spot) {
	if takeSpot(p) {
		munmap(p.mem)
	}
}

func takeSpot(p *spot) bool {
	i := slices.Index(parked.spots, p)
	if i >= 0 {
		parked.spots = slices.Delete(parked.spots, i, i+1)
	}
	return i >= 0
}

// unpark returns the parked mapping of f, if there is one of this size.
func unpark(f *os.File, size int) []byte {
	parked.mu.Lock()
	defer parked.mu.Unlock()
	if len(parked.spots) == 0 {
		return nil
	}
	var id kernel.FileID
	if control(f, func(fd int) (err error) { id, err = kernel.IDOfFD(fd); return err }) != nil {
		return nil
	}
	for _, p := range parked.spots {
		if p.id == id && len(p.mem) == size && takeSpot(p) {
			p.timer.Stop()
			return p.mem
		}
	}
	return nil
}
