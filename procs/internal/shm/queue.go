package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// A Queue carries messages between any number of processes. Putters exclude
// each other by one mutex, getters by another, and between the two it works as
// a ring does: one store publishes a message, one store consumes it.
//
// Memory grows with need. Messages lie in chunks of 64 KiB; a table says which
// chunk of the segment holds which part of the stream; chunks that were read
// are used again. A message longer than a quarter of a chunk lies outside of
// them, in pages of the file that are given back once it was read.
//
// Death at any instruction: a message is in the queue if and only if the store
// to head happened, and taken if and only if the store to tail did. What a dead
// process had claimed and not finished is undone by the next owner of its
// mutex. Nobody sleeps holding a mutex.
type Queue struct {
	seg *Segment
	h   *queueHeader
	mem []byte

	put, get           Mutex
	notEmpty, notFull  EventCount
	allDone            EventCount
	putTurns, getTurns ContextMutex
	joiners            SharedWaiter
	putSpin, getSpin   Spinner
	base, chunks       int
	holders            Holders // of tasks; guarded by get
	maxsize            uint64
	lastPut, tailThen  uint64 // guarded by put: the head we published last, and tail when we looked
	lastTake, headThen uint64 // guarded by get: the tail we published last, and head when we looked
}

// queueHeader lies at the beginning. head and tail hold a position in words of
// 8 bytes (upper 36 bits) and how many messages were put or taken (lower 28),
// both modulo their width, so that one store changes both.
type queueHeader struct {
	magic   uint64
	maxsize uint64 // messages
	chunks  uint64 // most chunks, a power of two
	shut    atomic.Uint32
	_       [100]byte

	putMutex atomic.Uint64
	// assigned is how many parts of the stream have had a chunk (upper half),
	// and how many of those chunks were taken for later parts (lower half). The
	// difference is how many chunks there are.
	assigned atomic.Uint64
	pagesEnd uint64 // where in the file the next long message goes
	putClaim claim
	fat      atomic.Uint32 // 1: free chunks may hold memory worth giving back
	_        [76]byte

	head atomic.Uint64
	_    [120]byte

	getMutex atomic.Uint64
	getClaim claim
	_        [96]byte

	tail atomic.Uint64
	_    [120]byte

	notEmpty atomic.Uint32
	_        [124]byte
	notFull  atomic.Uint32
	_        [124]byte

	tasks tasks
}

// A claim is what its mutex' owner is about to do with the pages of a long
// message.
type claim struct {
	at     uint64 // head or tail when the claim was made: if it still is, nothing happened
	off, n uint64 // pages; n == 0: no claim
}

const (
	queueMagic = 0x5359_5155_4555_0001

	chunkSize  = 64 << 10
	chunkWords = chunkSize / word
	inlineMax  = chunkSize/4 - word

	countBits = 28
	countMask = 1<<countBits - 1
	partMask  = 1<<(64-countBits)/chunkWords - 1 // parts of the stream are numbered modulo 2^23

	bare       = 1 << 31 // in the table: a free chunk without memory
	slimChunks = 32      // free chunks that keep theirs
	trimStep   = 128

	flagPages = 1 << 2 // the message lies in pages of the file; the payload says where

	shutPut = 1 // no more puts
	shutAll = 2 // no more gets either
)

// MaxQueue is the most messages that a queue can hold.
const MaxQueue = countMask - 1

// queueChunks bounds the messages that lie in chunks to 1 GiB.
const queueChunks = 16 << 10

// queueLayout returns where the table of tasks and where the chunks begin, each
// at a page of the segment, and where they end, all from the header on.
func queueLayout(chunks int) (tasks, base, size int) {
	tasks = QueueOffset + int(unsafe.Sizeof(queueHeader{})) + 4*chunks
	tasks = (tasks+pageSize-1)&^(pageSize-1) - QueueOffset
	base = tasks + HoldersSize
	return tasks, base, base + chunks*chunkSize
}

const pageSize = 4096

// QueueOffset is where in its segment a Queue begins: whoever makes the segment
// may use what is before.
const QueueOffset = 128

// QueueSize returns how many bytes to map for a queue, and how many of them
// must exist from the beginning.
func QueueSize() (mapped, reserved int) {
	tasks, _, size := queueLayout(queueChunks)
	return QueueOffset + size, QueueOffset + tasks
}

