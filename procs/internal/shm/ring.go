package shm

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// A ring lies in a segment as a header of RingHeader bytes and then its data, a
// power of two of bytes.
//
// Positions count bytes since the beginning and never wrap in practice (2^64);
// position & mask is the place in the data. A record is one 8-byte word
// (length, flags) and its payload, padded to 8 bytes. It never crosses the end
// of the data: a record with flagPad fills the rest and the next one starts at
// the front.
type ringHeader struct {
	magic uint64
	size  uint64
	_     [112]byte // each of the words below has its own pair of cache lines (processors fetch pairs)

	head         atomic.Uint64 // written by the writer: everything before it is complete
	writerClosed atomic.Uint32
	_            [116]byte

	tail         atomic.Uint64 // written by the reader: everything before it may be overwritten
	readerClosed atomic.Uint32
	_            [116]byte

	reader Parker
	_      [124]byte

	writer Parker
	_      [124]byte
}

// RingHeader is how many bytes a ring needs beside its data.
const RingHeader = int(unsafe.Sizeof(ringHeader{}))

const (
	ringMagic = 0x5359_5249_4e47_0001
	word      = 8 // bytes; the alignment of records

	flagMore = 1 << 0 // the message goes on in the next record
	flagPad  = 1 << 1 // no message: the rest of the data is unused
	flagCont = 1 << 3 // the record goes on with the message of the last one
)

// RingSize returns how many bytes of a segment a ring with capacity bytes of
// data takes. The capacity must be a power of two, at least 256.
func RingSize(capacity int) int { return RingHeader + capacity }

func padded(n uint64) uint64 { return (n + word - 1) &^ (word - 1) }

// InitRing makes an empty ring with capacity bytes of data at off, a multiple
// of 128, of a new segment.
func InitRing(seg *Segment, off, capacity int) {
	if capacity < 256 || capacity&(capacity-1) != 0 {
		panic("shm: InitRing: the capacity is no power of two")
	}
	if off < 0 || off%128 != 0 || off+RingSize(capacity) > seg.Size() {
		panic("shm: InitRing: outside of the segment")
	}
	h := At[ringHeader](seg.Bytes(), off)
	h.size = uint64(capacity)
	h.magic = ringMagic
}

func openRing(seg *Segment, off int) (h *ringHeader, data []byte, err error) {
	mem := seg.Bytes()
	if off < 0 || off%128 != 0 || off > len(mem)-RingHeader {
		return nil, nil, fmt.Errorf("shm: ring: %w: at %d of %d bytes", ErrCorrupt, off, len(mem))
	}
	h = At[ringHeader](mem, off)
	data = mem[off+RingHeader:]
	size := h.size
	if h.magic != ringMagic || size > uint64(len(data)) || size&(size-1) != 0 || size < 256 {
		return nil, nil, fmt.Errorf("shm: ring: %w: header", ErrCorrupt)
	}
	return h, data[:size:size], nil
}

// A Writer is the one process and goroutine that puts into a ring.
type Writer struct {
	seg       *Segment // keeps the mapping
	h         *ringHeader
	data      []byte
	mask      uint64
	pos       uint64 // end of the records written, published or not
	published uint64 // what head says
	tail      uint64 // tail when last looked at: spares the reader's cache line
	spin      Spinner
	sleeper   Sleeper
}

// A Reader is the one process and goroutine that takes from a ring.
type Reader struct {
	seg      *Segment // keeps the mapping
	h        *ringHeader
	data     []byte
	mask     uint64
	pos      uint64 // end of the records taken
	released uint64 // what tail says
	head     uint64 // head when last looked at: spares the writer's cache line
	partial  []byte // fragments of a long message, so far
	joining  bool   // partial waits for more
	spin     Spinner
	sleeper  Sleeper
}

// NewWriter opens the writing end of the ring at off. It goes on where a former
// writer ended, if there was one.
func NewWriter(seg *Segment, off int) (*Writer, error) {
	h, data, err := openRing(seg, off)
	if err != nil {
		return nil, err
	}
	w := &Writer{seg: seg, h: h, data: data, mask: uint64(len(data) - 1)}
	w.pos, w.tail = h.head.Load(), h.tail.Load()
	w.published = w.pos
	if w.pos-w.tail > uint64(len(data)) || w.pos%word != 0 {
		return nil, fmt.Errorf("shm: ring: %w: positions %d to %d", ErrCorrupt, w.tail, w.pos)
	}
	return w, nil
}

// NewReader opens the reading end of the ring at off. It goes on where a former
// reader released last.
func NewReader(seg *Segment, off int) (*Reader, error) {
	h, data, err := openRing(seg, off)
	if err != nil {
		return nil, err
	}
	r := &Reader{seg: seg, h: h, data: data, mask: uint64(len(data) - 1)}
	r.pos, r.head = h.tail.Load(), h.head.Load()
	r.released = r.pos
	if r.head-r.pos > uint64(len(data)) || r.pos%word != 0 {
		return nil, fmt.Errorf("shm: ring: %w: positions %d to %d", ErrCorrupt, r.pos, r.head)
	}
	return r, nil
}

