package manager

import (
	"fmt"
	"reflect"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// Dict is a dict in a manager (SyncManager.dict). It keeps its keys in the
// order in which they came. Keys are equal if they are encoded alike: so +0 and
// -0 differ as floating-point keys, and NaN equals itself.
type Dict[K comparable, V any] struct {
	proxy
	key   *codec.Codec[K]
	value *codec.Codec[V]
}

// NewDict makes an empty dict in m.
func NewDict[K comparable, V any](m *Manager) (*Dict[K, V], error) {
	d := new(Dict[K, V])
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := d.create(noWait, m, objectDict, proxyType[Dict[K, V]](), nil); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Dict[K, V]) open() (err error) {
	if d.key, err = codec.Of[K](); err != nil {
		return encodeFailed(err)
	}
	if err = checkKey(reflect.TypeFor[K]()); err != nil {
		return encodeFailed(err)
	}
	d.value, err = codec.Of[V]()
	return encodeFailed(err)
}

func (d *Dict[K, V]) adopt(w *codec.Wire) error {
	if err := d.open(); err != nil {
		return err
	}
	return d.adoptAs(w, objectDict, proxyType[Dict[K, V]]())
}

// beginKey starts a call whose first argument is a key.
func (d *Dict[K, V]) beginKey(method byte, k *K) (*clientCall, error) {
	c, err := d.begin(method)
	if err != nil {
		return nil, err
	}
	if c.req, err = appendKey(c.req, d.key, k); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// Set gives the key k the value v.
func (d *Dict[K, V]) Set(k K, v V) error {
	c, err := d.beginKey(dictSet, &k)
	if err != nil {
		return err
	}
	defer c.end()
	if err := putValue(c, d.value, &v); err != nil {
		return err
	}
	return c.do(noWait)
}

// Get returns the value of k; ok reports whether there is one.
func (d *Dict[K, V]) Get(k K) (v V, ok bool, err error) { return d.getBy(dictGet, k) }

// Pop removes k and returns its value; ok reports whether there was one.
func (d *Dict[K, V]) Pop(k K) (v V, ok bool, err error) { return d.getBy(dictPop, k) }

func (d *Dict[K, V]) getBy(method byte, k K) (v V, ok bool, err error) {
	c, err := d.beginKey(method, &k)
	if err != nil {
		return v, false, err
	}
	defer c.end()
	if err := c.do(noWait); err != nil {
		return v, false, err
	}
	if c.uint() == 0 {
		return v, false, c.err()
	}
	v, err = takeValue(c, d.value)
	return v, err == nil, err
}

// Has reports whether k has a value.
func (d *Dict[K, V]) Has(k K) (bool, error) { return d.flag(dictHas, k) }

// Delete removes k, and reports whether it was there.
func (d *Dict[K, V]) Delete(k K) (bool, error) { return d.flag(dictDelete, k) }

func (d *Dict[K, V]) flag(method byte, k K) (bool, error) {
	c, err := d.beginKey(method, &k)
	if err != nil {
		return false, err
	}
	defer c.end()
	if err := c.do(noWait); err != nil {
		return false, err
	}
	return c.uint() != 0, c.err()
}

// PopItem removes the key that came last, and returns it with its value; ok is
// false if the dict is empty.
func (d *Dict[K, V]) PopItem() (k K, v V, ok bool, err error) {
	c, err := d.begin(dictPopItem)
	if err != nil {
		return k, v, false, err
	}
	defer c.end()
	if err := c.do(noWait); err != nil {
		return k, v, false, err
	}
	if c.uint() == 0 {
		return k, v, false, c.err()
	}
	if err := d.key.Decode(c.bytes(), &k, new(codec.Wire)); err != nil {
		return k, v, false, err
	}
	v, err = takeValue(c, d.value)
	return k, v, err == nil, err
}

// SetDefault returns the value of k; if it has none, it gets v, and loaded is
// false.
func (d *Dict[K, V]) SetDefault(k K, v V) (actual V, loaded bool, err error) {
	c, err := d.beginKey(dictSetDefault, &k)
	if err != nil {
		return actual, false, err
	}
	defer c.end()
	if err := putValue(c, d.value, &v); err != nil {
		return actual, false, err
	}
	if err := c.do(noWait); err != nil {
		return actual, false, err
	}
	loaded = c.uint() != 0
	actual, err = takeValue(c, d.value)
	return actual, loaded, err
}

// Len returns the number of keys.
func (d *Dict[K, V]) Len() (int, error) {
	c, err := d.begin(dictLen)
	if err != nil {
		return 0, err
	}
	defer c.end()
	if err := c.do(noWait); err != nil {
		return 0, err
	}
	return int(c.uint()), c.err()
}

// Clear removes all keys.
func (d *Dict[K, V]) Clear() error {
	c, err := d.begin(dictClear)
	if err != nil {
		return err
	}
	defer c.end()
	return c.do(noWait)
}

// Update sets all keys of m, in one call.
func (d *Dict[K, V]) Update(m map[K]V) error {
	c, err := d.begin(dictUpdate)
	if err != nil {
		return err
	}
	defer c.end()
	for k, v := range m {
		if c.req, err = appendKey(c.req, d.key, &k); err != nil {
			return err
		}
		if err := putValueN(c, d.value, &v); err != nil {
			return err
		}
	}
	return c.do(noWait)
}

// Item is a key with its value.
type Item[K comparable, V any] struct {
	Key   K
	Value V
}

// Items returns all keys with their values, as they were at one moment.
func (d *Dict[K, V]) Items() (items []Item[K, V], err error) {
	c, err := d.items(itemKeys | itemValues)
	if err != nil {
		return nil, err
	}
	defer c.end()
	for len(c.b) > 0 && !c.bad {
		var it Item[K, V]
		kerr := d.key.Decode(c.bytes(), &it.Key, new(codec.Wire))
		var verr error
		it.Value, verr = takeValueN(c, d.value)
		for _, e := range []error{kerr, verr} {
			if e != nil && err == nil {
				err = e // and go on: the references in the rest have to be taken
			}
		}
		items = append(items, it)
	}
	if err != nil {
		return nil, err
	}
	return items, c.err()
}

func (d *Dict[K, V]) items(what uint64) (*clientCall, error) {
	c, err := d.begin(dictItems)
	if err != nil {
		return nil, err
	}
	c.putUint(what)
	if err := c.do(noWait); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// Keys returns all keys.
func (d *Dict[K, V]) Keys() ([]K, error) {
	c, err := d.items(itemKeys)
	if err != nil {
		return nil, err
	}
	defer c.end()
	var keys []K
	for len(c.b) > 0 && !c.bad {
		var k K
		if err := d.key.Decode(c.bytes(), &k, new(codec.Wire)); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, c.err()
}

// Values returns all values.
func (d *Dict[K, V]) Values() ([]V, error) {
	c, err := d.items(itemValues)
	if err != nil {
		return nil, err
	}
	defer c.end()
	return takeValues(c, d.value)
}

// Copy returns the dict as a map.
func (d *Dict[K, V]) Copy() (map[K]V, error) {
	items, err := d.Items()
	if err != nil {
		return nil, err
	}
	m := make(map[K]V, len(items))
	for _, it := range items {
		m[it.Key] = it.Value
	}
	return m, nil
}

// CompareAndSwap sets k to next if its value is old, and reports whether it
// did. Values are equal if they are encoded alike.
func (d *Dict[K, V]) CompareAndSwap(k K, old, next V) (bool, error) {
	l := d.linkOrNil()
	if l == nil {
		return false, procs.ErrClosed
	}
	image, err := appendImage(nil, l, &[]*proxy{}, d.value, &old)
	if err != nil {
		return false, err
	}
	return d.swap(k, true, image, &next)
}

func (d *Dict[K, V]) swap(k K, had bool, old []byte, v *V) (bool, error) {
	c, err := d.beginKey(dictSwap, &k)
	if err != nil {
		return false, err
	}
	defer c.end()
	c.putUint(b2u(had))
	c.putBytes(old)
	c.putUint(b2u(v != nil))
	if v != nil {
		if err := putValue(c, d.value, v); err != nil {
			return false, err
		}
	}
	if err := c.do(noWait); err != nil {
		return false, err
	}
	return c.uint() != 0, c.err()
}

// Modify replaces the value of k by what f makes of it, atomically (Python's
// d[k] = f(d[k]) is not). f gets the value and whether there is one, and
// returns the new value and whether to keep it; if not, k is removed. If the
// value was changed meanwhile, f is called again with the new one. f runs here,
// and may use the manager, but should be quick.
func (d *Dict[K, V]) Modify(k K, f func(old V, ok bool) (v V, keep bool)) (V, error) {
	for {
		v, done, err := d.tryModify(k, f)
		if done || err != nil {
			return v, err
		}
	}
}

func (d *Dict[K, V]) tryModify(k K, f func(V, bool) (V, bool)) (v V, done bool, err error) {
	c, err := d.beginKey(dictGet, &k)
	if err != nil {
		return v, false, err
	}
	defer c.end()
	if err := c.do(noWait); err != nil {
		return v, false, err
	}
	var old V
	had := c.uint() != 0
	image := append([]byte(nil), c.b...)
	if had {
		if old, err = takeValue(c, d.value); err != nil {
			return v, false, err
		}
	}
	v, keep := f(old, had)
	next := &v
	if !keep {
		next = nil
	}
	done, err = d.swap(k, had, image, next)
	return v, done, err
}

// DictAdd adds delta to the number that k has, 0 if it has none, atomically and
// in one call, and returns the sum.
func DictAdd[K comparable, N Number](d *Dict[K, N], k K, delta N) (sum N, err error) {
	c, err := d.begin(dictAdd)
	if err != nil {
		return 0, err
	}
	defer c.end()
	c.putUint(numberKind[N]())
	if c.req, err = appendKey(c.req, d.key, &k); err != nil {
		return 0, err
	}
	if err := putValue(c, d.value, &delta); err != nil {
		return 0, err
	}
	if err := c.do(noWait); err != nil {
		return 0, err
	}
	return takeValue(c, d.value)
}

// String says what the proxy stands for.
func (d *Dict[K, V]) String() string { return d.describe(fmt.Sprintf("%T", d)) }