// InitQueue makes an empty queue for up to maxsize messages in a new segment.
func InitQueue(seg *Segment, maxsize int) {
	if maxsize < 1 || maxsize > MaxQueue {
		panic("shm: InitQueue: maxsize")
	}
	mapped, _ := QueueSize()
	h := At[queueHeader](seg.Bytes(), QueueOffset)
	h.maxsize = uint64(maxsize)
	h.chunks = queueChunks
	h.pagesEnd = uint64(mapped+pageSize) &^ (pageSize - 1)
	h.magic = queueMagic
}

// OpenQueue makes a handle of the queue in seg.
func OpenQueue(seg *Segment) (*Queue, error) {
	mapped, _ := QueueSize()
	if seg.Size() < mapped {
		return nil, fmt.Errorf("shm: queue: %w: %d bytes", ErrCorrupt, seg.Size())
	}
	h := At[queueHeader](seg.Bytes(), QueueOffset)
	if h.magic != queueMagic || h.chunks != queueChunks || h.maxsize < 1 || h.maxsize > MaxQueue {
		return nil, fmt.Errorf("shm: queue: %w: header", ErrCorrupt)
	}
	tasks, base, _ := queueLayout(queueChunks)
	q := &Queue{seg: seg, h: h, mem: seg.Bytes()[QueueOffset:], base: base, chunks: queueChunks, maxsize: h.maxsize,
		putTurns: NewContextMutex(), getTurns: NewContextMutex()}
	off := func(p unsafe.Pointer) int { return int(uintptr(p) - uintptr(unsafe.Pointer(&seg.Bytes()[0]))) }
	q.put.Open(seg, off(unsafe.Pointer(&h.putMutex)))
	q.get.Open(seg, off(unsafe.Pointer(&h.getMutex)))
	q.notEmpty.Open(seg, off(unsafe.Pointer(&h.notEmpty)))
	q.notFull.Open(seg, off(unsafe.Pointer(&h.notFull)))
	q.allDone.Open(seg, off(unsafe.Pointer(&h.tasks.allDone)))
	q.holders.Open(seg, &h.tasks.holders, QueueOffset+tasks)
	q.lastPut, q.lastTake = ^uint64(0), ^uint64(0)
	return q, nil
}

func position(v uint64) uint64 { return v >> countBits } // in words
func part(v uint64) uint64     { return position(v) / chunkWords }

// advance moves v over n words, and counts messages.
func advance(v, n, messages uint64) uint64 {
	return (position(v)+n)<<countBits | (v+messages)&countMask
}

// Len returns how many messages are in the queue, now.
func (q *Queue) Len() int { return int((q.h.head.Load() - q.h.tail.Load()) & countMask) }

// table returns the entry that says which chunk holds a part of the stream.
func (q *Queue) table(part uint64) *atomic.Uint32 {
	at := unsafe.Sizeof(queueHeader{}) + 4*uintptr(part%queueChunks)
	return (*atomic.Uint32)(unsafe.Pointer(&q.mem[at]))
}

// chunk returns the bytes of the chunk that holds a part of the stream.
func (q *Queue) chunk(part uint64) ([]byte, error) {
	i := int(q.table(part).Load())
	if i >= q.chunks {
		return nil, fmt.Errorf("shm: queue: %w: chunk %d", ErrCorrupt, i)
	}
	return q.mem[q.base+i*chunkSize:][:chunkSize:chunkSize], nil
}

// TryPut puts a message, or returns ErrFull, ErrClosed after a shut-down, or
// ErrNoSpace.
func (q *Queue) TryPut(wait *Wait, p []byte) error {
	if err := q.lockPut(wait); err != nil {
		return err
	}
	// Not deferred: this is the hot path.
	err := q.putLocked(p)
	q.put.Unlock()
	return err
}

// Put puts a message, waiting while the queue is full.
func (q *Queue) Put(wait *Wait, p []byte) error {
	err := q.TryPut(wait, p)
	if err != ErrFull {
		return err
	}
	if q.putSpin.Until(q.room) {
		if err := q.TryPut(wait, p); err != ErrFull {
			return err
		}
	}
	if err := q.putTurns.Lock(wait); err != nil {
		return err
	}
	defer q.putTurns.Unlock()
	var s Sleeper
	defer s.End()
	for {
		seen := q.notFull.Arm()
		if err := q.TryPut(wait, p); err != ErrFull {
			return err
		}
		if q.seg.Closed() {
			return ErrClosed
		}
		if _, err := q.notFull.Sleep(&s, wait, seen); err != nil {
			if q.room() {
				q.notFull.NotifyAll() // it may have been us who were woken: let others have it
			}
			return err
		}
	}
}

