package codec

import (
	"fmt"
	"reflect"
	"sync"
)

// Message is what is known about a type whose values are sent by themselves:
// the receiver checks that it is the one it asked for.
type Message struct {
	Kind uint32 // a hash of the type's name, never 0
	plan *plan
}

var messages sync.Map // reflect.Type -> *Message

// MessageFor returns what is known about t, or an error that names the part of
// t that cannot travel.
func MessageFor(t reflect.Type) (*Message, error) {
	if m, ok := messages.Load(t); ok {
		return m.(*Message), nil
	}
	p, err := planFor(t)
	if err != nil {
		return nil, fmt.Errorf("procs: %v cannot travel between processes: %w", t, err)
	}
	m, _ := messages.LoadOrStore(t, &Message{TypeKind(t), p})
	return m.(*Message), nil
}

// TypeKind is a hash of t's name, never 0.
func TypeKind(t reflect.Type) uint32 {
	h := uint32(2166136261)
	for _, c := range []byte(TypeName(t)) {
		h = (h ^ uint32(c)) * 16777619
	}
	return h | 1
}

// Encode appends v, of the message's type.
func (m *Message) Encode(dst []byte, v any, w *Wire) ([]byte, error) {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	return m.plan.enc(dst, p.UnsafePointer(), &transfer{w: w})
}

// Decode stores the value of b in *into, a pointer to the message's type,
// unless there is an error.
func (m *Message) Decode(b []byte, into reflect.Value, w *Wire) error {
	v := reflect.New(into.Type().Elem())
	if err := m.plan.decodeWhole(b, v.UnsafePointer(), w); err != nil {
		return err
	}
	into.Elem().Set(v.Elem())
	return nil
}
