package analysis

import (
	"fmt"
	"math"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Noise is what differs on a machine between two measurements of one build,
// as a null run has shown it.
type Noise struct {
	Run      *results.Run // the null run
	Sessions int          // that it stands on; with one it says little of another day
	Floors   []Floor      // of each metric, and of each kind of work in it where that can be told
}

// A Floor is the noise of a metric: of the differences between two measurements
// of one build, one in twenty was larger.
type Floor struct {
	Metric Metric
	Kind   string  // of work; "" is all of the metric
	Share  float64 // 0.02 is two per cent
	Cells  int     // differences that it stands on
}

// fewestDifferences are needed to tell the noise of a kind of work from that of
// the whole metric.
const fewestDifferences = 10

// NoiseOf finds the noise in a null run: between its sessions if it has
// several, else between its builds, which were measured side by side. It is nil
// if the run is none, or has no two measurements.
func NoiseOf(run *results.Run) *Noise {
	n := &Noise{Run: run, Sessions: sessions(run)}
	type place struct{ metric, kind string }
	differences := map[place][]float64{}
	for _, pair := range n.pairs() {
		then := byIdentity(pair[0], true)
		for _, c := range pair[1].Cases() {
			o := then[c.Identity(true, true)]
			if o == nil || c.Workload.Info.Control {
				continue
			}
			for _, m := range metricsOf(o, c, run.Better) {
				for _, model := range run.Models {
					r := inference.Ratio(located(pair[1], m, c.Cells[model]), located(pair[0], m, o.Cells[model])).Center
					if !(r > 0) || math.IsInf(r, 1) {
						continue
					}
					share := math.Expm1(math.Abs(math.Log(r)))
					for _, kind := range slices.Compact([]string{"", c.Workload.Info.Kind}) {
						if differences[place{m.ID, kind}] == nil {
							n.Floors = append(n.Floors, Floor{Metric: m, Kind: kind})
						}
						differences[place{m.ID, kind}] = append(differences[place{m.ID, kind}], share)
					}
				}
			}
		}
	}
	for i := range n.Floors {
		f := &n.Floors[i]
		all := differences[place{f.Metric.ID, f.Kind}]
		slices.Sort(all)
		f.Cells = len(all)
		f.Share = all[(len(all)*19+19)/20-1]
	}
	n.Floors = slices.DeleteFunc(n.Floors, func(f Floor) bool {
		return f.Kind != "" && (f.Cells < fewestDifferences || f.Cells == len(differences[place{f.Metric.ID, ""}]))
	})
	if len(n.Floors) == 0 {
		return nil
	}
	return n
}

// sessions is how many parts the run was spread over.
func sessions(run *results.Run) int {
	n := 1
	for _, b := range run.Blocks {
		n = max(n, b.Session)
	}
	return n
}

// pairs are measurements of one build that are set against each other.
func (n *Noise) pairs() (pairs [][2]*results.Run) {
	if n.Sessions == 1 {
		old := n.Run.Build(benchlog.OldBuild)
		return [][2]*results.Run{{old, n.Run.Build(benchlog.NewBuild)}, {old, n.Run.Build(benchlog.ControlBuild)}}
	}
	for _, build := range []string{benchlog.OldBuild, benchlog.NewBuild, benchlog.ControlBuild} {
		one := n.Run.Build(build)
		for s := 1; s < n.Sessions; s++ {
			pairs = append(pairs, [2]*results.Run{one.Session(s), one.Session(s + 1)})
		}
	}
	return pairs
}

// Floor returns the noise of a metric in a workload as a share: that of its
// kind of work, or else of all. It is 0 if nothing is known.
func (n *Noise) Floor(m Metric, w *results.Workload) float64 {
	if n == nil {
		return 0
	}
	whole := 0.0
	for _, f := range n.Floors {
		switch {
		case f.Metric.ID != m.ID:
		case f.Kind == "":
			whole = f.Share
		case f.Kind == w.Info.Kind:
			return f.Share
		}
	}
	return whole
}

// noise takes over the noise that a null run shows, if it is of the machine of
// both runs.
func (d *Diff) noise(null *results.Run) {
	if null == nil {
		return
	}
	noise := NoiseOf(null)
	if noise == nil {
		d.Unlike = append(d.Unlike, "The null run "+null.Path+" has nothing to say of noise.")
		return
	}
	for _, r := range []*results.Run{d.Old, d.New} {
		for _, f := range factChanges(null, r) {
			if f.Machine {
				d.Unlike = append(d.Unlike, fmt.Sprintf("The noise in %s is another machine's, and is not used: %s is %s there, and %s here.", null.Path, f.Key, f.Old, f.New))
				return
			}
		}
	}
	d.Noise = noise
}
