package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"switchyard/bench"
)

// progress shows how a run goes on: a bar with the time left on a terminal that
// has room for it and obeys, else a plain line per phase and at most one every
// few seconds.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	room  int // columns for the name of the case
	phase string
	last  time.Time
	began time.Time
	now   func() time.Time

	budget time.Duration // that the run will not exceed; 0 for none
}

// plainEvery is how often plain progress lines come at the most.
const plainEvery = 15 * time.Second

// leastWidth is the width in columns below which there is no bar: it would
// break into lines, and each drawing would leave some behind.
const leastWidth = 40

// barWidth is the width in columns below which a terminal gets the bar, the
// count and the time left, but not the name of the case.
const barWidth = 72

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, began: time.Now(), now: time.Now}
	if width, obeys, _ := console(w); obeys && (width == 0 || width >= leastWidth) {
		p.draw(width)
	}
	return p
}

// draw begins a bar on a terminal of that width in columns.
func (p *progress) draw(width int) {
	p.room = min(max(width-barWidth, 0), 48)
	p.bar = progressbar.NewOptions(1,
		progressbar.OptionSetWriter(p.w),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowCount(),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond),
	)
}

// Step is called before each result: nothing is drawn while one is measured.
func (p *progress) Step(done, total int, phase string, c bench.Case) {
	if p.bar != nil {
		p.bar.ChangeMax(max(total, done+1))
		p.bar.Describe(fmt.Sprintf("%-13s%-*.*s", phase, p.room, p.room, c))
		_ = p.bar.Set(done)
		return
	}
	if phase == p.phase && p.now().Sub(p.last) < plainEvery {
		return
	}
	p.phase, p.last = phase, p.now()
	left := ""
	if elapsed := p.now().Sub(p.began); done > 20 {
		rest := elapsed * time.Duration(max(total-done, 0)) / time.Duration(done)
		if p.budget > 0 {
			rest = min(rest, max(p.budget-elapsed, 0))
		}
		left = fmt.Sprintf(", about %v left", rest.Round(time.Second))
	}
	fmt.Fprintf(p.w, "%s: %d of %d measured%s\n", phase, done, total, left)
}

func (p *progress) Note(text string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.w, "note:", text)
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
