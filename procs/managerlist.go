package procs

import (
	"bytes"
	"math"
	"slices"
	"sync"
)

// methods of a list
const (
	listAppend byte = iota
	listGet
	listSet
	listInsert
	listPop
	listLen
	listSlice
	listReplace
	listRemove
	listIndex
	listCount
	listReverse
)

// listObject is a list in the manager.
type listObject struct {
	mu      sync.Mutex
	images  [][]byte
	version uint64 // changes with every change
}

func (l *listObject) references() (refs []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, image := range l.images {
		refs = appendRefs(refs, image)
	}
	return refs
}

// index understands negative ones: -1 is the last.
func (l *listObject) index(i int) (int, error) {
	if i < 0 {
		i += len(l.images)
	}
	if i < 0 || i >= len(l.images) {
		return 0, ErrIndex
	}
	return i, nil
}

func (l *listObject) call(c *serverCall) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c.method {
	case listLen:
		c.putUint(uint64(len(l.images)))
		return nil
	case listSlice:
		return l.slice(c)
	case listGet:
		i, err := l.index(c.int())
		if err != nil {
			return err
		}
		c.putImage(l.images[i])
		return c.err()
	case listIndex, listCount:
		return l.search(c)
	}
	l.version++
	switch c.method {
	case listAppend:
		images, err := takeImages(c)
		l.images = append(l.images, images...)
		return err
	case listSet:
		i, err := l.index(c.int())
		if err != nil {
			return err
		}
		image := c.rest()
		if err := c.server.keep(image); err != nil {
			return err
		}
		c.unkeep(l.images[i])
		l.images[i] = copyImage(image)
		return c.err()
	case listInsert:
		i := c.int()
		if i < 0 {
			i += len(l.images)
		}
		i = min(max(i, 0), len(l.images)) // as Python does
		image := c.rest()
		if err := c.server.keep(image); err != nil {
			return err
		}
		l.images = slices.Insert(l.images, i, copyImage(image))
		return c.err()
	case listPop:
		i, err := l.index(c.int())
		if err != nil {
			return err
		}
		c.putImage(l.images[i])
		c.unkeep(l.images[i])
		l.images = slices.Delete(l.images, i, i+1)
		return c.err()
	case listRemove:
		i := l.find(c.rest())
		c.putBool(i >= 0)
		if i >= 0 {
			c.unkeep(l.images[i])
			l.images = slices.Delete(l.images, i, i+1)
		}
		return nil
	case listReplace:
		return l.replace(c)
	case listReverse:
		slices.Reverse(l.images)
		return nil
	}
	return errWire
}

// takeImages reads images up to the end of the request, and keeps them: all of them or none.
func takeImages(c *serverCall) ([][]byte, error) {
	var images [][]byte
	for len(c.b) > 0 {
		image := c.bytes()
		err := c.err()
		if err == nil {
			err = c.server.keep(image)
		}
		if err != nil {
			for _, kept := range images {
				c.unkeep(kept)
			}
			return nil, err
		}
		images = append(images, copyImage(image))
	}
	return images, nil
}

func (l *listObject) find(image []byte) int {
	return slices.IndexFunc(l.images, func(b []byte) bool { return bytes.Equal(b, image) })
}

func (l *listObject) search(c *serverCall) error {
	image := c.rest()
	if c.method == listIndex {
		c.putInt(l.find(image))
		return nil
	}
	n := 0
	for _, b := range l.images {
		if bytes.Equal(b, image) {
			n++
		}
	}
	c.putInt(n)
	return nil
}

// slice returns the version and the elements from i to j, cut to what there is.
func (l *listObject) slice(c *serverCall) error {
	i, j := c.int(), c.int()
	if c.bad {
		return errWire
	}
	i, j = l.bounds(i, j)
	c.putUint(l.version)
	for _, image := range l.images[i:j] {
		c.putImageN(image)
	}
	return nil
}

func (l *listObject) bounds(i, j int) (int, int) {
	n := len(l.images)
	if i < 0 {
		i += n
	}
	if j < 0 {
		j += n
	}
	i = min(max(i, 0), n)
	return i, min(max(j, i), n)
}

// replace replaces the elements from i to j if the version is still the same, or whatever it is.
func (l *listObject) replace(c *serverCall) error {
	always, version, i, j := c.uint() != 0, c.uint(), c.int(), c.int()
	if c.bad {
		return errWire
	}
	if !always && version != l.version-1 { // call has counted this change already
		l.version--
		c.putBool(false)
		return nil
	}
	images, err := takeImages(c)
	if err != nil {
		return err
	}
	i, j = l.bounds(i, j)
	for _, image := range l.images[i:j] {
		c.unkeep(image)
	}
	l.images = slices.Replace(l.images, i, j, images...)
	c.putBool(true)
	return nil
}

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
