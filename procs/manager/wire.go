package manager

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
)

// A request to a manager is the object's number (8 bytes), the method (1 byte,
// perhaps with callNowait) and the arguments. A reply is a status (1 byte) and
// the result. Both travel over the fast road (lane.go), or over the socket with
// a number in front.

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
	statusError         // + what EncodeError wrote
	statusWait          // would have to wait: ask again over the socket, or give up
	statusSentinel      // + index in sentinels
)

var (
	// ErrDied means that the manager's process has ended, or the connection to
	// it was lost. Whatever it kept is lost.
	ErrDied = errors.New("manager: process has ended or connection was lost")
	// ErrReleased means that the managed object does not exist any more,
	// because nobody referred to it, or because it was destroyed.
	ErrReleased = errors.New("manager: object was released")
	// ErrIndex means that an index is out of range.
	ErrIndex = errors.New("manager: index out of range")

	errWouldWait = errors.New("manager: the call would have to wait")
)

func init() {
	procs.RegisterError("manager.ErrDied", ErrDied)
	procs.RegisterError("manager.ErrReleased", ErrReleased)
	procs.RegisterError("manager.ErrIndex", ErrIndex)
}

// logf reports what the manager does: see procs.SetLog.
func logf(level procs.Level, format string, args ...any) { bridge.Logf(int32(level), format, args...) }

// sentinels are the errors that travel as a number, and arrive as themselves.
func sentinels() [13]error {
	return [...]error{procs.ErrFull, procs.ErrEmpty, procs.ErrClosed, procs.ErrTimeout, procs.ErrNotHeld, procs.ErrOwnerDied, ErrReleased, ErrIndex,
		procs.ErrMessageType, procs.ErrBrokenBarrier, context.Canceled, context.DeadlineExceeded, ErrDied}
}

// appendStatus begins a reply that says err.
func appendStatus(dst []byte, err error) []byte {
	switch err {
	case nil:
		return append(dst, statusOK)
	case errWouldWait:
		return append(dst, statusWait)
	}
	for i, e := range sentinels() {
		if err == e {
			return append(dst, statusSentinel+byte(i))
		}
	}
	return append(append(dst, statusError), bridge.EncodeError(err)...)
}

// takeStatus returns the result of a reply, or its error.
func takeStatus(reply []byte) ([]byte, error) {
	if len(reply) == 0 {
		return nil, codec.ErrWire
	}
	switch s := reply[0]; s {
	case statusOK:
		return reply[1:], nil
	case statusWait:
		return nil, errWouldWait
	case statusError:
		return nil, bridge.DecodeError(reply[1:])
	default:
		all := sentinels()
		if int(s-statusSentinel) >= len(all) {
			return nil, codec.ErrWire
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
		return codec.ErrWire
	}
	return nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// An image is an encoded value as a manager keeps it: how many managed objects
// it refers to, their numbers, and the bytes. The manager looks at the numbers
// only, to keep those objects; it never decodes values.

// imageRefs splits an image.
func imageRefs(image []byte) (refs []uint64, payload []byte, err error) {
	if len(image) > 0 && image[0] == 0 {
		return nil, image[1:], nil
	}
	a := argReader{b: image}
	n := a.uint()
	if n > uint64(len(a.b)) {
		return nil, nil, codec.ErrWire
	}
	for range n {
		refs = append(refs, a.uint())
	}
	return refs, a.b, a.err()
}

// A transit is what proxies need of a message between this process and a
// manager: share notes there which objects a value refers to, adopt finds there
// which ones the manager has counted for us already. It goes with the wire, in
// Beside, and ends with it.
type transit struct {
	link *clientLink
	refs []uint64
	keep []*proxy // whose references must outlive the call
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

// appendImage encodes a value for the manager at the other end of l. Proxies in
// it are added to keep.
func appendImage[T any](dst []byte, l *clientLink, keep *[]*proxy, c *codec.Codec[T], v *T) ([]byte, error) {
	if !c.Shares {
		b, err := c.Encode(append(dst, 0), v, nil)
		return b, encodeFailed(err)
	}
	return appendShared(dst, l, keep, func(w *codec.Wire) ([]byte, error) { return c.Encode(nil, v, w) })
}

func encodeFailed(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", procs.ErrEncode, err)
	}
	return nil
}

func appendShared(dst []byte, l *clientLink, keep *[]*proxy, encode func(*codec.Wire) ([]byte, error)) ([]byte, error) {
	t := &transit{link: l}
	w := &codec.Wire{Beside: t}
	b, err := encode(w)
	if err == nil && len(w.FDs) > 0 {
		err = errors.New("a manager keeps values and its own objects, not files and objects in shared memory")
	}
	w.Close()
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
func decodeImage[T any](l *clientLink, c *codec.Codec[T], image []byte, v *T) error {
	if !c.Shares && len(image) > 0 && image[0] == 0 {
		return c.Decode(image[1:], v, nil)
	}
	return decodeShared(l, image, func(b []byte, w *codec.Wire) error { return c.Decode(b, v, w) })
}

func decodeShared(l *clientLink, image []byte, decode func([]byte, *codec.Wire) error) error {
	refs, payload, err := imageRefs(image)
	if err != nil {
		return err
	}
	t := &transit{link: l, refs: refs}
	defer func() { // whatever methods of the value do
		for _, r := range t.refs {
			l.release(r)
		}
	}()
	return decode(payload, &codec.Wire{Beside: t})
}

// appendKey encodes a key of a dict: equal keys must give equal bytes.
func appendKey[K any](dst []byte, c *codec.Codec[K], k *K) ([]byte, error) {
	if c.Fixed >= 0 {
		b, err := c.Encode(binary.AppendUvarint(dst, uint64(c.Fixed)), k, nil)
		return b, encodeFailed(err)
	}
	if s, ok := any(k).(*string); ok {
		return append(binary.AppendUvarint(dst, uint64(len(*s))), *s...), nil
	}
	t := new(transit)
	w := &codec.Wire{Beside: t}
	b, err := c.Encode(nil, k, w)
	if err == nil && len(w.FDs)+len(t.refs) > 0 {
		err = errors.New("a key cannot be a shared object")
	}
	w.Close()
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
			return fmt.Errorf("manager: %v cannot be a key of a manager's dict: it has padding; reorder its fields, or use a string", t)
		}
	case reflect.Array:
		return checkKey(t.Elem())
	case reflect.Pointer:
		return fmt.Errorf("manager: %v cannot be a key of a manager's dict: pointers mean nothing elsewhere", t)
	}
	return nil
}
