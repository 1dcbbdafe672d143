package codec

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"unsafe"

	"switchyard/procs/internal/fault"
)

// plan is how one type is written and read.
//
//	flat types          their memory
//	string              length, bytes
//	slice, map          length + 1 (0 is nil), elements
//	pointer             0, or 1 and the value
//	array, struct       elements or fields in order, unexported ones too:
//	                    both ends run the same program
//	interface           0, or the length and name of a type given to
//	                    RegisterType, and the value
//	BinaryMarshaler     length, bytes
//	handle, *os.File    0, or the object's number in this message + 1; for a
//	                    new number, what share wrote
type plan struct {
	flat   bool
	shares bool
	enc    func(dst []byte, p unsafe.Pointer, t *transfer) ([]byte, error)
	dec    func(src []byte, p unsafe.Pointer, t *transfer) ([]byte, error)
}

// encode is enc, with the panics of the types' own methods turned into errors:
// it is called where a panic would stop a pool.
func (p *plan) encode(dst []byte, v unsafe.Pointer, t *transfer) (b []byte, err error) {
	defer fault.Recover(&err)
	b = dst
	return p.enc(dst, v, t)
}

// decode is dec, likewise.
func (p *plan) decode(src []byte, v unsafe.Pointer, t *transfer) (rest []byte, err error) {
	defer fault.Recover(&err)
	return p.dec(src, v, t)
}

// transfer is the state of writing or reading one value.
type transfer struct {
	w     *Wire
	depth int
	seen  []any // handles already in this message, so that one lock in two fields stays one lock
}

// decodeWhole fills the zero value at v from all of src. What it has adopted of
// a value that comes to nothing is closed: nobody else could.
func (p *plan) decodeWhole(src []byte, v unsafe.Pointer, w *Wire) error {
	x := transfer{w: w}
	rest, err := p.decode(src, v, &x)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%w: %d bytes left over", ErrWire, len(rest))
	}
	if err != nil {
		for _, h := range x.seen {
			if c, ok := h.(io.Closer); ok {
				c.Close()
			}
		}
	}
	return err
}

// maxDepth bounds nesting: deeper values are cyclic, or would overflow the
// receiver's stack.
const maxDepth = 10_000

var errDepth = errors.New("procs: value is cyclic, or nested too deeply")

func (t *transfer) enter() error {
	t.depth++
	if t.depth > maxDepth {
		return errDepth
	}
	return nil
}

var plans struct {
	sync.Mutex
	of map[reflect.Type]*plan
}

// planFor returns t's plan. Plans under construction stand in the map already,
// so that recursive types work.
func planFor(t reflect.Type) (*plan, error) {
	plans.Lock()
	defer plans.Unlock()
	if plans.of == nil {
		plans.of = make(map[reflect.Type]*plan)
	}
	var added []reflect.Type
	p, err := makePlan(t, &added)
	if err != nil {
		for _, a := range added {
			delete(plans.of, a)
		}
		return nil, err
	}
	// A recursive type may have asked "do you hold handles?" of a plan that did
	// not know yet.
	if len(added) > 0 {
		for _, a := range added {
			plans.of[a].shares = plans.of[a].shares || holdsHandles(a)
		}
	}
	return p, nil
}

func makePlan(t reflect.Type, added *[]reflect.Type) (*plan, error) {
	if p, ok := plans.of[t]; ok {
		return p, nil
	}
	p := new(plan)
	plans.of[t] = p
	*added = append(*added, t)
	if err := p.fill(t, added); err != nil {
		return nil, err
	}
	return p, nil
}

