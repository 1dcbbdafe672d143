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
		{Interval(0, math.Inf(1)), "unbounded: too few results"},
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

// Every unit has its prefixes and its suffix; the digits change where they
// should, above zero and below.
func TestUnits(t *testing.T) {
	for unit, want := range map[string][2]string{
		"ops/s": {"1.23M/s", "/s"}, "ns/op": {"1.23ms", "s"}, "cpu-ns/op": {"1.23ms", "s"}, "ns": {"1.23ms", "s"},
		"p50-ns": {"1.23ms", "s"}, "p90-ns": {"1.23ms", "s"}, "p99-ns": {"1.23ms", "s"}, "p99.9-ns": {"1.23ms", "s"}, "max-ns": {"1.23ms", "s"},
		"peak-RSS-bytes": {"1.18MiB", "B"}, "bytes": {"1.18MiB", "B"}, "B/op": {"1.18MiB", "B"}, "B/s": {"1.18MiB/s", "B/s"},
		"widgets": {"1.23M", ""}, "": {"1.23M", ""},
	} {
		if got := Value(1_234_567, unit); got != want[0] || Suffix(unit) != want[1] {
			t.Errorf("%s: %s with suffix %q, want %q", unit, got, Suffix(unit), want)
		}
	}
	for v, want := range map[float64]string{
		0: "0/s", 0.000949: "949µ/s", 0.9989: "999m/s", 1: "1.00/s", 99.94: "99.9/s", 99.95: "100/s",
		9.99e18: "9990000T/s", 1e19: "1e+19/s", 1e-12: "0.001n/s", 9e-13: "0.0009n/s", -1234: "-1.23k/s", -99.95: "-100/s",
	} {
		if got := Value(v, "ops/s"); got != want {
			t.Errorf("%v ops/s: %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", -0.0001: "-0.0001", 0.0012345: "0.00123", -1.5: "-1.50", 1500: "1.50k"} {
		if got := Value(v, "w"); got != want {
			t.Errorf("%v w: %s, want %s", v, got, want)
		}
	}
	for got, want := range map[string]string{
		Tick(1500, "ns"): "1.5µs", Tick(0.5, "w"): "0.5", Tick(-2.5e6, "ops/s"): "-2.5M/s", Tick(1e30, "ops/s"): "1e+30/s", Tick(math.Inf(1), "ns"): "∞",
		Interval(0.5, 2): "0.50 to 2.00", Interval(math.Inf(-1), 1): "unbounded: too few results", Interval(math.NaN(), 1): "unbounded: too few results",
		Ratio(-0.5): "-0.50×", Ratio(-12): "-12.0×", Percent(-0.5): "-50 %", Percent(math.NaN()): "∞", Percent(1): "100 %",
		Delta(0): "+0.0%", Delta(-1): "-100.0%", Delta(0.0126): "+1.3%",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a terminal or a reader could take for something else is spelled out: at
// both ends of every range of such characters.
func TestVisibleAtItsLimits(t *testing.T) {
	for in, want := range map[string]string{
		"\x00": `\x00`, "\x1f": `\x1f`, " ": " ", "~": "~", "\x7f": `\x7f`, "\u0080": `\u0080`, "\u009f": `\u009f`, "\u00a0": `\u00a0`, "¡": "¡",
		"\u00ad": `\u00ad`, "\u200b": `\u200b`, "\u2028": `\u2028`, "\u2029": `\u2029`, "\u3000": `\u3000`, "\ufeff": `\ufeff`, "é": "é", "𝄞": "𝄞",
		"\t": `\x09`, "\n": `\x0a`, `\`: `\\`, "\xc3": `\xc3`, "a\xe2\x82b": `a\xe2\x82b`, "\ufffd": "\ufffd",
	} {
		if got := Visible(in, true); got != want {
			t.Errorf("%q as a name: %s, want %s", in, got, want)
		}
		switch in {
		case "\t", "\n":
			want = " "
		case `\`:
			want = in
		}
		if got := Visible(in, false); got != want {
			t.Errorf("%q in prose: %s, want %s", in, got, want)
		}
	}
}

// What is too long loses its middle or its end, and what just fits loses
// nothing.
func TestLengths(t *testing.T) {
	name := strings.Repeat("é", 10) + "0123456789"
	for limit, want := range map[int]string{20: name, 21: name, 19: "ééé…" + "?" + "…7" + "89"} {
		got := Fit(name, limit)
		if limit < 20 {
			runes := []rune(got)
			if len(runes) != limit || !strings.HasPrefix(got, "éééé…") || !strings.HasSuffix(got, "…789") {
				t.Errorf("within %d: %s", limit, got)
			}
			continue
		}
		if got != want {
			t.Errorf("within %d: %s, want %s", limit, got, want)
		}
	}
	if got := Fit("ab"+name+name, 18); got != "abé…"+got[strings.Index(got, "…")+3:] || len([]rune(got)) != 18 || !strings.HasSuffix(got, "…789") {
		t.Errorf("within 18: %s", got)
	}
	for limit, want := range map[int]string{0: "…", 1: "é…", 2: "éa…", 3: "éab", 4: "éab"} {
		if got := CleanTo("éab", limit); got != want {
			t.Errorf("prose within %d: %s, want %s", limit, got, want)
		}
	}
	all := []string{"a\tb", "c", "d"}
	for n, want := range map[int]string{1: "a b; and 2 more", 2: "a b; c; and 1 more", 3: "a b; c; d", 4: "a b; c; d"} {
		if got := Some(all, n); got != want {
			t.Errorf("some %d: %s, want %s", n, got, want)
		}
	}
	if got := Some([]string{strings.Repeat("x", 300), strings.Repeat("y", 301)}, 5); len([]rune(got)) != 602 || !strings.HasPrefix(got, strings.Repeat("x", 300)+"; yy") {
		t.Errorf("long ones: %d characters, %.400s", len([]rune(got)), got)
	}
	if OrNone("") != "(none)" || OrNone("a\tb") != `a\x09b` {
		t.Errorf("%q %q", OrNone(""), OrNone("a\tb"))
	}
}