func (q *Queue) room() bool { return uint64(q.Len()) < q.maxsize || q.h.shut.Load() != 0 }
func (q *Queue) some() bool { return q.Len() != 0 || q.h.shut.Load() != 0 }

func (q *Queue) lockPut(wait *Wait) error {
	if q.put.TryLock() {
		return nil
	}
	err := q.put.Lock(wait)
	if err == ErrOwnerDied {
		q.undo(&q.h.putClaim, q.h.head.Load(), true)
		err = nil
	}
	return err
}

func (q *Queue) lockGet(wait *Wait) error {
	if q.get.TryLock() {
		return nil
	}
	err := q.get.Lock(wait)
	if err == ErrOwnerDied {
		q.undo(&q.h.getClaim, q.h.tail.Load(), false)
		q.undoTask()
		err = nil
	}
	return err
}

// undo gives back the pages that a dead process had written and not published,
// or taken and not given back.
func (q *Queue) undo(c *claim, now uint64, ifUnchanged bool) {
	if c.n != 0 && (c.at == now) == ifUnchanged {
		q.seg.Discard(int(c.off), int(c.n)) // fails only if this handle was closed meanwhile
	}
	c.n = 0
}

func (q *Queue) putLocked(p []byte) error {
	h := q.h
	if h.shut.Load() != 0 {
		return ErrClosed
	}
	head := h.head.Load()
	tail := q.tailThen
	// The tail seen at our last put is good enough if there is room before it,
	// and nobody else put since: tails only move forward.
	if head != q.lastPut || (head-tail)&countMask >= q.maxsize {
		tail = h.tail.Load() // acquire: getters are done with everything before it
		q.tailThen = tail
		if (head-tail)&countMask >= q.maxsize {
			return ErrFull
		}
	}
	if h.tasks.counted != 0 && q.unfinished(head) >= MaxQueue {
		return ErrFull
	}
	if len(p) > inlineMax {
		return q.putPages(head, p)
	}
	next, err := q.write(head, p, 0)
	if err != nil {
		return err
	}
	q.publish(next)
	return nil
}

// publish makes what was written after head visible.
func (q *Queue) publish(next uint64) {
	q.lastPut = next
	// The message is plain stores, this is a release store: whoever sees it
	// sees the message whole. It is the instant at which the message is in the
	// queue.
	q.h.head.Store(next)
	q.notEmpty.Notify(1)
}

// write writes a record behind head, and returns what head will be. Until then
// nobody else looks there.
func (q *Queue) write(head uint64, p []byte, flags uint32) (next uint64, err error) {
	need := 1 + padded(uint64(len(p)))/word
	at := position(head) % chunkWords
	if at+need > chunkWords { // fill the rest of the chunk
		b, err := q.chunk(part(head))
		if err != nil {
			return 0, err
		}
		binary.NativeEndian.PutUint64(b[at*word:], flagPad<<32)
		head = advance(head, chunkWords-at, 0)
		at = 0
	}
	if at == 0 {
		if err := q.assign(part(head)); err != nil {
			return 0, err
		}
	}
	b, err := q.chunk(part(head))
	if err != nil {
		return 0, err
	}
	b = b[at*word:]
	binary.NativeEndian.PutUint64(b, uint64(flags)<<32|uint64(len(p)))
	copy(b[word:], p)
	return advance(head, need, 1), nil
}

// assign gives a chunk to the part of the stream where the next record goes:
// the oldest one that was read, or else a new one. A death before the last
// store leaves everything as it was, and the next putter decides again; a death
// after it leaves the part with its chunk.
func (q *Queue) assign(p uint64) error {
	h := q.h
	a := h.assigned.Load()
	given, reused := a>>32, a&(1<<32-1)
	if given&partMask != p {
		return nil // has one already
	}
	q.tailThen = h.tail.Load()
	if reused&partMask != part(q.tailThen) && given != reused {
		i := q.table(reused).Load()
		if i&bare != 0 {
			i &^= bare
			if err := q.reserve(i); err != nil {
				return err
			}
			h.fat.Store(1)
		}
		q.table(given).Store(i)
		h.assigned.Store((given+1)<<32 | (reused+1)&(1<<32-1))
		return nil
	}
	n := uint32(given - reused)
	if int(n) >= q.chunks {
		return ErrFull
	}
	if err := q.reserve(n); err != nil {
		return err
	}
	if n > slimChunks {
		h.fat.Store(1)
	}
	q.table(given).Store(n)
	h.assigned.Store((given+1)<<32 | reused)
	return nil
}