var (
	fileType        = reflect.TypeFor[*os.File]()
	marshalerType   = reflect.TypeFor[encoding.BinaryMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	lockerType      = reflect.TypeFor[sync.Locker]()
)

func (p *plan) fill(t reflect.Type, added *[]reflect.Type) error {
	switch {
	case t == fileType:
		p.planFile()
		return nil
	case t.Kind() == reflect.Pointer && familyOf(t) != nil:
		p.planHandle(t, familyOf(t))
		return nil
	case familyOf(reflect.PointerTo(t)) != nil:
		return fmt.Errorf("%v must be passed as a pointer", t)
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(lockerType):
		return fmt.Errorf("%v works inside one process only; use procs.Lock", t)
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface &&
		reflect.PointerTo(t).Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType):
		p.planMarshaler(t)
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return fmt.Errorf("%v has no meaning in another process", t)
	case reflect.String:
		p.planString()
		return nil
	case reflect.Pointer:
		return p.planPointer(t, added)
	case reflect.Slice:
		return p.planSlice(t, added)
	case reflect.Array:
		return p.planArray(t, added)
	case reflect.Struct:
		return p.planStruct(t, added)
	case reflect.Map:
		return p.planMap(t, added)
	case reflect.Interface:
		p.planInterface(t)
		return nil
	}
	p.planFlat(t.Size())
	return nil
}

func (p *plan) planFlat(size uintptr) {
	p.flat = true
	p.enc = func(dst []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		return append(dst, unsafe.Slice((*byte)(v), size)...), nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		if uintptr(len(src)) < size {
			return nil, ErrWire
		}
		copy(unsafe.Slice((*byte)(v), size), src)
		return src[size:], nil
	}
}

// takeLen reads a length and checks that so many elements of at least min bytes
// can follow.
func takeLen(src []byte, min uintptr) (n int, rest []byte, err error) {
	u, k := binary.Uvarint(src)
	if k <= 0 {
		return 0, nil, ErrWire
	}
	rest = src[k:]
	if u > 1<<40 || min > 0 && u > uint64(len(rest))/uint64(min) {
		return 0, nil, fmt.Errorf("%w: length %d with %d bytes left", ErrWire, u, len(rest))
	}
	return int(u), rest, nil
}

func (p *plan) planString() {
	p.enc = func(dst []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		s := *(*string)(v)
		return append(binary.AppendUvarint(dst, uint64(len(s))), s...), nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 1)
		if err != nil {
			return nil, err
		}
		*(*string)(v) = string(rest[:n])
		return rest[n:], nil
	}
}

func (p *plan) planPointer(t reflect.Type, added *[]reflect.Type) error {
	ep, err := makePlan(t.Elem(), added)
	if err != nil {
		return err
	}
	p.shares = ep.shares
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		q := *(*unsafe.Pointer)(v)
		if q == nil {
			return append(dst, 0), nil
		}
		if err := x.enter(); err != nil {
			return dst, err
		}
		defer func() { x.depth-- }()
		return ep.enc(append(dst, 1), q, x)
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		if len(src) == 0 || src[0] > 1 {
			return nil, ErrWire
		}
		if src[0] == 0 {
			return src[1:], nil
		}
		if err := x.enter(); err != nil {
			return nil, err
		}
		defer func() { x.depth-- }()
		n := reflect.New(t.Elem())
		rest, err := ep.dec(src[1:], n.UnsafePointer(), x)
		if err != nil {
			return nil, err
		}
		reflect.NewAt(t, v).Elem().Set(n.Convert(t))
		return rest, nil
	}
	return nil
}

