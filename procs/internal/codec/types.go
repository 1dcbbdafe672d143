package codec

import (
	"fmt"
	"reflect"
	"sync"
)

var types struct {
	sync.RWMutex
	byName map[string]reflect.Type
	names  map[reflect.Type]string
}

// RegisterType lets values of type t travel inside interfaces. It panics if t
// cannot travel.
func RegisterType(t reflect.Type) {
	if t.Kind() == reflect.Interface {
		panic("procs: RegisterType of the interface " + t.String())
	}
	if _, err := planFor(t); err != nil {
		panic(fmt.Sprintf("procs: %v cannot travel between processes: %v", t, err))
	}
	types.Lock()
	defer types.Unlock()
	putType(TypeName(t), t)
}

// TypeName is unique in a program, unlike t.String.
func TypeName(t reflect.Type) string {
	if t.Name() != "" && t.PkgPath() != "" {
		return t.PkgPath() + "." + t.Name()
	}
	if t.Kind() == reflect.Pointer {
		return "*" + TypeName(t.Elem())
	}
	return t.String()
}

func putType(name string, t reflect.Type) {
	if types.byName == nil {
		types.byName = make(map[string]reflect.Type)
		types.names = make(map[reflect.Type]string)
		for _, t := range []reflect.Type{
			reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](),
			reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
			reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
			reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](),
			reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[[]string](), reflect.TypeFor[[]int](),
			reflect.TypeFor[[]float64](), reflect.TypeFor[map[string]string](),
		} {
			types.byName[t.String()], types.names[t] = t, t.String()
		}
	}
	if t == nil {
		return
	}
	if old, ok := types.byName[name]; ok && old != t {
		panic("procs: two types named " + name)
	}
	types.byName[name], types.names[t] = t, name
}

func nameOfType(t reflect.Type) (string, bool) {
	types.RLock()
	defer types.RUnlock()
	if types.names == nil {
		types.RUnlock()
		fillTypes()
		types.RLock()
	}
	n, ok := types.names[t]
	return n, ok
}

func typeOfName(name string) (reflect.Type, bool) {
	types.RLock()
	defer types.RUnlock()
	if types.byName == nil {
		types.RUnlock()
		fillTypes()
		types.RLock()
	}
	t, ok := types.byName[name]
	return t, ok
}

func fillTypes() {
	types.Lock()
	defer types.Unlock()
	putType("", nil)
}
