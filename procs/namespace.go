package procs

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
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
			return errWire
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
	return errWire
}

// ManagerNamespace holds values of any types under names (SyncManager.Namespace).
type ManagerNamespace struct{ managerProxy }

// NewManagerNamespace makes an empty namespace in m.
func NewManagerNamespace(m *Manager) (*ManagerNamespace, error) {
	n := new(ManagerNamespace)
	if err := n.create(noWait, m, objectNamespace, proxyType[ManagerNamespace](), nil); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *ManagerNamespace) adopt(w *wire) error {
	return n.adoptAs(w, objectNamespace, proxyType[ManagerNamespace]())
}

// Set gives a name a value of any type that could be an argument.
func (n *ManagerNamespace) Set(name string, v any) error {
	if v == nil {
		return fmt.Errorf("%w: nil has no type", ErrEncode)
	}
	t := reflect.TypeOf(v)
	m, err := messageFor(t)
	if err != nil {
		return encodeFailed(err)
	}
	p := reflect.New(t)
	p.Elem().Set(reflect.ValueOf(v))
	return n.call(namespaceSet, func(c *managerCall) (err error) {
		c.putString(name)
		c.putString(typeName(t))
		c.req, err = appendShared(c.req, c.link, &c.keep, func(w *wire) ([]byte, error) {
			return m.plan.enc(nil, p.UnsafePointer(), &transfer{w: w})
		})
		return err
	}, nil)
}

// Get stores the value of a name in *into, a pointer to the type that was set, or returns ErrMessageType; ok tells whether there is one.
func (n *ManagerNamespace) Get(name string, into any) (ok bool, err error) {
	p := reflect.ValueOf(into)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic("procs: ManagerNamespace.Get needs a pointer")
	}
	t := p.Type().Elem()
	m, err := messageFor(t)
	if err != nil {
		return false, encodeFailed(err)
	}
	err = n.call(namespaceGet, func(c *managerCall) error { c.putString(name); return nil }, func(c *managerCall) error {
		if ok = c.uint() != 0; !ok {
			return nil
		}
		typ := string(c.bytes())
		return decodeShared(c.link, c.rest(), func(b []byte, w *wire) error {
			if typ != typeName(t) {
				return fmt.Errorf("%w: %q is a %s, not a %s", ErrMessageType, name, typ, typeName(t))
			}
			v := reflect.New(t)
			rest, err := m.plan.dec(b, v.UnsafePointer(), &transfer{w: w})
			if err == nil && len(rest) != 0 {
				err = errWire
			}
			if err == nil {
				p.Elem().Set(v.Elem())
			}
			return err
		})
	})
	return ok && err == nil, err
}

// Delete removes a name, and tells whether it was there.
func (n *ManagerNamespace) Delete(name string) (found bool, err error) {
	err = n.call(namespaceDelete, func(c *managerCall) error { c.putString(name); return nil },
		func(c *managerCall) error { found = c.uint() != 0; return nil })
	return found, err
}

// Names returns all names, sorted.
func (n *ManagerNamespace) Names() (names []string, err error) {
	err = n.call(namespaceNames, nil, func(c *managerCall) error {
		for len(c.b) > 0 && !c.bad {
			names = append(names, string(c.bytes()))
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// String says what the proxy stands for.
func (n *ManagerNamespace) String() string { return n.describe("ManagerNamespace") }
