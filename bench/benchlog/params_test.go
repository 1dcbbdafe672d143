package benchlog

import "testing"

func TestParamsCut(t *testing.T) {
	for _, tt := range []struct {
		p           Params
		value, rest string
		ok          bool
	}{
		{"build=old", "old", "", true},
		{"build=old/n=10/m=2", "old", "n=10/m=2", true},
		{"n=10/build=new", "new", "n=10", true},
		{"n=10/build=a=b/n=10", "a=b", "n=10/n=10", true},
		{"build=a/build=b", "a", "build=b", true},
		{"rebuild=a/build", "", "rebuild=a/build", false},
		{"", "", "", false},
		{"build=", "", "", true},
	} {
		value, rest, ok := tt.p.Cut(BuildKey)
		if value != tt.value || string(rest) != tt.rest || ok != tt.ok {
			t.Errorf("%q: %q, %q, %v", tt.p, value, rest, ok)
		}
	}
}
