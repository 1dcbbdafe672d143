package procs

import (
	"context"
	"fmt"
	"math"
	"os"
	"unsafe"

	"switchyard/procs/internal/codec"
)

// Array is a fixed number of Ts in shared memory, with a lock. It is
// multiprocessing.Array. T must hold no pointers, as in Value (ErrEncode).
//
// The error ErrOwnerDied of its methods says that they succeeded, but that a
// process died before, holding the lock: elements may be half written. One
// caller is told, as with Value.
type Array[T any] struct {
	shared
	lock  Lock
	elems []T
}

// NewArray returns n zero elements, n >= 0 (else os.ErrInvalid).
func NewArray[T any](n int) (*Array[T], error) {
	if err := flat[T](); err != nil {
		return nil, err
	}
	size := int(sizeof[T]())
	if n < 0 || size > 0 && n > (math.MaxInt-valueBase-1)/size {
		return nil, fmt.Errorf("procs: array of %d elements of %d bytes: %w", n, size, os.ErrInvalid)
	}
	a := new(Array[T])
	if err := a.create(kindArray, arraySize(n, size), uint64(size), uint64(n)); err != nil {
		return nil, err
	}
	a.open()
	return a, nil
}

// NewArrayOf returns an array with these elements.
func NewArrayOf[T any](elems ...T) (*Array[T], error) {
	a, err := NewArray[T](len(elems))
	if err == nil {
		copy(a.elems, elems)
	}
	return a, err
}

func arraySize(n, size int) int { return valueBase - bodyOffset + n*size + 1 } // one more: elements without bytes have an address too

func (a *Array[T]) share(w *wire) error { return a.shareAs(w) }

func (a *Array[T]) adopt(w *wire) error {
	size := sizeof[T]()
	if err := a.adoptAs(w, kindArray, arraySize(0, int(size))); err != nil {
		return err
	}
	n := a.param(1)
	if flat[T]() != nil || a.param(0) != uint64(size) || size > 0 && n > uint64(a.seg.Size()-valueBase)/uint64(size) {
		return codec.ErrWire
	}
	a.open()
	return nil
}

func (a *Array[T]) open() {
	a.elems = unsafe.Slice((*T)(unsafe.Pointer(&a.seg.Bytes()[valueBase])), int(a.param(1)))
	a.lock.seg = a.seg
	a.lock.open(bodyOffset + 8)
}

// Len returns the number of elements.
func (a *Array[T]) Len() int { return len(a.elems) }

// Get returns element i. Like an index expression, it panics if there is none.
func (a *Array[T]) Get(i int) (v T, err error) {
	err = a.Update(context.Background(), func(e []T) { v = e[i] })
	return v, err
}

// Set changes element i.
func (a *Array[T]) Set(i int, v T) error {
	return a.Update(context.Background(), func(e []T) { e[i] = v })
}

// Update calls fn with the lock held. fn may read and change the elements in
// place, and must not keep the slice, nor use the array's methods. A panic of
// fn is as with Value.
func (a *Array[T]) Update(ctx context.Context, fn func([]T)) error {
	return withLock(ctx, &a.lock, func() { fn(a.elems) })
}

// Lock returns the lock. Closing it closes the array. Get, Set and Update
// acquire it themselves: while you hold it, use Raw.
func (a *Array[T]) Lock() *Lock { return &a.lock }

// Raw returns the elements in shared memory, for callers that hold the lock or
// synchronise in another way. The slice must not be used after the Array became
// unreachable.
func (a *Array[T]) Raw() []T { return a.elems }

// RawArray is an Array without a lock: multiprocessing.RawArray.
type RawArray[T any] struct{ a Array[T] }

// NewRawArray returns n zero elements without a lock.
func NewRawArray[T any](n int) (*RawArray[T], error) {
	a, err := NewArray[T](n)
	if err != nil {
		return nil, err
	}
	r := &RawArray[T]{}
	r.a.shared = a.shared
	r.a.open()
	return r, nil
}

func (r *RawArray[T]) share(w *wire) error { return r.a.share(w) }
func (r *RawArray[T]) adopt(w *wire) error { return r.a.adopt(w) }

// Raw returns the elements in shared memory. The slice must not be used after
// the RawArray became unreachable.
func (r *RawArray[T]) Raw() []T { return r.a.elems }

// Len returns the number of elements.
func (r *RawArray[T]) Len() int { return len(r.a.elems) }

// Close lets go of the array in this process.
func (r *RawArray[T]) Close() error { return r.a.Close() }
