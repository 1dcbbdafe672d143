package report

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Latency is a case's merged latency histogram, seen at fixed percentiles.
type Latency struct {
	Count  int64
	Points []Quantile // ascending in percentile
	Max    float64    // ns
}

// A Quantile is a percentile, 0 to 100, and its latency in nanoseconds.
type Quantile struct{ P, NS float64 }

const (
	maxHlogLine = 4 << 20
	maxDigits   = 4 // more would make one hostile histogram as large as a gigabyte
)

// readLatency reads a standard HdrHistogram log (V2, compressed) and merges
// the histograms of each tag into the tag's cell. Damaged lines are counted. It
// reports whether the log is the run's own: its first lines give the moment at
// which the run was begun, as the header of bench.txt does. Of another run's log
// nothing is read.
func (run *Run) readLatency(r io.Reader) (own bool) {
	cells := run.byTag()
	merged := map[*Cell]*hdrhistogram.PackedHistogram{}
	in := bufio.NewReaderSize(io.LimitReader(r, maxBytes), 64<<10)
	var damaged, unknown, total int
	var first error
	start := ""
	for {
		line, state, err := readLine(in, maxHlogLine)
		if state == lineNone {
			if err != nil && err != io.EOF {
				run.note("reading %s stopped early: %v", LatencyFile, err)
			}
			break
		}
		if after, ok := bytes.CutPrefix(line, []byte("#[StartTime: ")); ok && start == "" {
			at, _, _ := bytes.Cut(after, []byte(" "))
			start = string(at)
		}
		if len(line) == 0 && state != lineLong || bytes.HasPrefix(line, []byte("#")) || bytes.HasPrefix(line, []byte(`"`)) {
			continue
		}
		if total++; total == 1 && !run.begunAt(start) {
			run.note("%s was not read: it is of another run (begun at %s)", LatencyFile, orUnknown(start))
			return false
		}
		tag, h, err := parseHlogLine(line)
		if err != nil || state == lineLong {
			if damaged++; first == nil {
				first = err
			}
			continue
		}
		cell := cells[tag]
		if cell == nil {
			unknown++
			continue
		}
		if have := merged[cell]; have != nil {
			have.Merge(h)
		} else {
			merged[cell] = h
		}
	}
	for cell, h := range merged {
		cell.Latency = newLatency(h)
	}
	if damaged > 0 {
		run.note("%d of %d latency histograms could not be read: %v", damaged, total, first)
	}
	if unknown > 0 {
		run.note("%s of no result in %s left out", count(unknown, "latency histogram"), BenchFile)
	}
	return run.begunAt(start)
}

// begunAt reports whether the run was begun at a moment, in seconds since 1970,
// to the millisecond.
func (run *Run) begunAt(seconds string) bool {
	at, err := time.Parse(time.RFC3339Nano, run.Header.Run)
	s, serr := strconv.ParseFloat(seconds, 64)
	return err == nil && serr == nil && math.Round(s*1000) == float64(at.UnixMilli())
}

func orUnknown(s string) string {
	if s == "" {
		return "no known time"
	}
	return shorten(s, 40)
}

// byTag finds cells by the tag the runner gives their histograms: the
// benchmark's name without "Benchmark".
func (run *Run) byTag() map[string]*Cell {
	tags := map[string]*Cell{}
	for _, c := range run.cases() {
		for model, cell := range c.Cells {
			tag := c.full() // our runner's files know no packages
			if model != "" {
				tag += "/model=" + model
			}
			if c.Procs > 0 {
				tag = fmt.Sprintf("%s-%d", tag, c.Procs)
			}
			tags[tag] = cell
		}
	}
	return tags
}

// parseHlogLine reads "Tag=<tag>,<start>,<length>,<max>,<histogram>".
func parseHlogLine(line []byte) (tag string, h *hdrhistogram.PackedHistogram, err error) {
	fields := strings.Split(string(line), ",")
	if len(fields) < 4 {
		return "", nil, errors.New("not a histogram log line")
	}
	if t, ok := strings.CutPrefix(fields[0], "Tag="); ok {
		// A tag may hold commas: the four fields after it cannot.
		n := len(fields) - 4
		if n < 1 {
			return "", nil, errors.New("not a histogram log line")
		}
		tag = strings.Join(append([]string{t}, fields[1:n]...), ",")
	}
	payload := []byte(strings.TrimSpace(fields[len(fields)-1]))
	if err := checkGeometry(payload); err != nil {
		return tag, nil, err
	}
	h, err = hdrhistogram.DecodePacked(payload)
	return tag, h, err
}

// checkGeometry looks at an encoded histogram's header before it is decoded:
// the number of its counters, and so the memory a payload may unfold into, grows
// tenfold with each significant digit.
func checkGeometry(payload []byte) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(payload)))
	n, err := base64.StdEncoding.Decode(raw, payload)
	if err != nil {
		return err
	}
	if n < 8 {
		return errors.New("histogram too short")
	}
	z, err := zlib.NewReader(bytes.NewReader(raw[8:n]))
	if err != nil {
		return err
	}
	defer z.Close()
	var header [hdrhistogram.ENCODING_HEADER_SIZE]byte
	if _, err := io.ReadFull(z, header[:]); err != nil {
		return err
	}
	if digits := binary.BigEndian.Uint32(header[12:]); digits > maxDigits {
		return fmt.Errorf("histogram with %d significant digits", digits)
	}
	return nil
}

// percentiles are where a latency curve is sampled: even steps within each
// nine, so that the tail, where models differ, keeps its shape.
var percentiles = func() []float64 {
	ps := []float64{0, 5, 10, 20, 30, 40, 50, 60, 65, 70, 75, 80, 85}
	for nine := range 4 {
		start, width := 100-math.Pow10(1-nine), 9*math.Pow10(-nine)
		for i := range 12 {
			ps = append(ps, start+width*float64(i)/12)
		}
	}
	return append(ps, 99.999, 100)
}()

// newLatency reads a histogram at the percentiles. Those beyond what its
// count can resolve are left out: of 200 values none is the 99.9th percentile.
func newLatency(h *hdrhistogram.PackedHistogram) *Latency {
	l := &Latency{Count: h.TotalCount(), Max: float64(h.Max())}
	if l.Count <= 0 {
		return nil
	}
	values := h.ValueAtPercentilesSlice(percentiles)
	for i, p := range percentiles {
		if p == 100 || (1-p/100)*float64(l.Count) >= 1 {
			l.Points = append(l.Points, Quantile{p, float64(values[i])})
		}
	}
	return l
}

// at is the latency at a percentile that was sampled.
func (l *Latency) at(p float64) (float64, bool) {
	if l == nil {
		return 0, false
	}
	for _, q := range l.Points {
		if math.Abs(q.P-p) < 1e-6 {
			return q.NS, true
		}
	}
	return 0, false
}
