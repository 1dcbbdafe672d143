package run

import "testing"

// What the hypervisor stole is a share of the time since watching began.
func TestSteal(t *testing.T) {
	for _, tt := range []struct {
		stolen, total [2]float64 // when watching begins, and when it is asked
		want          float64
	}{
		{[2]float64{10, 30}, [2]float64{1000, 1200}, 10},
		{[2]float64{10, 10}, [2]float64{1000, 1200}, 0},
		{[2]float64{0, 50}, [2]float64{0, 50}, 100},
		{[2]float64{10, 30}, [2]float64{1000, 1000}, 0}, // asked at once
		{[2]float64{10, 30}, [2]float64{1000, 900}, 0},
		{[2]float64{0, 0}, [2]float64{0, 0}, 0}, // unknown
	} {
		reading := 0
		percent := steal(func() (float64, float64) {
			defer func() { reading++ }()
			return tt.stolen[reading], tt.total[reading]
		})
		if got := percent(); got != tt.want || reading != 2 {
			t.Errorf("%v of %v: %v %% after %d readings, want %v %%", tt.stolen, tt.total, got, reading, tt.want)
		}
	}
	if p := Steal()(); p < 0 || p > 100 {
		t.Errorf("%v %% of this machine's time was stolen", p)
	}
}

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
