package manager

import (
	"bytes"
	"slices"
	"sync"

	"switchyard/procs/internal/codec"
)

// methods of a list
const (
	listAppend byte = iota
	listGet
	listSet
	listInsert
	listPop
	listDelete
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
	case listPop, listDelete:
		i, err := l.index(c.int())
		if err != nil {
			return err
		}
		if c.method == listPop {
			c.putImage(l.images[i])
		}
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
	return codec.ErrWire
}

// takeImages reads images up to the end of the request, and keeps them: all of
// them or none.
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
		return codec.ErrWire
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

// replace replaces the elements from i to j if the version is still the same,
// or whatever it is.
func (l *listObject) replace(c *serverCall) error {
	always, version, i, j := c.uint() != 0, c.uint(), c.int(), c.int()
	if c.bad {
		return codec.ErrWire
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
