package remote

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	"switchyard/procs/internal/bridge"
)

// identity is what a function is called between programs that may differ: a
// hash of its name, of all the types that its argument and its result are made
// of, of how this machine lays numbers out in memory, and of the version of our
// messages. Functions with one identity understand each other's values.
type identity [16]byte

func identityOf(r bridge.Registration) identity {
	return identityOfTypes(fmt.Sprintf("%d\x00%s", messageVersion, r.Name), r.InType, r.OutType)
}

func identityOfTypes(name string, types ...reflect.Type) identity {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%d-bit %x\x00", name, reflect.TypeFor[uintptr]().Bits(), binary.NativeEndian.AppendUint16(nil, 1))
	for _, t := range types {
		describe(&b, t, map[reflect.Type]bool{})
		b.WriteByte(0)
	}
	h := sha256.Sum256([]byte(b.String()))
	return identity(h[:])
}

// describe writes what a type is made of. What values of interfaces hold shows
// only when they come.
func describe(b *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	b.WriteString(t.String())
	if seen[t] || t.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) {
		return
	}
	seen[t] = true
	b.WriteByte('=')
	b.WriteString(t.Kind().String())
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			b.WriteString("\n" + f.Name + " ")
			describe(b, f.Type, seen)
		}
		b.WriteByte('\n')
	case reflect.Map:
		describe(b, t.Key(), seen)
		describe(b, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		describe(b, t.Elem(), seen)
	}
}