func (q *Queue) reserve(chunk uint32) error {
	return q.seg.Reserve(QueueOffset+q.base+int(chunk)*chunkSize, chunkSize)
}

// trim takes the memory of free chunks away, all but a few, and not too many at
// a time. Getters call it when they have emptied the queue after a large
// backlog; if a putter is busy just now, another time will do. A chunk is
// marked before it loses its memory, so that whoever uses it next reserves it
// again.
func (q *Queue) trim() {
	if !q.put.TryLock() {
		return
	}
	defer q.put.Unlock()
	h := q.h
	a, tail := h.assigned.Load(), part(h.tail.Load())
	reused := a & (1<<32 - 1)
	free := (tail - reused) & partMask
	for i, left := uint64(slimChunks), trimStep; i < free && i < uint64(q.chunks); i++ {
		e := q.table(reused + i)
		if e.Load()&bare != 0 {
			continue
		}
		if left == 0 {
			return
		}
		left--
		chunk := e.Or(bare)
		q.seg.Discard(QueueOffset+q.base+int(chunk)*chunkSize, chunkSize) // fails only if this handle was closed meanwhile
	}
	h.fat.Store(0)
}

// putPages puts a long message: its bytes into pages of their own, and a record
// of where they are into the queue.
func (q *Queue) putPages(head uint64, p []byte) error {
	h := q.h
	off, n := h.pagesEnd, (uint64(len(p))+pageSize-1)&^(pageSize-1)
	h.putClaim.at, h.putClaim.off = head, off
	h.putClaim.n = n
	h.pagesEnd = off + n
	var place [16]byte
	binary.NativeEndian.PutUint64(place[:], off)
	binary.NativeEndian.PutUint64(place[8:], uint64(len(p)))
	next, err := uint64(0), q.seg.writeAt(p, int64(off))
	if err == nil {
		next, err = q.write(head, place[:], flagPages)
	}
	if err != nil {
		q.undo(&h.putClaim, head, true)
		return err
	}
	q.publish(next)
	h.putClaim.n = 0
	return nil
}

// TryGet appends the next message to buf, or returns ErrEmpty, or ErrClosed if
// the queue was shut down and is empty.
func (q *Queue) TryGet(wait *Wait, buf []byte) ([]byte, error) {
	if !q.some() {
		return buf, ErrEmpty // without taking the mutex from those who put and get
	}
	if err := q.lockGet(wait); err != nil {
		return buf, err
	}
	buf, err := q.getLocked(buf)
	q.get.Unlock()
	return buf, err
}

// Get appends the next message to buf, waiting for it.
func (q *Queue) Get(wait *Wait, buf []byte) ([]byte, error) {
	buf, err := q.TryGet(wait, buf)
	if err != ErrEmpty {
		return buf, err
	}
	if q.getSpin.Until(q.some) {
		if buf, err = q.TryGet(wait, buf); err != ErrEmpty {
			return buf, err
		}
	}
	if err := q.getTurns.Lock(wait); err != nil {
		return buf, err
	}
	defer q.getTurns.Unlock()
	var s Sleeper
	defer s.End()
	for {
		seen := q.notEmpty.Arm()
		if buf, err = q.TryGet(wait, buf); err != ErrEmpty {
			return buf, err
		}
		if q.seg.Closed() {
			return buf, ErrClosed
		}
		if _, err := q.notEmpty.Sleep(&s, wait, seen); err != nil {
			if q.some() {
				q.notEmpty.NotifyAll() // it may have been us who were woken: let others have it
			}
			return buf, err
		}
	}
}

func (q *Queue) getLocked(buf []byte) ([]byte, error) {
	h := q.h
	shut := h.shut.Load()
	tail := h.tail.Load()
	head := q.headThen
	if tail != q.lastTake || head == tail {
		head = h.head.Load() // acquire: pairs with publish
		q.headThen = head
	}
	if shut&shutAll != 0 {
		return buf, ErrClosed
	}
	if head == tail {
		// shut was read before head: once it is set no message comes any more.
		if shut != 0 {
			return buf, ErrClosed
		}
		return buf, ErrEmpty
	}
	p, flags, next, err := q.read(tail, head)
	if err != nil {
		return buf, err
	}
	if h.tasks.counted != 0 {
		if _, err := q.holders.Own(); err != nil {
			return buf, err // nobody takes a task that cannot be given up for it
		}
	}
	if flags&flagPages != 0 {
		return q.getPages(tail, next, p, buf)
	}
	buf = append(buf, p...)
	q.consume(next)
	return buf, nil
}

