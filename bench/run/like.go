package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/bench/benchlog"
)

// LikeOf returns what the run whose results are in dir knew of its cases, so
// that another can have the same N, and its plan with the facts of its machine.
func LikeOf(dir string) (*benchlog.Like, *benchlog.File, error) {
	name := filepath.Join(dir, benchlog.BenchFile)
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	file, err := benchlog.Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	like := &benchlog.Like{Started: file.Header.Started}
	if file.Calibration != nil {
		like.Benchtime = file.Calibration.Benchtime
		like.Cases = slices.DeleteFunc(file.Calibration.Cases, func(c benchlog.CalibratedCase) bool {
			return c.N < 1 || c.Batch < 1 || c.Op < 0
		})
		like.LeftOut = file.Calibration.LeftOut
	}
	if len(like.Cases) == 0 || like.Benchtime <= 0 {
		return nil, file, fmt.Errorf("%s: %w", name, errNoN)
	}
	return like, file, nil
}

var errNoN = errors.New("it says of no case how many whole batches its results have")

// takeOver takes over what the earlier run knew.
func (r *Run) takeOver() {
	r.likes = make(map[string]benchlog.CalibratedCase)
	if r.Like == nil {
		return
	}
	r.Benchtime = r.Like.Benchtime
	for _, c := range r.Like.Cases {
		r.likes[c.Case] = c
	}
	if r.Budget <= 0 {
		return
	}
	for _, c := range r.Like.LeftOut {
		r.likes[c.Case] = c
		if s := r.index[benchlog.ParseCase(c.Case)]; s != nil {
			s.back = true
		}
	}
}

// enough returns how many ops of an earlier run's N tell how long one takes:
// one lap, or a tenth, does where all of them take long.
func (r *Run) enough(s *caseState, like benchlog.CalibratedCase) int {
	if r.share == 0 || like.Timed < costlyShares*r.share || r.info(s.Case.Workload).ByLatency() {
		return like.N
	}
	return min(like.N, max(like.Batch, (like.N/leastBatches+like.Batch-1)/like.Batch*like.Batch))
}

// likeWithin is how far the length of a result may be from the bench time, as a
// factor, where N is that of an earlier run. It is wide: N is what makes two
// runs comparable, and the length of an op that one call finds is often half as
// much again as another's.
const likeWithin = 4

// suits reports whether N, which an earlier run had, is still a good one. Laps
// may take twice as long as those that the run finds itself.
func (r *Run) suits(s *caseState, n int, benchtime time.Duration) bool {
	timed := s.length() * float64(n)
	return n >= leastOps(likeWithin*s.length(), s.Batch, r.longLaps()) && timed*likeWithin >= float64(benchtime) &&
		(timed <= likeWithin*float64(benchtime) || n <= leastOps(s.length()/2, s.Batch, r.longLaps()))
}

// compareN says what of the earlier run's N was not taken over.
func (r *Run) compareN() {
	if r.Like == nil {
		return
	}
	var differ, missing []string
	kept := 0
	for _, s := range r.cases {
		switch name := s.Case.String(); {
		case s.excluded, s.Refined:
		case r.likes[name].N == s.N:
			kept++
		case r.likes[name].N > 0:
			differ = append(differ, fmt.Sprintf("%s (%d, was %d)", name, s.N, r.likes[name].N))
		default:
			missing = append(missing, name)
		}
	}
	r.note(fmt.Sprintf("%s the N of the run of %s, at a bench time of %v", counted(kept, "has", "have"), r.Like.Started, r.Benchtime))
	for _, l := range []struct {
		what  string
		names []string
	}{{"another N, as their ops or the budget have changed", differ}, {"no N there", missing}} {
		if len(l.names) > 0 {
			r.note(fmt.Sprintf("%s %s: %s", counted(len(l.names), "has", "have"), l.what, some(l.names)))
		}
	}
}

// some lists the first names of many; bench.txt has the N of all.
func some(names []string) string {
	const most = 5
	if more := len(names) - most; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// counted says how many cases, with the verb of one or of several.
func counted(cases int, one, several string) string {
	if cases == 1 {
		return "1 case " + one
	}
	return fmt.Sprintf("%d cases %s", cases, several)
}
