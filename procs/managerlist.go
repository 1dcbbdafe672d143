package procs

import (
	"math"
	"slices"
)

// ManagerList is a list in a manager (SyncManager.list). Indices may be negative: -1 is the last element.
type ManagerList[T any] struct {
	managerProxy
	value *codec[T]
}

// NewManagerList makes a list of vs in m.
func NewManagerList[T any](m *Manager, vs ...T) (*ManagerList[T], error) {
	l := new(ManagerList[T])
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := l.create(noWait, m, objectList, proxyType[ManagerList[T]](), nil); err != nil {
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

func (l *ManagerList[T]) open() (err error) {
	l.value, err = codecOf[T]()
	return encodeFailed(err)
}

func (l *ManagerList[T]) adopt(w *wire) error {
	if err := l.open(); err != nil {
		return err
	}
	return l.adoptAs(w, objectList, proxyType[ManagerList[T]]())
}

// Append appends vs at once (Python's append and extend).
func (l *ManagerList[T]) Append(vs ...T) error {
	return l.call(listAppend, func(c *managerCall) error { return putValues(c, l.value, vs) }, nil)
}

// Get returns element i.
func (l *ManagerList[T]) Get(i int) (v T, err error) { return l.takeAt(listGet, i) }

// Pop removes element i and returns it; Pop(-1) takes the last.
func (l *ManagerList[T]) Pop(i int) (v T, err error) { return l.takeAt(listPop, i) }

func (l *ManagerList[T]) takeAt(method byte, i int) (v T, err error) {
	err = l.call(method, func(c *managerCall) error { c.putInt(i); return nil }, func(c *managerCall) (err error) {
		v, err = takeValue(c, l.value)
		return err
	})
	return v, err
}

// Set replaces element i.
func (l *ManagerList[T]) Set(i int, v T) error { return l.putAt(listSet, i, v) }

// Insert inserts v before element i; beyond the ends it goes to the end.
func (l *ManagerList[T]) Insert(i int, v T) error { return l.putAt(listInsert, i, v) }

func (l *ManagerList[T]) putAt(method byte, i int, v T) error {
	return l.call(method, func(c *managerCall) error { c.putInt(i); return putValue(c, l.value, &v) }, nil)
}

// Delete removes element i.
func (l *ManagerList[T]) Delete(i int) error { _, err := l.Pop(i); return err }

// Len returns the number of elements.
func (l *ManagerList[T]) Len() (n int, err error) {
	err = l.call(listLen, nil, func(c *managerCall) error { n = int(c.uint()); return nil })
	return n, err
}

// All returns all elements, as they were at one moment.
func (l *ManagerList[T]) All() ([]T, error) { return l.Slice(0, math.MaxInt) }

// Slice returns the elements from i up to j, cut to what there is, as Python does.
func (l *ManagerList[T]) Slice(i, j int) ([]T, error) {
	vs, _, err := l.slice(i, j)
	return vs, err
}

func (l *ManagerList[T]) slice(i, j int) (vs []T, version uint64, err error) {
	err = l.call(listSlice, func(c *managerCall) error { c.putInt(i); c.putInt(j); return nil }, func(c *managerCall) (err error) {
		version = c.uint()
		vs, err = takeValues(c, l.value)
		return err
	})
	return vs, version, err
}

// SetSlice replaces the elements from i up to j by vs, which may be more or fewer.
func (l *ManagerList[T]) SetSlice(i, j int, vs []T) error {
	_, err := l.replace(true, 0, i, j, vs)
	return err
}

// Clear removes all elements.
func (l *ManagerList[T]) Clear() error { return l.SetSlice(0, math.MaxInt, nil) }

func (l *ManagerList[T]) replace(always bool, version uint64, i, j int, vs []T) (done bool, err error) {
	err = l.call(listReplace, func(c *managerCall) error {
		c.putUint(b2u(always))
		c.putUint(version)
		c.putInt(i)
		c.putInt(j)
		return putValues(c, l.value, vs)
	}, func(c *managerCall) error { done = c.uint() != 0; return nil })
	return done, err
}

// Modify replaces all elements by what f makes of them, atomically. If the list was changed meanwhile, f is called
// again. f may change its argument and return it.
func (l *ManagerList[T]) Modify(f func([]T) []T) error {
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
func (l *ManagerList[T]) SortFunc(cmp func(a, b T) int) error {
	return l.Modify(func(vs []T) []T { slices.SortStableFunc(vs, cmp); return vs })
}

// Reverse turns the order round.
func (l *ManagerList[T]) Reverse() error { return l.call(listReverse, nil, nil) }

// Index returns where the first element equal to v is, or -1. Elements are equal if they are encoded alike.
func (l *ManagerList[T]) Index(v T) (int, error) { return l.search(listIndex, v) }

// Count returns how many elements are equal to v.
func (l *ManagerList[T]) Count(v T) (int, error) { return l.search(listCount, v) }

func (l *ManagerList[T]) search(method byte, v T) (n int, err error) {
	err = l.call(method, func(c *managerCall) error { return putValue(c, l.value, &v) },
		func(c *managerCall) error { n = c.int(); return nil })
	return n, err
}

// Remove removes the first element equal to v, and tells whether there was one.
func (l *ManagerList[T]) Remove(v T) (found bool, err error) {
	err = l.call(listRemove, func(c *managerCall) error { return putValue(c, l.value, &v) },
		func(c *managerCall) error { found = c.uint() != 0; return nil })
	return found, err
}

// String says what the proxy stands for.
func (l *ManagerList[T]) String() string { return l.describe("ManagerList") }
