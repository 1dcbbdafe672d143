package host

import "testing"

func TestCPUList(t *testing.T) {
	if got := FormatCPUs([]int{0, 1, 2, 5, 7, 8}); got != "0-2,5,7-8" {
		t.Errorf("got %s", got)
	}
}

// Both directions of a list of CPUs.
func TestParseCPUs(t *testing.T) {
	for _, text := range []string{"0", "0-2,5,7-8", "3,5", "8191"} {
		if cpus, err := ParseCPUs(text); err != nil || FormatCPUs(cpus) != text {
			t.Errorf("%q is read as %v, %v", text, cpus, err)
		}
	}
	for _, text := range []string{"", "x", "1-", "-1", "2-1", "1,,2", "8192", "0-9999999999"} {
		if cpus, err := ParseCPUs(text); err == nil {
			t.Errorf("%q is read as %v", text, cpus)
		}
	}
}
