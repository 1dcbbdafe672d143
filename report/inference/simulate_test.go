package inference

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/bench/testenv"
)

// trials is how often a simulation is repeated: some thousand times, or with
// STATS=long often enough to see a coverage to a tenth of a per cent.
func trials(quick int) int {
	if long() {
		return 20 * quick
	}
	return quick
}

func long() bool { return testenv.Asked("STATS") == "long" }

// A world is what results are drawn from. All sizes are standard deviations of
// logarithms.
type world struct {
	noise    float64
	block    float64    // of what a block does to all its results alike
	session  float64    // of what a session does to each model by itself
	outliers [2]float64 // how often a result of either model takes three times as long
	sessions int
	n        int // results in each session
}

// draw is a sample of model m, whose median is at. The effects of the blocks
// are shared by the samples that they are given for.
func (w world) draw(rng *rand.Rand, m int, at float64, effects []float64) Sample {
	var s Sample
	for session := range max(1, w.sessions) {
		shift := w.session * rng.NormFloat64()
		for block := range w.n {
			v := math.Log(at) + shift + w.noise*rng.NormFloat64() + effects[session*w.n+block]
			if rng.Float64() < w.outliers[m] {
				v += math.Log(3)
			}
			s = append(s, Value{math.Exp(v), block, session})
		}
	}
	return s
}

func (w world) effects(rng *rand.Rand) []float64 {
	out := make([]float64, max(1, w.sessions)*w.n)
	for i := range out {
		out[i] = w.block * rng.NormFloat64()
	}
	return out
}

// coverage is how often the estimates that f makes hold the truth, and how wide
// their intervals are on average, as a share.
func coverage(quick int, seed uint64, truth float64, f func(rng *rand.Rand) Estimate) (share, width float64) {
	rng := rand.New(rand.NewPCG(seed, 12))
	n := trials(quick)
	for range n {
		e := f(rng)
		if e.Lo <= truth && truth <= e.Hi {
			share++
		}
		width += math.Log(e.Hi / e.Lo)
	}
	return share / float64(n), width / float64(n)
}

// worlds are those of the targets: noise alone, with outliers in both models or
// in one alone, with block effects; with the fewest results and with more.
func worlds() []world {
	sizes := []int{6, 10}
	if long() {
		sizes = []int{6, 7, 8, 9, 10, 15, 20}
	}
	var out []world
	for _, n := range sizes {
		for _, outliers := range [][2]float64{{0, 0}, {0.05, 0.05}, {0.05, 0}} {
			for _, block := range []float64{0, 0.03} {
				for _, noise := range []float64{0.01, 0.05} {
					out = append(out, world{noise: noise, block: block, outliers: outliers, n: n})
				}
			}
		}
	}
	return out
}

// checkCoverage allows for the chance in a simulation: three standard
// deviations of the share that it finds.
func checkCoverage(t *testing.T, what string, w world, quick int, got float64) {
	t.Helper()
	chance := 3 * math.Sqrt(0.95*0.05/float64(trials(quick)))
	if got < 0.93-chance || got > 0.98+chance {
		t.Errorf("%s of %+v: the interval holds the truth in %.1f %%, not 93 to 98", what, w, 100*got)
	}
}

func TestCoverageOfRatios(t *testing.T) {
	for i, w := range worlds() {
		got, _ := coverage(1000, uint64(i), 2, func(rng *rand.Rand) Estimate {
			effects := w.effects(rng)
			return Ratio(w.draw(rng, 0, 2, effects), w.draw(rng, 1, 1, effects))
		})
		checkCoverage(t, "ratio", w, 1000, got)
	}
}

func TestCoverageOfRatiosWithoutBlocks(t *testing.T) {
	for i, w := range worlds() {
		got, _ := coverage(600, uint64(i), 2, func(rng *rand.Rand) Estimate {
			a, b := w.draw(rng, 0, 2, w.effects(rng)), w.draw(rng, 1, 1, w.effects(rng))
			return Ratio(Of(a.Values()), Of(b.Values()))
		})
		checkCoverage(t, "unpaired ratio", w, 600, got)
	}
}

func TestCoverageOfMedians(t *testing.T) {
	for i, w := range worlds() {
		got, _ := coverage(1000, uint64(i), 7, func(rng *rand.Rand) Estimate {
			return Median(w.draw(rng, 0, 7, w.effects(rng)))
		})
		checkCoverage(t, "median", w, 1000, got)
	}
}

