package manager

import (
	"math"
	"slices"

	"switchyard/procs/internal/codec"
)

// List is a list in a manager (SyncManager.list). Indices may be negative: -1
// is the last element.
type List[T any] struct {
	proxy
	value *codec.Codec[T]
}

// NewList makes a list of vs in m.
func NewList[T any](m *Manager, vs ...T) (*List[T], error) {
	l := new(List[T])
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := l.create(noWait, m, objectList, proxyType[List[T]](), nil); err != nil {
		return nil, err
	}
	if len(vs) > 0 {
		if err := l.Append(vs...); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

func (l *List[T]) open() (err error) {
	l.value, err = codec.Of[T]()
	return encodeFailed(err)
}

func (l *List[T]) adopt(w *codec.Wire) error {
	if err := l.open(); err != nil {
		return err
	}
	return l.adoptAs(w, objectList, proxyType[List[T]]())
}

// Append appends vs at once (Python's append and extend).
func (l *List[T]) Append(vs ...T) error {
	return l.call(listAppend, func(c *clientCall) error { return putValues(c, l.value, vs) }, nil)
}

// Get returns element i.
func (l *List[T]) Get(i int) (v T, err error) { return l.takeAt(listGet, i) }

// Pop removes element i and returns it; Pop(-1) takes the last.
func (l *List[T]) Pop(i int) (v T, err error) { return l.takeAt(listPop, i) }

func (l *List[T]) takeAt(method byte, i int) (v T, err error) {
	err = l.call(method, func(c *clientCall) error { c.putInt(i); return nil }, func(c *clientCall) (err error) {
		v, err = takeValue(c, l.value)
		return err
	})
	return v, err
}

// Set replaces element i.
func (l *List[T]) Set(i int, v T) error { return l.putAt(listSet, i, v) }

// Insert inserts v before element i; beyond the ends it goes to the end.
func (l *List[T]) Insert(i int, v T) error { return l.putAt(listInsert, i, v) }

func (l *List[T]) putAt(method byte, i int, v T) error {
	return l.call(method, func(c *clientCall) error { c.putInt(i); return putValue(c, l.value, &v) }, nil)
}

// Delete removes element i.
func (l *List[T]) Delete(i int) error {
	return l.call(listDelete, func(c *clientCall) error { c.putInt(i); return nil }, nil)
}

// Len returns the number of elements.
func (l *List[T]) Len() (n int, err error) {
	err = l.call(listLen, nil, func(c *clientCall) error { n = int(c.uint()); return nil })
	return n, err
}

// All returns all elements, as they were at one moment.
func (l *List[T]) All() ([]T, error) { return l.Slice(0, math.MaxInt) }

// Slice returns the elements from i up to j, cut to what there is, as Python
// does.
func (l *List[T]) Slice(i, j int) ([]T, error) {
	vs, _, err := l.slice(i, j)
	return vs, err
}

func (l *List[T]) slice(i, j int) (vs []T, version uint64, err error) {
	err = l.call(listSlice, func(c *clientCall) error { c.putInt(i); c.putInt(j); return nil }, func(c *clientCall) (err error) {
		version = c.uint()
		vs, err = takeValues(c, l.value)
		return err
	})
	return vs, version, err
}

// SetSlice replaces the elements from i up to j by vs, which may be more or
// fewer.
func (l *List[T]) SetSlice(i, j int, vs []T) error {
	_, err := l.replace(true, 0, i, j, vs)
	return err
}

// Clear removes all elements.
func (l *List[T]) Clear() error { return l.SetSlice(0, math.MaxInt, nil) }

func (l *List[T]) replace(always bool, version uint64, i, j int, vs []T) (done bool, err error) {
	err = l.call(listReplace, func(c *clientCall) error {
		c.putUint(b2u(always))
		c.putUint(version)
		c.putInt(i)
		c.putInt(j)
		return putValues(c, l.value, vs)
	}, func(c *clientCall) error { done = c.uint() != 0; return nil })
	return done, err
}

// Modify replaces all elements by what f makes of them, atomically. If the list
// was changed meanwhile, f is called again. f may change its argument and
// return it.
func (l *List[T]) Modify(f func([]T) []T) error {
	for {
		vs, version, err := l.slice(0, math.MaxInt)
		if err != nil {
			return err
		}
		if done, err := l.replace(false, version, 0, math.MaxInt, f(vs)); done || err != nil {
			return err
		}
	}
}

// SortFunc sorts the list; equal elements keep their order.
func (l *List[T]) SortFunc(cmp func(a, b T) int) error {
	return l.Modify(func(vs []T) []T { slices.SortStableFunc(vs, cmp); return vs })
}

// Reverse reverses the list.
func (l *List[T]) Reverse() error { return l.call(listReverse, nil, nil) }

// Index returns where the first element equal to v is, or -1. Elements are
// equal if they are encoded alike.
func (l *List[T]) Index(v T) (int, error) { return l.search(listIndex, v) }

// Count returns how many elements are equal to v.
func (l *List[T]) Count(v T) (int, error) { return l.search(listCount, v) }

func (l *List[T]) search(method byte, v T) (n int, err error) {
	err = l.call(method, func(c *clientCall) error { return putValue(c, l.value, &v) },
		func(c *clientCall) error { n = c.int(); return nil })
	return n, err
}

// Remove removes the first element equal to v, and reports whether there was
// one.
func (l *List[T]) Remove(v T) (found bool, err error) {
	err = l.call(listRemove, func(c *clientCall) error { return putValue(c, l.value, &v) },
		func(c *clientCall) error { found = c.uint() != 0; return nil })
	return found, err
}

// String says what the proxy stands for.
func (l *List[T]) String() string { return l.describe("manager.List") }
