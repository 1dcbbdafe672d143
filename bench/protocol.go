package bench

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench/benchlog"
)

// The runner protocol, so that a program in any language can be measured
// beside ours:
//
//	runner -list
//	runner -workload NAME -model MODEL -params P -cpus C -benchtime D [-n N -op D]
//
// -list prints a JSON array of [WorkloadInfo]. The other form measures one
// result and prints one line of the Go benchmark format and, if latencies were
// recorded, a line "latency" followed by an HdrHistogram in the V2 compressed
// encoding. Without -n it calibrates; the iterations of the line are then the N
// to use, and a line "calibrated" with the number of passes and the nanoseconds
// that were timed in them tells how much of a call is set-up. Exit status 0 is
// a result, 1 a failed case, 2 bad usage, 3 a void case; the reason is on
// standard error. The CPU set and GOMAXPROCS are inherited from the parent, and
// standard input is not read.

// Exit statuses of a runner.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitVoid   = 3
)

// Info describes the workload. Its source file is named after it.
func (w *Workload) Info() WorkloadInfo {
	info := WorkloadInfo{
		Name: w.Name, Story: w.Story, Op: w.Op, Cases: w.Points(), NA: w.NA,
		Source: "bench/workload/" + strings.ToLower(w.Name) + ".go",
		Vary:   w.Points()[0].Keys(),
	}
	for _, m := range Models() {
		if w.Impls[m] != nil {
			info.Models = append(info.Models, m)
		}
	}
	return info
}

// Points returns the workload's parameter points: its Cases, or the empty
// point if it has none.
func (w *Workload) Points() []Params {
	if len(w.Cases) == 0 {
		return []Params{""}
	}
	return w.Cases
}

// Check reports what is wrong with a workload's declaration: a missing answer,
// a cell with neither implementation nor reason (or with both), a parameter
// that cannot stand in a name.
func (w *Workload) Check() error {
	switch {
	case w.Name == "" || strings.ContainsAny(w.Name, "/ \t\n,-="):
		return fmt.Errorf("workload %q: not a benchmark name", w.Name)
	case w.Story == "" || w.Op == "":
		return fmt.Errorf("workload %s: no story or no op", w.Name)
	case w.Want == nil:
		return fmt.Errorf("workload %s: no Want", w.Name)
	}
	for _, m := range Models() {
		if _, na := w.NA[m]; na == (w.Impls[m] != nil) {
			return fmt.Errorf("workload %s: %s needs an implementation or the reason why it has none", w.Name, m)
		}
	}
	for _, p := range w.Cases {
		if err := p.Check(); err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
	}
	return nil
}

// An Invocation is one call of a runner.
type Invocation struct {
	Case      Case
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
		"-benchtime", in.Benchtime.String(),
	}
	if in.N > 0 {
		args = append(args, "-n", strconv.Itoa(in.N), "-op", in.Op.String())
	}
	return args
}

// An Output is what a runner printed for one result.
type Output struct {
	Line    string        // in the Go benchmark format
	N       int           // its iterations
	Op      time.Duration // its ns/op
	Max     float64       // its longest latency in nanoseconds; 0 if it has none
	Latency string        // encoded histogram; may be empty
	Passes  int           // of a calibration; 0 if the runner did not say
	Timed   time.Duration // in those passes
}

// WriteOutput prints a result in the way that [ReadOutput] reads.
func WriteOutput(w io.Writer, r *Result) error {
	if _, err := fmt.Fprintln(w, r); err != nil {
		return err
	}
	if r.Passes > 0 {
		if _, err := fmt.Fprintf(w, "calibrated %d %d\n", r.Passes, r.Timed); err != nil {
			return err
		}
	}
	if r.Latency == nil {
		return nil
	}
	h, err := r.Latency.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return fmt.Errorf("latency histogram: %w", err)
	}
	_, err = fmt.Fprintf(w, "latency %s\n", h)
	return err
}

// ReadOutput reads what a runner printed for the given case. The runner may be
// anyone's program: its line must be one result of this very case, and its
// histogram must decode.
func ReadOutput(c Case, text string) (Output, error) {
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
			if _, err := fmt.Sscanf(line, "calibrated %d %d", &out.Passes, &out.Timed); err != nil || out.Passes < 1 || out.Timed < 0 {
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
func (out *Output) parse(c Case) error {
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
	op, _ := r.Get("ns/op")
	out.N, out.Op = r.Iters, time.Duration(op)
	out.Max, _ = r.Get(longest)
	return nil
}

func checkLatency(encoded string) error {
	if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		return fmt.Errorf("the runner's latency histogram is not base64: %w", err)
	}
	return nil
}

// WriteList prints what -list prints.
func WriteList(w io.Writer, workloads []*Workload) error {
	var infos []WorkloadInfo
	for _, wl := range workloads {
		infos = append(infos, wl.Info())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(infos)
}

// ReadList reads what -list printed.
func ReadList(text []byte) ([]WorkloadInfo, error) {
	var infos []WorkloadInfo
	if err := json.Unmarshal(text, &infos); err != nil {
		return nil, fmt.Errorf("the runner's list of workloads: %w", err)
	}
	return infos, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
