package analysis

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/results"
)

// An answer is what an earlier run has said to a question that has a bound.
type answer int

const (
	unsaid answer = 0
	yes    answer = 1
	no     answer = -1
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// A said is what an earlier run has said of a kind of work, as far as this one
// knows the models. A nil one has said nothing.
type said benchlog.SaidKind

// ahead says whether x was clearly better than y.
func (s *said) ahead(x, y string) answer {
	if s == nil || !slices.Contains(s.Models, benchlog.Model(x)) || !slices.Contains(s.Models, benchlog.Model(y)) {
		return unsaid
	}
	return answerOf(slices.Contains(s.Ahead[benchlog.Model(x)], benchlog.Model(y)))
}

// open says whether results scattered too much to name anybody.
func (s *said) open() answer {
	if s == nil {
		return unsaid
	}
	return answerOf(s.Open)
}

// noOne says whether the winner of the mean was none.
func (s *said) noOne(winners []string) answer {
	if s == nil || !slices.Equal(s.Lead, as[benchlog.Model](winners)) {
		return unsaid
	}
	return answerOf(s.NoOne)
}

// earlier is what the run that this one is like has said of it: by kind of
// work, and whom it picked by metric. The file may be anybody's, so models that
// this run does not have are nobody, and each kind has been said once.
func earlier(run *results.Run) (kinds map[string]*said, picks map[string][]string) {
	if run.Like == nil || run.Like.Said == nil {
		return nil, nil
	}
	known := func(models []benchlog.Model) (out []benchlog.Model) {
		for _, m := range as[benchlog.Model](run.Models) { // in their order, each once
			if slices.Contains(models, m) {
				out = append(out, m)
			}
		}
		return out
	}
	kinds, picks = map[string]*said{}, map[string][]string{}
	for _, k := range run.Like.Said.Kinds {
		if kinds[k.Kind] != nil {
			continue
		}
		s := said(k)
		s.Models, s.Lead, s.Behind, s.Ahead = known(k.Models), known(k.Lead), known(k.Behind), map[benchlog.Model][]benchlog.Model{}
		for _, x := range s.Models {
			if than := known(k.Ahead[x]); len(than) > 0 {
				s.Ahead[x] = than
			}
		}
		kinds[k.Kind] = &s
	}
	for _, m := range Metrics {
		picks[m.ID] = as[string](known(run.Like.Said.Picks[m.ID]))
	}
	return kinds, picks
}

// as spells names in another type.
func as[T, S ~string](all []S) (out []T) {
	for _, s := range all {
		out = append(out, T(s))
	}
	return out
}

// named are the words of a decision that hang on bounds.
func (d *Decision) named() *said {
	s := &said{Kind: d.Kind.Name, Lead: as[benchlog.Model](d.Winners), Open: d.Open, NoOne: d.NoOne}
	for _, one := range d.Behind {
		s.Behind = append(s.Behind, benchlog.Model(one.B))
	}
	return s
}

func (d *Decision) sameWords(s *said) bool {
	mine := d.named()
	return mine.Open == s.Open && mine.NoOne == s.NoOne && slices.Equal(mine.Lead, s.Lead) && slices.Equal(mine.Behind, s.Behind)
}

// says reports whether the decision says anything that a later run can go by.
func (d *Decision) says() bool {
	return !d.few() && (d.Open || len(d.Among)+len(d.Behind) > 0)
}

// Said is what a later run like this one takes over. Where this run decided
// nothing, as one that was interrupted, that is what it took over itself.
func (a *Analysis) Said() *benchlog.Said {
	out := &benchlog.Said{Picks: map[string][]benchlog.Model{}}
	decided := false
	for i := range a.Verdict.Decisions {
		d := &a.Verdict.Decisions[i]
		s := a.said[d.Kind.Name]
		if d.says() {
			decided, s = true, a.saidOf(d)
		}
		if s != nil {
			out.Kinds = append(out.Kinds, benchlog.SaidKind(*s))
		}
	}
	for _, m := range Metrics {
		pick := a.picks[m.ID]
		if p := profile(a, m); decided && p.Cases > 0 {
			pick = p.Pick
		}
		if len(pick) > 0 {
			out.Picks[m.ID] = as[benchlog.Model](pick)
		}
	}
	return out
}

// saidOf is what a decision says: its words, and, unless it was not asked, who
// is ahead of whom.
func (a *Analysis) saidOf(d *Decision) *said {
	s := d.named()
	if len(d.Among)+len(d.Behind) == 0 {
		return s
	}
	s.Ahead = map[benchlog.Model][]benchlog.Model{}
	r := d.Ranking
	for i := range r.Entries {
		if !r.competes(i) {
			continue
		}
		x := &r.Entries[i]
		model := benchlog.Model(x.Model)
		s.Models = append(s.Models, model)
		for j := range r.Entries {
			if y := &r.Entries[j]; i != j && r.competes(j) && a.ahead(r.Metric, r.Cases, x, y, a.said[d.Kind.Name]) {
				s.Ahead[model] = append(s.Ahead[model], benchlog.Model(y.Model))
			}
		}
	}
	return s
}

// since says which words are others than those of the earlier run, and which
// are the same only because it had them.
func (v *Verdict) since(a *Analysis) string {
	var stand, changed []string
	for i := range v.Decisions {
		d := &v.Decisions[i]
		switch s := a.said[d.Kind.Name]; {
		case s == nil || !d.says():
		case d.Stands && d.sameWords(s):
			stand = append(stand, d.Kind.Name)
		case !d.sameWords(s):
			changed = append(changed, d.Kind.Name+d.was(s))
		}
	}
	switch was := a.picks[v.Profile.Metric.ID]; {
	case v.Advice == "" || len(was) == 0:
	case v.Profile.Stands:
		stand = append(stand, "whom to pick")
	case !slices.Equal(was, v.Profile.Pick):
		changed = append(changed, fmt.Sprintf("whom to pick (was %s)", modelNames(was, "or")))
	}
	run := "the earlier run"
	if at := a.Like; at != nil && !at.Started.IsZero() {
		run = "the run of " + at.Started.UTC().Format("2006-01-02 15:04")
	}
	var out []string
	if len(changed) > 0 {
		out = append(out, fmt.Sprintf("Changed since %s: %s.", run, format.List(most(changed))))
		run = "that run"
	}
	if len(stand) > 0 {
		out = append(out, fmt.Sprintf("As %s said, since these results leave it open: %s.", run, format.List(most(stand))))
	}
	return strings.Join(out, " ")
}

// most are as many of a list as a sentence holds.
func most(all []string) []string {
	if n := len(all) - maxNamed; n > 0 {
		all = append(all[:maxNamed:maxNamed], fmt.Sprintf("%d more", n))
	}
	return all
}

// was tells what a sentence said in the earlier run, in brackets.
func (d *Decision) was(s *said) string {
	names := as[string](s.Lead)
	lead := modelNames(names, "or")
	switch {
	case s.Open:
		lead = "not decided"
	case s.NoOne:
		lead = "no one model"
	case len(names) == 0:
		return ""
	case slices.Equal(names, d.Winners) && !d.Open && !d.NoOne:
		lead += " before " + modelNames(as[string](s.Behind), "and")
	}
	return fmt.Sprintf(" (was %s)", lead)
}
