package format

import (
	"math"
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Value(1012, "ns/op"), "1.01µs"}, {Value(0.598, "ns/op"), "0.598ns"}, {Value(988142, "ops/s"), "988k/s"},
		{Value(4812800, "peak-RSS-bytes"), "4.59MiB"}, {Value(0, "allocs/op"), "0"}, {Value(0.00002, "csw/op"), "<0.001"},
		{Value(math.NaN(), "ns/op"), "NaN"}, {Value(math.Inf(1), "ns/op"), "∞"}, {Value(12345678, "widgets"), "12.3M"},
		{Tick(1e7, "ops/s"), "10M/s"}, {Tick(1.5e9, "ops/s"), "1.5G/s"}, {Tick(100, "ns"), "100ns"}, {Tick(0, "ns"), "0s"},
		{Ratio(1.4242), "1.42×"}, {Ratio(0.0123), "0.012×"}, {Ratio(123.4), "123×"}, {Ratio(math.NaN()), "?"}, {Ratio(1e-5), "1e-05×"},
		{Interval(0, math.Inf(1)), "unbounded: too few results"}, {P(0.0004), "<0.001"}, {P(1), "1"}, {P(0.0216), "0.022"},
		{Percent(0.05), "5 %"}, {Percent(0.034), "3.4 %"}, {Percent(12), "1200 %"}, {Percent(math.Inf(1)), "∞"},
		{Clean("a\tb\x1b[0m\u202e"), "a\\x09b\\x1b[0m\\u202e"}, {CleanTo("a\tb", 9), "a b"}, {CleanTo("abcdef", 3), "abc…"}, {Clean("\xff\uFFFD"), "\\xff\uFFFD"},
		{Count(1, "case"), "1 case"}, {Count(2, "case"), "2 cases"}, {List([]string{"a", "b", "c"}), "a, b and c"}, {List(nil), ""},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	if strings.Contains(Clean(strings.Repeat("x", 1000)), strings.Repeat("x", maxShown+1)) {
		t.Error("a long name was not cut")
	}
}

// Numbers at and beside every limit at which their form changes.
func TestFormatsAtTheirLimits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Ratio(9.949), "9.95×"}, {Ratio(9.95), "9.9×"}, {Ratio(10.32), "10.3×"}, {Ratio(99.49), "99.5×"}, {Ratio(99.5), "100×"},
		{Ratio(0.0995), "0.10×"}, {Ratio(0.0994), "0.099×"}, {Ratio(0.00995), "0.010×"}, {Ratio(0.00994), "0.0099×"}, {Ratio(0), "0.00×"},
		{Ratio(999_999), "999999×"}, {Ratio(1e6), "1e+06×"}, {Ratio(math.Inf(1)), "∞×"}, {Ratio(math.Inf(-1)), "∞×"},
		{Percent(0.995), "100 %"}, {Percent(0.0995), "10 %"}, {Percent(0.0994), "9.9 %"}, {Percent(0.00095), "0.1 %"}, {Percent(0.00094), "0.094 %"}, {Percent(0), "0 %"},
		{P(0.00099), "<0.001"}, {P(0.001), "0.001"}, {P(0.9994), "0.999"}, {P(0.9995), "1"}, {P(math.NaN()), ""},
		{Delta(9), "+900.0%"}, {Delta(9.01), "10.0×"}, {Delta(-0.5), "-50.0%"}, {Delta(math.Inf(1)), "from 0"}, {Delta(math.NaN()), "from 0"},
		{Value(0.00099, "w"), "<0.001"}, {Value(0.001, "w"), "0.001"}, {Value(0.9999, "w"), "1"}, {Value(1, "w"), "1.00"}, {Value(-5, "w"), "-5.00"},
		{Value(99.94, "B/s"), "99.9B/s"}, {Value(99.95, "B/s"), "100B/s"}, {Value(9.994, "B/s"), "9.99B/s"}, {Value(9.995, "B/s"), "10.0B/s"},
		{Value(1e10, "ops/s"), "10.0G/s"}, {Value(1e21, "ops/s"), "1e+21/s"}, {Value(1e-5, "ns/op"), "1e-05ns"},
		{Tick(1.25e3, "ops/s"), "1.25k/s"}, {Tick(-1e7, "ops/s"), "-10M/s"}, {Tick(5, ""), "5"},
		{List([]string{"a"}), "a"}, {List([]string{"a", "b"}), "a and b"}, {Count(2, "bus"), "2 buses"}, {Count(0, "case"), "0 cases"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
