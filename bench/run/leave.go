package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// A budget that does not hold all results of all cases holds those of fewer
// cases: too few results decide nothing. What is left out is void, with the
// reason, and noted with the calibration, so that the next run like this one
// leaves out the same. What is compared goes as a whole: all builds of a cell,
// and all models of a case, unless it is one cell that takes long.

const (
	// dearShares is how many shares of the budget a dear cell takes: it has
	// fewer laps, and is the first to go. Of the others, those above
	// costlyShares go once one case is left of each workload.
	dearShares, costlyShares = 16, 4

	// calibrationShare is the part of the budget after which no further case is
	// calibrated.
	calibrationShare = 1.0 / 3

	// backShare is the part of the time for the blocks that they may take with
	// a case that the earlier run left out, for it to come back: were it all of
	// the time, runs would have the case in turn.
	backShare = 0.7

	// leastPatience is what a call has to calibrate, however small the budget.
	leastPatience = time.Second
)

// groupOf returns what all cells have in common that are compared with each
// other.
func groupOf(c benchlog.Case) benchlog.Case {
	c = anyBuild(c)
	c.Model = ""
	return c
}

// rank orders the cases of the plan by importance, the most important first:
// the first case of each workload on the most CPUs, of workloads of a kind one
// after another; then what makes curves of them.
func (r *Run) rank() {
	r.ranks = make(map[benchlog.Case]int)
	kinds := make(map[string]int)
	for _, w := range r.Workloads {
		for i, p := range w.Cases {
			for _, lane := range r.Lanes {
				at := groupOf(benchlog.Case{Workload: w.Name, Params: p, CPUs: lane})
				if _, have := r.ranks[at]; have {
					continue // in another build
				}
				extra := i
				for _, other := range r.Lanes {
					extra += count(other > lane)
				}
				r.ranks[at] = extra*len(r.Workloads) + kinds[w.Kind]
			}
		}
		kinds[w.Kind] += count(w.Kind != "")
	}
}

// rankOf returns the rank of a case. Those that narrow a crossing come after
// the plan, and so does what the earlier run left out.
func (r *Run) rankOf(s *caseState) int {
	rank, planned := r.ranks[groupOf(s.Case)]
	if !planned || s.back {
		rank += (len(r.cases) + 1) * (len(r.Workloads) + 1)
	}
	return rank
}

// extra reports whether a case is none of the first ones of the workloads.
func (r *Run) extra(s *caseState) bool { return r.rankOf(s) >= max(len(r.Workloads), 1) }

// dear returns how long a dear result is at the least; 0 is without a budget.
func (r *Run) dear() time.Duration {
	return min(dearShares*r.share, r.Budget/time.Duration(2*r.Count))
}

// longLaps returns how long a result may become for the sake of its laps.
func (r *Run) longLaps() time.Duration {
	if r.share > 0 {
		return min(longLaps, r.dear())
	}
	return longLaps
}

// byImportance brings the cases of a pass into the order in which they are
// calibrated, the cells of a group together.
func (r *Run) byImportance(order []benchlog.Case) {
	first := make(map[benchlog.Case]int)
	for i, c := range order {
		if _, have := first[groupOf(c)]; !have {
			first[groupOf(c)] = i
		}
	}
	slices.SortStableFunc(order, func(a, b benchlog.Case) int {
		return cmp.Or(cmp.Compare(r.rankOf(r.index[a]), r.rankOf(r.index[b])), cmp.Compare(first[groupOf(a)], first[groupOf(b)]))
	})
}

// noRoom says why a case is not even calibrated, or "".
func (r *Run) noRoom(s *caseState) string {
	if r.Budget <= 0 {
		return ""
	}
	if float64(r.spent()) > calibrationShare*float64(r.Budget) {
		return fmt.Sprintf("left out: to calibrate other cases took the part of the budget of %v that there is for it", r.Budget)
	}
	if r.extra(s) && r.over(s) {
		return fmt.Sprintf("left out: %d results of other cases take the budget of %v", r.Count, r.Budget)
	}
	return ""
}

// over reports whether the blocks of what is calibrated take so long that a
// case beyond the first of its workload is not to be one of them.
func (r *Run) over(s *caseState) bool {
	var block, same, before time.Duration
	for _, c := range r.cases {
		cost := r.costAt(c, r.leastBenchtime())
		if c.excluded || c.N == 0 || cost > r.dear() && !c.back { // what is dear may go yet
			continue
		}
		block += cost
		if like := r.likes[c.CalibratedCase.Case]; like.N > 0 {
			same, before = same+r.cost(c), before+r.cost(&caseState{CalibratedCase: like})
		}
	}
	room := r.left() - r.pauses()
	if s.back {
		room = time.Duration(backShare * float64(room))
		for _, c := range r.backWith(s) {
			if c.N == 0 { // it takes longer than it did if the others do
				was := r.cost(&caseState{CalibratedCase: r.likes[c.CalibratedCase.Case]})
				block += time.Duration(float64(was) * float64(max(same, 1)) / float64(max(before, 1)))
			}
		}
	}
	return time.Duration(r.Count)*block > room
}

