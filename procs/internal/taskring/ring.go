// Package taskring is the shared memory between a pool and one of its workers:
// tasks one way, results the other. It differs from a plain ring in one point:
// until the worker claims a task, the pool can revoke it, and after the
// worker's death the pool can tell which tasks the worker had claimed.
//
// It is a part of the pool's protocol, which procs/poolprotocol.go describes.
package taskring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"switchyard/procs/internal/shm"
)

// A segment holds a header, then the data of the task ring, then that of the
// result ring. Positions count bytes from the beginning of time; position &
// mask is the place. Records never cross the end of the data: a pad record
// fills it up.
type header struct {
	magic   uint64
	tasks   uint64 // capacities: powers of two
	results uint64
	_       [104]byte // every group of words below has a pair of cache lines of its own

	taskTail atomic.Uint64 // parent: everything before it is complete
	_        [120]byte

	taskHead atomic.Uint64 // worker: it will not look at anything before this again
	ready    atomic.Uint32 // worker: it has been initialised
	_        [116]byte

	resultTail atomic.Uint64 // worker
	_          [120]byte

	resultHead atomic.Uint64 // parent
	wakeAt     atomic.Uint64 // parent: wake me once resultTail reaches this
	_          [112]byte

	idle shm.Parker // of the worker: no tasks
	_    [124]byte

	room shm.Parker // of the worker: no room for a result
	_    [124]byte
}

const (
	magic      = 0x5359_5441_534b_0001
	headerSize = int(unsafe.Sizeof(header{}))
)

// Size returns how many bytes a segment needs for rings of these capacities,
// which must be powers of two.
func Size(tasks, results int) int { return headerSize + tasks + results }

// ErrCorrupt means that the bytes contradict each other.
var ErrCorrupt = errors.New("taskring: corrupt")

// States of a task. A queued task is claimed by the worker or revoked by the
// parent, whichever comes first.
const (
	queued uint32 = iota
	claimed
	revoked
)

// Flags of tasks and results.
const (
	Pad      uint32 = 1 << iota // no record: the rest of the data is unused
	Stop                        // the worker is to end
	Blob                        // the payload is in the first attached descriptor
	Attached                    // descriptors come over the control socket
	Timed                       // the worker notes when it begins
	Failed                      // a result: the payload is an error
	Chunk                       // N arguments, or results, one after the other
	Stored                      // the payload is in the sender's Store
	NewStore                    // which is the first attached descriptor
)

// Task is the head of a task record; the payload follows.
type Task struct {
	size    uint32 // of the whole record
	state   atomic.Uint32
	Seq     uint64
	Func    uint64
	N       uint32
	Flags   uint32
	Started atomic.Int64 // when claimed, if Timed: CLOCK_MONOTONIC, ns
	len     uint64
}

// Revoke takes a task back, unless the worker has claimed it. It is for the
// parent.
func (t *Task) Revoke() bool { return t.state.CompareAndSwap(queued, revoked) }

// Claimed reports whether the worker has begun the task.
func (t *Task) Claimed() bool { return t.state.Load() == claimed }

// Result is the head of a result record; the payload follows.
type Result struct {
	size  uint32
	Flags uint32
	Seq   uint64
	len   uint64
}

const (
	taskHeader   = uint64(unsafe.Sizeof(Task{}))
	resultHeader = uint64(unsafe.Sizeof(Result{}))
)

func pad8(n uint64) uint64 { return (n + 7) &^ 7 }

type ring struct {
	data []byte
	mask uint64
}

func (r *ring) at(pos uint64) unsafe.Pointer { return unsafe.Pointer(&r.data[pos&r.mask]) }

// room returns where a record of size bytes goes (at tail + pad), or false if
// there is no room.
func (r *ring) room(head, tail, size uint64) (pad uint64, ok bool) {
	cap := r.mask + 1
	if rest := cap - tail&r.mask; rest < size {
		pad = rest
	}
	return pad, tail+pad+size-head <= cap
}

// record finds the record at pos, of which tail says what is written: where it
// is, nil for a pad record, and its size.
func (r *ring) record(pos, tail, header uint64) (at unsafe.Pointer, size uint64, err error) {
	left := tail - pos
	rest := r.mask + 1 - pos&r.mask
	if left > r.mask+1 || left < 8 || left&7 != 0 {
		return nil, 0, ErrCorrupt
	}
	at = r.at(pos)
	first := *(*uint64)(at)
	if first>>63 != 0 {
		if size = first &^ (1 << 63); size != rest || size > left {
			return nil, 0, ErrCorrupt
		}
		return nil, size, nil
	}
	if size = uint64(uint32(first)); size > left || size > rest || size < header || size&7 != 0 {
		return nil, 0, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, size)
	}
	return at, size, nil
}

