package manager

import (
	"fmt"
	"reflect"
	"unsafe"

	"switchyard/procs/internal/codec"
)

// Number is what can be added to.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

// addNumber adds delta to sum, both the bytes of one number of the kind, as
// they lie in memory.
func addNumber(kind reflect.Kind, sum, delta []byte) error {
	var ok bool
	switch kind {
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		ok = addAs[uint](sum, delta)
	case reflect.Int8, reflect.Uint8:
		ok = addAs[uint8](sum, delta)
	case reflect.Int16, reflect.Uint16:
		ok = addAs[uint16](sum, delta)
	case reflect.Int32, reflect.Uint32:
		ok = addAs[uint32](sum, delta)
	case reflect.Int64, reflect.Uint64:
		ok = addAs[uint64](sum, delta)
	case reflect.Float32:
		ok = addAs[float32](sum, delta)
	case reflect.Float64:
		ok = addAs[float64](sum, delta)
	}
	if !ok {
		return fmt.Errorf("%w: numbers of kind %v", codec.ErrWire, kind)
	}
	return nil
}

// addAs takes signed numbers as unsigned ones: the sums have the same bits.
func addAs[N Number](sum, delta []byte) bool {
	var a, b N
	if len(sum) != int(unsafe.Sizeof(a)) || len(delta) != len(sum) {
		return false
	}
	as := unsafe.Slice((*byte)(unsafe.Pointer(&a)), len(sum))
	copy(as, sum)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&b)), len(delta)), delta)
	a += b
	copy(sum, as)
	return true
}

// numberKind is the kind of N.
func numberKind[N Number]() uint64 { return uint64(reflect.TypeFor[N]().Kind()) }
