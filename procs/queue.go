package procs

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"time"
	"unsafe"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/shm"
)

// Queue passes values between processes, first in, first out, from any number
// of putters to any number of getters. It is multiprocessing.Queue, without its
// feeder thread: a value is in shared memory when Put returns, and stays there
// though the putter dies.
//
// Values are encoded as arguments are, and may have any size; memory is taken
// as needed. They must not hold shared objects: those travel as descriptors,
// and a queue, which is memory, cannot carry descriptors. NewQueue or Put
// refuses them with ErrEncode.
//
// A value is in the queue, whole, from one instant of Put to one instant of
// Get. If Put returned nil it is there; if Put returned an error it is not; if
// the process died in Put it is there or not. Values of one putter come in the
// order of its puts, to whoever gets them, each once.
//
// A process killed at any instruction, waiting or not, leaves the queue whole
// and blocks nobody. What it had taken is gone with it. One that is stopped
// (SIGSTOP) in the very middle of a Put or Get holds up the other putters or
// getters until it goes on.
//
// A put and its get cost about 60 ns together if nobody has to wait.
type Queue[T any] struct {
	shared
	q     *shm.Queue
	codec *codec.Codec[T]
}

// NewQueue returns an empty queue for up to maxsize values; 0 means as many as
// possible, that is 268 million, or 1 GiB of small values. Put waits when it is
// full. A negative size is os.ErrInvalid, a T that cannot travel ErrEncode.
func NewQueue[T any](maxsize int) (*Queue[T], error) {
	if maxsize < 0 || maxsize > shm.MaxQueue {
		return nil, fmt.Errorf("procs: queue of size %d, which must be 0 to %d: %w", maxsize, shm.MaxQueue, os.ErrInvalid)
	}
	if maxsize == 0 {
		maxsize = shm.MaxQueue
	}
	c, err := queueCodec[T]()
	if err != nil {
		return nil, err
	}
	seg, err := shm.CreateSparse(shm.QueueSize())
	if err != nil {
		return nil, fromShm(err)
	}
	shm.InitQueue(seg, maxsize)
	q := &Queue[T]{codec: c}
	q.label(seg, kindQueue)
	if q.q, err = shm.OpenQueue(seg); err != nil {
		seg.Close()
		return nil, err
	}
	return q, nil
}

func queueCodec[T any]() (*codec.Codec[T], error) {
	c, err := codec.Of[T]()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	if t := reflect.TypeFor[T](); codec.IsHandle(t) {
		return nil, fmt.Errorf("%w: a %v cannot go through a queue: pass it as an argument, or through a Pipe", ErrEncode, t)
	}
	return c, nil
}

func (q *Queue[T]) share(w *wire) error { return q.shareAs(w) }

func (q *Queue[T]) adopt(w *wire) error {
	if err := q.adoptAs(w, kindQueue, 0); err != nil {
		return err
	}
	var err error
	if q.codec, err = queueCodec[T](); err == nil {
		q.q, err = shm.OpenQueue(q.seg)
	}
	return err
}

// Put adds v, waiting while the queue is full. It returns the context's error
// if that ends first, ErrClosed after ShutDown.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	wait := waitFor(ctx)
	return q.put(&wait, v, true)
}

// PutTimeout is Put with a limit; then it returns ErrFull, as Python does.
func (q *Queue[T]) PutTimeout(v T, d time.Duration) error {
	if err := q.PutNowait(v); err != ErrFull {
		return err
	}
	wait := waitUntil(d)
	if err := q.put(&wait, v, true); err != ErrTimeout {
		return err
	}
	return ErrFull
}

// PutNowait adds v, or returns ErrFull.
func (q *Queue[T]) PutNowait(v T) error { return q.put(&forever, v, false) }