// payloadOf returns the n bytes behind the head of a record.
func payloadOf(at unsafe.Pointer, header, size, n uint64) ([]byte, error) {
	if n > size-header {
		return nil, fmt.Errorf("%w: %d bytes in a record of %d", ErrCorrupt, n, size)
	}
	return unsafe.Slice((*byte)(unsafe.Add(at, header)), n), nil
}

func split(mem []byte, tasks, results uint64) (t, r ring) {
	h := uint64(headerSize)
	return ring{mem[h : h+tasks : h+tasks], tasks - 1}, ring{mem[h+tasks : h+tasks+results : h+tasks+results], results - 1}
}

// Parent is the pool's end. Tasks may be put by one goroutine at a time,
// results taken by one at a time.
type Parent struct {
	h       *header
	tasks   ring
	results ring
	tail    uint64 // of tasks, written but not all published
	shown   uint64 // of tasks, published
	head    uint64 // everything before it may be overwritten
	taken   uint64 // of results
}

// NewParent makes empty rings in mem, zeroed memory of Size(tasks, results)
// bytes.
func NewParent(mem []byte, tasks, results int) *Parent {
	h := (*header)(unsafe.Pointer(&mem[0]))
	h.magic, h.tasks, h.results = magic, uint64(tasks), uint64(results)
	p := &Parent{h: h}
	p.tasks, p.results = split(mem, h.tasks, h.results)
	return p
}

// MaxTask is the largest payload that goes into the ring; larger ones travel as
// a Blob.
func (p *Parent) MaxTask() int { return len(p.tasks.data) / 4 }

// Put writes a task, which Publish makes visible, and returns its head, or nil
// if there is no room. The head is valid until its memory is given back with
// Free.
func (p *Parent) Put(seq, fn uint64, n, flags uint32, payload []byte) *Task {
	size := taskHeader + pad8(uint64(len(payload)))
	pad, ok := p.tasks.room(p.head, p.tail, size)
	if !ok {
		return nil
	}
	if pad > 0 {
		*(*uint64)(p.tasks.at(p.tail)) = padMark(pad)
		p.tail += pad
	}
	t := (*Task)(p.tasks.at(p.tail))
	t.size = uint32(size)
	t.state.Store(queued)
	t.Seq, t.Func, t.N, t.Flags, t.len = seq, fn, n, flags, uint64(len(payload))
	copy(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(t), taskHeader)), len(payload)), payload)
	p.tail += size
	return t
}

// Tail returns the position behind the last task put, for Free.
func (p *Parent) Tail() uint64 { return p.tail }

// Free gives back the memory of the tasks before position pos. Their results
// have been taken, or they were revoked and the worker has passed them.
func (p *Parent) Free(pos uint64) { p.head = max(p.head, pos) }

// Passed returns the position up to which the worker has passed tasks, revoked
// ones included.
func (p *Parent) Passed() uint64 { return p.h.taskHead.Load() }

// Ready reports whether the worker has been initialised.
func (p *Parent) Ready() bool { return p.h.ready.Load() != 0 }

// padMark is the first word of a pad record: its size with the top bit set. The
// rest may be too short for a head.
func padMark(n uint64) uint64 { return n | 1<<63 }

// Publish makes the tasks put since the last Publish visible, and wakes the
// worker if it sleeps. If there are none it does nothing.
func (p *Parent) Publish() {
	if p.shown != p.tail {
		p.shown = p.tail
		p.h.taskTail.Store(p.tail)
		p.h.idle.Wake()
	}
}

// Next returns the next result without giving its memory back, or nil. The
// payload is valid until Release.
func (p *Parent) Next() (*Result, []byte, error) {
	for {
		tail := p.h.resultTail.Load()
		if p.taken == tail {
			return nil, nil, nil
		}
		at, size, err := p.results.record(p.taken, tail, resultHeader)
		if err != nil {
			return nil, nil, err
		}
		if at == nil {
			p.taken += size
			continue
		}
		r := (*Result)(at)
		payload, err := payloadOf(at, resultHeader, size, r.len)
		if err != nil {
			return nil, nil, err
		}
		p.taken += size
		return r, payload, nil
	}
}

// Pending reports whether there is a result to take.
func (p *Parent) Pending() bool { return p.h.resultTail.Load() != p.taken }

// WakeAt asks the worker to wake us once at least n bytes of results wait
// to be taken.
func (p *Parent) WakeAt(n uint64) { p.h.wakeAt.Store(p.taken + n) }

// Ripe reports whether what WakeAt asked for has come.
func (p *Parent) Ripe() bool {
	t := p.h.resultTail.Load()
	return t != p.taken && t >= p.h.wakeAt.Load()
}

