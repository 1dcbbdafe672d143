package procs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A request to a manager is the object's number (8 bytes), the method (1 byte, perhaps with callNowait) and the arguments. A
// reply is a status (1 byte) and the result. Both travel over the fast road (managerLane), or over the socket with a number in front.

// kinds of messages on the socket
const (
	linkHello   uint32 = 1 + iota // server: its number, or why it cannot serve; a lane's memory may come with it
	linkCall                      // client: number of the call, request
	linkCancel                    // client: number of a call that need not wait any longer
	linkRelease                   // client: numbers of objects it does not refer to any more
	linkWake                      // client: look at the lane
	linkReply                     // server: number of the call, reply
)

const (
	callHead   = 9    // bytes before the arguments
	callNowait = 0x80 // flag of the method: do not wait
)

// noWait stands for the context of a call that does not wait for other clients.
var noWait context.Context

// status of a reply
const (
	statusOK       byte = iota
	statusError         // encodeError
	statusWait          // would have to wait: ask again over the socket, or give up
	statusSentinel      // + index in managerErrors
)

var (
	// ErrManagerDied: the manager's process has ended, or the connection to it was lost. Whatever it kept is gone.
	ErrManagerDied = errors.New("procs: manager died")
	// ErrReleased: the managed object does not exist any more, because nobody referred to it, or because it was destroyed.
	ErrReleased = errors.New("procs: managed object was released")
	// ErrIndex: an index is out of range.
	ErrIndex = errors.New("procs: index out of range")

	errWouldWait = errors.New("procs: the call would have to wait")
)

// managerErrors are the errors that travel as a number, and arrive as themselves.
func managerErrors() [13]error {
	return [...]error{ErrFull, ErrEmpty, ErrClosed, ErrTimeout, ErrNotHeld, ErrOwnerDied, ErrReleased, ErrIndex,
		ErrMessageType, ErrBrokenBarrier, context.Canceled, context.DeadlineExceeded, ErrManagerDied}
}

// appendStatus begins a reply that says err.
func appendStatus(dst []byte, err error) []byte {
	switch err {
	case nil:
		return append(dst, statusOK)
	case errWouldWait:
		return append(dst, statusWait)
	}
	for i, e := range managerErrors() {
		if err == e {
			return append(dst, statusSentinel+byte(i))
		}
	}
	return append(append(dst, statusError), encodeRemote(err)...)
}

// encodeRemote is encodeError, but passes an error that comes from a third process on as it is.
func encodeRemote(err error) []byte {
	var e *RemoteError
	var chunk *chunkError
	if !errors.As(err, &e) || errors.As(err, new(*panicError)) {
		return encodeError(err)
	}
	index := e.Index
	if errors.As(err, &chunk) {
		index = chunk.index
	}
	var w wire
	w.PutString(e.Message)
	w.PutString(e.Type)
	w.PutUint64(b2u(e.Panic))
	w.PutString(e.Stack)
	w.PutUint64(uint64(index + 1))
	w.PutString(strings.Join(e.is, "\x00"))
	return w.buf
}

// takeStatus returns the result of a reply, or its error.
func takeStatus(reply []byte) ([]byte, error) {
	if len(reply) == 0 {
		return nil, errWire
	}
	switch s := reply[0]; s {
	case statusOK:
		return reply[1:], nil
	case statusWait:
		return nil, errWouldWait
	case statusError:
		return nil, decodeError(reply[1:])
	default:
		all := managerErrors()
		if int(s-statusSentinel) >= len(all) {
			return nil, errWire
		}
		return nil, all[s-statusSentinel]
	}
}

// argReader takes arguments or results apart. Errors stick.
type argReader struct {
	b   []byte
	bad bool
}

func (a *argReader) uint() uint64 {
	v, n := binary.Uvarint(a.b)
	if n <= 0 {
		a.bad, a.b = true, nil
		return 0
	}
	a.b = a.b[n:]
	return v
}

func (a *argReader) int() int {
	v, n := binary.Varint(a.b)
	if n <= 0 {
		a.bad, a.b = true, nil
		return 0
	}
	a.b = a.b[n:]
	return int(v)
}

// bytes returns a byte string without copying it.
func (a *argReader) bytes() []byte {
	n := a.uint()
	if n > uint64(len(a.b)) {
		a.bad, a.b = true, nil
		return nil
	}
	b := a.b[:n:n]
	a.b = a.b[n:]
	return b
}

// rest returns all that is left.
func (a *argReader) rest() []byte {
	b := a.b
	a.b = nil
	return b
}

