package format

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"
)

// digits shows a number in three significant digits with its prefix. benchunit
// gives at least four for some; a reader of tables wants them even.
func digits(v float64, class benchunit.Class) string {
	if v == 0 {
		return "0"
	}
	s := benchunit.CommonScale([]float64{v}, class)
	x := v / s.Factor
	a := math.Abs(x)
	switch {
	case a >= 1e7:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 99.95:
		s.Prec = 0
	case a >= 9.995:
		s.Prec = 1
	case a >= 0.9995:
		s.Prec = 2
	case a >= 0.00095:
		s.Prec = 3
	default: // below the smallest prefix: keep two digits
		return strconv.FormatFloat(x, 'g', 2, 64) + s.Prefix
	}
	return s.Format(v)
}

// Tick shows a value as an axis does: "10M/s" for "10.0M/s".
func Tick(v float64, unit string) string {
	s := Value(v, unit)
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && r != '-' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	if !strings.Contains(s[:end], ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s[:end], "0"), ".") + s[end:]
}

// Ratio shows a ratio as "1.42×"; ratios far from one lose digits.
func Ratio(r float64) string {
	switch {
	case math.IsNaN(r):
		return "?"
	case math.IsInf(r, 0):
		return "∞×"
	}
	return RatioDigits(r) + "×"
}

// RatioDigits shows a ratio without its sign, "1.42"; see [Ratio].
func RatioDigits(r float64) string {
	switch a := math.Abs(r); {
	case a >= 1e6:
		return strconv.FormatFloat(r, 'g', 2, 64)
	case a >= 99.5:
		return strconv.FormatFloat(r, 'f', 0, 64)
	case a >= 9.95:
		return strconv.FormatFloat(r, 'f', 1, 64)
	case a >= 0.0995 || a == 0:
		return strconv.FormatFloat(r, 'f', 2, 64)
	case a >= 0.00995:
		return strconv.FormatFloat(r, 'f', 3, 64)
	default:
		return strconv.FormatFloat(r, 'g', 2, 64)
	}
}

// Interval shows an interval of ratios, "1.38 to 1.46".
func Interval(lo, hi float64) string {
	if !Finite(lo) || !Finite(hi) {
		return "unbounded: too few results"
	}
	return RatioDigits(lo) + " to " + RatioDigits(hi)
}

// Percent shows a share, 0.034 as "3.4 %".
func Percent(x float64) string {
	if !Finite(x) {
		return "∞"
	}
	switch a := math.Abs(x); {
	case a >= 0.0995:
		return fmt.Sprintf("%.0f %%", 100*x)
	case a >= 0.00095 || a == 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*x), ".0") + " %"
	}
	return fmt.Sprintf("%.2g %%", 100*x)
}

// A style says how values of a unit are shown: scaled to base units first, then
// with an SI or binary prefix.
type style struct {
	factor float64
	class  benchunit.Class
	suffix string
}

var (
	seconds = style{1e-9, benchunit.Decimal, "s"}
	bytes   = style{1, benchunit.Binary, "B"}

	unitStyles = map[string]style{
		"ns": seconds, "ns/op": seconds, "cpu-ns/op": seconds, "p50-ns": seconds, "p90-ns": seconds, "p99-ns": seconds, "p99.9-ns": seconds,
		"max-ns": seconds, "lag-p99-ns": seconds, "lag-max-ns": seconds, "turnaround-ns": seconds, "virtual-turnaround-ns": seconds,
		"response-ns": seconds, "waiting-ns": seconds,
		"bytes": bytes, "B/op": bytes, "peak-RSS-bytes": bytes, "B/s": {1, benchunit.Binary, "B/s"}, "ops/s": {1, benchunit.Decimal, "/s"},
	}
)

// Suffix is what Value writes behind a value of the unit, its prefix
// aside: "/s".
func Suffix(unit string) string { return unitStyles[unit].suffix }

// Value shows a value of a unit in three or four digits: "988k/s",
// "1.01µs", "4.59MiB". What is no number is shown as such.
func Value(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return "∞"
	}
	style, ok := unitStyles[unit]
	switch {
	case !ok && v > 0 && v < 0.001:
		return "<0.001"
	case !ok && math.Abs(v) < 1:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case !ok:
		return digits(v, benchunit.Decimal)
	}
	return digits(v*style.factor, style.class) + style.suffix
}

// Rate shows a throughput: "988k/s".
func Rate(v float64) string { return Value(v, "ops/s") }

// Finite reports whether v is neither NaN nor infinite.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Delta shows a change as a signed share; large ones as a ratio. From
// nothing to something there is no share.
func Delta(x float64) string {
	if !Finite(x) {
		return "from 0"
	}
	if x > 9 {
		return Ratio(x + 1)
	}
	return fmt.Sprintf("%+.1f%%", 100*x)
}