// consume takes everything before next out of the queue. It is the instant at
// which a message is taken.
func (q *Queue) consume(next uint64) {
	if q.h.tasks.counted != 0 {
		q.beginTask()
	}
	q.lastTake = next
	q.h.tail.Store(next) // release: our reads are over
	q.h.tasks.undo.slot = 0
	q.notFull.Notify(1)
	if q.h.fat.Load() != 0 && next == q.h.head.Load() {
		q.trim()
	}
}

// read returns the record at tail, which is before head, and where the next one
// is.
func (q *Queue) read(tail, head uint64) (p []byte, flags uint32, next uint64, err error) {
	for range 2 {
		b, err := q.chunk(part(tail))
		if err != nil {
			return nil, 0, 0, err
		}
		at := position(tail) % chunkWords
		b = b[at*word:]
		w := binary.NativeEndian.Uint64(b)
		n, flags := uint64(uint32(w)), uint32(w>>32)
		if flags == flagPad {
			tail = advance(tail, chunkWords-at, 0)
			continue
		}
		need := 1 + padded(n)/word
		if at+need > chunkWords || flags&^flagPages != 0 || (position(head)-position(tail))&(1<<(64-countBits)-1) < need {
			break
		}
		return b[word : word+n : word+n], flags, advance(tail, need, 1), nil
	}
	return nil, 0, 0, fmt.Errorf("shm: queue: %w: record at %#x of %#x", ErrCorrupt, tail, head)
}

// getPages takes a long message, whose place is p.
func (q *Queue) getPages(tail, next uint64, p, buf []byte) ([]byte, error) {
	if len(p) != 16 {
		return buf, fmt.Errorf("shm: queue: %w: place of a long message", ErrCorrupt)
	}
	off, n := binary.NativeEndian.Uint64(p), binary.NativeEndian.Uint64(p[8:])
	size, err := q.seg.fileSize()
	if err != nil {
		return buf, err
	}
	if off%pageSize != 0 || off < uint64(QueueOffset+q.base) || off > uint64(size) || n > uint64(size)-off {
		return buf, fmt.Errorf("shm: queue: %w: long message of %d bytes at %d", ErrCorrupt, n, off)
	}
	long := buf
	if uint64(cap(buf)-len(buf)) < n {
		long = make([]byte, len(buf), uint64(len(buf))+n)
		copy(long, buf)
	}
	long = long[:uint64(len(buf))+n]
	if err := q.seg.readAt(long[len(buf):], int64(off)); err != nil {
		return buf, err
	}
	c := &q.h.getClaim
	c.at, c.off = tail, off
	c.n = (n + pageSize - 1) &^ (pageSize - 1)
	q.consume(next)
	q.undo(c, next, false)
	return long, nil
}

// ShutDown ends the queue for all processes: puts fail with ErrClosed from now
// on; gets do when the queue is empty, or at once if immediate.
func (q *Queue) ShutDown(wait *Wait, immediate bool) error {
	// Under the put mutex, so that no put is on its way once getters see it.
	if err := q.lockPut(wait); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	shut := uint32(shutPut)
	if immediate {
		shut |= shutAll
	}
	q.h.shut.Or(shut)
	q.put.Unlock()
	q.WakeAll()
	return nil
}

// WakeAll makes everyone who sleeps look again: at a closed handle, for one.
func (q *Queue) WakeAll() {
	futexWake(q.allDone.word, math.MaxInt32)
	q.notEmpty.NotifyAll()
	q.notFull.NotifyAll()
}

// IsShut reports whether ShutDown was called.
func (q *Queue) IsShut() bool { return q.h.shut.Load() != 0 }

// MaxSize returns how many messages the queue can hold.
func (q *Queue) MaxSize() int { return int(q.maxsize) }

// Waiting reports whether somebody sleeps, or did lately, until a message
// comes.
func (q *Queue) Waiting() bool { return q.notEmpty.Armed() }
