//go:build linux

package codec

import (
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"runtime"
	"testing"
	"time"
)

type inner struct {
	a int
	B []string
}

type everything struct {
	Bool   bool
	I      int32
	F      float64
	C      complex64
	S      string
	Bytes  []byte
	Nil    []int
	Empty  []int
	Array  [3]string
	Map    map[string]inner
	NilMap map[int]int
	Ptr    **int
	Time   time.Time
	Big    *big.Int
	Addr   netip.Addr
	Any    []any
	Rec    *everything
	Zero   [0]string
	Unit   []struct{}
	hidden inner
}

func roundTrip[T any](t *testing.T, v T) T {
	t.Helper()
	c, err := Of[T]()
	if err != nil {
		t.Fatal(err)
	}
	var w Wire
	b, err := c.Encode([]byte("before"), &v, &w)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := c.Decode(b[6:], &out, &w); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCodec(t *testing.T) {
	seven := 7
	p := &seven
	v := everything{Bool: true, I: -5, F: 1.5, C: 2i, S: "héllo", Bytes: []byte{0, 1}, Empty: []int{}, Array: [3]string{"a", "", "c"},
		Map: map[string]inner{"x": {1, []string{"y"}}, "": {}}, Ptr: &p, Time: time.Now().UTC().Round(0), Big: big.NewInt(1 << 60),
		Addr: netip.MustParseAddr("fe80::1%eth0"), Any: []any{1, "two", nil, 3.5, []any{true}, map[string]any{"k": int8(4)}},
		Unit: make([]struct{}, 5), hidden: inner{a: 9, B: []string{"kept"}}}
	w := v
	v.Rec = &w
	got := roundTrip(t, v)
	if !reflect.DeepEqual(got, v) {
		t.Fatalf("\n%+v\n%+v", got, v)
	}
	if got.Nil != nil || got.Empty == nil || got.NilMap != nil {
		t.Fatal("nil and empty are not the same")
	}
	if roundTrip(t, 42) != 42 || roundTrip(t, "") != "" || len(roundTrip(t, []byte("abc"))) != 3 || roundTrip(t, struct{ a, b int8 }{1, 2}).b != 2 {
		t.Fatal("simple values")
	}
}

func TestCodecRefuses(t *testing.T) {
	for _, err := range []error{
		errorOf[chan int](), errorOf[func()](), errorOf[struct{ X []chan int }](), errorOf[token](), errorOf[map[string]func()](),
	} {
		if err == nil {
			t.Error("no error")
		}
	}
	type ring struct{ Next *ring }
	r := new(ring)
	r.Next = r
	c, err := Of[*ring]()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(nil, &r, new(Wire)); !errors.Is(err, errDepth) {
		t.Fatal(err)
	}
}

func errorOf[T any]() error {
	_, err := Of[T]()
	return err
}

// token is a shared object of this test.
type token struct{ name string }

type tokenHandle interface {
	share(w *Wire) error
	adopt(w *Wire) error
}

var _ = Handles(tokenHandle.share, tokenHandle.adopt)

func (k *token) share(w *Wire) error { w.PutString(k.name); return w.Err() }
func (k *token) adopt(w *Wire) error { k.name = w.TakeString(); return w.Err() }

// The same lock in two fields stays one.
func TestCodecKeepsIdentity(t *testing.T) {
	a, b := &token{"a"}, &token{"b"}
	got := roundTrip(t, []*token{a, nil, a, b})
	if got[0] != got[2] || got[1] != nil || *got[0] != *a || *got[3] != *b || got[0] == a {
		t.Fatal(got)
	}
}

// Bytes from elsewhere give a value or an error, never a panic or endless
// memory.
func FuzzCodec(f *testing.F) {
	c, err := Of[everything]()
	if err != nil {
		f.Fatal(err)
	}
	v := everything{S: "x", Map: map[string]inner{"a": {}}, Any: []any{1}, Big: big.NewInt(5), Time: time.Unix(5, 5).UTC()}
	b, err := c.Encode(nil, &v, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var v everything
		if err := c.Decode(b, &v, nil); err != nil {
			return
		}
		if _, err := c.Encode(nil, &v, nil); err != nil {
			t.Fatal("decoded, but cannot be encoded:", err)
		}
	})
}

