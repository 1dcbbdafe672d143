package sched

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Never stands for the time of what has not happened.
const Never Time = -1

// A Result is what happened in a run.
type Result struct {
	Policy string
	Jobs   []Stats // as they were given
	Spans  []Span  // who had the processor, in order; gaps are idle
	End    Time    // when the last job was done
}

// Stats are the times of one job.
type Stats struct {
	Name    string
	Arrival Time
	First   Time // when it first got the processor, or Never
	Done    Time // when it was done, or Never
	CPU     Time // how long it had the processor
	Blocked Time // how long it was blocked
	Err     error
}

// Turnaround is the time from arrival until done, or Never.
func (s Stats) Turnaround() Time {
	if s.Done == Never {
		return Never
	}
	return s.Done - s.Arrival
}

// Response is the time from arrival until the job first has the processor, or
// Never if it never had.
func (s Stats) Response() Time {
	if s.First == Never {
		return Never
	}
	return s.First - s.Arrival
}

// Waiting is the time that the job, once arrived, was ready without running, or
// Never if it is not done.
func (s Stats) Waiting() Time {
	if s.Done == Never {
		return Never
	}
	return s.Turnaround() - s.CPU - s.Blocked
}

// A Span is a time during which one job had the processor.
type Span struct {
	Name     string
	From, To Time
	task     *Task
}

// result gathers the result of a simulation that ended with err.
func (s *simulation) result(err error) (*Result, error) {
	r := &Result{Policy: s.Policy.String(), Spans: s.spans, End: s.now}
	errs := []error{err}
	for _, t := range s.tasks {
		if t.stats.Done == Never {
			t.stats.Err = nil                        // it was given up
			t.stats.Blocked -= max(0, t.until-s.now) // was still to come
		}
		if t.stats.Err != nil {
			errs = append(errs, fmt.Errorf("sched: job %q: %w", t.stats.Name, t.stats.Err))
		}
		r.Jobs = append(r.Jobs, t.stats)
	}
	for i := range r.Spans {
		r.Spans[i].task = nil
	}
	return r, errors.Join(errs...)
}

// MeanTurnaround is the mean of the jobs' Turnaround, or 0 without jobs that
// are done.
func (r *Result) MeanTurnaround() float64 { return r.mean(Stats.Turnaround) }

// MeanResponse is the mean of the jobs' Response, or 0 without jobs that have
// one.
func (r *Result) MeanResponse() float64 { return r.mean(Stats.Response) }

// MeanWaiting is the mean of the jobs' Waiting, or 0 without jobs that are
// done.
func (r *Result) MeanWaiting() float64 { return r.mean(Stats.Waiting) }

func (r *Result) mean(of func(Stats) Time) float64 {
	var sum Time
	n := 0
	for _, s := range r.Jobs {
		if v := of(s); v != Never {
			sum += v
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// Busy is how long the processor was in use.
func (r *Result) Busy() Time {
	var busy Time
	for _, s := range r.Spans {
		busy += s.To - s.From
	}
	return busy
}

// Switches is how often the processor changed from one job to another.
func (r *Result) Switches() int { return max(0, len(r.Spans)-1) }

// Gantt returns the spans in one line, as "0 A 3 B 5".
func (r *Result) Gantt() string {
	var b strings.Builder
	at := Never
	for _, s := range r.Spans {
		if s.From != at {
			if at != Never {
				b.WriteString(" | ")
			}
			fmt.Fprint(&b, s.From)
		}
		fmt.Fprintf(&b, " %s %d", s.Name, s.To)
		at = s.To
	}
	return b.String()
}

// String returns a table of the jobs' times, and their means.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Policy)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "job\tarrival\tdone\tturnaround\tresponse\twaiting\t")
	for _, s := range r.Jobs {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t\n", s.Name, s.Arrival,
			or(s.Done), or(s.Turnaround()), or(s.Response()), or(s.Waiting()))
	}
	fmt.Fprintf(w, "mean\t\t\t%.2f\t%.2f\t%.2f\t\n", r.MeanTurnaround(), r.MeanResponse(), r.MeanWaiting())
	w.Flush()
	return b.String()
}

// or writes a time, or a dash for Never.
func or(t Time) string {
	if t == Never {
		return "-"
	}
	return fmt.Sprint(t)
}
