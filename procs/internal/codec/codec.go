// Package codec turns Go values into bytes for another process of the same
// program, and back (Python's pickle, for one program that trusts itself).
// Values may hold handles, objects shared between processes, whose descriptors
// travel beside the bytes in a Wire.
package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
	"unsafe"
)

// Codec turns values of T into bytes for another process of the same program,
// and back.
//
// Values without pointers are copied as they lie in memory, strings and byte
// slices as they are; everything else is walked with a plan made once per type
// (plan.go). There is no package-level set-up and no general serialisation
// library behind it, because every spawned process would pay for either before
// its main runs: linking CBOR makes a start 4 to 5 % longer.
type Codec[T any] struct {
	// Fixed is the length of every encoded value, or -1 if lengths differ.
	Fixed int
	// Shares tells that a value may hold handles: then Encode and Decode need a
	// Wire, whose descriptors have to travel beside the bytes. Without it that
	// may be nil.
	Shares bool

	kind codecKind
	plan *plan

	callsOnce sync.Once
	calls     bool
}

// Calls reports whether Encode may call methods of the program's types, which
// may do anything, or wait for another process. It looks at the first call: few
// programs ask.
func (c *Codec[T]) Calls() bool {
	c.callsOnce.Do(func() { c.calls = c.kind == kindPlan && callsMethods(reflect.TypeFor[T]()) })
	return c.calls
}

type codecKind uint8

const (
	kindPlan codecKind = iota
	kindFlat
	kindString
	kindBytes
)

var codecs sync.Map // reflect.Type of T -> *Codec[T]

// Of returns T's codec, or an error that names the part of T that cannot
// travel.
func Of[T any]() (*Codec[T], error) {
	t := reflect.TypeFor[T]()
	if k := t.Kind(); k >= reflect.Bool && k <= reflect.Complex128 && t.PkgPath() == "" {
		// A basic type: nothing to plan or to remember. Most programs register
		// some of these, in every process.
		return &Codec[T]{Fixed: int(t.Size()), kind: kindFlat}, nil
	}
	if c, ok := codecs.Load(t); ok {
		return c.(*Codec[T]), nil
	}
	p, err := planFor(t)
	if err != nil {
		return nil, fmt.Errorf("procs: %v cannot travel between processes: %w", t, err)
	}
	c := &Codec[T]{Fixed: -1, Shares: p.shares, plan: p}
	switch {
	case p.flat:
		c.kind, c.Fixed = kindFlat, int(t.Size())
	case t == reflect.TypeFor[string]():
		c.kind = kindString
	case t == reflect.TypeFor[[]byte]():
		c.kind = kindBytes
	}
	got, _ := codecs.LoadOrStore(t, c)
	return got.(*Codec[T]), nil
}

// Flat reports whether values are copied as they lie in memory.
func (c *Codec[T]) Flat() bool { return c.kind == kindFlat }

// Encode appends v to dst. Handles in v leave their descriptors in w.
func (c *Codec[T]) Encode(dst []byte, v *T, w *Wire) ([]byte, error) {
	switch c.kind {
	case kindFlat:
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v)), c.Fixed)...), nil
	case kindString:
		return append(dst, *(*string)(unsafe.Pointer(v))...), nil
	case kindBytes:
		return append(dst, *(*[]byte)(unsafe.Pointer(v))...), nil
	}
	e := transfer{w: w}
	return c.plan.encode(dst, unsafe.Pointer(v), &e)
}

// Decode fills the zero value v from src, which it keeps no reference to, and
// takes the descriptors of handles from w.
func (c *Codec[T]) Decode(src []byte, v *T, w *Wire) error {
	switch c.kind {
	case kindFlat:
		if len(src) != c.Fixed {
			return fmt.Errorf("%w: %d bytes for a %T of %d", ErrWire, len(src), *v, c.Fixed)
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), c.Fixed), src)
		return nil
	case kindString:
		*(*string)(unsafe.Pointer(v)) = string(src)
		return nil
	case kindBytes:
		*(*[]byte)(unsafe.Pointer(v)) = append([]byte{}, src...)
		return nil
	}
	return c.plan.decodeWhole(src, unsafe.Pointer(v), w)
}

// EncodeNext appends v so that DecodeNext finds its end: values of fixed length
// lie side by side, others have their length in front.
func (c *Codec[T]) EncodeNext(dst []byte, v *T, w *Wire) ([]byte, error) {
	if c.kind == kindFlat {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v)), c.Fixed)...), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, err := c.Encode(dst, v, w)
	if err != nil {
		return dst[:at], err
	}
	n := len(dst) - at - 4
	if uint64(n) > math.MaxUint32 {
		return dst[:at], fmt.Errorf("%d bytes in one element are too many", n)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(n))
	return dst, nil
}

// DecodeNext decodes what EncodeNext appended, and returns the bytes after it.
func (c *Codec[T]) DecodeNext(src []byte, v *T, w *Wire) ([]byte, error) {
	if c.kind == kindFlat {
		if len(src) < c.Fixed {
			return nil, ErrWire
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), c.Fixed), src)
		return src[c.Fixed:], nil
	}
	if len(src) < 4 {
		return nil, ErrWire
	}
	n := uint64(binary.LittleEndian.Uint32(src))
	if n > uint64(len(src)-4) {
		return nil, ErrWire
	}
	return src[4+n:], c.Decode(src[4:4+n], v, w)
}