// Release gives the memory of all results taken back to the worker, and wakes
// it if it waits for that, not if it waits for tasks.
func (p *Parent) Release() {
	p.h.resultHead.Store(p.taken)
	p.h.room.Wake()
}

// Worker is the other end.
type Worker struct {
	skipped bool // revoked tasks, since the pool was last woken
	h       *header
	tasks   ring
	results ring
	parker  *shm.Parker
	head    uint64 // of tasks
	tail    uint64 // of results
	free    uint64 // cached resultHead
	cur     uint64 // size of the task not yet done
}

// OpenWorker opens what NewParent made.
func OpenWorker(mem []byte, parker *shm.Parker) (*Worker, error) {
	if len(mem) < headerSize {
		return nil, ErrCorrupt
	}
	h := (*header)(unsafe.Pointer(&mem[0]))
	tasks, results, room := h.tasks, h.results, uint64(len(mem)-headerSize)
	if h.magic != magic || !isCapacity(tasks) || !isCapacity(results) || tasks > room || results > room-tasks {
		return nil, ErrCorrupt
	}
	w := &Worker{h: h, parker: parker}
	w.tasks, w.results = split(mem, tasks, results)
	return w, nil
}

// isCapacity reports whether a ring may have n bytes.
func isCapacity(n uint64) bool { return n >= 8 && n&(n-1) == 0 }

// MaxResult is the largest payload that goes into the ring.
func (w *Worker) MaxResult() int { return len(w.results.data) / 4 }

// Next returns the next task and its payload, and waits for one. It must be
// given back with Done.
func (w *Worker) Next() (*Task, []byte, error) {
	for {
		if t, payload, err := w.look(); t != nil || err != nil {
			return t, payload, err
		}
		if w.skipped { // the pool may wait for the room they took
			w.skipped = false
			w.parker.Wake()
		}
		await(&w.h.idle, func() bool { return w.h.taskTail.Load() != w.head })
	}
}

// look returns the next task, or nil if there is none now.
func (w *Worker) look() (*Task, []byte, error) {
	for {
		tail := w.h.taskTail.Load()
		if tail == w.head {
			return nil, nil, nil
		}
		at, size, err := w.tasks.record(w.head, tail, taskHeader)
		if err != nil {
			return nil, nil, err
		}
		if at == nil {
			w.head += size
			w.h.taskHead.Store(w.head)
			continue
		}
		t := (*Task)(at)
		payload, err := payloadOf(at, taskHeader, size, t.len)
		if err != nil {
			return nil, nil, err
		}
		w.cur = size
		return t, payload, nil
	}
}

// Ready tells the parent that the worker has been initialised.
func (w *Worker) Ready() { w.h.ready.Store(1) }

// Idle reports whether no further task waits behind the current one.
func (w *Worker) Idle() bool { return w.h.taskTail.Load() == w.head+w.cur }

// Claim begins the current task, unless it was revoked.
func (w *Worker) Claim(t *Task) bool {
	if t.state.CompareAndSwap(queued, claimed) {
		return true
	}
	w.skipped = true
	return false
}

// Done goes on behind the current task.
func (w *Worker) Done() {
	w.head += w.cur
	w.cur = 0
	w.h.taskHead.Store(w.head)
}

// Put publishes a result, waiting for room. last says that no other result
// follows soon.
func (w *Worker) Put(seq uint64, flags uint32, payload []byte, last bool) {
	size := resultHeader + pad8(uint64(len(payload)))
	pad, ok := w.results.room(w.free, w.tail, size)
	for !ok {
		w.free = w.h.resultHead.Load()
		if pad, ok = w.results.room(w.free, w.tail, size); ok {
			break
		}
		free := w.free
		w.parker.Wake() // the parent may be waiting for more than fits
		await(&w.h.room, func() bool { return w.h.resultHead.Load() != free })
	}
	if pad > 0 {
		*(*uint64)(w.results.at(w.tail)) = padMark(pad)
		w.tail += pad
	}
	r := (*Result)(w.results.at(w.tail))
	r.size, r.Flags, r.Seq, r.len = uint32(size), flags, seq, uint64(len(payload))
	copy(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(r), resultHeader)), len(payload)), payload)
	w.tail += size
	w.h.resultTail.Store(w.tail)
	if last || w.tail >= w.h.wakeAt.Load() {
		w.parker.Wake()
	}
}

// await spins briefly, then sleeps, until ready returns true.
func await(p *shm.Parker, ready func() bool) {
	if spin(ready) {
		return
	}
	for nap := NapLimit; ; nap = RestLimit {
		p.Arm()
		if ready() {
			p.Disarm()
			return
		}
		p.Sleep(nap)
	}
}
