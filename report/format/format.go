package format

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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

// maxShown bounds a name on the page.
const maxShown = 96

// Clean makes a name from a file fit to be shown, and keeps different names
// different: control characters, marks that change the direction of text and
// broken UTF-8 become visible, and a backslash is doubled so that nothing can
// pose as one of them. Of a long name the middle is cut out, and a checksum of
// the whole put there. Escaping for HTML comes after it.
func Clean(s string) string { return Fit(Visible(s, true), maxShown) }

// CleanTo makes prose from a file fit to be shown; what is too long loses its
// end.
func CleanTo(s string, limit int) string { return shorten(Visible(s, false), limit) }

func Visible(s string, injective bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\' && injective:
			b.WriteString(`\\`)
		case r == utf8.RuneError && broken(s[i:]):
			fmt.Fprintf(&b, "\\x%02x", s[i])
		case (r == '\t' || r == '\n') && !injective:
			b.WriteByte(' ')
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		case r != ' ' && (unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)): // of space all but the plain one
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// broken reports whether s begins with a byte that is not UTF-8.
func broken(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}

// shorten cuts the end off a text of more than limit characters.
func shorten(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// Fit cuts the middle out of a name of more than limit characters.
func Fit(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	sum := fnv.New64a()
	sum.Write([]byte(s))
	mark := fmt.Sprintf("…%010x…", sum.Sum64()&(1<<40-1))
	keep := limit - utf8.RuneCountInString(mark)
	tail := keep / 2
	return string(r[:keep-tail]) + mark + string(r[len(r)-tail:])
}

// Count shows a number with its noun: "1 case", "3 cases".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// List joins words as a sentence does: "a", "a and b", "a, b and c".
func List(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// unitStyles say how a file's units are shown: scaled to base units first, then
// with an SI or binary prefix.
var unitStyles = map[string]struct {
	factor float64
	class  benchunit.Class
	suffix string
}{
	"ops/s":                 {1, benchunit.Decimal, "/s"},
	"ns/op":                 {1e-9, benchunit.Decimal, "s"},
	"cpu-ns/op":             {1e-9, benchunit.Decimal, "s"},
	"p50-ns":                {1e-9, benchunit.Decimal, "s"},
	"p90-ns":                {1e-9, benchunit.Decimal, "s"},
	"p99-ns":                {1e-9, benchunit.Decimal, "s"},
	"p99.9-ns":              {1e-9, benchunit.Decimal, "s"},
	"max-ns":                {1e-9, benchunit.Decimal, "s"},
	"lag-p99-ns":            {1e-9, benchunit.Decimal, "s"},
	"lag-max-ns":            {1e-9, benchunit.Decimal, "s"},
	"turnaround-ns":         {1e-9, benchunit.Decimal, "s"},
	"virtual-turnaround-ns": {1e-9, benchunit.Decimal, "s"},
	"response-ns":           {1e-9, benchunit.Decimal, "s"},
	"waiting-ns":            {1e-9, benchunit.Decimal, "s"},
	"ns":                    {1e-9, benchunit.Decimal, "s"},
	"peak-RSS-bytes":        {1, benchunit.Binary, "B"},
	"bytes":                 {1, benchunit.Binary, "B"},
	"B/op":                  {1, benchunit.Binary, "B"},
	"B/s":                   {1, benchunit.Binary, "B/s"},
}

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

func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Some lists at most n things, and says how many more there are.
func Some(all []string, n int) string {
	shown := make([]string, 0, n)
	for _, s := range all[:min(n, len(all))] {
		shown = append(shown, Fit(Visible(s, false), 300))
	}
	if more := len(all) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, "; ")
}

func OrNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return Clean(s)
}

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
