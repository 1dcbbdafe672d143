package results

import "slices"

// A Cell is one case run by one model: its sample, or why there is none.
type Cell struct {
	Case    *Case
	Model   string
	Results []Result // in run order
	Failed  string   // reason, when any result failed: the cell then shows no number
	Skipped string   // reason, when there is no implementation or a limit forbids it
	GivenUp bool     // skipped with fewer results than decide anything, in a run that wanted more
	Latency *Latency // merged histogram, nil when none was recorded
	Foreign bool     // of another tool: what its units mean is not known
}

// Usable reports whether the cell has numbers to show. Those of a benchmark
// that failed, or that is part of one that did, are none; nor are those of one
// that was given up.
func (c *Cell) Usable() bool {
	return c != nil && c.Failure() == "" && len(c.Results) > 0 && !c.GivenUp
}

// Failure is why the cell failed, alone or with its workload; "" when it did
// not.
func (c *Cell) Failure() string {
	if c.Failed != "" || c.Case == nil {
		return c.Failed
	}
	return c.Case.Workload.Failed[c.Model]
}

// Units are those of the cell's results, in order of appearance.
func (c *Cell) Units() []string {
	var out []string
	for _, r := range c.Results {
		for _, v := range r.Values {
			if !slices.Contains(out, v.Unit) {
				out = append(out, v.Unit)
			}
		}
	}
	return out
}
