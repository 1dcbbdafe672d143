package taskring

import (
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/shm"
)

// A Store is memory in which one end lays what is too long for its ring, one
// message at a time, again and again: making, passing on, mapping and freeing
// memory for each would cost more than the copying. It is sparse. A message
// gets as much of it as it needs, and what none has needed for a few seconds
// goes back.
//
// It begins with words for both ends: whether a message lies there that the
// receiver has not done with, and whether the receiver has adopted it. If one
// end dies, the other unmaps its own mapping.
type Store struct {
	mu      sync.Mutex
	seg     *shm.Segment
	backed  int  // bytes behind the first page that have memory
	used    int  // and the most that were needed since trim
	filling bool // the memory is being written
	timer   *time.Timer
}

const (
	storeHead = 4096      // a page, so that the rest can be given back
	storeSize = 256 << 20 // of addresses, not of memory
	storePage = 4096

	storeFor = 2 * time.Second // memory stays for so long, or twice that
)

// MaxStored is the longest message that a Store takes.
const MaxStored = storeSize - storeHead

func (s *Store) busy() *atomic.Uint32    { return shm.At[atomic.Uint32](s.seg.Bytes(), 0) }
func (s *Store) adopted() *atomic.Uint32 { return shm.At[atomic.Uint32](s.seg.Bytes(), 4) }

// Room returns memory for a message to be written to, of no length yet, or nil
// if there is none to be had without making any. Lay or Leave must follow.
func (s *Store) Room() []byte {
	if s.seg == nil { // only the caller's side changes it
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backed == 0 || s.busy().Load() != 0 {
		return nil
	}
	s.filling = true
	return s.seg.Bytes()[storeHead : storeHead : storeHead+s.backed]
}

// Leave gives back what Room returned, if anything: no message lies there.
func (s *Store) Leave() {
	if s.seg == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filling = false
}

// Lay lays b there, which may already lie in Room's memory, until the other end
// calls Done or this one Withdraw. It returns what the record has to say, and
// the segment if the other end has not got it yet. It returns false if another
// message lies there, b is too long, or memory is short.
func (s *Store) Lay(b []byte) (record []byte, send *shm.Segment, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filling = false
	if len(b) > MaxStored || s.seg != nil && s.busy().Load() != 0 || s.back(len(b)) != nil {
		return nil, nil, false
	}
	if to := s.seg.Bytes()[storeHead:]; len(b) > 0 && &to[0] != &b[0] {
		copy(to, b)
	}
	s.busy().Store(1)
	s.used = max(s.used, len(b))
	if s.timer == nil {
		s.timer = time.AfterFunc(storeFor, s.trim)
	}
	if s.adopted().Load() == 0 {
		send = s.seg
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(len(b))), send, true
}

// back gives memory to the first n bytes.
func (s *Store) back(n int) (err error) {
	if s.seg == nil {
		if s.seg, err = shm.CreateSparse(storeSize, storeHead); err != nil {
			return err
		}
	}
	if n = (n + storePage - 1) &^ (storePage - 1); n > s.backed {
		if err = s.seg.Reserve(storeHead+s.backed, n-s.backed); err == nil {
			s.backed = n
		}
	}
	return err
}

// Withdraw takes back what was laid, which the other end will not look for.
func (s *Store) Withdraw() { s.busy().Store(0) }

// trim gives back what was not needed of late, and goes on until nothing is
// left.
func (s *Store) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil { // closed meanwhile
		return
	}
	if !s.filling && s.busy().Load() == 0 {
		keep := (s.used + storePage - 1) &^ (storePage - 1)
		if keep < s.backed && s.seg.Discard(storeHead+keep, s.backed-keep) == nil {
			s.backed = keep
		}
		s.used = 0
	}
	if s.timer = nil; s.backed > 0 {
		s.timer = time.AfterFunc(storeFor, s.trim)
	}
}

// Adopt makes it the other end of the store that came as f, in place of the one
// that it was before.
func (s *Store) Adopt(f *os.File) error {
	seg, err := shm.Adopt(f, storeSize)
	if err != nil {
		return err
	}
	s.Close()
	s.seg = seg
	s.adopted().Store(1)
	return seg.Close() // the mapping is all that this end needs
}

// Message returns the message that a record speaks of. It is valid until Done.
func (s *Store) Message(record []byte) ([]byte, error) {
	if s.seg == nil || len(record) != 8 {
		return nil, ErrCorrupt
	}
	n := binary.LittleEndian.Uint64(record)
	if n > MaxStored {
		return nil, ErrCorrupt
	}
	return s.seg.Bytes()[storeHead : storeHead+n : storeHead+n], nil
}

// Done lets the other end lay the next message.
func (s *Store) Done() {
	if s.seg != nil {
		s.busy().Store(0)
	}
}

// Close unmaps the memory. Nobody may look at a message any more.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.seg != nil {
		s.seg.Unmap()
	}
	s.seg, s.backed, s.used = nil, 0, 0
}
