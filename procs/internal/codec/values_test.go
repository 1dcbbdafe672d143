//go:build linux

package codec

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/fault"
)

// failing is a value whose methods do what its fields say.
type failing struct{ encode, decode string }

var errOwn = errors.New("own")

func (f failing) MarshalBinary() ([]byte, error) {
	switch f.encode {
	case "error":
		return nil, errOwn
	case "panic":
		panic("in MarshalBinary")
	}
	return []byte(f.decode), nil
}

func (f *failing) UnmarshalBinary(b []byte) error {
	switch string(b) {
	case "error":
		return errOwn
	case "panic":
		panic("in UnmarshalBinary")
	}
	f.decode = string(b)
	return nil
}

// asker is a shared object whose share asks another process.
type asker struct{ n uint64 }

type askerHandle interface{ ask() }

func (*asker) ask() {}

var _ = AskingHandles(
	func(h askerHandle, w *Wire) error {
		if n := h.(*asker).n; n < 10 {
			w.PutUint64(n)
			return nil
		}
		return errOwn
	},
	func(h askerHandle, w *Wire) error {
		switch h.(*asker).n = w.TakeUint64(); h.(*asker).n {
		case 1:
			return errOwn
		case 2:
			w.Buf = []byte("left over")
		}
		return w.Err()
	})

type chain struct{ Next *chain }

// What is known of a codec before a value is there.
func TestCodecKnows(t *testing.T) {
	type nest struct {
		Self *nest
		K    map[string][]*token
	}
	for _, c := range []struct {
		name                string
		got                 [4]any // fixed, flat, shares, calls
		fixed               int
		flat, shares, calls bool
	}{
		{"int", known[int](), 8, true, false, false},
		{"int8", known[int8](), 1, true, false, false},
		{"complex128", known[complex128](), 16, true, false, false},
		{"named", known[time.Duration](), 8, true, false, false},
		{"struct", known[struct {
			A int8
			B int64
		}](), 16, true, false, false},
		{"array", known[[3]int16](), 6, true, false, false},
		{"no strings", known[[0]string](), 0, true, false, false},
		{"string", known[string](), -1, false, false, false},
		{"bytes", known[[]byte](), -1, false, false, false},
		{"strings", known[[2]string](), -1, false, false, false},
		{"time", known[time.Time](), -1, false, false, true},
		{"pointer to a time", known[*time.Time](), -1, false, false, true},
		{"times as values", known[map[int]time.Time](), -1, false, false, true},
		{"times as keys", known[map[time.Time]int](), -1, false, false, true},
		{"time in a struct", known[struct{ A []struct{ T time.Time } }](), -1, false, false, true},
		{"number", known[*big.Int](), -1, false, false, false},
		{"file", known[*os.File](), -1, false, true, false},
		{"handle", known[*token](), -1, false, true, false},
		{"handles", known[[2]*token](), -1, false, true, false},
		{"handle as key", known[map[*token]int](), -1, false, true, false},
		{"handle deep inside", known[*nest](), -1, false, true, false},
		{"asking handle", known[[]*asker](), -1, false, true, true},
		{"any", known[any](), -1, false, true, true},
		{"anything inside", known[struct{ A []any }](), -1, false, true, true},
		{"recursive", known[*chain](), -1, false, false, false},
	} {
		if want := [4]any{c.fixed, c.flat, c.shares, c.calls}; c.got != want {
			t.Errorf("%s: %v, not %v", c.name, c.got, want)
		}
	}
	if IsHandle(reflect.TypeFor[token]()) || !IsHandle(reflect.TypeFor[*token]()) || !IsHandle(reflect.TypeFor[*asker]()) || IsHandle(reflect.TypeFor[*os.File]()) {
		t.Error("handles")
	}
	a, _ := Of[inner]()
	if b, _ := Of[inner](); a != b || a == nil {
		t.Error("planned twice")
	}
}

func known[T any]() [4]any {
	c, err := Of[T]()
	if err != nil {
		return [4]any{err}
	}
	return [4]any{c.Fixed, c.Flat(), c.Shares, c.Calls()}
}

