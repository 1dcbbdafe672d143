package manager

import (
	"fmt"
	"reflect"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// Publish gives a value, most often a proxy, a name by which every client can
// Lookup it (in Python: register with a callable). The manager keeps it until
// the name is given to something else, or Unpublish.
func Publish[T any](m *Manager, name string, v T) error {
	cd, err := codec.Of[T]()
	if err != nil {
		return encodeFailed(err)
	}
	l, err := m.open()
	if err != nil {
		return err
	}
	defer l.unuse()
	c := l.begin(0, rootPublish)
	defer c.end()
	c.putString(name)
	c.putString(codec.TypeName(reflect.TypeFor[T]()))
	if err := putValue(c, cd, &v); err != nil {
		return err
	}
	return c.do(noWait)
}

// Lookup returns what was published under name. It must be of type T, or the
// error is procs.ErrMessageType.
func Lookup[T any](m *Manager, name string) (v T, err error) {
	cd, err := codec.Of[T]()
	if err != nil {
		return v, encodeFailed(err)
	}
	l, err := m.open()
	if err != nil {
		return v, err
	}
	defer l.unuse()
	c := l.begin(0, rootLookup)
	defer c.end()
	c.putString(name)
	if err := c.do(noWait); err != nil {
		return v, err
	}
	typ := string(c.bytes())
	if c.bad {
		return v, codec.ErrWire
	}
	if want := codec.TypeName(reflect.TypeFor[T]()); typ != want {
		decodeShared(l, c.rest(), func([]byte, *codec.Wire) error { return nil }) // gives the references back
		return v, fmt.Errorf("%w: %q is a %s, not a %s", procs.ErrMessageType, name, typ, want)
	}
	return takeValue(c, cd)
}

// Unpublish removes a name.
func (m *Manager) Unpublish(name string) error {
	l, err := m.open()
	if err != nil {
		return err
	}
	defer l.unuse()
	c := l.begin(0, rootUnpublish)
	defer c.end()
	c.putString(name)
	return c.do(noWait)
}
