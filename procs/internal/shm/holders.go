package shm

import (
	"fmt"
	"unsafe"
)

// Holders is a table in a segment of how many of something each process holds:
// permits of a semaphore, tasks of a queue. It tells which of the processes are
// dead, so that what they held comes back.
//
// It grows, page by page, to MaxHolders processes that hold something at the
// same time; a process that holds nothing leaves its place to others. Beyond
// that, or if memory for a page cannot be had, Own returns ErrNoSpace: whoever
// cannot be noted must not take anything.
//
// All of it is guarded by a mutex of the user's. Every store leaves a valid
// table: a death inside needs no repair.
type Holders struct {
	seg   *Segment
	head  *HoldersHead
	slots []Holder // as many as there may be; the first head.made of them have memory
	off   int      // of slots in the segment
	self  uint64

	mine  int // where we are, if the slot still says so, or -1
	other int // where somebody was who held something
	asked int // where Suspects goes on
}

// A Holder is a process and how much it holds.
type Holder struct {
	owner uint64
	Held  uint64
}

// GiveBack takes up to n away from what is held, and returns how many it took.
func (s *Holder) GiveBack(n uint64) uint64 {
	n = min(n, s.Held)
	s.Held -= n
	return n
}

// A HoldersHead is the part of the table that exists from the beginning. All
// zero, it is that of a table without memory.
type HoldersHead struct {
	made uint64 // slots that have memory
	used uint64 // slots that were ever used: the others are zero
}

// MaxHolders is how many processes can hold something at the same time.
const MaxHolders = 1 << 16

const (
	holderSize = int(unsafe.Sizeof(Holder{}))

	// HoldersSize is how many bytes of a segment the slots take, of which none
	// has to exist in the beginning.
	HoldersSize = MaxHolders * holderSize

	// askAtOnce is of how many processes we ask in one go whether they live,
	// which takes some 10 us each.
	askAtOnce = 256
	// askForSlot is the same while we hold the mutex.
	askForSlot = 32
)

// Open makes h the handle of the table with this head whose slots are at off, a
// multiple of 8.
func (h *Holders) Open(seg *Segment, head *HoldersHead, off int) {
	At[[MaxHolders]Holder](seg.Bytes(), off) // panics if it does not fit
	h.seg, h.head, h.off = seg, head, off
	h.slots = unsafe.Slice((*Holder)(unsafe.Pointer(&seg.Bytes()[off])), MaxHolders)
	h.self, h.mine = uint64(Self()), -1
}

// HasMemory notes that the first reserved bytes of the segment exist. It is for
// a new table.
func (h *Holders) HasMemory(reserved int) {
	h.head.made = uint64(min(max(reserved-h.off, 0)/holderSize, MaxHolders))
}

// inUse returns the slots that may say something. What the head says is not
// trusted further than it can be checked.
func (h *Holders) inUse() []Holder {
	return h.slots[:min(h.head.used, h.head.made, MaxHolders)]
}

// Mine returns the slot of this process, nil if it has none. It is small enough
// to be inlined.
func (h *Holders) Mine() *Holder {
	if i := h.mine; i >= 0 && h.slots[i].owner == h.self {
		return &h.slots[i]
	}
	return h.find()
}

func (h *Holders) find() *Holder {
	used := h.inUse()
	for i := range used {
		if used[i].owner == h.self {
			h.mine = i
			return &used[i]
		}
	}
	return nil
}

// Own returns the slot of this process, and gives it one if it has none.
func (h *Holders) Own() (*Holder, error) {
	if s := h.Mine(); s != nil {
		return s, nil
	}
	i, err := h.free()
	if err != nil {
		return nil, err
	}
	h.mine = i
	h.slots[i].owner = h.self
	return &h.slots[i], nil
}

// free returns a slot that holds nothing.
func (h *Holders) free() (int, error) {
	n := len(h.inUse())
	if n == int(h.head.made) {
		if i := h.idle(func(o Owner) bool { return !o.Alive() }, askForSlot); i >= 0 {
			return i, nil
		}
		if err := h.grow(); err != nil {
			// The living can do without: they get another slot when they need
			// one.
			if i := h.idle(func(Owner) bool { return true }, MaxHolders); i >= 0 {
				return i, nil
			}
			return 0, err
		}
	}
	h.head.used = uint64(n) + 1
	return n, nil
}

// idle returns a slot that holds nothing, if its owner may be robbed of it,
// which it asks of so many at most; or -1. It begins where it last found one.
func (h *Holders) idle(may func(Owner) bool, most int) int {
	used := h.inUse()
	for range used {
		h.asked++
		if h.asked >= len(used) {
			h.asked = 0
		}
		s := &used[h.asked]
		if s.Held != 0 {
			continue
		}
		if most--; most < 0 {
			break
		}
		if s.owner == 0 || may(Owner(s.owner)) {
			return h.asked
		}
	}
	return -1
}

// grow gives memory to the slots up to the next end of a page.
func (h *Holders) grow() error {
	made := int(min(h.head.made, MaxHolders))
	if made == MaxHolders {
		return fmt.Errorf("%w: %d processes hold something already, more cannot be noted", ErrNoSpace, MaxHolders)
	}
	begin := h.off + made*holderSize
	end := (begin + holderSize + pageSize - 1) &^ (pageSize - 1)
	if err := h.seg.Reserve(begin, end-begin); err != nil {
		return err
	}
	h.head.made = uint64(min((end-h.off)/holderSize, MaxHolders))
	return nil
}

// Any returns a slot that holds something, nil if there is none.
func (h *Holders) Any() *Holder {
	used := h.inUse()
	if h.other < len(used) && used[h.other].Held > 0 {
		return &used[h.other]
	}
	for i := range used {
		if used[i].Held > 0 {
			h.other = i
			return &used[i]
		}
	}
	return nil
}

// Sum returns how many are held by all.
func (h *Holders) Sum() (n uint64) {
	for i := range h.inUse() {
		n += h.slots[i].Held
	}
	return n
}

// A Suspect is somebody who holds something, and where that was noted.
type Suspect struct {
	Owner
	slot int
}

// Suspects returns some of those who hold something and are not us, others each
// time, until all had their turn. They may be judged without the mutex.
func (h *Holders) Suspects() (s []Suspect) {
	used := h.inUse()
	for range used {
		h.asked++
		if h.asked >= len(used) {
			h.asked = 0
		}
		if u := used[h.asked]; u.Held > 0 && u.owner != h.self {
			if s = append(s, Suspect{Owner(u.owner), h.asked}); len(s) == askAtOnce {
				break
			}
		}
	}
	return s
}

// Dead returns those of the suspects that are dead. It takes some 10 us for
// each that is alive, and needs no mutex.
func Dead(suspects []Suspect) (dead []Suspect) {
	for _, s := range suspects {
		if !s.Alive() {
			dead = append(dead, s)
		}
	}
	return dead
}

// Of returns the slot of a suspect, nil if it holds nothing any more.
func (h *Holders) Of(s Suspect) *Holder {
	used := h.inUse()
	if s.slot < len(used) && used[s.slot].owner == uint64(s.Owner) && used[s.slot].Held > 0 {
		return &used[s.slot]
	}
	return nil
}

// index returns where in the table a slot is.
func (h *Holders) index(s *Holder) int {
	return int(uintptr(unsafe.Pointer(s))-uintptr(unsafe.Pointer(&h.slots[0]))) / holderSize
}