func (q *Queue[T]) put(wait *shm.Wait, v T, block bool) error {
	if q.closed() {
		return ErrClosed
	}
	shm.RaceRelease(q)
	if q.codec.Flat() { // v stays on the stack
		return q.putBytes(wait, unsafe.Slice((*byte)(unsafe.Pointer(&v)), q.codec.Fixed), block)
	}
	return q.putEncoded(wait, v, block)
}

func (q *Queue[T]) putEncoded(wait *shm.Wait, v T, block bool) error {
	p, err := q.codec.Encode(nil, &v, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, err)
	}
	return q.putBytes(wait, p, block)
}

func (q *Queue[T]) putBytes(wait *shm.Wait, p []byte, block bool) error {
	if block {
		return fromShm(q.q.Put(wait, p))
	}
	return fromShm(q.q.TryPut(wait, p))
}

// Get takes the oldest value, waiting for one. It returns the context's error
// if that ends first, ErrClosed after ShutDown when nothing is left.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	wait := waitFor(ctx)
	return q.get(&wait, true)
}

// GetTimeout is Get with a limit; then it returns ErrEmpty, as Python does.
func (q *Queue[T]) GetTimeout(d time.Duration) (T, error) {
	v, err := q.GetNowait()
	if err != ErrEmpty {
		return v, err
	}
	wait := waitUntil(d)
	if v, err = q.get(&wait, true); err == ErrTimeout {
		err = ErrEmpty
	}
	return v, err
}

// GetNowait takes the oldest value, or returns ErrEmpty.
func (q *Queue[T]) GetNowait() (T, error) { return q.get(&forever, false) }

func (q *Queue[T]) get(wait *shm.Wait, block bool) (T, error) {
	var v T
	if q.closed() {
		return v, ErrClosed
	}
	if !q.codec.Flat() {
		return q.getEncoded(wait, block)
	}
	into := unsafe.Slice((*byte)(unsafe.Pointer(&v)), q.codec.Fixed)
	p, err := q.getBytes(wait, into[:0], block)
	if err == nil && len(p) != len(into) {
		err = fmt.Errorf("%w: %d bytes for a value of %d", codec.ErrWire, len(p), len(into))
	}
	if err != nil {
		return v, err
	}
	shm.RaceAcquire(q)
	return v, nil
}

func (q *Queue[T]) getEncoded(wait *shm.Wait, block bool) (v T, err error) {
	p, err := q.getBytes(wait, nil, block)
	if err != nil {
		return v, err
	}
	shm.RaceAcquire(q)
	return v, q.codec.Decode(p, &v, nil)
}

func (q *Queue[T]) getBytes(wait *shm.Wait, buf []byte, block bool) (p []byte, err error) {
	if block {
		p, err = q.q.Get(wait, buf)
	} else {
		p, err = q.q.TryGet(wait, buf)
	}
	return p, fromShm(err)
}

// Len returns the number of values in the queue at the moment (qsize).
func (q *Queue[T]) Len() int {
	if q.closed() {
		return 0
	}
	return q.q.Len()
}

// Empty reports whether the queue is empty at the moment.
func (q *Queue[T]) Empty() bool { return q.Len() == 0 }

// Full reports whether a Put would wait at the moment.
func (q *Queue[T]) Full() bool { return !q.closed() && q.q.Len() >= q.q.MaxSize() }

// ShutDown ends the queue for all processes: puts fail with ErrClosed from now
// on. Gets still return what is left, unless immediate, and then ErrClosed too.
// It is Queue.shutdown of Python 3.13.
func (q *Queue[T]) ShutDown(immediate bool) error {
	if q.closed() {
		return ErrClosed
	}
	return fromShm(q.q.ShutDown(&forever, immediate))
}

// Close gives up the queue in this process, where calls that wait return
// ErrClosed; other processes go on using it. The values in the queue are gone
// when no process has it any more.
func (q *Queue[T]) Close() error {
	if q.seg == nil {
		return nil
	}
	err := q.seg.Close()
	if q.q != nil { // adopted whole
		q.q.WakeAll()
	}
	return err
}