// MaxRecord is the longest payload that Reserve and TryPut take: a quarter of
// the capacity, so that a record finds room however the ring is filled. Put
// takes any length.
func (w *Writer) MaxRecord() int { return len(w.data)/4 - word }

// Reserve returns n bytes to be filled, the payload of the next record, or
// false if there is no room now. The record becomes visible with Publish,
// together with all others reserved before: that is the batch.
func (w *Writer) Reserve(n int) ([]byte, bool) { return w.reserve(n, 0) }

func (w *Writer) reserve(n int, flags uint32) ([]byte, bool) {
	if n < 0 || n > w.MaxRecord() {
		panic("shm: Reserve: record longer than MaxRecord")
	}
	need := word + padded(uint64(n))
	at := w.pos & w.mask
	pad := uint64(0)
	if rest := uint64(len(w.data)) - at; rest < need {
		pad = rest
	}
	if w.pos+pad+need-w.tail > uint64(len(w.data)) {
		w.tail = w.h.tail.Load() // acquire: the reader is done with everything before it
		if w.pos-w.tail > uint64(len(w.data)) {
			return nil, false // a lying peer: never any room
		}
		if w.pos+pad+need-w.tail > uint64(len(w.data)) {
			return nil, false
		}
	}
	if pad != 0 {
		binary.NativeEndian.PutUint64(w.data[at:], flagPad<<32)
		w.pos += pad
		at = 0
	}
	binary.NativeEndian.PutUint64(w.data[at:], uint64(flags)<<32|uint64(n))
	w.pos += need
	return w.data[at+word : at+word+uint64(n) : at+word+uint64(n)], true
}

// Publish makes all reserved records visible, by one store, and wakes the
// reader if it sleeps.
func (w *Writer) Publish() {
	if w.pos == w.published {
		return
	}
	w.published = w.pos
	// The records are plain stores. This store is a release: whoever sees the
	// new head sees them whole. A writer killed before it has published
	// nothing, one killed after it everything.
	w.h.head.Store(w.pos)
	w.h.reader.Wake()
}

// TryPut puts one record and publishes it, or returns false if there is no room
// now.
func (w *Writer) TryPut(p []byte) bool {
	b, ok := w.Reserve(len(p))
	if !ok {
		return false
	}
	copy(b, p)
	w.Publish()
	return true
}

// Put puts a message of any length and publishes it, waiting for room. A
// message longer than MaxRecord goes in fragments that the Reader joins again.
// If the wait fails midway, or the writer dies, no message was put: the Reader
// drops what it has of it when another one follows.
func (w *Writer) Put(wait *Wait, p []byte) error {
	for flags, more := uint32(0), true; more; flags = flagCont {
		part := p
		if more = len(p) > w.MaxRecord(); more {
			part, flags = p[:w.MaxRecord()], flags|flagMore
		}
		b, ok := w.reserve(len(part), flags)
		for !ok {
			if err := w.WaitRoom(wait, len(part)); err != nil {
				return err
			}
			b, ok = w.reserve(len(part), flags)
		}
		copy(b, part)
		w.Publish()
		p = p[len(part):]
	}
	return nil
}

// room reports whether a record of n bytes fits.
func (w *Writer) room(n int) bool {
	need := word + padded(uint64(n))
	if rest := uint64(len(w.data)) - w.pos&w.mask; rest < need {
		need += rest
	}
	return w.pos+need-w.h.tail.Load() <= uint64(len(w.data))
}

// WaitRoom publishes what was reserved and waits until a record of n bytes
// fits. It returns ErrClosed when the reader has closed.
func (w *Writer) WaitRoom(wait *Wait, n int) error {
	w.Publish()
	h := w.h
	err := block(wait, &w.spin, &w.sleeper, &h.writer, func() bool {
		return h.readerClosed.Load() != 0 || w.room(n)
	})
	if err == nil && h.readerClosed.Load() != 0 {
		return ErrClosed
	}
	return err
}

// Close tells the reader that nothing more will come, once it has read what is
// there.
func (w *Writer) Close() {
	w.Publish()
	w.h.writerClosed.Store(1)
	w.h.reader.Wake()
}

// ReaderClosed reports whether the reader has closed its end.
func (w *Writer) ReaderClosed() bool { return w.h.readerClosed.Load() != 0 }

