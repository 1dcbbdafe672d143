package manager

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a namespace
const (
	namespaceSet byte = iota
	namespaceGet
	namespaceDelete
	namespaceNames
)

type namespaceEntry struct {
	typ   string
	image []byte
}

// namespaceObject is a namespace in the manager.
type namespaceObject struct {
	mu     sync.Mutex
	values map[string]namespaceEntry
}

func (n *namespaceObject) references() (refs []uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.values {
		refs = appendRefs(refs, e.image)
	}
	return refs
}

func (n *namespaceObject) call(c *serverCall) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch c.method {
	case namespaceSet:
		name, typ, image := string(c.bytes()), string(c.bytes()), c.rest()
		if c.bad {
			return codec.ErrWire
		}
		if err := c.server.keep(image); err != nil {
			return err
		}
		c.unkeep(n.values[name].image)
		n.values[name] = namespaceEntry{typ, copyImage(image)}
		return nil
	case namespaceGet:
		e, ok := n.values[string(c.bytes())]
		c.putBool(ok)
		if ok {
			c.putBytes([]byte(e.typ))
			c.putImage(e.image)
		}
		return c.err()
	case namespaceDelete:
		name := string(c.bytes())
		e, ok := n.values[name]
		c.putBool(ok)
		delete(n.values, name)
		c.unkeep(e.image)
		return c.err()
	case namespaceNames:
		for name := range n.values {
			c.putBytes([]byte(name))
		}
		return nil
	}
	return codec.ErrWire
}

// Namespace holds values of any types under names (SyncManager.Namespace).
type Namespace struct{ proxy }

// NewNamespace makes an empty namespace in m.
func NewNamespace(m *Manager) (*Namespace, error) {
	n := new(Namespace)
	if err := n.create(noWait, m, objectNamespace, proxyType[Namespace](), nil); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *Namespace) adopt(w *codec.Wire) error {
	return n.adoptAs(w, objectNamespace, proxyType[Namespace]())
}

// Set gives a name a value of any type that could be an argument.
func (n *Namespace) Set(name string, v any) error {
	if v == nil {
		return fmt.Errorf("%w: nil has no type", procs.ErrEncode)
	}
	t := reflect.TypeOf(v)
	m, err := codec.MessageFor(t)
	if err != nil {
		return encodeFailed(err)
	}
	return n.call(namespaceSet, func(c *clientCall) (err error) {
		c.putString(name)
		c.putString(codec.TypeName(t))
		c.req, err = appendShared(c.req, c.link, &c.keep, func(w *codec.Wire) ([]byte, error) {
			return m.Encode(nil, v, w)
		})
		return err
	}, nil)
}

// Get stores the value of a name in *into; ok reports whether there is one. It
// returns procs.ErrMessageType unless into points to the type that was set.
func (n *Namespace) Get(name string, into any) (ok bool, err error) {
	p := reflect.ValueOf(into)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic("manager: Namespace.Get needs a pointer")
	}
	t := p.Type().Elem()
	m, err := codec.MessageFor(t)
	if err != nil {
		return false, encodeFailed(err)
	}
	err = n.call(namespaceGet, func(c *clientCall) error { c.putString(name); return nil }, func(c *clientCall) error {
		if ok = c.uint() != 0; !ok {
			return nil
		}
		typ := string(c.bytes())
		return decodeShared(c.link, c.rest(), func(b []byte, w *codec.Wire) error {
			if typ != codec.TypeName(t) {
				return fmt.Errorf("%w: %q is a %s, not a %s", procs.ErrMessageType, name, typ, codec.TypeName(t))
			}
			return m.Decode(b, p, w)
		})
	})
	return ok && err == nil, err
}

// Delete removes a name, and reports whether it was there.
func (n *Namespace) Delete(name string) (found bool, err error) {
	err = n.call(namespaceDelete, func(c *clientCall) error { c.putString(name); return nil },
		func(c *clientCall) error { found = c.uint() != 0; return nil })
	return found, err
}

// Names returns all names, sorted.
func (n *Namespace) Names() (names []string, err error) {
	err = n.call(namespaceNames, nil, func(c *clientCall) error {
		for len(c.b) > 0 && !c.bad {
			names = append(names, string(c.bytes()))
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// String says what the proxy stands for.
func (n *Namespace) String() string { return n.describe("manager.Namespace") }