// backWith returns the cases of a group that the earlier run left out.
func (r *Run) backWith(s *caseState) (cells []*caseState) {
	for _, c := range r.cases {
		if c.back && s.back && !c.excluded && groupOf(c.Case) == groupOf(s.Case) {
			cells = append(cells, c)
		}
	}
	return cells
}

// patience returns how long a call may take before the blocks: a case that
// takes longer is too dear. It is 0 without a budget.
func (r *Run) patience() time.Duration {
	if r.Budget <= 0 {
		return 0
	}
	return max(2*r.dear(), leastPatience)
}

// afford leaves a case out after its call if it took too long.
func (r *Run) afford(s *caseState, err error) {
	switch {
	case errors.Is(err, r.tooLong):
		s.Overhead = r.patience()
		for _, c := range r.cases {
			if anyBuild(c.Case) == anyBuild(s.Case) && !c.excluded {
				r.leave(c, r.tooLong.Reason)
			}
		}
	case s.back && err == nil && r.over(s):
		for _, c := range r.backWith(s) {
			r.leave(c, fmt.Sprintf("left out, as in the run before: %d results of other cases take the budget of %v", r.Count, r.Budget))
		}
	}
}

// leave leaves a case out before the blocks.
func (r *Run) leave(s *caseState, reason string) {
	s.excluded = true
	known := s.CalibratedCase
	if s.N == 0 && s.back {
		known = r.likes[known.Case]
	}
	r.leftOut = append(r.leftOut, leftOut{s, known, reason})
}

// A leftOut is a case that the budget does not hold, and what is known of it.
type leftOut struct {
	*caseState
	known  benchlog.CalibratedCase
	reason string
}

// costAt estimates what a result of a calibrated case takes at a bench time.
func (r *Run) costAt(s *caseState, benchtime time.Duration) time.Duration {
	if s.N == 0 {
		return 0
	}
	one := *s
	one.scale(r.opsFor(s, benchtime))
	return r.cost(&one)
}

// leastBenchtime returns how far the bench time is cut before cases go. The N
// of an earlier run stays: it is what makes both comparable.
func (r *Run) leastBenchtime() time.Duration {
	if r.Like != nil {
		return r.Benchtime
	}
	return min(minBenchtime, r.asked)
}

// A lot is what is left out together.
type lot struct {
	cells []*caseState
	took  time.Duration // by a result of each
}

// lots groups cases by a key, the dearest first.
func lots(cases []*caseState, key func(benchlog.Case) benchlog.Case, cost func(*caseState) time.Duration) (out []lot) {
	at := make(map[benchlog.Case]int)
	for _, s := range cases {
		i, have := at[key(s.Case)]
		if !have {
			i = len(out)
			at[key(s.Case)], out = i, append(out, lot{})
		}
		out[i].cells, out[i].took = append(out[i].cells, s), out[i].took+cost(s)
	}
	slices.SortStableFunc(out, func(a, b lot) int { return cmp.Compare(b.took, a.took) })
	return out
}

// expendable lists what of the cases goes, in that order; later ones may be
// parts of earlier ones.
func (r *Run) expendable(cases []*caseState, cost func(*caseState) time.Duration) (out []lot) {
	cells, groups := lots(cases, anyBuild, cost), lots(cases, groupOf, cost)
	above := func(result time.Duration) {
		all, dear := make(map[benchlog.Case]int), make(map[benchlog.Case]int)
		for _, cell := range cells {
			group := groupOf(cell.cells[0].Case)
			all[group]++
			dear[group] += count(cell.took > result*time.Duration(len(cell.cells)))
		}
		for _, cell := range cells {
			switch group := groupOf(cell.cells[0].Case); {
			case cell.took <= result*time.Duration(len(cell.cells)):
			case 2*dear[group] < all[group]:
				out = append(out, cell)
			default:
				i := slices.IndexFunc(groups, func(g lot) bool { return groupOf(g.cells[0].Case) == group })
				out = append(out, groups[i])
			}
		}
	}
	rank := func(g lot) int { return r.rankOf(g.cells[0]) }
	above(r.dear())
	slices.SortStableFunc(groups, func(a, b lot) int { return cmp.Compare(rank(b), rank(a)) })
	firsts := slices.IndexFunc(groups, func(g lot) bool { return !r.extra(g.cells[0]) })
	if firsts < 0 {
		firsts = len(groups)
	}
	out = append(out, groups[:firsts]...)
	above(costlyShares * r.share)
	return append(out, groups[firsts:]...)
}

