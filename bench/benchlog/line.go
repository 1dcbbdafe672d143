package benchlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A lineState says how a line ended.
type lineState int

const (
	lineNone    lineState = iota // nothing left
	lineWhole                    // ended with a newline
	linePartial                  // ended with the file
	lineLong                     // longer than the limit; the rest was discarded
)

// readLine reads one line of at most limit bytes, without its line ending, and
// discards the rest of a longer one. It never holds more than limit bytes.
func readLine(in *bufio.Reader, limit int) ([]byte, lineState, error) {
	var line []byte
	state := lineNone
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 && state == lineNone {
			state = linePartial
		}
		if state != lineLong {
			line = append(line, part...)
			if len(line) > limit {
				line, state = nil, lineLong
			}
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == nil && state == linePartial {
			state = lineWhole
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), state, err
	}
}

// Errors of a line that is cut off.
var (
	errNoIterations   = errors.New("missing iteration count")
	errNoMeasurements = errors.New("missing measurements")
	errNoUnit         = errors.New("missing units")
)

// A NumberError is a number of a result line that is none.
type NumberError struct {
	What string // "iteration count", or "measurement"
	Text string
	Unit string // "ops" for the count
	Err  error
}

func (e *NumberError) Error() string {
	text := e.Text
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	if errors.Is(e.Err, strconv.ErrRange) {
		return fmt.Sprintf("the %s %q is too large", e.What, text)
	}
	return fmt.Sprintf("the %s %q is no number", e.What, text)
}
func (e *NumberError) Unwrap() error { return e.Err }

// ParseResult parses a line of the Go benchmark format: a name, iterations,
// and pairs of number and unit. The error is a [NumberError] or says what is
// missing; the name is known even then.
func ParseResult(line string) (r Result, err error) {
	line, ok := strings.CutPrefix(line, "Benchmark")
	if !ok {
		return r, errNoIterations
	}
	name, rest, _ := cutField(line)
	r.Name = name
	r.Iters, r.Values, err = parseValues(rest)
	return r, err
}

// parseValues parses what stands after a benchmark's name.
func parseValues(rest string) (iters int, values []Value, err error) {
	f, rest, _ := cutField(rest)
	if f == "" {
		return 0, nil, errNoIterations
	}
	if iters, err = strconv.Atoi(f); err != nil {
		return 0, nil, &NumberError{"iteration count", f, "ops", errors.Unwrap(err)}
	}
	for {
		if f, rest, _ = cutField(rest); f == "" {
			break
		}
		var unit string
		unit, rest, _ = cutField(rest)
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return iters, nil, &NumberError{"measurement", f, unit, errors.Unwrap(err)}
		}
		if unit == "" {
			return iters, nil, errNoUnit
		}
		if len(values) < MaxUnits {
			values = append(values, Value{v, unit})
		}
	}
	if len(values) == 0 {
		return iters, nil, errNoMeasurements
	}
	return iters, values, nil
}

// cutField cuts s after its first field, as the benchmark format separates
// them.
func cutField(s string) (field, rest string, more bool) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimLeftFunc(s[i:], unicode.IsSpace), true
}