func (p *plan) planSlice(t reflect.Type, added *[]reflect.Type) error {
	et := t.Elem()
	ep, err := makePlan(et, added)
	if err != nil {
		return err
	}
	p.shares = ep.shares
	size := et.Size()
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		s := reflect.NewAt(t, v).Elem()
		if s.IsNil() {
			return append(dst, 0), nil
		}
		n := s.Len()
		dst = binary.AppendUvarint(dst, uint64(n)+1)
		if ep.flat {
			return append(dst, unsafe.Slice((*byte)(s.UnsafePointer()), uintptr(n)*size)...), nil
		}
		if err := x.enter(); err != nil {
			return dst, err
		}
		defer func() { x.depth-- }()
		base := s.UnsafePointer()
		for i := range n {
			if dst, err = ep.enc(dst, unsafe.Add(base, uintptr(i)*size), x); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 0)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return rest, nil
		}
		n--
		min := size
		if !ep.flat {
			min = 1
		}
		if min > 0 && uintptr(n) > uintptr(len(rest))/min {
			return nil, ErrWire
		}
		if err := x.enter(); err != nil {
			return nil, err
		}
		defer func() { x.depth-- }()
		s := reflect.MakeSlice(t, n, n)
		base := s.UnsafePointer()
		if ep.flat {
			k := copy(unsafe.Slice((*byte)(base), uintptr(n)*size), rest)
			rest = rest[k:]
		} else {
			for i := range n {
				if rest, err = ep.dec(rest, unsafe.Add(base, uintptr(i)*size), x); err != nil {
					return nil, err
				}
			}
		}
		reflect.NewAt(t, v).Elem().Set(s)
		return rest, nil
	}
	return nil
}

func (p *plan) planArray(t reflect.Type, added *[]reflect.Type) error {
	ep, err := makePlan(t.Elem(), added)
	if err != nil {
		return err
	}
	if ep.flat || t.Len() == 0 {
		p.planFlat(t.Size())
		return nil
	}
	p.shares = ep.shares
	size, n := t.Elem().Size(), t.Len()
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) (_ []byte, err error) {
		for i := range n {
			if dst, err = ep.enc(dst, unsafe.Add(v, uintptr(i)*size), x); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) (_ []byte, err error) {
		for i := range n {
			if src, err = ep.dec(src, unsafe.Add(v, uintptr(i)*size), x); err != nil {
				return nil, err
			}
		}
		return src, nil
	}
	return nil
}

func (p *plan) planStruct(t reflect.Type, added *[]reflect.Type) error {
	type field struct {
		plan *plan
		off  uintptr
	}
	var fields []field
	flat := true
	for i := range t.NumField() {
		f := t.Field(i)
		fp, err := makePlan(f.Type, added)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		flat = flat && fp.flat
		p.shares = p.shares || fp.shares
		fields = append(fields, field{fp, f.Offset})
	}
	if flat {
		p.planFlat(t.Size())
		return nil
	}
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) (_ []byte, err error) {
		for _, f := range fields {
			if dst, err = f.plan.enc(dst, unsafe.Add(v, f.off), x); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) (_ []byte, err error) {
		for _, f := range fields {
			if src, err = f.plan.dec(src, unsafe.Add(v, f.off), x); err != nil {
				return nil, err
			}
		}
		return src, nil
	}
	return nil
}

func (p *plan) planMap(t reflect.Type, added *[]reflect.Type) error {
	kp, err := makePlan(t.Key(), added)
	if err != nil {
		return err
	}
	ep, err := makePlan(t.Elem(), added)
	if err != nil {
		return err
	}
	p.shares = kp.shares || ep.shares
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		m := reflect.NewAt(t, v).Elem()
		if m.IsNil() {
			return append(dst, 0), nil
		}
		if err := x.enter(); err != nil {
			return dst, err
		}
		defer func() { x.depth-- }()
		dst = binary.AppendUvarint(dst, uint64(m.Len())+1)
		k, e := reflect.New(t.Key()), reflect.New(t.Elem()) // map entries have no address
		for it := m.MapRange(); it.Next(); {
			k.Elem().SetIterKey(it)
			e.Elem().SetIterValue(it)
			if dst, err = kp.enc(dst, k.UnsafePointer(), x); err != nil {
				return dst, err
			}
			if dst, err = ep.enc(dst, e.UnsafePointer(), x); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 0)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return rest, nil
		}
		if err := x.enter(); err != nil {
			return nil, err
		}
		defer func() { x.depth-- }()
		m := reflect.MakeMapWithSize(t, min(n-1, len(rest)))
		for i := 0; i < n-1; i++ {
			k, e := reflect.New(t.Key()), reflect.New(t.Elem())
			before := len(rest)
			if rest, err = kp.dec(rest, k.UnsafePointer(), x); err != nil {
				return nil, err
			}
			if rest, err = ep.dec(rest, e.UnsafePointer(), x); err != nil {
				return nil, err
			}
			if !k.Elem().Comparable() {
				return nil, fmt.Errorf("%w: a map key of type %v", ErrWire, k.Elem().Type())
			}
			m.SetMapIndex(k.Elem(), e.Elem())
			if len(rest) == before && i > 0 { // entries without bytes: all keys are the same
				return nil, ErrWire
			}
		}
		reflect.NewAt(t, v).Elem().Set(m)
		return rest, nil
	}
	return nil
}

