package run

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchyard/bench/benchlog"
)

// An Invocation is one call of a runner.
type Invocation struct {
	Case      benchlog.Case
	N         int           // 0 calibrates
	Op        time.Duration // expected length of an op; 0 is unknown
	Benchtime time.Duration
}

// Args returns the runner's arguments.
func (in Invocation) Args() []string {
	args := []string{
		"-workload", in.Case.Workload,
		"-model", string(in.Case.Model),
		"-params", string(in.Case.Params),
		"-cpus", strconv.Itoa(in.Case.CPUs),
		"-benchtime", nanoseconds(in.Benchtime),
	}
	if in.N > 0 {
		args = append(args, "-n", strconv.Itoa(in.N), "-op", nanoseconds(in.Op))
	}
	return args
}

// nanoseconds spells a duration so that any language reads it with ease.
func nanoseconds(d time.Duration) string { return strconv.FormatInt(d.Nanoseconds(), 10) + "ns" }

// An Output is what a runner printed for one result.
type Output struct {
	Line    string        // in the Go benchmark format
	N       int           // its iterations
	Op      time.Duration // its ns/op
	Max     float64       // its longest latency in nanoseconds; 0 if it has none
	Latency string        // encoded histogram; may be empty
	Elapsed time.Duration // that its iterations took
	Passes  int           // of a calibration; 0 if the runner did not say
	Timed   time.Duration // in those passes
	Batch   int           // ops of a batch; 0 if the runner did not say
}

// ReadOutput reads what a runner printed for the given case. The runner may be
// anyone's program: its line must be one result of this very case, and its
// histogram must decode.
func ReadOutput(c benchlog.Case, text string) (Output, error) {
	var out Output
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
		case strings.HasPrefix(line, "latency "):
			out.Latency = strings.TrimPrefix(line, "latency ")
			if err := checkLatency(out.Latency); err != nil {
				return Output{}, err
			}
		case strings.HasPrefix(line, "calibrated "):
			n, _ := fmt.Sscanf(line, "calibrated %d %d %d", &out.Passes, &out.Timed, &out.Batch)
			if n < 2 || n != len(strings.Fields(line))-1 || out.Passes < 1 || out.Timed < 0 || n == 3 && out.Batch < 1 {
				return Output{}, fmt.Errorf("the runner printed %.80q", line)
			}
		case out.Line == "" && strings.HasPrefix(line, "Benchmark"):
			out.Line = line
		default:
			return Output{}, fmt.Errorf("the runner printed %.80q, which is not part of the protocol", line)
		}
	}
	if err := out.parse(c); err != nil {
		return Output{}, err
	}
	return out, nil
}

// parse takes the values out of the line, which must be one result of the case.
func (out *Output) parse(c benchlog.Case) error {
	r, err := benchlog.ParseResult(out.Line)
	var bad *benchlog.NumberError
	number := errors.As(err, &bad)
	switch {
	case err != nil && !number:
		return errors.New("the runner printed no result")
	case r.Name != c.String():
		return fmt.Errorf("the runner printed a result of %.120q instead of %s", "Benchmark"+r.Name, c)
	case number:
		return fmt.Errorf("the runner printed %.40q %.40s", bad.Text, bad.Unit)
	case r.Iters < 1:
		return fmt.Errorf("the runner printed %q ops", strconv.Itoa(r.Iters))
	}
	for _, v := range r.Values {
		if !(v.V >= 0 && v.V <= 1e18) { // NaN too
			return fmt.Errorf("the runner printed \"%g\" %.40s", v.V, v.Unit)
		}
	}
	op, timed := r.Get("ns/op")
	if !timed {
		return errors.New("the runner printed no ns/op")
	}
	out.N, out.Op, out.Elapsed = r.Iters, time.Duration(op), time.Duration(min(op*float64(r.Iters), 1e18))
	out.Max, _ = r.Get(benchlog.LongestLatency)
	return nil
}

func checkLatency(encoded string) error {
	if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		return fmt.Errorf("the runner's latency histogram is not base64: %w", err)
	}
	return nil
}