// What cannot travel is refused, and the error names the part.
func TestCodecRefusesByName(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{
		{errorOf[struct{ A struct{ B chan int } }](), "field A: field B: chan int has no meaning in another process"},
		{errorOf[[]func()](), "func() has no meaning"},
		{errorOf[[2]func()](), "func() has no meaning"},
		{errorOf[*func()](), "func() has no meaning"},
		{errorOf[map[chan int]int](), "chan int has no meaning"},
		{errorOf[map[int]chan int](), "chan int has no meaning"},
		{errorOf[token](), "codec.token must be passed as a pointer"},
		{errorOf[struct{ M sync.Mutex }](), "field M: sync.Mutex works inside one process only; use procs.Lock"},
	} {
		if c.err == nil || !strings.HasPrefix(c.err.Error(), "procs: ") || !strings.Contains(c.err.Error(), "cannot travel between processes: ") || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%v does not say %s", c.err, c.says)
		}
	}
	if m, err := MessageFor(reflect.TypeFor[[]func()]()); m != nil || err == nil || !strings.HasPrefix(err.Error(), "procs: []func() cannot travel") {
		t.Error(m, err)
	}
	// A failure leaves no half of a plan behind.
	type half struct {
		A []inner
		B func()
	}
	for range 2 {
		if err := errorOf[half](); err == nil {
			t.Error("refused once only")
		}
		if err := errorOf[*half](); err == nil {
			t.Error("refused once only")
		}
	}
}

