package codec

import "reflect"

// family is the shared objects of one package: the types that implement an
// interface of it, whose methods nobody else sees.
type family struct {
	typ   reflect.Type // the interface
	share func(h any, w *Wire) error
	adopt func(h any, w *Wire) error
	asks  bool // share asks another process
}

// families are few, and complete before main.
var families []family

// Handles makes shared objects of the types that implement the interface H.
// They are pointers to structs without exported fields, and may stand anywhere
// in a value (field, element, map value, behind a pointer); the receiver gets a
// new object of the same type that stands for the same lock, queue, pipe or
// memory. Both functions may be called from any goroutine.
//
// share writes what another process needs to reach the same object. It leaves
// the object as it was, and returns an error if that is closed. adopt turns a
// new zero object into a handle on what share wrote: it takes exactly what
// share put, in the same order, and owns the descriptors that it takes, also
// when it fails; then Close is called, as for all that belongs to a value which
// cannot be decoded.
//
// Packages procs and manager call it when they are initialised. The result is
// nothing, for a variable without a name.
func Handles[H any](share, adopt func(h H, w *Wire) error) struct{} {
	return handles(share, adopt, false)
}

// AskingHandles is Handles for a package whose share may have to wait for
// another process, and so must not be called with a lock held.
func AskingHandles[H any](share, adopt func(h H, w *Wire) error) struct{} {
	return handles(share, adopt, true)
}

func handles[H any](share, adopt func(h H, w *Wire) error, asks bool) struct{} {
	families = append(families, family{
		asks:  asks,
		typ:   reflect.TypeFor[H](),
		share: func(h any, w *Wire) error { return share(h.(H), w) },
		adopt: func(h any, w *Wire) error { return adopt(h.(H), w) },
	})
	return struct{}{}
}

// IsHandle reports whether t is a type of shared objects.
func IsHandle(t reflect.Type) bool { return familyOf(t) != nil }

// familyOf returns the family of a type of shared objects, nil if it is none.
func familyOf(t reflect.Type) *family {
	for i := range families {
		if t.Implements(families[i].typ) {
			return &families[i]
		}
	}
	return nil
}
