package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Beside is what a run with peers says of one kind of work: how our models
// stand to those of other programs that are set beside them, and whether the
// models that tutorials take for this kind are the better ones for it, here and
// there.
type Beside struct {
	Kind  *Kind
	Pairs []Pair
	Taken []string // a sentence for each side
}

// A Pair is a model of ours and a peer of it.
type Pair struct {
	Ours, Peer string
	Versus     Standing // by how many times ours is better
	Text       string   // without Ours
}

// besides are those of a run that has peers beside models of ours, in report
// order.
func besides(a *Analysis) []Beside {
	var out []Beside
	for _, k := range kinds(a.Run) {
		b := Beside{Kind: k}
		for _, ours := range a.Models {
			for _, peer := range a.Models {
				if string(a.Model(peer).Beside) != ours || !a.Aside(peer) {
					continue
				}
				if p, ok := a.pair(k, ours, peer); ok {
					b.Pairs = append(b.Pairs, p)
				}
			}
		}
		if len(b.Pairs) == 0 {
			continue
		}
		for _, peers := range []bool{true, false} {
			if s := a.taken(k, peers); s != "" {
				b.Taken = append(b.Taken, s)
			}
		}
		out = append(out, b)
	}
	return out
}

// versus compares two models over those of some cases that both have, by
// geometric means; it is not ok if there are none.
func (a *Analysis) versus(m Metric, cases []*results.Case, x, y string) (c Comparison, common []*results.Case, ok bool) {
	sx, sy := map[*results.Case]inference.Sample{}, map[*results.Case]inference.Sample{}
	for _, one := range cases {
		px, py := a.sample(m, one, x), a.sample(m, one, y)
		if len(px) > 0 && len(py) > 0 && px.Positive() && py.Positive() {
			sx[one], sy[one] = px, py
			common = append(common, one)
		}
	}
	if len(common) == 0 {
		return c, nil, false
	}
	return compare(x, y, geomeans(common, sx), geomeans(common, sy)).Times(m), common, true
}

func (a *Analysis) pair(k *Kind, ours, peer string) (Pair, bool) {
	c, common, ok := a.versus(k.Metric, k.Cases, ours, peer)
	if !ok {
		return Pair{}, false
	}
	p := Pair{Ours: ours, Peer: peer, Versus: a.standing(k.Metric, common, c)}
	c = p.Versus.Comparison
	p.Text = fmt.Sprintf("%s %s (%s", format.Ratio(c.Ratio), format.Clean(peer), c.next())
	if len(common) > 1 {
		p.Text += fmt.Sprintf("; %s to %s over %s", format.Ratio(p.Versus.Least), format.Ratio(p.Versus.Most), over(common))
	}
	if p.Text += ")"; format.Finite(c.Hi) && c.Claim != inference.Tie && !c.holds() && !c.reversed().holds() {
		p.Text += ", not decided"
	}
	return p, true
}

// taken says whether the models that tutorials take for the kind are better for
// it than those that they take for other kinds: of the peers, or of ours. It is
// "" where there are not both.
func (a *Analysis) taken(k *Kind, peers bool) string {
	var these, others []string
	declared := k.Workloads[0].Info.Kind
	for _, m := range a.Models {
		info := a.Model(m)
		_, _, here := a.versus(k.Metric, k.Cases, m, m)
		switch {
		case info.For == "" || declared == "" || !here || (info.Beside != "") != peers:
		case info.For == declared:
			these = append(these, m)
		default:
			others = append(others, m)
		}
	}
	if len(these) == 0 || len(others) == 0 {
		return ""
	}
	best := a.leader(k, these)
	rival := a.leader(k, others)
	c, _, ok := a.versus(k.Metric, k.Cases, best, rival)
	if !ok {
		return ""
	}
	s := fmt.Sprintf("Tutorials take %s for this, %s for other work: %s %s %s (%s), ",
		modelNames(these, "or"), modelNames(others, "or"), format.Clean(best), format.Ratio(c.Ratio), format.Clean(rival), c.next())
	switch {
	case a.beats(k, best, others):
		return s + "so that holds."
	case slices.ContainsFunc(others, func(m string) bool { return a.beats(k, m, these) }):
		return s + "so that does not hold."
	case c.Claim == inference.Tie:
		return s + "no difference in this run."
	case !format.Finite(c.Detectable):
		return s + "not decided."
	}
	return s + fmt.Sprintf("not decided; less than %s would not have been seen.", format.Percent((1+Practical)*c.Ratio/c.NextLo-1))
}

// leader is the best of some models over the kind's cases, pair by pair.
func (a *Analysis) leader(k *Kind, models []string) string {
	return slices.MaxFunc(models, func(x, y string) int {
		c, _, ok := a.versus(k.Metric, k.Cases, x, y)
		if !ok || math.IsNaN(c.Ratio) {
			return 0
		}
		return cmp.Compare(c.Ratio, 1)
	})
}

// beats reports whether a model is better than each of the others, in the next
// run too.
func (a *Analysis) beats(k *Kind, model string, others []string) bool {
	return !slices.ContainsFunc(others, func(m string) bool {
		c, _, ok := a.versus(k.Metric, k.Cases, model, m)
		return !ok || !c.holds()
	})
}

// Sentence is what the pairs come to.
func (b *Beside) Sentence() string {
	var all []string
	for i, p := range b.Pairs {
		switch text := p.Text; {
		case i > 0 && b.Pairs[i-1].Ours == p.Ours:
			all[len(all)-1] += ", " + text
		default:
			all = append(all, format.Clean(p.Ours)+" "+text)
		}
	}
	return strings.Join(all, "; ") + "."
}
