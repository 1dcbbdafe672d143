package analysis

import (
	"strconv"
	"strings"

	"switchyard/report/format"
)

// A quantity is a parameter's value read as a number: "10us" is 10e-6 of
// kind "s", "64KiB" is 65536 of kind "B", "1000" is 1000 of no kind.
type quantity struct {
	v    float64
	kind string
}

var quantityUnits = []struct {
	suffix string
	factor float64
	kind   string
}{
	{"ns", 1e-9, "s"}, {"us", 1e-6, "s"}, {"µs", 1e-6, "s"}, {"ms", 1e-3, "s"}, {"s", 1, "s"},
	{"KiB", 1 << 10, "B"}, {"MiB", 1 << 20, "B"}, {"GiB", 1 << 30, "B"},
	{"kB", 1e3, "B"}, {"KB", 1e3, "B"}, {"MB", 1e6, "B"}, {"B", 1, "B"},
	{"%", 1, "%"}, {"k", 1e3, ""}, {"K", 1e3, ""}, {"M", 1e6, ""}, {"", 1, ""},
}

// Bytes reads a number of bytes, such as "4KiB".
func Bytes(s string) (v float64, ok bool) {
	q, ok := parseQuantity(s)
	return q.v, ok && q.v > 0 && (q.kind == "B" || q.kind == "")
}

// parseQuantity reads a parameter's value as a number, if it is one.
func parseQuantity(s string) (quantity, bool) {
	for _, u := range quantityUnits {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok || num == "" {
			continue
		}
		// ParseFloat also takes "inf", "nan" and hexadecimal: not sizes.
		if strings.ContainsAny(num, "xXnNiIpP_") {
			continue
		}
		v, err := strconv.ParseFloat(num, 64)
		if err != nil || !format.Finite(v) {
			continue
		}
		return quantity{v * u.factor, u.kind}, true
	}
	return quantity{}, false
}
