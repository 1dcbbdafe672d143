package main

import (
	"fmt"
	"math"
)

// A Score counts the outcomes of one package, or of all.
type Score struct {
	Package  string `json:"package"`
	Changes  int    `json:"changes"` // that there are
	Caught   int    `json:"caught"`
	Limit    int    `json:"limit"` // of the caught: by the time or memory limit alone
	Survived int    `json:"survived"`
	Known    int    `json:"known"`  // drawn, not run
	Broken   int    `json:"broken"` // drawn, did not compile
}

func (s *Score) add(o Score) {
	s.Changes += o.Changes
	s.Caught += o.Caught
	s.Limit += o.Limit
	s.Survived += o.Survived
	s.Known += o.Known
	s.Broken += o.Broken
}

func (s Score) String() string {
	share, low, high := wilson(s.Caught, s.Caught+s.Survived)
	return fmt.Sprintf("%-34s %3.0f %%  (95 %%: %.0f to %.0f)  caught %d (%d by a limit alone), survived %d, known %d, not compiling %d, of %d changes",
		s.Package, 100*share, 100*low, 100*high, s.Caught, s.Limit, s.Survived, s.Known, s.Broken, s.Changes)
}

// wilson returns the share k/n with its 95 % interval after Wilson (1927),
// which stays inside [0, 1] and does not collapse when k is 0 or n.
func wilson(k, n int) (share, low, high float64) {
	if n == 0 {
		return 0, 0, 1
	}
	const z = 1.959963984540054
	total := float64(n)
	share = float64(k) / total
	center := (share + z*z/(2*total)) / (1 + z*z/total)
	half := z / (1 + z*z/total) * math.Sqrt(share*(1-share)/total+z*z/(4*total*total))
	return share, max(center-half, 0), min(center+half, 1)
}