// leaveOut calls leave for lots of cases until so many more results of the
// others take no more than goal, if all take more than most. The last lot
// stays.
func (r *Run) leaveOut(results int, most, goal time.Duration, cost func(*caseState) time.Duration, leave func(lot) error) error {
	live := func(cells []*caseState) (l lot) {
		for _, s := range cells {
			if !s.excluded {
				l.cells, l.took = append(l.cells, s), l.took+time.Duration(results)*cost(s)
			}
		}
		return l
	}
	all := live(r.cases)
	if all.took <= most {
		return nil
	}
	for _, l := range r.expendable(all.cells, cost) {
		l, all = live(l.cells), live(r.cases)
		if all.took <= goal {
			return nil
		}
		if len(l.cells) == 0 || len(l.cells) == len(all.cells) {
			continue
		}
		if err := leave(l); err != nil {
			return err
		}
	}
	return nil
}

// leaveBefore leaves out, before the first block, what the budget does not
// hold.
func (r *Run) leaveBefore(left time.Duration) {
	cost := func(s *caseState) time.Duration { return r.costAt(s, r.leastBenchtime()) }
	_ = r.leaveOut(r.Count, left, time.Duration((1-headroom)*float64(left)), cost, func(l lot) error {
		for _, s := range l.cells {
			r.leave(s, fmt.Sprintf("left out: %s would take %v of the budget of %v", r.results(r.Count, l), brief(l.took), r.Budget))
		}
		return nil
	})
}

// aheadSlack is by how much more than is left what remains of the plan may
// take, for each block but the last: the pace of one says little of the next.
const aheadSlack = 0.1

// leaveAfter leaves out, before a block, what keeps the others from having all
// of their results.
func (r *Run) leaveAfter(ctx context.Context, block int) error {
	more := r.Count - block + 1
	if r.Budget <= 0 || more < 1 {
		return nil
	}
	left := r.left() - time.Duration(max(r.Sessions, 1)-r.session)*sessionPause
	most := time.Duration(float64(left) * (1 + aheadSlack*float64(more-1)))
	var names []string
	err := r.leaveOut(more, most, left, r.cost, func(l lot) error {
		for _, s := range l.cells {
			names = append(names, s.Case.String())
			r.done -= 1 + s.results // of what there is to do they are none any more
			reason := fmt.Sprintf("left out after %d of %d results: %s would take %v of what is left of the budget of %v", s.results, r.Count, r.results(more, l), brief(l.took), r.Budget)
			if err := r.drop(ctx, s, "", bench.Void("%s", reason)); err != nil {
				return err
			}
		}
		return nil
	})
	if len(names) > 0 {
		r.note(fmt.Sprintf("slower than calibrated: from block %d on without %s", block, some(names)))
	}
	return err
}

// results says how many results a lot is.
func (r *Run) results(n int, l lot) string {
	s := fmt.Sprintf("%d results", n)
	if n == 1 {
		s = "1 result"
	}
	if models := len(lots(l.cells, anyBuild, r.cost)); models > 1 {
		s += fmt.Sprintf(" in %d models", models)
	}
	return s
}

// brief rounds a duration for readers, to two digits.
func brief(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit)
}

// noteLeftOut logs what was left out before the blocks, and says so.
func (r *Run) noteLeftOut(ctx context.Context) error {
	if len(r.leftOut) == 0 {
		return nil
	}
	live := make(map[benchlog.Case]bool)
	for _, s := range r.cases {
		live[groupOf(s.Case)] = live[groupOf(s.Case)] || !s.excluded
	}
	var names []string
	for _, l := range r.leftOut {
		name := l.Case.String()
		if group := groupOf(l.Case); !live[group] {
			name = group.String()
		} else if plain := anyBuild(l.Case); len(r.Builds) > 0 {
			name = plain.String()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if err := r.drop(ctx, l.caseState, "", bench.Void("%s", l.reason)); err != nil {
			return err
		}
	}
	r.note(fmt.Sprintf("%s not measured, for %d results of the others in the budget of %v: %s", are(len(r.leftOut)), r.Count, r.Budget, some(names)))
	return nil
}

func are(cases int) string {
	if cases == 1 {
		return "1 case is"
	}
	return fmt.Sprintf("%d cases are", cases)
}
