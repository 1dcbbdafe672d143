package procs

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
	"unsafe"
)

// codec turns values of T into bytes for another process of the same program, and back.
//
// Values without pointers are copied as they lie in memory, strings and byte slices as they are; everything else
// is walked with a plan made once per type (codec_plan.go). There is no package-level set-up and no general
// serialisation library behind it, because every spawned process would pay for either before its main runs: linking
// CBOR made an otherwise empty program start 9 % later.
type codec[T any] struct {
	// fixed is the length of every encoded value, or -1 if lengths differ.
	fixed int
	// shares tells that a value may hold handles: then encode and decode need a wire, whose descriptors have
	// to travel beside the bytes. Without it the wire may be nil.
	shares bool

	kind codecKind
	plan *plan
}

type codecKind uint8

const (
	kindPlan codecKind = iota
	kindFlat
	kindString
	kindBytes
)

var codecs sync.Map // reflect.Type of T -> *codec[T]

// codecOf returns T's codec, or an error that names the part of T that cannot travel.
func codecOf[T any]() (*codec[T], error) {
	t := reflect.TypeFor[T]()
	if k := t.Kind(); k >= reflect.Bool && k <= reflect.Complex128 && t.PkgPath() == "" {
		// A basic type: nothing to plan or to remember. Most programs register some of these, in every process.
		return &codec[T]{fixed: int(t.Size()), kind: kindFlat}, nil
	}
	if c, ok := codecs.Load(t); ok {
		return c.(*codec[T]), nil
	}
	p, err := planFor(t)
	if err != nil {
		return nil, fmt.Errorf("procs: %v cannot travel between processes: %w", t, err)
	}
	c := &codec[T]{fixed: -1, shares: p.shares, plan: p}
	switch {
	case p.flat:
		c.kind, c.fixed = kindFlat, int(t.Size())
	case t == reflect.TypeFor[string]():
		c.kind = kindString
	case t == reflect.TypeFor[[]byte]():
		c.kind = kindBytes
	}
	got, _ := codecs.LoadOrStore(t, c)
	return got.(*codec[T]), nil
}

// encode appends v to dst. Handles in v leave their descriptors in w.
func (c *codec[T]) encode(dst []byte, v *T, w *wire) ([]byte, error) {
	switch c.kind {
	case kindFlat:
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v)), c.fixed)...), nil
	case kindString:
		return append(dst, *(*string)(unsafe.Pointer(v))...), nil
	case kindBytes:
		return append(dst, *(*[]byte)(unsafe.Pointer(v))...), nil
	}
	e := transfer{w: w}
	return c.plan.encode(dst, unsafe.Pointer(v), &e)
}

// decode fills the zero value v from src, which it keeps no reference to, and takes the descriptors of handles
// from w.
func (c *codec[T]) decode(src []byte, v *T, w *wire) error {
	switch c.kind {
	case kindFlat:
		if len(src) != c.fixed {
			return fmt.Errorf("%w: %d bytes for a %T of %d", errWire, len(src), *v, c.fixed)
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), c.fixed), src)
		return nil
	case kindString:
		*(*string)(unsafe.Pointer(v)) = string(src)
		return nil
	case kindBytes:
		*(*[]byte)(unsafe.Pointer(v)) = append([]byte{}, src...)
		return nil
	}
	d := transfer{w: w}
	rest, err := c.plan.decode(src, unsafe.Pointer(v), &d)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%w: %d bytes left over after a %T", errWire, len(rest), *v)
	}
	return err
}

// encodeNext appends v so that decodeNext finds its end: values of fixed length lie side by side, others
// have their length in front.
func (c *codec[T]) encodeNext(dst []byte, v *T, w *wire) ([]byte, error) {
	if c.kind == kindFlat {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v)), c.fixed)...), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, err := c.encode(dst, v, w)
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

// decodeNext decodes what encodeNext appended, and returns the bytes after it.
func (c *codec[T]) decodeNext(src []byte, v *T, w *wire) ([]byte, error) {
	if c.kind == kindFlat {
		if len(src) < c.fixed {
			return nil, errWire
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), c.fixed), src)
		return src[c.fixed:], nil
	}
	if len(src) < 4 {
		return nil, errWire
	}
	n := uint64(binary.LittleEndian.Uint32(src))
	if n > uint64(len(src)-4) {
		return nil, errWire
	}
	return src[4+n:], c.decode(src[4:4+n], v, w)
}
