package benchlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// encoded is a histogram of one value, 5, as a latency log has it.
func encoded(t *testing.T, digits int) string {
	t.Helper()
	h := hdrhistogram.New(1, 1000, digits)
	if err := h.RecordValue(5); err != nil {
		t.Fatal(err)
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A latency log is read if it says that it was begun with the run, to the
// millisecond; of its lines the damaged ones are counted.
func TestReadLatency(t *testing.T) {
	started := Time{time.Date(2026, 11, 20, 19, 3, 11, 25e7, time.UTC)}
	preamble := string(LatencyPreamble(started))
	if want := "#[Histogram log format version 1.3]\n#[StartTime: 1795201391.250 (seconds since epoch), 2026-11-20T19:03:11Z]\n" +
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"; preamble != want {
		t.Fatalf("preamble %q, want %q", preamble, want)
	}
	good, fine, hostile := encoded(t, 2), encoded(t, 4), encoded(t, 5)
	line := func(tag, payload string) string { return "Tag=" + tag + ",1.000,2.000,3.000," + payload + "\n" }
	another := strings.Replace(preamble, ".250", ".251", 1)
	long := strings.Repeat("x", maxHlogLine+1) + "\n"
	for name, tt := range map[string]struct {
		text  string
		own   bool
		tags  string
		notes []string
	}{
		"nothing":        {"", false, "", nil},
		"no histogram":   {preamble, true, "", nil},
		"one":            {preamble + line("A", good), true, "A", nil},
		"without a tag":  {preamble + "\n1.0,2.0,3.0," + good + "\n", true, "", nil},
		"more digits":    {preamble + line("A,b", fine) + "# comment\n\n" + line("B", good), true, "A,b B", nil},
		"another run":    {another + line("A", good), false, "", []string{"latency.hlog was not read: it is of another run (begun at 1795201391.251)"}},
		"no known time":  {line("A", good), false, "", []string{"latency.hlog was not read: it is of another run (begun at no known time)"}},
		"a long time":    {hlogStart + strings.Repeat("1", 50) + "\n" + line("A", good), false, "", []string{"latency.hlog was not read: it is of another run (begun at " + strings.Repeat("1", 40) + ")"}},
		"the first time": {preamble + another + line("A", good), true, "A", nil},
		"hostile":        {preamble + line("A", hostile) + line("B", good), true, "B", []string{"1 of 2 latency histograms could not be read: histogram with 5 significant digits"}},
		"too short":      {preamble + line("A", "AAAAAAAAAA==") + "x\n" + line("B", good), true, "B", []string{"2 of 3 latency histograms could not be read: histogram too short"}},
		"too long":       {preamble + long + line("B", good), true, "B", []string{"1 of 2 latency histograms could not be read: not a histogram log line"}},
		"no base64":      {preamble + line("A", "!"), true, "", []string{"1 of 1 latency histograms could not be read: illegal base64 data at input byte 0"}},
		"cut off":        {preamble + line("A", good[:16]), true, "", []string{"1 of 1 latency histograms could not be read: unexpected EOF"}},
	} {
		f := &File{Header: Header{Started: started}}
		var tags []string
		own := f.ReadLatency(strings.NewReader(tt.text), func(tag string, h *hdrhistogram.PackedHistogram) {
			if tag != "" {
				tags = append(tags, tag)
			}
			if h == nil {
				t.Errorf("%s: no histogram of %q", name, tag)
			}
		})
		if own != tt.own || strings.Join(tags, " ") != tt.tags || !slices.Equal(f.Notes, tt.notes) {
			t.Errorf("%s: own %v, tags %q, notes %q; want %v, %q, %q", name, own, tags, f.Notes, tt.own, tt.tags, tt.notes)
		}
	}
	f := &File{Header: Header{Started: started}}
	if !f.ReadLatency(io.MultiReader(strings.NewReader(preamble), iotest.ErrReader(errors.New("boom"))), nil) ||
		!slices.Equal(f.Notes, []string{"reading latency.hlog stopped early: boom"}) {
		t.Errorf("notes %q", f.Notes)
	}
	if new(File).ReadLatency(strings.NewReader(strings.Replace(preamble, "1795201391.250", "-62135596800.000", 1)), nil) {
		t.Error("a run of no known time has a log of its own")
	}
}

// How lines end, and what of a long one is kept.
func TestReadLine(t *testing.T) {
	type read struct {
		line  string
		state lineState
	}
	for text, want := range map[string][]read{
		"":                               {{"", lineNone}},
		"a\nb":                           {{"a", lineWhole}, {"b", linePartial}, {"", lineNone}},
		"a\r\n\nb\r":                     {{"a", lineWhole}, {"", lineWhole}, {"b", linePartial}, {"", lineNone}},
		"0123456789\nx\n":                {{"", lineLong}, {"x", lineWhole}, {"", lineNone}}, // with its ending it is one too long
		"012345678\n":                    {{"012345678", lineWhole}, {"", lineNone}},
		"0123456789":                     {{"0123456789", linePartial}, {"", lineNone}},
		"0123456789a":                    {{"", lineLong}, {"", lineNone}},
		strings.Repeat("y", 100) + "\nx": {{"", lineLong}, {"x", linePartial}, {"", lineNone}},
	} {
		in := bufio.NewReaderSize(strings.NewReader(text), 16)
		var got []read
		for range len(want) {
			line, state, err := readLine(in, 10)
			got = append(got, read{string(line), state})
			if end := err == io.EOF; err != nil && !end || end != (state == lineNone || state == linePartial || state == lineLong && len(text) < 12) && state != lineLong {
				t.Errorf("%q: error %v with %v", text, err, got)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: read %v, want %v", text, got, want)
		}
	}
}

// Texts from elsewhere are cut: reasons, stacks, last words.
func TestCuts(t *testing.T) {
	long := strings.Repeat("r", 5000)
	f := read(t, "--- FAIL: BenchmarkX-2\n    "+long+"\n    more\npanic: "+long+"\nFAIL\tp\t1s\n")
	if len(f.Verdicts) != 1 || f.Verdicts[0].Reason != long[:maxReason] {
		t.Errorf("verdicts %.100v", f.Verdicts)
	}
	if want := "p: panic: " + long[:300-len("panic: ")]; len(f.Broken) != 1 || f.Broken[0] != want {
		t.Errorf("broken %.400q, want %q", f.Broken, want)
	}
	for n, want := range map[int]string{4000: long[:4000], 4001: long[:4000] + " ..."} {
		if got, want := string(Skip(Case{Workload: "X"}, long[:n])), "--- SKIP: BenchmarkX\n    "+want+"\n"; got != want {
			t.Errorf("a reason of %d bytes is written in %d, want %d", n, len(got), len(want))
		}
	}
	for n, want := range map[int]string{2: "äb", 3: "äb", 1: ""} {
		if got := cut("äb", n); n < 3 && got != strings.TrimSuffix(want, "b") || n == 3 && got != want {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}

// What is said too often is counted, or left out.
func TestTooMany(t *testing.T) {
	f := read(t, strings.Repeat("BenchmarkX\t1\n", 3))
	if len(f.Notes) != 3 || f.Notes[0] != "line 1 was left out: missing measurements" {
		t.Errorf("notes %q", f.Notes)
	}
	for n, want := range map[int]string{4: "1 more malformed line left out", 5: "2 more malformed lines left out"} {
		if f := read(t, strings.Repeat("BenchmarkX\t1\n", n)); len(f.Notes) != 4 || f.Notes[3] != want {
			t.Errorf("%d: notes %q, want %q", n, f.Notes, want)
		}
	}
	f = new(File)
	for i := range 2 * maxNotes {
		f.Note("note %d", i/2)
	}
	f.Note("one more")
	if len(f.Notes) != maxNotes || f.Notes[1] != "note 1" {
		t.Errorf("%d notes: %q", len(f.Notes), f.Notes)
	}
	var facts strings.Builder
	for i := range maxFacts + 1 {
		fmt.Fprintf(&facts, "key%d: x\nFAIL\tp%d\t1s\n", i, i)
	}
	if f := read(t, facts.String()); len(f.Facts) != maxFacts || len(f.Broken) != maxFacts || f.Fact("key255") != "x" || f.Fact("key256") != "" {
		t.Errorf("%d facts, %d broken", len(f.Facts), len(f.Broken))
	}
	var values strings.Builder
	for i := range MaxUnits + 1 {
		fmt.Fprintf(&values, "\t1 u%d", i)
	}
	if f := read(t, "BenchmarkX-2\t1"+values.String()+"\n"); len(f.Results) != 1 || len(f.Results[0].Values) != MaxUnits {
		t.Errorf("results %v", f.Results)
	}
}

// Output of go test -json comes in pieces, which are put together by package; a
// piece without an end is given up when it is longer than any line of ours.
func TestJSONPieces(t *testing.T) {
	event := func(pkg, output string) string {
		return fmt.Sprintf(`{"Action":"output","Package":%q,"Output":%q}`+"\n", pkg, output)
	}
	f := read(t, event("p", "BenchmarkX-2 \t")+event("q", "BenchmarkY-2 \t")+event("p", "10\t1 ns/op\r\nBenchmarkZ-2 \t")+event("q", "20\t2 ns/op\n")+
		`{"Action":"pass","Package":"p"}`+"\n"+event("p", "30\t3 ns/op\n"))
	var got []string
	for _, r := range f.Results {
		got = append(got, fmt.Sprint(r.Pkg, " ", r.Name, " ", r.Iters, " ", r.Values))
	}
	if want := []string{"p X-2 10 [{1 ns/op}]", "q Y-2 20 [{2 ns/op}]", "p Z-2 30 [{3 ns/op}]"}; !slices.Equal(got, want) {
		t.Errorf("results %q, want %q", got, want)
	}
	defer func(n int) { maxLine = n }(maxLine)
	maxLine = 2 << 20
	for n, long := range map[int]int{maxDirective: 0, maxDirective + 1: 1} {
		if f := read(t, event("p", strings.Repeat("x", n/2))+event("p", strings.Repeat("x", n-n/2))+event("p", "\nBenchmarkX-2 1 1 a\n")); f.Long != long || len(f.Results) != 1 {
			t.Errorf("a piece of %d bytes: %d long lines, results %v", n, f.Long, f.Results)
		}
	}
}

// Numbers at the limits of their digits.
func TestNumberLimits(t *testing.T) {
	for v, want := range map[float64]string{
		1000.5: "1000", 999.25: "999.2", 100.25: "100.2", 99.75: "99.75", 10.125: "10.12", 9.5: "9.500", 1.5: "1.500", 0.5: "0.500000",
		-1000.5: "-1000", -10.5: "-10.50", -7: "-7", 1e6 + 0.25: "1000000",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// A unit line says which way is better; it may be cut short.
func TestUnitLines(t *testing.T) {
	for text, want := range map[string]string{
		"Unit\n": "map[]", "Unit a\n": "map[]", "Unit a better=lower\n": "map[a:lower]", "Unit a x=y better=higher\nUnit b better=lower\n": "map[a:higher b:lower]",
		"Units a better=lower\n": "map[]", "Unit better=lower\n": "map[]",
	} {
		if f := read(t, text); fmt.Sprint(f.Better) != want {
			t.Errorf("%q: %v, want %s", text, f.Better, want)
		}
	}
}