// TestCoverageOfGeometricMeans: the truth is the ratio of what is typical of
// each case, whichever results were hit.
func TestCoverageOfGeometricMeans(t *testing.T) {
	for i, w := range worlds() {
		for _, cases := range []int{2, 20} {
			const quick = 300
			got, _ := coverage(quick, uint64(i), 2, func(rng *rand.Rand) Estimate {
				effects := w.effects(rng)
				var a, b []Sample
				var weights []float64
				for k := range cases {
					at := math.Pow(10, float64(k%5))
					a, b = append(a, w.draw(rng, 0, 2*at, effects)), append(b, w.draw(rng, 1, at, effects))
					weights = append(weights, 1/float64(cases))
				}
				return Ratio(GeoMean(a, weights), GeoMean(b, weights))
			})
			checkCoverage(t, "geometric mean", w, quick, got)
		}
	}
}

// TestWidthUnderBlockEffects: what a block does to both models drops out.
func TestWidthUnderBlockEffects(t *testing.T) {
	w := world{noise: 0.01, block: 0.03, n: 6}
	_, width := coverage(1000, 1, 1, func(rng *rand.Rand) Estimate {
		effects := w.effects(rng)
		return Ratio(w.draw(rng, 0, 1, effects), w.draw(rng, 1, 1, effects))
	})
	if width > 0.035 {
		t.Errorf("intervals are %.1f %% wide, not at most 3.5", 100*width)
	}
}

// TestCoverageAcrossSessions: each session does something to a model that none
// of its blocks tells, half as large as the noise.
func TestCoverageAcrossSessions(t *testing.T) {
	for i, sessions := range []int{2, 3, 4, 6} {
		for _, outliers := range [][2]float64{{0, 0}, {0.05, 0.05}, {0.05, 0}} {
			w := world{noise: 0.02, block: 0.03, session: 0.01, outliers: outliers, sessions: sessions, n: 6}
			for what, f := range map[string]func(*rand.Rand) Estimate{
				"ratio": func(rng *rand.Rand) Estimate {
					effects := w.effects(rng)
					return Ratio(w.draw(rng, 0, 2, effects), w.draw(rng, 1, 1, effects))
				},
				"median": func(rng *rand.Rand) Estimate { return Median(w.draw(rng, 0, 2, w.effects(rng))) },
				"geometric mean": func(rng *rand.Rand) Estimate {
					effects := w.effects(rng)
					var a, b []Sample
					for _, at := range []float64{1, 10, 100} {
						a, b = append(a, w.draw(rng, 0, 2*at, effects)), append(b, w.draw(rng, 1, at, effects))
					}
					third := []float64{1. / 3, 1. / 3, 1. / 3}
					return Ratio(GeoMean(a, third), GeoMean(b, third))
				},
			} {
				if got, _ := coverage(600, uint64(i), 2, f); got < 0.92 {
					t.Errorf("%s of %+v: the interval holds the truth in %.1f %%, not 92", what, w, 100*got)
				}
			}
		}
	}
}

// TestCoverageOfTheNextRun: of two runs of one truth, each of which does
// something to a model that none of its results tells, the second's estimate
// lies where the first says the next would be. Of one session what runs do is
// known to be at most what is said; of three or more it is found in them.
func TestCoverageOfTheNextRun(t *testing.T) {
	const known = 0.05
	for i, w := range worlds() {
		for _, sessions := range []int{1, 2, 3} {
			w := w
			w.sessions, w.session = sessions, known/math.Sqrt2
			if sessions > 2 {
				w.session = 0.2
			}
			const quick = 100
			got, width := coverage(quick, uint64(i), 1, func(rng *rand.Rand) Estimate {
				run := func() Estimate {
					effects := w.effects(rng)
					return Ratio(w.draw(rng, 0, 2, effects), w.draw(rng, 1, 1, effects))
				}
				then, now := run(), run()
				lo, hi := then.Again(known)
				return Estimate{Lo: lo / now.Center, Hi: hi / now.Center}
			})
			if chance := 3 * math.Sqrt(0.95*0.05/float64(trials(quick))); got < 0.93-chance {
				t.Errorf("%+v: the next run is where it is said to be in %.1f %%, not 93; %.0f %% wide", w, 100*got, 100*width)
			}
		}
	}
	// By hand: no scatter within, √2 times 1.96 times what runs do; and √2
	// times what sessions tell.
	lo, hi := Estimate{Center: 2, Lo: 2, Hi: 2, Sessions: 1}.Again(0.1)
	if half := math.Exp(0.1 * math.Sqrt2 * 1.959964); !near(lo, 2/half, 1e-6) || !near(hi, 2*half, 1e-6) {
		t.Errorf("%v to %v", lo, hi)
	}
	lo, hi = Estimate{Center: 1, Lo: math.Exp(-0.3), Hi: math.Exp(0.4), Sessions: 3}.Again(0.1)
	if !near(math.Log(lo), -0.3*math.Sqrt2, 1e-9) || !near(math.Log(hi), 0.4*math.Sqrt2, 1e-9) {
		t.Errorf("of three sessions %v to %v", lo, hi)
	}
}

