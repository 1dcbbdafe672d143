//go:build linux

package shm

import "testing"

// A Wait made for one call must not reach the heap: waits are on the hot path
// of every queue.
func TestRingDoesNotAllocate(t *testing.T) {
	_, w, r := makeRing(t, 256)
	p := make([]byte, 8)
	n := testing.AllocsPerRun(1000, func() {
		if err := w.Put(&Wait{}, p); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Get(&Wait{}); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}