// Next returns the next message, or ErrEmpty if there is none now, or ErrClosed
// if there will never be one. The bytes lie in the ring and are valid until the
// following call of Next or Release, and as long as the Reader is reachable.
//
// What was taken before is given back to the writer in steps of a quarter of
// the ring, and when the ring is found empty.
func (r *Reader) Next() ([]byte, error) {
	if r.pos-r.released >= uint64(len(r.data))/4 {
		r.Release()
	}
	for {
		if r.pos == r.head {
			if err := r.refill(); err != nil {
				return nil, err
			}
		}
		p, flags, err := r.record()
		switch {
		case err != nil:
			return nil, err
		case flags == 0:
			if r.joining { // its writer was cut short
				r.joining = false
			}
			return p, nil
		case flags&flagPad != 0:
			continue
		case flags&flagCont == 0:
			r.partial, r.joining = r.partial[:0], true
		case !r.joining: // the reader before us had begun with it
			r.Release()
			continue
		}
		r.partial = append(r.partial, p...)
		r.Release() // copied: the writer may go on
		if flags&flagMore == 0 {
			r.joining = false
			p = r.partial
			if cap(p) > 4*len(r.data) {
				r.partial = nil // do not keep the memory of a rare giant
			}
			return p, nil
		}
	}
}

// refill looks for new records.
func (r *Reader) refill() error {
	head := r.h.head.Load() // acquire: pairs with the store in Publish
	if head == r.pos {
		r.Release()
		if r.h.writerClosed.Load() == 0 {
			return ErrEmpty
		}
		// The writer closes after its last Publish, so that one more look is
		// enough.
		if head = r.h.head.Load(); head == r.pos {
			return ErrClosed
		}
	}
	if head-r.pos > uint64(len(r.data)) || head%word != 0 {
		return fmt.Errorf("shm: ring: %w: head %d, tail %d", ErrCorrupt, head, r.pos)
	}
	r.head = head
	return nil
}

// record takes the record at pos, which is before head.
func (r *Reader) record() (p []byte, flags uint32, err error) {
	at := r.pos & r.mask
	w := binary.NativeEndian.Uint64(r.data[at:])
	n, flags := uint64(uint32(w)), uint32(w>>32)
	if flags&flagPad != 0 {
		n = uint64(len(r.data)) - at - word
	}
	end := at + word + padded(n)
	if end > uint64(len(r.data)) || r.pos+(end-at) > r.head || r.pos+(end-at) < r.pos || flags&^uint32(flagMore|flagPad|flagCont) != 0 {
		return nil, 0, fmt.Errorf("shm: ring: %w: record of %d bytes, flags %#x, at %d of %d", ErrCorrupt, n, flags, r.pos, r.head)
	}
	r.pos += end - at
	return r.data[at+word : at+word+n : at+word+n], flags, nil
}

// Release gives everything taken so far back to the writer. Calling it is
// needed only to do so early.
func (r *Reader) Release() {
	if r.released == r.pos {
		return
	}
	r.released = r.pos
	// A release store: our reads of the records are over. Then the same
	// protocol as in Publish, with the roles exchanged.
	r.h.tail.Store(r.pos)
	r.h.writer.Wake()
}

// Wait releases everything and waits for a record. It returns nil when Next
// will not say ErrEmpty, or, for fragments of a long message, when it has more
// of them to look at.
func (r *Reader) Wait(wait *Wait) error {
	if r.pos != r.head {
		return nil
	}
	r.Release()
	h := r.h
	return block(wait, &r.spin, &r.sleeper, &h.reader, func() bool {
		return h.head.Load() != r.pos || h.writerClosed.Load() != 0
	})
}

// Get returns the next message, waiting for it. The bytes are valid until the
// following call.
func (r *Reader) Get(wait *Wait) ([]byte, error) {
	for {
		p, err := r.Next()
		if err != ErrEmpty {
			return p, err
		}
		if err := r.Wait(wait); err != nil {
			return nil, err
		}
	}
}

// Close tells the writer that nobody reads any more: its waits for room end
// with ErrClosed.
func (r *Reader) Close() {
	r.h.readerClosed.Store(1)
	r.h.writer.Wake()
}

// WriterClosed reports whether the writer has closed its end. Records may
// remain.
func (r *Reader) WriterClosed() bool { return r.h.writerClosed.Load() != 0 }

// block waits until ready, first spinning, then asleep, until the other
// side wakes us.
func block(wait *Wait, spin *Spinner, s *Sleeper, p *Parker, ready func() bool) error {
	if spin.Until(ready) {
		return nil
	}
	*s = Sleeper{}
	defer s.End()
	for {
		p.Arm()
		// A death between a publication
		// and its wake-up costs us one slice, no more.
		if ready() {
			p.Disarm()
			return nil
		}
		err := p.sleepSlice(s, wait)
		if err == nil {
			continue
		}
		p.Disarm()
		// What came in the last moment counts more than why we gave up, except
		// for a context that is done.
		if ready() && err != context.Canceled && err != context.DeadlineExceeded {
			return nil
		}
		return err
	}
}
