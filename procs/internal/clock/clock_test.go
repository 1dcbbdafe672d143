package clock

import (
	"math"
	"testing"
	"time"
)

// Limits near the largest Duration mean for ever, not at once (uvloop#259,
// curio#377); a negative one is over.
func TestIn(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 200 * 365 * 24 * time.Hour} {
		if left := time.Until(In(d)); left < century-time.Hour || left > century {
			t.Errorf("In(%d) is in %v", d, left)
		}
	}
	for _, d := range []time.Duration{math.MinInt64, -1, 0} {
		if left := time.Until(In(d)); left > 0 || left < -time.Minute {
			t.Errorf("In(%d) is in %v", d, left)
		}
	}
	if left := time.Until(In(time.Hour)); left > time.Hour || left < 59*time.Minute {
		t.Errorf("an hour is %v", left)
	}
	if left := time.Until(In(99 * 8760 * time.Hour)); left > 99*8760*time.Hour || left < 99*8760*time.Hour-time.Hour {
		t.Errorf("99 years are %v", left)
	}
	if century != 876_000*time.Hour { // 24 hours a day, 365 days a year
		t.Errorf("a century is %v", century)
	}
	// Setting the wall clock moves nothing: a time with a monotonic reading
	// differs from one without in how it prints.
	if at := In(math.MaxInt64); at == at.Round(0) {
		t.Error("the monotonic reading is lost")
	}
}

func TestDeadline(t *testing.T) {
	var d Deadline
	if d.IsSet() || d.Passed() || d.Left() != math.MaxInt64 {
		t.Error("the zero Deadline comes")
	}
	for _, passed := range []time.Time{time.Now().Add(-1), time.Now(), time.Unix(1, 0), time.Unix(0, 0), start, start.Add(-time.Hour),
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(math.MinInt64/4, 0)} {
		d.Set(passed)
		if !d.IsSet() || !d.Passed() || d.Left() > 0 {
			t.Errorf("%v has not passed: %v are left", passed, d.Left())
		}
	}
	// The nanoseconds of these years do not fit into 64 bits.
	for _, far := range []time.Time{time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0), time.Now().Add(math.MaxInt64)} {
		d.Set(far)
		if d.Passed() || d.Left() < century/2 {
			t.Errorf("%v has passed: %v are left", far, d.Left())
		}
	}
	for years, comes := range map[time.Duration]bool{99: true, 101: false} {
		if d.Set(time.Now().Add(years * 8760 * time.Hour)); d.IsSet() != comes {
			t.Errorf("in %d years: %v", years, d.IsSet())
		}
	}
	d.Set(time.Now().Add(time.Hour))
	if left := d.Left(); left > time.Hour || left < 59*time.Minute || !d.IsSet() {
		t.Error(left)
	}
	d.Set(time.Now().Round(0).Add(time.Hour)) // without a monotonic reading
	if left := d.Left(); left > time.Hour+time.Minute || left < 58*time.Minute {
		t.Error(left)
	}
	d.Set(time.Time{})
	if d.IsSet() || d.Passed() {
		t.Error("a deadline that was taken back comes")
	}
}