func (p *plan) planMarshaler(t reflect.Type) {
	p.enc = func(dst []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		b, err := reflect.NewAt(t, v).Interface().(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return dst, fmt.Errorf("procs: encode %v: %w", t, err)
		}
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...), nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, _ *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 1)
		if err != nil {
			return nil, err
		}
		b := append([]byte(nil), rest[:n]...) // the method may keep it
		if err := reflect.NewAt(t, v).Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
			return nil, fmt.Errorf("procs: decode %v: %w", t, err)
		}
		return rest[n:], nil
	}
}

var errNoWire = errors.New("procs: a shared object cannot travel here")

func (p *plan) planHandle(t reflect.Type, f *family) {
	p.planShared(t,
		func(v reflect.Value, w *Wire) error { return f.share(v.Interface(), w) },
		func(w *Wire) (reflect.Value, error) {
			v := reflect.New(t.Elem())
			return v, f.adopt(v.Interface(), w)
		})
}

// planFile lets open files travel: the receiver gets its own descriptor on the
// same open file.
func (p *plan) planFile() {
	p.planShared(fileType, func(v reflect.Value, w *Wire) error {
		f := v.Interface().(*os.File)
		w.PutString(f.Name())
		sc, err := f.SyscallConn()
		if err != nil {
			return err
		}
		if err := sc.Control(func(fd uintptr) { w.PutFD(int(fd)) }); err != nil {
			return err
		}
		return w.Err()
	}, func(w *Wire) (reflect.Value, error) {
		name := w.TakeString()
		fd := w.TakeFD()
		if w.Err() != nil {
			return reflect.Value{}, w.Err()
		}
		return reflect.ValueOf(os.NewFile(uintptr(fd), name)), nil
	})
}

func (p *plan) planShared(t reflect.Type, share func(reflect.Value, *Wire) error,
	adopt func(*Wire) (reflect.Value, error)) {
	p.shares = true
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		h := reflect.NewAt(t, v).Elem()
		if h.IsNil() {
			return append(dst, 0), nil
		}
		if x.w == nil {
			return dst, errNoWire
		}
		for i, s := range x.seen {
			if s == h.Interface() {
				return binary.AppendUvarint(dst, uint64(i)+1), nil
			}
		}
		x.seen = append(x.seen, h.Interface())
		dst = binary.AppendUvarint(dst, uint64(len(x.seen)))
		x.w.Buf = x.w.Buf[:0]
		if err := share(h, x.w); err != nil {
			return dst, fmt.Errorf("procs: share %v: %w", t, err)
		}
		if x.w.err != nil {
			return dst, x.w.err
		}
		return append(binary.AppendUvarint(dst, uint64(len(x.w.Buf))), x.w.Buf...), nil
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 0)
		if err != nil {
			return nil, err
		}
		switch {
		case n == 0:
			return rest, nil
		case x.w == nil:
			return nil, errNoWire
		case n <= len(x.seen):
			h := reflect.ValueOf(x.seen[n-1])
			if h.Type() != t {
				return nil, ErrWire
			}
			reflect.NewAt(t, v).Elem().Set(h)
			return rest, nil
		case n != len(x.seen)+1:
			return nil, ErrWire
		}
		if n, rest, err = takeLen(rest, 1); err != nil {
			return nil, err
		}
		x.w.Buf = rest[:n]
		h, err := adopt(x.w)
		if h.IsValid() {
			x.seen = append(x.seen, h.Interface())
		}
		if err != nil {
			return nil, fmt.Errorf("procs: adopt %v: %w", t, err)
		}
		if len(x.w.Buf) != 0 {
			return nil, fmt.Errorf("procs: adopt %v: %w: bytes left over", t, ErrWire)
		}
		reflect.NewAt(t, v).Elem().Set(h)
		return rest[n:], nil
	}
}

