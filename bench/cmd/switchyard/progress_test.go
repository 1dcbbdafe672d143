package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// fakeNow is a clock that a test sets.
type fakeNow struct{ at time.Time }

func (f *fakeNow) now() time.Time          { return f.at }
func (f *fakeNow) advance(d time.Duration) { f.at = f.at.Add(d) }

// Without a terminal there is a line when a phase begins, and one every fifteen
// seconds within it; the time left goes by what was measured so far.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	clock := &fakeNow{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	p := newProgress(&out)
	p.now = clock.now
	p.began = clock.at
	c := benchlog.Case{Workload: "Lock", Params: "tasks=2", Model: "a", CPUs: 2}
	step := func(after time.Duration, done, total int, phase, want string) {
		t.Helper()
		clock.advance(after)
		out.Reset()
		p.Step(done, total, phase, c)
		if got := out.String(); got != want {
			t.Errorf("at %v, %d of %d: printed %q, want %q", clock.at.Sub(p.began), done, total, got, want)
		}
	}
	step(time.Second, 0, 100, "calibrate", "calibrate: 0 of 100 measured\n")
	step(plainEvery-1, 10, 100, "calibrate", "")
	step(1, 20, 100, "calibrate", "calibrate: 20 of 100 measured\n")
	step(4*time.Second, 21, 100, "block 1 of 4", "block 1 of 4: 21 of 100 measured, about 1m15s left\n") // 20 s for 21
	step(20*time.Second, 80, 100, "block 1 of 4", "block 1 of 4: 80 of 100 measured, about 10s left\n")  // 40 s for 80
	step(0, 120, 100, "block 2 of 4", "block 2 of 4: 120 of 100 measured, about 0s left\n")
	p.budget = 100 * time.Second // 40 s of them have passed
	step(0, 20, 100, "block 3 of 4", "block 3 of 4: 20 of 100 measured\n")
	step(0, 30, 100, "block 4 of 4", "block 4 of 4: 30 of 100 measured, about 1m0s left\n")
	step(time.Hour, 30, 100, "block 5 of 4", "block 5 of 4: 30 of 100 measured, about 0s left\n")
	out.Reset()
	p.Note("a case failed")
	p.done()
	if got := out.String(); got != "note: a case failed\n" {
		t.Errorf("printed %q", got)
	}
}

// What is no terminal has no bar.
func TestProgressWithoutTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if newProgress(f).bar != nil || newProgress(new(bytes.Buffer)).bar != nil {
		t.Error("a bar without a terminal")
	}
}

// On a terminal the name of the case has the room that is left beside the bar,
// and no more than 48 columns.
func TestProgressBar(t *testing.T) {
	for width, room := range map[int]int{0: 0, 40: 0, barWidth: 0, barWidth + 1: 1, barWidth + 20: 20, barWidth + 48: 48, 1000: 48} {
		var out bytes.Buffer
		p := &progress{w: &out, now: time.Now}
		p.draw(width)
		name := strings.Repeat("x", 100)
		p.Step(3, 10, "calibrate", benchlog.Case{Workload: name})
		time.Sleep(150 * time.Millisecond) // a bar is drawn ten times a second at most
		p.Step(3, 10, "calibrate", benchlog.Case{Workload: name})
		text := out.String()
		if !strings.Contains(text, "calibrate") || !strings.Contains(text, "3/10") {
			t.Fatalf("%d columns: drawn %q", width, text)
		}
		if got := strings.Count(text[strings.LastIndex(text, "calibrate"):], "x"); got != room {
			t.Errorf("%d columns: %d of the case's name, want %d", width, got, room)
		}
		p.Step(12, 10, "calibrate", benchlog.Case{Workload: name}) // more than planned
		p.Note("hello")
		p.done()
		if !strings.Contains(out.String(), "note: hello\n") {
			t.Errorf("%d columns: no note in %q", width, out.String())
		}
	}
}