// What a value's own methods do instead of answering is an error.
func TestCodecMethodsFail(t *testing.T) {
	c, err := Of[failing]()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []struct {
		v     failing
		stage string
		is    error
	}{
		{failing{"error", ""}, "encode", errOwn}, {failing{"panic", ""}, "encode", nil},
		{failing{"", "error"}, "decode", errOwn}, {failing{"", "panic"}, "decode", nil},
	} {
		b, err := c.Encode([]byte("before"), &d.v, nil)
		if d.stage == "encode" && string(b) != "before" {
			t.Errorf("%+v leaves %q", d.v, b)
		}
		if d.stage == "decode" {
			if err != nil {
				t.Fatal(err)
			}
			err = c.Decode(b[6:], new(failing), nil)
		}
		p, panicked := fault.Find[*fault.Panic](err)
		switch {
		case err == nil, d.is != nil && (!errors.Is(err, d.is) || err.Error() != "procs: "+d.stage+" codec.failing: own"):
			t.Errorf("%+v: %v", d.v, err)
		case d.is == nil && (!panicked || !strings.HasPrefix(fmt.Sprint(p.Value), "in ")):
			t.Errorf("%+v: %v", d.v, err)
		}
	}
	h, err := Of[*asker]()
	if err != nil {
		t.Fatal(err)
	}
	for n, says := range map[uint64]string{10: "share", 1: "adopt", 2: "bytes left over", 3: ""} {
		v := &asker{n}
		b, err := h.Encode(nil, &v, new(Wire))
		if n == 10 {
			if !errors.Is(err, errOwn) || err.Error() != "procs: share *codec.asker: own" {
				t.Error(err)
			}
			continue
		}
		var got *asker
		err = h.Decode(b, &got, new(Wire))
		switch {
		case n == 3 && (err != nil || got.n != 3), n != 3 && err == nil, n == 1 && !errors.Is(err, errOwn), n == 2 && !errors.Is(err, ErrWire):
			t.Error(n, err)
		case err != nil && !strings.Contains(err.Error(), says):
			t.Errorf("%v does not say %s", err, says)
		}
	}
	v := &asker{3}
	if _, err := h.Encode(nil, &v, nil); !errors.Is(err, errNoWire) {
		t.Error("without a wire:", err)
	}
	if err := h.Decode([]byte{1, 1, 3}, &v, nil); !errors.Is(err, errNoWire) {
		t.Error("without a wire:", err)
	}
	if v = nil; second(h.Encode(nil, &v, nil)) != nil || h.Decode([]byte{0}, &v, nil) != nil {
		t.Error("nil needs no wire")
	}
	// One number for objects of two types.
	type two struct {
		A *token
		B *asker
	}
	both, err := Of[two]()
	if err != nil {
		t.Fatal(err)
	}
	if err := both.Decode([]byte{1, 2, 1, 'a', 1}, new(two), new(Wire)); !errors.Is(err, ErrWire) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// A message has exactly its bytes.
func TestCodecLength(t *testing.T) {
	ints, _ := Of[int32]()
	var n int32
	for _, b := range []string{"", "123", "12345"} {
		if err := ints.Decode([]byte(b), &n, nil); !errors.Is(err, ErrWire) || !strings.Contains(err.Error(), fmt.Sprintf("%d bytes for a int32 of 4", len(b))) {
			t.Errorf("%q: %v", b, err)
		}
	}
	if err := ints.Decode([]byte{1, 0, 0, 0}, &n, nil); err != nil || n != 1 {
		t.Error(n, err)
	}
	m, err := MessageFor(reflect.TypeFor[inner]())
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Encode(nil, inner{1, []string{"x"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := inner{a: 5}
	if err := m.Decode(append(b, 0), reflect.ValueOf(&got), nil); !errors.Is(err, ErrWire) || got.a != 5 {
		t.Error(got, err)
	}
	if err := m.Decode(b, reflect.ValueOf(&got), nil); err != nil || got.a != 1 || got.B[0] != "x" {
		t.Error(got, err)
	}
}

// Values in a row: each ends where the next begins.
func TestCodecNext(t *testing.T) {
	ints, _ := Of[int16]()
	one, two := int16(0x0102), int16(0x0304)
	b, err := ints.EncodeNext([]byte{9}, &one, nil)
	if err != nil || len(b) != 3 {
		t.Fatal(b, err)
	}
	b, _ = ints.EncodeNext(b, &two, nil)
	var x, y int16
	rest, err := ints.DecodeNext(b[1:], &x, nil)
	if err == nil {
		rest, err = ints.DecodeNext(rest, &y, nil)
	}
	if err != nil || x != one || y != two || len(rest) != 0 {
		t.Error(x, y, rest, err)
	}
	if _, err := ints.DecodeNext([]byte{1}, &x, nil); err != ErrWire {
		t.Error(err)
	}
	texts, _ := Of[string]()
	s, empty := "four", ""
	b, _ = texts.EncodeNext([]byte{9}, &s, nil)
	b, _ = texts.EncodeNext(b, &empty, nil)
	if string(b) != "\t\x04\x00\x00\x00four\x00\x00\x00\x00" {
		t.Errorf("%q", b)
	}
	for n, want := range map[int]error{1: ErrWire, 3: ErrWire, 4: ErrWire, 7: ErrWire, 8: nil, 9: nil} {
		var got string
		rest, err := texts.DecodeNext(b[1:1+n], &got, nil)
		if err != want || err == nil && (got != s || len(rest) != n-8) {
			t.Errorf("%d bytes: %q, %q, %v", n, got, rest, err)
		}
	}
	c, _ := Of[failing]()
	if b, err := c.EncodeNext([]byte("before"), &failing{encode: "error"}, nil); !errors.Is(err, errOwn) || string(b) != "before" {
		t.Errorf("%q, %v", b, err)
	}
}

// Values may be nested ten thousand deep, and be as many as they like side by
// side.
func TestCodecDepth(t *testing.T) {
	c, _ := Of[*chain]()
	deep := func(n int) (v *chain) {
		for range n {
			v = &chain{v}
		}
		return v
	}
	v := deep(10_000)
	b, err := c.Encode(nil, &v, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(b, new(*chain), nil); err != nil {
		t.Error(err)
	}
	v = deep(10_001)
	if _, err := c.Encode(nil, &v, nil); !errors.Is(err, errDepth) {
		t.Error(err)
	}
	if err := c.Decode(append([]byte{1}, b...), new(*chain), nil); !errors.Is(err, errDepth) {
		t.Error(err)
	}
	const n = 10_100
	one := 1
	pointers, slices, maps, anys := make([]*int, n), make([][]string, n), make([]map[int]int, n), make([]any, n)
	for i := range n {
		pointers[i], slices[i], maps[i], anys[i] = &one, []string{"x"}, map[int]int{1: i}, i
	}
	if got := roundTrip(t, pointers); len(got) != n || *got[n-1] != 1 {
		t.Error("pointers")
	}
	if got := roundTrip(t, slices); len(got) != n || got[n-1][0] != "x" {
		t.Error("slices")
	}
	if got := roundTrip(t, maps); len(got) != n || got[n-1][1] != n-1 {
		t.Error("maps")
	}
	if got := roundTrip(t, anys); len(got) != n || got[n-1] != n-1 {
		t.Error("interfaces")
	}
	// Every kind of nesting has an end.
	type list []list
	type tree map[int]tree
	l, m, a := list{}, tree{}, []any{nil}
	l = append(l, l)
	l[0] = l
	m[1] = m
	a[0] = a
	for name, err := range map[string]error{"slice": encodeError(l), "map": encodeError(m), "interface": encodeError(a)} {
		if !errors.Is(err, errDepth) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func encodeError[T any](v T) error {
	c, err := Of[T]()
	if err == nil {
		_, err = c.Encode(nil, &v, new(Wire))
	}
	return err
}

// What an interface holds arrives with its type, if that is known by name.
func TestTypesByName(t *testing.T) {
	values := []any{true, "s", []byte("b"), int(1), int8(2), int16(3), int32(4), int64(5), uint(6), uint8(7), uint16(8), uint32(9), uint64(10),
		float32(1.5), float64(2.5), complex64(1i), complex128(2i), []any{"x", 1}, map[string]any{"k": 1}, []string{"s"}, []int{1, 2},
		[]float64{0.5}, map[string]string{"k": "v"}, nil}
	if got := roundTrip(t, values); !reflect.DeepEqual(got, values) {
		t.Errorf("%#v", got)
	}
	type unknown struct{ A int }
	type never struct{ A int } // is registered: the test may run more than once
	err := encodeError([]any{never{}})
	if err == nil || err.Error() != "procs: a value of type codec.never inside of type interface {} cannot travel: call procs.RegisterType[codec.never]()" {
		t.Error(err)
	}
	RegisterType(reflect.TypeFor[unknown]())
	RegisterType(reflect.TypeFor[unknown]()) // again
	RegisterType(reflect.TypeFor[*unknown]())
	if got := roundTrip(t, []any{unknown{3}, &unknown{4}}); got[0] != (unknown{3}) || got[1].(*unknown).A != 4 {
		t.Error(got)
	}
	const path = "switchyard/procs/internal/codec."
	for want, typ := range map[string]reflect.Type{
		path + "inner": reflect.TypeFor[inner](), "*" + path + "inner": reflect.TypeFor[*inner](), "**" + path + "inner": reflect.TypeFor[**inner](),
		"int": reflect.TypeFor[int](), "[]codec.inner": reflect.TypeFor[[]inner](), "*int": reflect.TypeFor[*int](), "time.Time": reflect.TypeFor[time.Time](),
	} {
		if got := TypeName(typ); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	for name, f := range map[string]func(){
		"an interface": func() { RegisterType(reflect.TypeFor[io.Reader]()) },
		"a channel":    func() { RegisterType(reflect.TypeFor[chan int]()) },
		"one name":     func() { type unknown struct{ B string }; RegisterType(reflect.TypeFor[unknown]()) },
	} {
		if err := fault.Apart(f); err == nil || !strings.HasPrefix(err.Error(), "panic: procs: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A type that the interface does not allow, one that is nobody's, and a
	// key that cannot be one.
	c, _ := Of[fmt.Stringer]()
	var s fmt.Stringer
	for _, b := range []string{"\x03int\x01\x00\x00\x00\x00\x00\x00\x00", "\x03xyz", "\x04int"} {
		if err := c.Decode([]byte(b), &s, new(Wire)); !errors.Is(err, ErrWire) {
			t.Errorf("%q: %v", b, err)
		}
	}
	keys, _ := Of[map[any]bool]()
	got := map[any]bool{}
	if err := keys.Decode([]byte("\x02\x05[]int\x01\x01"), &got, new(Wire)); !errors.Is(err, ErrWire) {
		t.Error(got, err)
	}
	if err := keys.Decode([]byte("\x02\x03int\x01\x00\x00\x00\x00\x00\x00\x00\x01"), &got, new(Wire)); err != nil || !got[1] {
		t.Error(got, err)
	}
}

// The numbers by which two processes call the same thing are what they were:
// programs of two builds may meet through a Listener.
func TestHashes(t *testing.T) {
	for _, c := range []struct {
		name    string
		in, out int
		want    uint64
	}{{"a", 1, 2, 0xe40c292c_24027743}, {"", 0, 0, 0x811c9dc5_00000000}} {
		if got := ID(c.name, c.in, c.out); got != c.want {
			t.Errorf("%q: %#x, not %#x", c.name, got, c.want)
		}
	}
	if ID("f", 1, 2) == ID("f", 2, 1) || ID("f", -1, 8) == ID("f", 8, -1) || ID("f", 4, 4) == ID("f", 8, 8) {
		t.Error("sizes do not count")
	}
	if a, b := TypeKind(reflect.TypeFor[string]()), TypeKind(reflect.TypeFor[int]()); a != 0x17c16539 || b != 0x95e97e5f {
		t.Errorf("%#x %#x", a, b)
	}
	m, _ := MessageFor(reflect.TypeFor[string]())
	if again, _ := MessageFor(reflect.TypeFor[string]()); m != again || m.Kind != 0x17c16539 {
		t.Error(m, again)
	}
}

// Files arrive as the same open file, under their name, and a second field with
// the same file is the same there.
func TestCodecFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	type files struct{ A, B, C *os.File }
	c, _ := Of[files]()
	wire := new(Wire)
	b, err := c.Encode(nil, &files{w, w, nil}, wire)
	if err != nil || len(wire.FDs) != 1 {
		t.Fatal(wire.FDs, err)
	}
	w.Close()
	var got files
	if err := c.Decode(b, &got, wire); err != nil || got.A != got.B || got.C != nil || got.A.Name() != w.Name() {
		t.Fatal(got, err)
	}
	got.A.WriteString("hello")
	got.A.Close()
	if text, err := io.ReadAll(r); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.Encode(nil, &files{A: w}, new(Wire)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error("a closed file:", err)
	}
	if err := c.Decode(b, &got, new(Wire)); !errors.Is(err, ErrWire) {
		t.Error("without its descriptor:", err)
	}
}

// A wire keeps what was put in order, its errors stick, and what nobody took is
// closed.
func TestWire(t *testing.T) {
	w := new(Wire)
	w.PutUint64(300)
	w.PutBytes([]byte("ab"))
	w.PutString("c")
	w.PutFD(1)
	w.PutFD(2)
	if w.Err() != nil || len(w.FDs) != 2 || string(w.Buf) != "\xac\x02\x02ab\x01c" {
		t.Fatal(w.Err(), w.FDs, w.Buf)
	}
	for _, fd := range w.FDs {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
			t.Error(flags, err)
		}
	}
	fds := append([]int(nil), w.FDs...)
	buf := w.Buf
	n, b, s, fd := w.TakeUint64(), w.TakeBytes(), w.TakeString(), w.TakeFD()
	if n != 300 || string(b) != "ab" || s != "c" || fd != fds[0] || w.Err() != nil || len(w.Buf) != 0 {
		t.Error(n, b, s, fd, w.Err())
	}
	if buf[3] = 'x'; string(b) != "ab" {
		t.Error("the bytes are the wire's")
	}
	unix.Close(fd)
	w.Close()
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is still open", fd)
		}
	}
	if fd := w.TakeFD(); fd != -1 || !errors.Is(w.Err(), ErrWire) || !strings.Contains(w.Err().Error(), "a descriptor is missing") {
		t.Error(fd, w.Err())
	}
	if w.PutFD(1); w.FDs != nil {
		t.Error("put after an error")
	}
	w = new(Wire)
	w.PutFD(-1)
	if !errors.Is(w.Err(), unix.EBADF) || !strings.HasPrefix(w.Err().Error(), "procs: share descriptor: ") || len(w.FDs) != 0 {
		t.Error(w.FDs, w.Err())
	}
	for text, says := range map[string]string{"": "a number is missing", "\x80": "a number is missing", "\x03ab": "3 bytes announced, 2 left"} {
		w := &Wire{Buf: []byte(text)}
		if b := w.TakeBytes(); b != nil || !errors.Is(w.Err(), ErrWire) || !strings.Contains(w.Err().Error(), says) {
			t.Errorf("%q: %q, %v", text, b, w.Err())
		}
	}
}
