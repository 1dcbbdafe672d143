package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"switchyard/procs/internal/kernel"
)

// ErrWire says that a message ended early or did not have the shape its type
// demands.
var ErrWire = errors.New("procs: malformed message")

// ErrEncode says that a value cannot travel: see procs.ErrEncode.
var ErrEncode = errors.New("procs: cannot be encoded")

// Wire carries what the handles inside one value need beyond the value's own
// bytes: descriptors, in order, and a string of bytes. The descriptors travel
// as inherited files when a process starts, and as SCM_RIGHTS on a Unix socket
// afterwards, so that nothing with a name stays behind when someone crashes.
//
// Errors stick: after the first, every Take returns a zero, and Err tells why.
type Wire struct {
	FDs    []int // descriptors not yet taken; the wire owns them
	Buf    []byte
	Beside any // what a package's handles must know of their message; it does not travel
	err    error
}

// PutFD adds a duplicate of fd, so that the sender may close its own at once.
func (w *Wire) PutFD(fd int) {
	if w.err != nil {
		return
	}
	d, err := kernel.DupFD(fd)
	if err != nil {
		w.err = fmt.Errorf("procs: share descriptor: %w", err)
		return
	}
	w.FDs = append(w.FDs, d)
}

// PutUint64 adds a number.
func (w *Wire) PutUint64(v uint64) { w.Buf = binary.AppendUvarint(w.Buf, v) }

// PutBytes adds a byte string.
func (w *Wire) PutBytes(b []byte) {
	w.PutUint64(uint64(len(b)))
	w.Buf = append(w.Buf, b...)
}

// PutString adds a string.
func (w *Wire) PutString(s string) {
	w.PutUint64(uint64(len(s)))
	w.Buf = append(w.Buf, s...)
}

// TakeFD returns the next descriptor, close-on-exec, which the caller then
// owns, or -1.
func (w *Wire) TakeFD() int {
	if w.err != nil {
		return -1
	}
	if len(w.FDs) == 0 {
		w.err = fmt.Errorf("%w: a descriptor is missing", ErrWire)
		return -1
	}
	fd := w.FDs[0]
	w.FDs = w.FDs[1:]
	return fd
}

// TakeUint64 returns the next number.
func (w *Wire) TakeUint64() uint64 {
	if w.err != nil {
		return 0
	}
	v, n := binary.Uvarint(w.Buf)
	if n <= 0 {
		w.err = fmt.Errorf("%w: a number is missing", ErrWire)
		return 0
	}
	w.Buf = w.Buf[n:]
	return v
}

// TakeBytes returns a copy of the next byte string.
func (w *Wire) TakeBytes() []byte {
	n := w.TakeUint64()
	if w.err != nil {
		return nil
	}
	if n > uint64(len(w.Buf)) {
		w.err = fmt.Errorf("%w: %d bytes announced, %d left", ErrWire, n, len(w.Buf))
		return nil
	}
	b := append([]byte(nil), w.Buf[:n]...)
	w.Buf = w.Buf[n:]
	return b
}

// TakeString returns the next string.
func (w *Wire) TakeString() string { return string(w.TakeBytes()) }

// Err returns the first error of any Put or Take.
func (w *Wire) Err() error { return w.err }

// Close closes the descriptors nobody took.
func (w *Wire) Close() {
	for _, fd := range w.FDs {
		kernel.CloseFD(fd)
	}
	w.FDs = nil
}
