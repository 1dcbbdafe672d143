package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"switchyard/procs/internal/codec"
)

// ShareableList is a list of fixed length in shared memory whose elements may
// be changed by any process: nil, bool, int, int64, float64, string or []byte.
// It is multiprocessing.shared_memory.ShareableList. There is no lock: use a
// Lock if elements are changed and read at the same time.
//
// A string or byte slice may later be replaced by another of up to the room it
// had in the beginning: its length rounded up to a multiple of 8, at least 8.
// The type of an element may change. Integers come back as int64.
//
// A process that is killed in Set may leave an element with its old type and
// length and some bytes of the new value. Other elements are as they were.
type ShareableList struct {
	m *SharedMemory
}

// The block: a magic word, the number of elements, the end of each element's
// room (from the beginning of the block); then per element a word with its type
// (upper byte) and length, and its bytes.
const listMagic = 0x5359_4c49_5354_0001

const (
	elemNil = iota
	elemBool
	elemInt
	elemFloat
	elemString
	elemBytes
)

// ErrTooLong means that a string or byte slice does not fit in the room of its
// element.
var ErrTooLong = errors.New("procs: too long for its place in the list")

// NewShareableList makes a list in anonymous memory.
func NewShareableList(elems ...any) (*ShareableList, error) {
	return newList(elems, NewSharedMemory)
}

// CreateShareableList makes a list in named memory, which others find with
// AttachShareableList.
func CreateShareableList(name string, elems ...any) (*ShareableList, error) {
	return newList(elems, func(size int) (*SharedMemory, error) { return CreateSharedMemory(name, size) })
}