// Messages that no sender writes are errors, with handles too.
func TestCodecDamaged(t *testing.T) {
	type things struct {
		Tokens []*token
		Ptr    *int32
		S      string
		Map    map[string]string
		Any    any
		Slice  []int16
	}
	c, err := Of[things]()
	if err != nil {
		t.Fatal(err)
	}
	n := int32(7)
	a := &token{"a"}
	v := things{[]*token{a, nil, a}, &n, "s", map[string]string{"k": "v"}, "any", []int16{1}}
	whole, err := c.Encode(nil, &v, new(Wire))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(b []byte) error { return c.Decode(b, new(things), new(Wire)) }
	if err := decode(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := decode(whole[:n]); !errors.Is(err, ErrWire) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if err := decode(append(whole[:len(whole):len(whole)], 0)); !errors.Is(err, ErrWire) {
		t.Errorf("one byte more: %v", err)
	}
	// Three tokens: the number and bytes of the first, nil, the first again.
	at := map[string]int{"count": 0, "number": 1, "size": 2, "length": 3, "nil": 5, "again": 6, "pointer": 7}
	if want := []byte{4, 1, 2, 1, 'a', 0, 1, 1}; string(whole[:len(want)]) != string(want) {
		t.Fatalf("% x, not % x", whole[:len(want)], want)
	}
	for _, d := range []struct {
		what string
		to   byte
	}{
		{"count", 255}, {"number", 2}, {"number", 3}, {"number", 127}, {"size", 1}, {"size", 3}, {"size", 127}, {"length", 0}, {"length", 2},
		{"nil", 3}, {"again", 3}, {"again", 127}, {"pointer", 2}, {"pointer", 255},
	} {
		b := append([]byte(nil), whole...)
		b[at[d.what]] = d.to
		if err := decode(b); !errors.Is(err, ErrWire) {
			t.Errorf("%s %d: %v", d.what, d.to, err)
		}
	}
}

// A shared object's number that skips ahead is nobody's, whatever follows it.
func TestCodecNumberSkipsAhead(t *testing.T) {
	c, err := Of[[]*token]()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{{2, 2, 2, 1, 'a'}, {3, 1, 2, 1, 'a', 3, 2, 1, 'b'}} {
		var v []*token
		if err := c.Decode(b, &v, new(Wire)); !errors.Is(err, ErrWire) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

// FuzzHandles decodes bytes in which there may be shared objects.
func FuzzHandles(f *testing.F) {
	c, err := Of[[]*token]()
	if err != nil {
		f.Fatal(err)
	}
	a := &token{"a"}
	v := []*token{a, nil, a, {"bc"}}
	b, err := c.Encode(nil, &v, new(Wire))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{2, 2, 2, 1, 'a'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var v []*token
		if err := c.Decode(b, &v, new(Wire)); err != nil {
			return
		}
		if _, err := c.Encode(nil, &v, new(Wire)); err != nil {
			t.Fatal("decoded, but cannot be encoded:", err)
		}
	})
}

// FuzzNext finds the end of a value in a row of them.
func FuzzNext(f *testing.F) {
	c, err := Of[string]()
	if err != nil {
		f.Fatal(err)
	}
	s := "four"
	b, _ := c.EncodeNext(nil, &s, nil)
	f.Add(b)
	f.Add(b[:3])
	f.Add([]byte{255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			var s string
			rest, err := c.DecodeNext(b, &s, nil)
			if err != nil {
				return
			}
			if len(rest) != len(b)-4-len(s) {
				t.Fatalf("%q leaves %d of %d bytes", s, len(rest), len(b))
			}
			b = rest
		}
	})
}

// allocated is how many bytes f has allocated.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzMessage decodes any bytes as a message of any kind of value: a value or
// an error, and no more memory than so many bytes can fill.
func FuzzMessage(f *testing.F) {
	types := []reflect.Type{reflect.TypeFor[everything](), reflect.TypeFor[[]*token](), reflect.TypeFor[map[string][]any](),
		reflect.TypeFor[[][4096]byte](), reflect.TypeFor[[]struct{ A, B [64]int32 }](), reflect.TypeFor[string]()}
	v := everything{S: "x", Map: map[string]inner{"a": {}}, Any: []any{1}, Big: big.NewInt(5), Time: time.Unix(5, 5).UTC()}
	for i, v := range []any{v, []*token{{"a"}, nil}, map[string][]any{"k": {1, "x"}}, [][4096]byte{{}}} {
		m, err := MessageFor(types[i])
		if err != nil {
			f.Fatal(err)
		}
		w := new(Wire)
		b, err := m.Encode(nil, v, w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
	}
	for i := range types {
		f.Add(uint8(i), []byte{255, 255, 255, 255, 255, 255, 255, 255, 127}) // so many elements
		f.Add(uint8(i), []byte{255, 255, 3, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		typ := types[int(kind)%len(types)]
		m, err := MessageFor(typ)
		if err != nil {
			t.Fatal(err)
		}
		into := reflect.New(typ)
		n := allocated(func() { err = m.Decode(b, into, new(Wire)) })
		if most := uint64(1<<20 + 4096*len(b)); n > most {
			t.Errorf("%d bytes allocated for a message of %d", n, len(b))
		}
		if err != nil {
			if !into.Elem().IsZero() {
				t.Error("a value and an error:", err)
			}
			return
		}
		if _, err := m.Encode(nil, into.Elem().Interface(), new(Wire)); err != nil {
			t.Fatal("decoded, but cannot be encoded:", err)
		}
	})
}

// FuzzWire takes from any bytes, in any order. Errors stick, what is left never
// grows, and nothing is taken that was not there.
func FuzzWire(f *testing.F) {
	w := new(Wire)
	w.PutUint64(1 << 40)
	w.PutString("four")
	w.PutBytes(nil)
	f.Add(w.Buf, "nsb")
	f.Add(w.Buf[:len(w.Buf)-2], "nsb")
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'x'}, "bn")
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "ns")
	f.Add([]byte{}, "fnf")
	f.Fuzz(func(t *testing.T, b []byte, takes string) {
		w := &Wire{Buf: b}
		for _, take := range takes {
			before, failed := len(w.Buf), w.Err()
			zero := true
			n := allocated(func() {
				switch take {
				case 'n':
					zero = w.TakeUint64() == 0
				case 's':
					zero = w.TakeString() == ""
				case 'f':
					zero = w.TakeFD() == -1
				default:
					zero = len(w.TakeBytes()) == 0
				}
			})
			if n > uint64(64<<10+4*len(b)) {
				t.Errorf("%d bytes allocated to take %q from %d", n, take, before)
			}
			if failed != nil && (w.Err() != failed || !zero || len(w.Buf) != before) || w.Err() != nil && !zero || len(w.Buf) > before {
				t.Fatalf("took %q after %v: %v, %d bytes left of %d", take, failed, w.Err(), len(w.Buf), before)
			}
			if w.Err() != nil && !errors.Is(w.Err(), ErrWire) {
				t.Fatal(w.Err())
			}
		}
		w.Close()
	})
}