func (a *argReader) err() error {
	if a.bad {
		return errWire
	}
	return nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// An image is an encoded value as a manager keeps it: how many managed objects it refers to, their numbers, and the bytes. The
// manager looks at the numbers only, to keep those objects; it never decodes values.

// imageRefs splits an image.
func imageRefs(image []byte) (refs []uint64, payload []byte, err error) {
	if len(image) > 0 && image[0] == 0 {
		return nil, image[1:], nil
	}
	a := argReader{b: image}
	n := a.uint()
	if n > uint64(len(a.b)) {
		return nil, nil, errWire
	}
	for range n {
		refs = append(refs, a.uint())
	}
	return refs, a.b, a.err()
}

// transits holds, for messages between this process and a manager, what their proxies need: share notes there which objects a value refers
// to, adopt finds there which ones the manager has counted for us already.
var transits sync.Map // *wire -> *transit

type transit struct {
	link *managerLink
	refs []uint64
	keep []*managerProxy // whose references must outlive the call
}

// take uses up one of the references that came with a message.
func (t *transit) take(obj uint64) bool {
	for i, r := range t.refs {
		if r == obj {
			t.refs = append(t.refs[:i], t.refs[i+1:]...)
			return true
		}
	}
	return false
}

// appendImage encodes a value for the manager at the other end of l. Proxies in it are added to keep.
func appendImage[T any](dst []byte, l *managerLink, keep *[]*managerProxy, c *codec[T], v *T) ([]byte, error) {
	if !c.shares {
		b, err := c.encode(append(dst, 0), v, nil)
		return b, encodeFailed(err)
	}
	return appendShared(dst, l, keep, func(w *wire) ([]byte, error) { return c.encode(nil, v, w) })
}

func encodeFailed(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, err)
	}
	return nil
}

func appendShared(dst []byte, l *managerLink, keep *[]*managerProxy, encode func(*wire) ([]byte, error)) ([]byte, error) {
	w := new(wire)
	t := &transit{link: l}
	transits.Store(w, t)
	defer transits.Delete(w)
	b, err := encode(w)
	if err == nil && len(w.fds) > 0 {
		err = errors.New("a manager keeps values and its own objects, not files and objects in shared memory")
	}
	w.close()
	if err != nil {
		return dst, encodeFailed(err)
	}
	*keep = append(*keep, t.keep...)
	dst = binary.AppendUvarint(dst, uint64(len(t.refs)))
	for _, r := range t.refs {
		dst = binary.AppendUvarint(dst, r)
	}
	return append(dst, b...), nil
}

// decodeImage is the inverse of appendImage.
func decodeImage[T any](l *managerLink, c *codec[T], image []byte, v *T) error {
	if !c.shares && len(image) > 0 && image[0] == 0 {
		return c.decode(image[1:], v, nil)
	}
	return decodeShared(l, image, func(b []byte, w *wire) error { return c.decode(b, v, w) })
}

func decodeShared(l *managerLink, image []byte, decode func([]byte, *wire) error) error {
	refs, payload, err := imageRefs(image)
	if err != nil {
		return err
	}
	w := new(wire)
	t := &transit{link: l, refs: refs}
	transits.Store(w, t)
	defer transits.Delete(w)
	err = decode(payload, w)
	for _, r := range t.refs {
		l.release(r)
	}
	return err
}

// appendKey encodes a key of a dict: equal keys must give equal bytes.
func appendKey[K any](dst []byte, c *codec[K], k *K) ([]byte, error) {
	if c.fixed >= 0 {
		b, err := c.encode(binary.AppendUvarint(dst, uint64(c.fixed)), k, nil)
		return b, encodeFailed(err)
	}
	if s, ok := any(k).(*string); ok {
		return append(binary.AppendUvarint(dst, uint64(len(*s))), *s...), nil
	}
	w := new(wire)
	t := new(transit)
	transits.Store(w, t)
	defer transits.Delete(w)
	b, err := c.encode(nil, k, w)
	if err == nil && len(w.fds)+len(t.refs) > 0 {
		err = errors.New("a key cannot be a shared object")
	}
	w.close()
	if err != nil {
		return dst, encodeFailed(err)
	}
	return appendBytes(dst, b), nil
}

// checkKey refuses types whose equal values may differ in their bytes.
func checkKey(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Struct:
		size := uintptr(0)
		for i := range t.NumField() {
			f := t.Field(i)
			if err := checkKey(f.Type); err != nil {
				return err
			}
			size += f.Type.Size()
		}
		if size != t.Size() {
			return fmt.Errorf("procs: %v cannot be a key of a manager's dict: it has padding; reorder its fields, or use a string", t)
		}
	case reflect.Array:
		return checkKey(t.Elem())
	case reflect.Pointer:
		return fmt.Errorf("procs: %v cannot be a key of a manager's dict: pointers mean nothing elsewhere", t)
	}
	return nil
}
