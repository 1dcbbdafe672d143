package benchlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// What begins a line that carries JSON, after "# ". Readers of the benchmark
// format skip lines that begin with '#'.
const (
	headerWord    = "switchyard"
	modelWord     = "model"
	workloadWord  = "workload"
	likeWord      = "like"
	calibrateWord = "calibrated"
	beginWord     = "begin"
	blockWord     = "block"
)

// HeaderStart is how every bench.txt of ours begins.
const HeaderStart = "# " + headerWord + " "

// units tell benchstat which way is better.
const units = "Unit ops/s better=higher\n"

// Preamble returns what stands before the results.
func Preamble(h Header, facts []Fact, models []ModelInfo, workloads []WorkloadInfo) ([]byte, error) {
	text, err := Note(h)
	list, listErr := WriteList(models, workloads)
	text, err = append(text, list...), errors.Join(err, listErr)
	for _, f := range facts {
		text = fmt.Appendf(text, "%s: %s\n", f.Key, f.Value)
	}
	return append(text, units...), err
}

// A Record is a line that carries JSON.
type Record interface{ word() string }

func (Header) word() string       { return headerWord }
func (ModelInfo) word() string    { return modelWord }
func (WorkloadInfo) word() string { return workloadWord }
func (Like) word() string         { return likeWord }
func (Calibration) word() string  { return calibrateWord }
func (BlockStart) word() string   { return beginWord }
func (BlockNote) word() string    { return blockWord }

// Note returns the line of a record.
func Note(record Record) ([]byte, error) {
	j, err := json.Marshal(record)
	return fmt.Appendf(nil, "# %s %s\n", record.word(), j), err
}

// Failure returns the entry of a failed case, in the shape of go test.
func Failure(c Case, where string, err error) []byte {
	return fmt.Appendf(nil, "--- FAIL: Benchmark%s\n    %s: %s\n", c, where, indent(err.Error()))
}

// Skip returns the entry of a case, or of a whole workload and model, that
// cannot be measured.
func Skip(c Case, reason string) []byte {
	return fmt.Appendf(nil, "--- SKIP: Benchmark%s\n    %s\n", c, indent(reason))
}

// indent keeps a reason inside its entry: later lines stay indented, and a
// long one (a stack) is cut.
func indent(s string) string {
	const most = 4000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// String returns the result as a line of the Go benchmark format, without a
// newline.
func (r *Result) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "Benchmark%s\t%d", r.Name, r.Iters)
	for _, v := range r.Values {
		fmt.Fprintf(&s, "\t%s %s", number(v.V), v.Unit)
	}
	return s.String()
}

// number prints whole numbers as they are and others with at least four
// significant digits, and never an exponent, which some readers of the format
// do not know.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a == math.Trunc(a), a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.1f", v)
	case a >= 10:
		return fmt.Sprintf("%.2f", v)
	case a >= 1:
		return fmt.Sprintf("%.3f", v)
	default:
		return fmt.Sprintf("%.6f", v)
	}
}