// cells are 150 of a comparison in four metrics, whose noise differs from cell
// to cell.
func cells(rng *rand.Rand, w world, change float64, paired bool) []Row {
	var rows []Row
	for _, metric := range []struct {
		name  string
		noise float64
	}{{"throughput", 1}, {"latency", 3}, {"cpu", 1}, {"memory", 0.3}} {
		for range 150 {
			w := w
			w.noise *= metric.noise * math.Exp(0.5*rng.NormFloat64())
			w.session *= metric.noise
			then := w.effects(rng)
			now := then
			if !paired {
				now = w.effects(rng)
			}
			rows = append(rows, Row{Group: metric.name, Old: w.draw(rng, 0, 1, then), New: w.draw(rng, 1, change, now)})
		}
	}
	return rows
}

// falseChanges is the share of comparisons of equals in which something is
// called a change.
func falseChanges(comparisons int, seed uint64, w world, o ChangeOptions) float64 {
	rng, found := rand.New(rand.NewPCG(seed, 12)), 0
	for range comparisons {
		if slices.ContainsFunc(Changes(cells(rng, w, 1, o.Paired), o), func(c Change) bool { return c.Claim > Tie }) {
			found++
		}
	}
	return float64(found) / float64(comparisons)
}

// TestNullComparisons: of 200 comparisons of 600 rows, none of which has
// changed, at most 10 claim a change, at most 20 where each run does something
// to every row that none of its results tells. Two builds in one run share
// their blocks, and no run has an effect on one alone.
func TestNullComparisons(t *testing.T) {
	outliers := [2]float64{0.05, 0.05}
	worlds, comparisons, chance := []world{{n: 6}, {n: 10, outliers: outliers}}, 20, 0.1
	if long() {
		worlds, comparisons, chance = append(worlds, world{n: 10}, world{n: 6, outliers: outliers}), 400, 0
	}
	for _, w := range worlds {
		w.noise, w.block = 0.03, 0.01
		if got := falseChanges(comparisons, 3, w, ChangeOptions{Paired: true, Threshold: 0.005}); got > 0.05+chance {
			t.Errorf("two builds in one run, %+v: false changes in %.1f %% of the comparisons", w, 100*got)
		}
		if got := falseChanges(comparisons, 4, w, ChangeOptions{Threshold: 0.05}); got > 0.05+chance {
			t.Errorf("two runs, %+v: false changes in %.1f %% of the comparisons", w, 100*got)
		}
		w.session = w.noise / 2
		if got := falseChanges(comparisons, 5, w, ChangeOptions{Threshold: 0.05}); got > 0.1+chance {
			t.Errorf("two runs with effects, %+v: false changes in %.1f %% of the comparisons", w, 100*got)
		}
	}
}

// TestPower: one cell of 150 has changed by 3 %, with a noise of 1 % and ten
// results in shared blocks.
func TestPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 12))
	w := world{noise: 0.01, block: 0.03, n: 10}
	runs, found := trials(100), 0
	for range runs {
		var rows []Row
		for k := range 150 {
			effects, change := w.effects(rng), 1.0
			if k == 0 {
				change = 1.03
			}
			rows = append(rows, Row{Old: w.draw(rng, 0, 1, effects), New: w.draw(rng, 1, change, effects)})
		}
		if Changes(rows, ChangeOptions{Paired: true, Threshold: 0.005})[0].Claim == Above {
			found++
		}
	}
	if got := float64(found) / float64(runs); got < 0.9 {
		t.Errorf("found in %.1f %%, not 90", 100*got)
	}
}

// Variances that scatter as s² d/χ²(d), each seen with 8 degrees of freedom,
// give s² and d back (the model of Smyth 2004, section 3); variances that are
// all one give that, for ever.
func TestModerateFindsThePrior(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 4))
	chi2 := func(even int) (sum float64) {
		for range even / 2 {
			sum += 2 * rng.ExpFloat64()
		}
		return sum
	}
	const seen, n = 8, 20000
	for _, tt := range []struct {
		common float64
		prior  int // 0: without end
	}{{1, 4}, {9, 4}, {0.04, 10}, {9, 0}} {
		var group []*difference
		var before []float64
		for range n {
			v := tt.common * chi2(seen) / seen
			if tt.prior > 0 {
				v *= float64(tt.prior) / chi2(tt.prior)
			}
			group, before = append(group, &difference{n: 5, variance: v, freedom: seen}), append(before, v)
		}
		moderate(group)
		for i, d := range group[:5] {
			freedom := d.freedom - seen
			common := d.variance
			if tt.prior > 0 {
				common = (d.freedom*d.variance - seen*before[i]) / freedom
			}
			if !near(common, tt.common, 0.05) || tt.prior > 0 && !near(freedom, float64(tt.prior), 0.15) || tt.prior == 0 && freedom < 200 {
				t.Errorf("%v with %d: %.4g with %.4g", tt.common, tt.prior, common, freedom)
			}
		}
	}
}
