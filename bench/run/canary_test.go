package run

import "testing"

// The probe is a xorshift generator with the shifts 13, 7 and 17; its first
// numbers from this seed were computed with integers that cannot overflow.
func TestCanary(t *testing.T) {
	for n, want := range map[int]uint64{0: 88172645463325252, 1: 8748534153485358512, 2: 3040900993826735515, 3: 3453997556048239312} {
		if got := spin(n); got != want {
			t.Errorf("after %d steps %d, want %d", n, got, want)
		}
	}
	if d := Canary(); d <= 0 {
		t.Errorf("it took %v", d)
	}
}
