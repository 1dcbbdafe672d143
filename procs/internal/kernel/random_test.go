//go:build linux

package kernel

import (
	"bytes"
	"testing"
	"time"
)

// All bytes are filled, whatever their number, and nobody gets the same.
func TestRandom(t *testing.T) {
	Random(nil)
	for _, n := range []int{1, 8, 255, 1000, 1 << 20} {
		b := make([]byte, n+8)
		rest := b[n:]
		for i := range 50 {
			Random(b[:n])
			if n < 200 || bytes.Count(b[n-100:n], []byte{0}) < 20 { // of the last hundred, about 0.4 are
				break
			}
			if i == 49 {
				t.Fatalf("the end of %d bytes stays empty", n)
			}
		}
		if !bytes.Equal(rest, make([]byte, 8)) {
			t.Fatal("more than was asked for")
		}
	}
	var a, b [16]byte
	Random(a[:])
	Random(b[:])
	if a == b || a == [16]byte{} {
		t.Fatalf("%x %x", a, b)
	}
}

// The clock counts nanoseconds.
func TestMonotonic(t *testing.T) {
	outer := time.Now()
	a := Monotonic()
	inner := time.Now()
	time.Sleep(20 * time.Millisecond)
	least := time.Since(inner)
	b := Monotonic()
	if d, most := time.Duration(b-a), time.Since(outer); a <= 0 || d < least || d > most {
		t.Fatal(a, d, least, most)
	}
}
