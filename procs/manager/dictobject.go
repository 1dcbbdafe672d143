package manager

import (
	"bytes"
	"reflect"
	"sync"

	"switchyard/procs/internal/codec"
)

// methods of a dict
const (
	dictSet byte = iota
	dictGet
	dictDelete
	dictLen
	dictItems
	dictUpdate
	dictPop
	dictPopItem
	dictSetDefault
	dictClear
	dictSwap
	dictAdd
	dictHas
)

// dictObject is a dict in the manager: keys and values are bytes, in the order
// in which keys came.
type dictObject struct {
	mu          sync.Mutex
	entries     map[string]*dictEntry
	first, last *dictEntry
}

type dictEntry struct {
	key        string
	image      []byte
	prev, next *dictEntry
}

func newDictObject() *dictObject { return &dictObject{entries: make(map[string]*dictEntry)} }

func (d *dictObject) references() (refs []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.first; e != nil; e = e.next {
		refs = appendRefs(refs, e.image)
	}
	return refs
}

func (d *dictObject) call(c *serverCall) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch c.method {
	case dictSet:
		key, image := c.bytes(), c.rest()
		if c.bad {
			return codec.ErrWire
		}
		return d.set(c, key, image)
	case dictGet, dictHas:
		e := d.entries[string(c.bytes())]
		c.putBool(e != nil)
		if e != nil && c.method == dictGet {
			c.putImage(e.image)
		}
		return c.err()
	case dictDelete, dictPop:
		key := c.bytes()
		if c.bad {
			return codec.ErrWire
		}
		e := d.entries[string(key)]
		c.putBool(e != nil)
		if e != nil {
			d.take(c, e, c.method == dictPop)
		}
		return nil
	case dictPopItem:
		e := d.last
		c.putBool(e != nil)
		if e != nil {
			c.putBytes([]byte(e.key))
			d.take(c, e, true)
		}
		return nil
	case dictLen:
		c.putUint(uint64(len(d.entries)))
		return nil
	case dictItems:
		what := c.uint()
		for e := d.first; e != nil; e = e.next {
			if what&itemKeys != 0 {
				c.putBytes([]byte(e.key))
			}
			if what&itemValues != 0 {
				c.putImageN(e.image)
			}
		}
		return c.err()
	case dictUpdate:
		for len(c.b) > 0 {
			key, image := c.bytes(), c.bytes()
			if c.bad {
				return codec.ErrWire
			}
			if err := d.set(c, key, image); err != nil {
				return err
			}
		}
		return nil
	case dictSetDefault:
		key, image := c.bytes(), c.rest()
		if e := d.entries[string(key)]; e != nil {
			c.putBool(true)
			c.putImage(e.image)
			return c.err()
		}
		c.putBool(false)
		if err := d.set(c, key, image); err != nil {
			return err
		}
		c.putImage(image)
		return c.err()
	case dictClear:
		for d.first != nil {
			d.take(c, d.first, false)
		}
		return nil
	case dictSwap:
		return d.swap(c)
	case dictAdd:
		return d.add(c)
	}
	return codec.ErrWire
}

const (
	itemKeys   = 1
	itemValues = 2
)

func (d *dictObject) set(c *serverCall, key, image []byte) error {
	if err := c.server.keep(image); err != nil {
		return err
	}
	if e := d.entries[string(key)]; e != nil {
		c.unkeep(e.image)
		if cap(e.image) > 4*len(image)+64 {
			e.image = nil
		}
		e.image = append(e.image[:0], image...)
		return nil
	}
	e := &dictEntry{key: string(key), image: copyImage(image), prev: d.last}
	if d.last == nil {
		d.first = e
	} else {
		d.last.next = e
	}
	d.last = e
	d.entries[e.key] = e
	return nil
}

// take removes an entry, and returns its value if wanted.
func (d *dictObject) take(c *serverCall, e *dictEntry, wanted bool) {
	if e.prev == nil {
		d.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		d.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	delete(d.entries, e.key)
	if wanted {
		c.putImage(e.image)
	}
	c.unkeep(e.image)
}

// swap replaces or removes a value if it still is what the caller saw. States
// are a flag (there is one) and an image.
func (d *dictObject) swap(c *serverCall) error {
	key := c.bytes()
	hadOld, old := c.uint() != 0, c.bytes()
	hasNew, image := c.uint() != 0, c.rest()
	if c.bad {
		return codec.ErrWire
	}
	e := d.entries[string(key)]
	if (e != nil) != hadOld || e != nil && !bytes.Equal(e.image, old) {
		c.putBool(false)
		return nil
	}
	c.putBool(true)
	switch {
	case hasNew:
		return d.set(c, key, image)
	case e != nil:
		d.take(c, e, false)
	}
	return nil
}

func (d *dictObject) add(c *serverCall) error {
	kind, key, delta := reflect.Kind(c.uint()), c.bytes(), c.rest()
	if c.bad || len(delta) == 0 {
		return codec.ErrWire
	}
	e := d.entries[string(key)]
	if e == nil { // a missing number is 0
		c.out = append(c.out, delta...)
		return d.set(c, key, delta)
	}
	if err := addNumber(kind, e.image[1:], delta[1:]); err != nil {
		return err
	}
	c.out = append(c.out, e.image...)
	return nil
}
