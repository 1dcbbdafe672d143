package results

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/report/internal/reporttest"
)

func hlogLine(t testing.TB, tag string, digits int, values ...int64) string {
	t.Helper()
	h := hdrhistogram.New(1, 3600e9, digits)
	for _, v := range values {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	h.SetTag(tag)
	var b bytes.Buffer
	if err := hdrhistogram.NewHistogramLogWriter(&b).OutputIntervalHistogram(h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func upTo(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i+1) * 1000
	}
	return out
}

// Several lines with one tag are one result each; the case's curve is theirs
// merged.
func TestLatencyMerges(t *testing.T) {
	run := read(t, reporttest.Small)
	log := reporttest.SmallLog + `"StartTimestamp","Interval_Length"` + "\n" +
		hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, upTo(1000)...) +
		hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, upTo(1000)...) +
		hlogLine(t, "Lock/tasks=2/model=goroutine-2", 3, 5000)
	run.readLatency(strings.NewReader(log))
	cells := run.Workloads[0].Cases[0].Cells
	l := cells["greenlet"].Latency
	if l == nil || l.Count != 2000 {
		t.Fatalf("merged: %+v", l)
	}
	if p50, ok := l.at(50); !ok || p50 < 499e3 || p50 > 502e3 {
		t.Errorf("p50 = %v, want 500 µs to three digits", p50)
	}
	if _, ok := l.at(99.99); ok {
		t.Error("two thousand ops have no 99.99th percentile")
	}
	if one := cells["goroutine"].Latency; one == nil || len(one.Points) == 0 || one.Max < 4990 {
		t.Errorf("one value: %+v", one)
	}
	if len(run.Notes) != 0 {
		t.Errorf("notes %q", run.Notes)
	}
}

func TestLatencyDamage(t *testing.T) {
	whole := hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, upTo(100)...)
	bomb := strings.Replace(hlogLine(t, "Lock/tasks=2/model=greenlet-2", 5, 1), "Lock", "Lock", 1)
	for name, line := range map[string]string{
		"cut":         whole[:len(whole)/2],
		"no fields":   "garbage",
		"no payload":  "Tag=Lock/tasks=2/model=greenlet-2,0,0,0,",
		"not base64":  "Tag=Lock/tasks=2/model=greenlet-2,0,0,0,!!!!",
		"not zlib":    "Tag=Lock/tasks=2/model=greenlet-2,0,0,0," + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef")),
		"too precise": bomb,
		"endless":     strings.Repeat("x", 4<<20+10),
		"tag only":    "Tag=x",
	} {
		run := read(t, reporttest.Small)
		run.readLatency(strings.NewReader(reporttest.SmallLog + whole + line + "\n" + whole))
		l := run.Workloads[0].Cases[0].Cells["greenlet"].Latency
		if l == nil || l.Count != 200 {
			t.Errorf("%s: the whole lines beside it were lost: %+v", name, l)
		}
		if len(run.Notes) != 1 || !strings.Contains(run.Notes[0], "could not be read") {
			t.Errorf("%s: notes %q", name, run.Notes)
		}
	}
	run := read(t, reporttest.Small)
	run.readLatency(strings.NewReader(reporttest.SmallLog + hlogLine(t, "Other/model=x-2", 3, 1)))
	if len(run.Notes) != 1 || !strings.Contains(run.Notes[0], "of no result in bench.txt") {
		t.Errorf("unknown tag: notes %q", run.Notes)
	}
}

func TestTagWithCommas(t *testing.T) {
	run := read(t, reporttest.Small+"BenchmarkX/a=1,2/model=m-2 1 5 ns/op\n")
	line := hlogLine(t, "T", 3, 5)
	run.readLatency(strings.NewReader(reporttest.SmallLog + strings.Replace(line, "Tag=T,", "Tag=X/a=1,2/model=m-2,", 1)))
	if run.Workloads[1].Cases[0].Cells["m"].Latency == nil {
		t.Errorf("a tag with a comma was not found: %q", run.Notes)
	}
}

func FuzzHlog(f *testing.F) {
	f.Add([]byte(hlogLine(f, "Lock/tasks=2/model=greenlet-2", 3, upTo(50)...)))
	f.Add([]byte("Tag=,,,,,\n#[StartTime: 1]\n1,2,3,HISTFAAA\n"))
	f.Add([]byte(fmt.Sprintf("Tag=%s,1,1,1,%s\n", "Lock/tasks=2/model=greenlet-2", "HISTFAAAAB94nJNpmSzMwMAgxQABjFCaGUQ+WMJg/wEiAgBOpQRE")))
	f.Fuzz(func(t *testing.T, data []byte) {
		run := read(t, reporttest.Small)
		run.readLatency(io.MultiReader(strings.NewReader(reporttest.SmallLog), bytes.NewReader(data)))
		for _, c := range run.Cases() {
			for _, cell := range c.Cells {
				if l := cell.Latency; l != nil && (l.Count <= 0 || len(l.Points) == 0) {
					t.Errorf("an empty histogram was kept: %+v", l)
				}
			}
		}
	})
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

// Payloads too short for what a decoder looks at are damage, not a panic.
func TestShortHistograms(t *testing.T) {
	for n := range 10 {
		run := read(t, reporttest.Small)
		payload := base64.StdEncoding.EncodeToString(make([]byte, n))
		own := run.readLatency(strings.NewReader(reporttest.SmallLog + "Tag=Lock/tasks=2/model=greenlet-2,0,0,0," + payload + "\n"))
		if !own || len(run.Notes) != 1 || !strings.HasPrefix(run.Notes[0], "1 of 1 latency histograms could not be read: ") {
			t.Errorf("%d bytes: notes %q", n, run.Notes)
		}
	}
}

// The percentiles of a curve are those of the values themselves, to the three
// digits of the histogram.
func TestPercentilesAreTheValues(t *testing.T) {
	var values []int64
	for i := range int64(5000) {
		values = append(values, 1000+i*i)
	}
	run := read(t, reporttest.Small)
	run.readLatency(strings.NewReader(reporttest.SmallLog + hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, values...)))
	l := run.Workloads[0].Cases[0].Cells["greenlet"].Latency
	last := -1.0
	for _, q := range l.Points {
		rank := max(1, int(math.Ceil(q.P/100*5000-1e-9)))
		if want := float64(values[rank-1]); math.Abs(q.NS/want-1) > 0.0015 {
			t.Errorf("p%v = %v, want %v", q.P, q.NS, want)
		}
		if q.P <= last {
			t.Errorf("p%v after p%v", q.P, last)
		}
		last = q.P
	}
	if first := l.Points[0].P; first != 0 || last != 100 || len(l.Points) < 40 {
		t.Errorf("from p%v to p%v in %d points", first, last, len(l.Points))
	}
	if _, ok := l.at(99.9); !ok {
		t.Error("five thousand ops have a 99.9th percentile")
	}
	if _, ok := l.at(99.99); ok {
		t.Error("five thousand ops have no 99.99th percentile")
	}
}