// planInterface writes the dynamic type's name before the value.
func (p *plan) planInterface(t reflect.Type) {
	// Whether a handle hides inside is known only when the value is: take the
	// slow road always.
	p.shares = true
	p.enc = func(dst []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		i := reflect.NewAt(t, v).Elem()
		if i.IsNil() {
			return append(dst, 0), nil
		}
		e := i.Elem()
		name, ok := nameOfType(e.Type())
		if !ok {
			return dst, fmt.Errorf("procs: a value of type %v inside of type %v cannot travel: call procs.RegisterType[%v]()", e.Type(), t, e.Type())
		}
		ep, err := planFor(e.Type())
		if err != nil {
			return dst, err
		}
		if err := x.enter(); err != nil {
			return dst, err
		}
		defer func() { x.depth-- }()
		c := reflect.New(e.Type()) // what an interface holds has no address
		c.Elem().Set(e)
		dst = append(binary.AppendUvarint(dst, uint64(len(name))), name...)
		return ep.enc(dst, c.UnsafePointer(), x)
	}
	p.dec = func(src []byte, v unsafe.Pointer, x *transfer) ([]byte, error) {
		n, rest, err := takeLen(src, 1)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return rest, nil
		}
		et, ok := typeOfName(string(rest[:n]))
		if !ok || !et.AssignableTo(t) {
			return nil, fmt.Errorf("%w: a %q inside a %v", ErrWire, rest[:n], t)
		}
		ep, err := planFor(et)
		if err != nil {
			return nil, err
		}
		if err := x.enter(); err != nil {
			return nil, err
		}
		defer func() { x.depth-- }()
		c := reflect.New(et)
		if rest, err = ep.dec(rest[n:], c.UnsafePointer(), x); err != nil {
			return nil, err
		}
		reflect.NewAt(t, v).Elem().Set(c.Elem())
		return rest, nil
	}
}

// holdsHandles reports whether a handle may be reachable from a value of type
// t.
func holdsHandles(t reflect.Type) bool {
	return reaches(t, map[reflect.Type]bool{}, func(t reflect.Type) (yes, known bool) {
		if t == fileType || familyOf(t) != nil || t.Kind() == reflect.Interface {
			return true, true
		}
		p, ok := plans.of[t]
		return ok && p.shares, ok && (p.flat || p.shares)
	})
}

// callsMethods reports whether a method of a type of the program's may be
// called, or another process be asked, to encode a value of type t.
func callsMethods(t reflect.Type) bool {
	return reaches(t, map[reflect.Type]bool{}, func(t reflect.Type) (yes, known bool) {
		switch k := t.Kind(); {
		case t == fileType:
			return false, true
		case familyOf(t) != nil:
			return familyOf(t).asks, true
		case k == reflect.Interface:
			return true, true
		case k == reflect.Pointer:
			return false, false
		}
		yes = reflect.PointerTo(t).Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType)
		return yes, yes
	})
}

// reaches reports whether what says yes to t or to any type that t is made of.
// It asks no further where it knows.
func reaches(t reflect.Type, seen map[reflect.Type]bool, what func(reflect.Type) (yes, known bool)) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if yes, known := what(t); known {
		return yes
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return reaches(t.Elem(), seen, what)
	case reflect.Map:
		return reaches(t.Key(), seen, what) || reaches(t.Elem(), seen, what)
	case reflect.Struct:
		for i := range t.NumField() {
			if reaches(t.Field(i).Type, seen, what) {
				return true
			}
		}
	}
	return false
}
