package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// handle is a shared object: a *Lock, *Queue[T], *Conn, *SharedMemory and their like. A handle may stand
// anywhere in an argument, a result or a message (field, element, map value, behind a pointer); the receiver
// gets a new object of the same type that stands for the same lock, queue, pipe or memory.
//
// A handle type is a pointer to a struct without exported fields. Both methods may be called from any goroutine.
type handle interface {
	// share writes what another process needs to reach the same object. It leaves the receiver as it was,
	// and returns an error if the object is closed.
	share(w *wire) error
	// adopt turns the receiver, a new zero object, into a handle on the object that share wrote. It takes
	// exactly what share put, in the same order, and owns the descriptors it takes, also when it fails.
	// An adopted object that is never closed must still let go of its descriptors when the garbage
	// collector finds it (runtime.AddCleanup): a pool task that takes a *Lock adopts one per task.
	adopt(w *wire) error
}

var handleType = reflect.TypeFor[handle]()

// errWire says that a message ended early or did not have the shape its type demands.
var errWire = errors.New("procs: malformed message")

// wire carries what the handles inside one value need beyond the value's own bytes: descriptors, in order, and
// a string of bytes. The descriptors travel as inherited files when a process starts, and as SCM_RIGHTS on a Unix
// socket afterwards, so that nothing with a name stays behind when someone crashes.
//
// Errors stick: after the first, every Take returns a zero, and Err tells why.
type wire struct {
	fds []int // descriptors not yet taken; the wire owns them
	buf []byte
	err error
}

// PutFD adds a duplicate of fd, so that the sender may close its own at once.
func (w *wire) PutFD(fd int) {
	if w.err != nil {
		return
	}
	d, err := dupFD(fd)
	if err != nil {
		w.err = fmt.Errorf("procs: share descriptor: %w", err)
		return
	}
	w.fds = append(w.fds, d)
}

// PutUint64 adds a number.
func (w *wire) PutUint64(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }

// PutBytes adds a byte string.
func (w *wire) PutBytes(b []byte) {
	w.PutUint64(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

// PutString adds a string.
func (w *wire) PutString(s string) {
	w.PutUint64(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// TakeFD returns the next descriptor, close-on-exec, which the caller then owns, or -1.
func (w *wire) TakeFD() int {
	if w.err != nil {
		return -1
	}
	if len(w.fds) == 0 {
		w.err = fmt.Errorf("%w: a descriptor is missing", errWire)
		return -1
	}
	fd := w.fds[0]
	w.fds = w.fds[1:]
	return fd
}

// TakeUint64 returns the next number.
func (w *wire) TakeUint64() uint64 {
	if w.err != nil {
		return 0
	}
	v, n := binary.Uvarint(w.buf)
	if n <= 0 {
		w.err = fmt.Errorf("%w: a number is missing", errWire)
		return 0
	}
	w.buf = w.buf[n:]
	return v
}

// TakeBytes returns a copy of the next byte string.
func (w *wire) TakeBytes() []byte {
	n := w.TakeUint64()
	if w.err != nil {
		return nil
	}
	if n > uint64(len(w.buf)) {
		w.err = fmt.Errorf("%w: %d bytes announced, %d left", errWire, n, len(w.buf))
		return nil
	}
	b := append([]byte(nil), w.buf[:n]...)
	w.buf = w.buf[n:]
	return b
}

// TakeString returns the next string.
func (w *wire) TakeString() string { return string(w.TakeBytes()) }

// Err returns the first error of any Put or Take.
func (w *wire) Err() error { return w.err }

// close closes the descriptors nobody took.
func (w *wire) close() {
	for _, fd := range w.fds {
		closeFD(fd)
	}
	w.fds = nil
}
