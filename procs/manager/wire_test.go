//go:build linux

package manager

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"switchyard/procs/internal/codec"
)

// An argument that is cut short, or too long to be one, is noticed, and so is
// everything that is read after it.
func TestArgReaderDamaged(t *testing.T) {
	overlong := bytes.Repeat([]byte{0x80}, 11)
	for name, read := range map[string]func(*argReader){
		"uint":  func(a *argReader) { a.uint() },
		"int":   func(a *argReader) { a.int() },
		"bytes": func(a *argReader) { a.bytes() },
	} {
		for _, b := range [][]byte{nil, {0x80}, overlong, append(overlong, 1)} {
			damaged(t, name, read, b)
		}
	}
	for _, b := range [][]byte{{1}, {2, 7}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7}} {
		damaged(t, "bytes", func(a *argReader) { a.bytes() }, b)
	}

	b := binary.AppendVarint(binary.AppendUvarint(nil, 300), -300)
	b = append(appendBytes(appendBytes(b, []byte("bytes")), nil), "rest"...)
	a := argReader{b: b}
	got := fmt.Sprintf("%d %d %q %q %q %q %v", a.uint(), a.int(), a.bytes(), a.bytes(), a.rest(), a.rest(), a.err())
	if got != `300 -300 "bytes" "" "rest" "" <nil>` {
		t.Error(got)
	}
}

func damaged(t *testing.T, name string, read func(*argReader), b []byte) {
	t.Helper()
	a := argReader{b: b}
	read(&a)
	if a.err() != codec.ErrWire || len(a.rest()) != 0 {
		t.Errorf("%s of % x: %v, and % x is left", name, b, a.err(), a.b)
	}
	if a.bytes() != nil || a.uint() != 0 || a.int() != 0 || a.err() != codec.ErrWire {
		t.Errorf("%s of % x: something came after it", name, b)
	}
}

// A reply with no status, or with one that there is not, is damaged.
func TestStatusDamaged(t *testing.T) {
	all := sentinels()
	for _, reply := range [][]byte{nil, {}, {statusSentinel + byte(len(all))}, {255}, {statusError}, {statusError, 0xff}} {
		if b, err := takeStatus(reply); err == nil || b != nil {
			t.Errorf("% x: % x, %v", reply, b, err)
		}
	}
	for i, want := range all {
		if b, err := takeStatus(appendStatus(nil, want)); b != nil || err != want {
			t.Errorf("error %d: %v, not %v", i, err, want)
		}
	}
	if b, err := takeStatus([]byte{statusOK, 1, 2}); err != nil || !slices.Equal(b, []byte{1, 2}) {
		t.Error(b, err)
	}
	if _, err := takeStatus(appendStatus(nil, errWouldWait)); err != errWouldWait {
		t.Error(err)
	}
	if _, err := takeStatus(appendStatus(nil, errors.New("a text"))); err == nil || err.Error() != "a text" {
		t.Error(err)
	}
}

// The references in a value's image: none, some, more than there are bytes,
// and one that is cut short.
func TestImageRefsDamaged(t *testing.T) {
	for _, c := range []struct {
		image, payload []byte
		refs           []uint64
		ok             bool
	}{
		{[]byte{0}, nil, nil, true},
		{[]byte{0, 7, 8}, []byte{7, 8}, nil, true},
		{[]byte{2, 5, 0x80, 1, 7}, []byte{7}, []uint64{5, 128}, true},
		{[]byte{2, 5, 6}, nil, []uint64{5, 6}, true},
		{[]byte{3, 5, 6}, nil, nil, false},
		{[]byte{2, 5, 0x80}, nil, nil, false},
		{[]byte{0x80}, nil, nil, false},
		{nil, nil, nil, false},
	} {
		refs, payload, err := imageRefs(c.image)
		if (err == nil) != c.ok || err != nil && err != codec.ErrWire {
			t.Errorf("% x: %v", c.image, err)
		}
		if c.ok && (!slices.Equal(refs, c.refs) || !bytes.Equal(payload, c.payload)) {
			t.Errorf("% x: references %d, payload % x", c.image, refs, payload)
		}
	}
}

// A request that is cut short is refused, and changes nothing.
func TestRequestDamaged(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	ask := func(obj uint64, method byte, args ...byte) error {
		req := append(binary.LittleEndian.AppendUint64(nil, obj), method)
		_, err := takeStatus(m.server.dispatch(m.server.self, noWait, append(req, args...), nil))
		return err
	}
	for n := range callHead {
		if _, err := takeStatus(m.server.dispatch(m.server.self, noWait, make([]byte, n), nil)); text(err) != codec.ErrWire.Error() {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := ask(1<<40, 0); err != ErrReleased {
		t.Error("there is no such object: ", err)
	}
	d, l, q := must(NewDict[string, int](m))(t), must(NewList(m, 1, 2))(t), must(NewQueue[int](m, 0))(t)
	lock, cond := must(NewLock(m))(t), must(NewCondition(m))(t)
	if err := errors.Join(d.Set("", 1), q.PutNowait(1)); err != nil {
		t.Fatal(err)
	}
	for _, method := range []byte{dictSet, dictGet, dictDelete, dictItems, dictPop, dictSetDefault, dictSwap, dictAdd, dictHas} {
		if err := ask(d.ref.obj, method); text(err) != codec.ErrWire.Error() {
			t.Errorf("method %d of a dict: %v", method, err)
		}
	}
	for _, method := range []byte{listSet, listInsert, listSlice, listReplace} {
		if err := ask(l.ref.obj, method); text(err) != codec.ErrWire.Error() {
			t.Errorf("method %d of a list: %v", method, err)
		}
	}
	for _, method := range []byte{queuePut, queueShutDown} {
		if err := ask(q.ref.obj, method); text(err) != codec.ErrWire.Error() {
			t.Errorf("method %d of a queue: %v", method, err)
		}
	}
	for _, p := range []*proxyRef{lock.ref, cond.ref} {
		for _, method := range []byte{lockAcquire, lockRelease} {
			if err := ask(p.obj, method); text(err) != codec.ErrWire.Error() {
				t.Errorf("method %d of a lock: %v", method, err)
			}
		}
	}
	if must(lock.Locked())(t) || cond.Acquire(soon(t)) != nil {
		t.Error("a lock is held")
	}
	for _, method := range []byte{conditionWait, conditionNotify} {
		if err := ask(cond.ref.obj, method); text(err) != codec.ErrWire.Error() {
			t.Errorf("method %d of a condition: %v", method, err)
		}
	}
	for _, obj := range []uint64{0, d.ref.obj, l.ref.obj, q.ref.obj, lock.ref.obj, cond.ref.obj} {
		if err := ask(obj, callNowait-1); text(err) != codec.ErrWire.Error() {
			t.Errorf("a method that there is not, of %d: %v", obj, err)
		}
	}
	if v, ok, err := d.Get(""); v != 1 || !ok || err != nil || must(d.Len())(t) != 1 {
		t.Error("the dict was changed: ", v, ok, err)
	}
	if all := must(l.All())(t); !slices.Equal(all, []int{1, 2}) {
		t.Error("the list was changed: ", all)
	}
	if err := q.PutNowait(2); err != nil || must(q.Len())(t) != 2 {
		t.Error("the queue was changed: ", err)
	}
}