func newList(elems []any, alloc func(int) (*SharedMemory, error)) (*ShareableList, error) {
	size := 16 + 8*len(elems)
	ends := make([]int, len(elems))
	for i, e := range elems {
		room, err := elemRoom(e)
		if err != nil {
			return nil, fmt.Errorf("procs: list element %d: %w", i, err)
		}
		size += 8 + room
		ends[i] = size
	}
	m, err := alloc(size)
	if err != nil {
		return nil, err
	}
	b := m.Bytes()
	binary.NativeEndian.PutUint64(b[8:], uint64(len(elems)))
	for i, end := range ends {
		binary.NativeEndian.PutUint64(b[16+8*i:], uint64(end))
	}
	binary.NativeEndian.PutUint64(b, listMagic)
	l := &ShareableList{m}
	for i, e := range elems {
		if err := l.Set(i, e); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return l, nil
}

// elemRoom returns how many bytes an element gets.
func elemRoom(e any) (int, error) {
	n := 0
	switch e := e.(type) {
	case nil, bool, int, int64, float64:
	case string:
		n = len(e)
	case []byte:
		n = len(e)
	default:
		return 0, fmt.Errorf("%w: a %T in a list", ErrEncode, e)
	}
	return max((n+7)&^7, 8), nil
}

// AttachShareableList opens the list that another process made under the name.
func AttachShareableList(name string) (*ShareableList, error) {
	m, err := AttachSharedMemory(name)
	if err != nil {
		return nil, err
	}
	l := &ShareableList{m}
	if err := l.check(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return l, nil
}

func (l *ShareableList) share(w *wire) error {
	if l.m == nil {
		return ErrClosed
	}
	return l.m.share(w)
}

func (l *ShareableList) adopt(w *wire) error {
	l.m = new(SharedMemory)
	if err := l.m.adopt(w); err != nil {
		return err
	}
	return l.check()
}

// check looks at what never changes: the head and the ends.
func (l *ShareableList) check() error {
	b := l.m.Bytes()
	if len(b) < 16 || binary.NativeEndian.Uint64(b) != listMagic {
		return fmt.Errorf("%w: not a list", codec.ErrWire)
	}
	n := binary.NativeEndian.Uint64(b[8:])
	if n > uint64(len(b)-16)/8 {
		return fmt.Errorf("%w: list of %d elements", codec.ErrWire, n)
	}
	start := 16 + 8*n
	for i := range int(n) {
		end := binary.NativeEndian.Uint64(b[16+8*i:])
		if end < start+16 || end > uint64(len(b)) {
			return fmt.Errorf("%w: list element %d", codec.ErrWire, i)
		}
		start = end
	}
	return nil
}

// place returns the bytes of element i: its word and its room.
func (l *ShareableList) place(i int) []byte {
	n := l.Len()
	if i < 0 || i >= n {
		panic(fmt.Sprintf("procs: ShareableList: index %d of %d", i, n))
	}
	b := l.m.Bytes()
	start := uint64(16 + 8*n)
	if i > 0 {
		start = binary.NativeEndian.Uint64(b[16+8*(i-1):])
	}
	return b[start:binary.NativeEndian.Uint64(b[16+8*i:])]
}

// Len returns the number of elements.
func (l *ShareableList) Len() int { return int(binary.NativeEndian.Uint64(l.m.Bytes()[8:])) }

// Get returns element i: nil, a bool, int64, float64, string or []byte. It
// panics if there is no such element.
func (l *ShareableList) Get(i int) any {
	p := l.place(i)
	w := binary.NativeEndian.Uint64(p)
	data := p[8:]
	value := binary.NativeEndian.Uint64(data)
	data = data[:min(w&(1<<56-1), uint64(len(data)))]
	switch w >> 56 {
	case elemBool:
		return value != 0
	case elemInt:
		return int64(value)
	case elemFloat:
		return math.Float64frombits(value)
	case elemString:
		return string(data)
	case elemBytes:
		return append([]byte{}, data...)
	}
	return nil
}

// Set changes element i. It returns ErrTooLong if a string or byte slice has no
// room there, ErrEncode for other types, and panics if there is no such
// element.
func (l *ShareableList) Set(i int, v any) error {
	p := l.place(i)
	put := func(kind, value uint64) error {
		binary.NativeEndian.PutUint64(p[8:], value)
		binary.NativeEndian.PutUint64(p, kind<<56)
		return nil
	}
	switch v := v.(type) {
	case nil:
		return put(elemNil, 0)
	case bool:
		return put(elemBool, b2u(v))
	case int:
		return put(elemInt, uint64(v))
	case int64:
		return put(elemInt, uint64(v))
	case float64:
		return put(elemFloat, math.Float64bits(v))
	case string:
		return putLong(p, elemString, v)
	case []byte:
		return putLong(p, elemBytes, v)
	}
	return fmt.Errorf("%w: a %T in a list", ErrEncode, v)
}

func putLong[S string | []byte](p []byte, kind uint64, v S) error {
	if len(v) > len(p)-8 {
		return fmt.Errorf("%w: %d bytes, room for %d", ErrTooLong, len(v), len(p)-8)
	}
	copy(p[8:], v)
	binary.NativeEndian.PutUint64(p, kind<<56|uint64(len(v)))
	return nil
}

// All calls yield with every index and element.
func (l *ShareableList) All(yield func(int, any) bool) {
	for i := range l.Len() {
		if !yield(i, l.Get(i)) {
			return
		}
	}
}

// Count returns how many elements equal v; ints count as int64.
func (l *ShareableList) Count(v any) (n int) {
	for _, e := range l.All {
		if equalElems(e, v) {
			n++
		}
	}
	return n
}

// Index returns the first element equal to v, or -1.
func (l *ShareableList) Index(v any) int {
	for i, e := range l.All {
		if equalElems(e, v) {
			return i
		}
	}
	return -1
}

func equalElems(e, v any) bool {
	if n, ok := v.(int); ok {
		v = int64(n)
	}
	b, ok := v.([]byte)
	if c, both := e.([]byte); ok && both {
		return string(b) == string(c)
	} else if ok || both {
		return false
	}
	return e == v
}

// Memory returns the block the list lies in, with its name, Close and Unlink.
func (l *ShareableList) Memory() *SharedMemory { return l.m }

// String describes the list with its elements, for logs.
func (l *ShareableList) String() string {
	if l.m == nil || l.m.seg == nil || l.m.seg.Closed() {
		return "<ShareableList closed>"
	}
	elems := make([]any, l.Len())
	for i, e := range l.All {
		elems[i] = e
	}
	return fmt.Sprintf("<ShareableList %q %v>", l.m.name, elems)
}

// Close lets go of the list in this process.
func (l *ShareableList) Close() error {
	if l.m == nil {
		return nil
	}
	return l.m.Close()
}
