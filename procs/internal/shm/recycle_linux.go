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
var recycled struct {
	mu       sync.Mutex
	mappings []*cachedMapping // the oldest first
}

// cachedMapping holds a mapping that nobody uses.
type cachedMapping struct {
	id    kernel.FileID // which is the segment's as long as it is mapped
	mem   []byte
	timer *time.Timer
}

const (
	maxRecycled = 4
	recycleFor  = 100 * time.Millisecond // for so long the memory may outlive its last user
)

// Recycle is Unmap for an anonymous segment that may come again: Adopt finds
// the mapping if it does so soon. Otherwise the mapping goes after a tenth of a
// second.
func (s *Segment) Recycle() error {
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
	recycled.mu.Lock()
	defer recycled.mu.Unlock()
	if len(recycled.mappings) == maxRecycled {
		recycled.mappings[0].timer.Stop()
		unmapRecycled(recycled.mappings[0])
	}
	p := &cachedMapping{id: id, mem: s.mem}
	p.timer = time.AfterFunc(recycleFor, func() {
		recycled.mu.Lock()
		defer recycled.mu.Unlock()
		unmapRecycled(p)
	})
	recycled.mappings = append(recycled.mappings, p)
	return err
}

// unmapRecycled unmaps p, unless it was taken already. recycled.mu is held.
func unmapRecycled(p *cachedMapping) {
	if takeMapping(p) {
		munmap(p.mem)
	}
}

func takeMapping(p *cachedMapping) bool {
	i := slices.Index(recycled.mappings, p)
	if i >= 0 {
		recycled.mappings = slices.Delete(recycled.mappings, i, i+1)
	}
	return i >= 0
}

// takeRecycled returns the recycled mapping of f, if there is one of this size.
func takeRecycled(f *os.File, size int) []byte {
	recycled.mu.Lock()
	defer recycled.mu.Unlock()
	if len(recycled.mappings) == 0 {
		return nil
	}
	var id kernel.FileID
	if control(f, func(fd int) (err error) { id, err = kernel.IDOfFD(fd); return err }) != nil {
		return nil
	}
	for _, p := range recycled.mappings {
		if p.id == id && len(p.mem) == size && takeMapping(p) {
			p.timer.Stop()
			return p.mem
		}
	}
	return nil
}
