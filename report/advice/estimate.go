package advice

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"switchyard/bench/benchlog"
	"switchyard/report/results"
)

// Farthest is how far apart, as a factor, two measured sizes may be for what
// lies between them to be estimated.
const Farthest = 20

// An Estimate is a number that was measured, or lies between two that were.
type Estimate struct {
	Center, Lo, Hi float64
	Cases          []*results.Case // that it rests on: one, or two
}

// at estimates what a model, by its place in the table, has at x, or says why
// it cannot.
func (t *Table) at(x float64, model int) (Estimate, error) {
	var below, above *TableRow
	failed, void := "", ""
	for i := range t.Rows {
		row := &t.Rows[i]
		c := row.Cells[model]
		failed = cmp.Or(failed, c.Failed)
		if row.X <= x { // what is too many stays so
			void = cmp.Or(void, c.Skipped)
		}
		switch {
		case c.Center == 0 && !c.Few:
		case near(row.X, x) && c.Few:
			return Estimate{}, fmt.Errorf("too few results at %s", row.Case.Name())
		case near(row.X, x):
			return Estimate{c.Center, c.Lo, c.Hi, []*results.Case{row.Case}}, nil
		case row.X < x:
			below = row
		case above == nil:
			above = row
		}
	}
	none := t.Models[model].None
	switch {
	case below == nil && above == nil && none != "":
		return Estimate{}, noneError{none}
	case above == nil && void != "":
		return Estimate{}, noneError{void}
	case below == nil && above == nil:
		return Estimate{}, errors.New(cmp.Or(failed, "not measured"))
	case below == nil:
		return Estimate{}, fmt.Errorf("measured from %s=%s on", t.Key, above.Size)
	case above == nil:
		return Estimate{}, fmt.Errorf("measured up to %s=%s", t.Key, below.Size)
	}
	low, high := below.Cells[model], above.Cells[model]
	switch {
	case low.Few || high.Few:
		return Estimate{}, errors.New("too few results")
	case !t.close(below.X, above.X):
		return Estimate{}, fmt.Errorf("measured at %s=%s and %s only", t.Key, below.Size, above.Size)
	}
	e := Estimate{Cases: []*results.Case{below.Case, above.Case}}
	straight := (x - below.X) / (above.X - below.X)
	bent := straight
	if below.X > 0 && !t.Share {
		bent = math.Log(x/below.X) / math.Log(above.X/below.X)
	}
	e.Center = geometric(low.Center, high.Center, bent)
	e.Lo = min(linear(low.Lo, high.Lo, straight), geometric(low.Lo, high.Lo, bent))
	e.Hi = max(linear(low.Hi, high.Hi, straight), geometric(low.Hi, high.Hi, bent))
	return e, nil
}

// A noneError says why a model has no number there, however long one measures.
type noneError struct{ reason string }

func (e noneError) Error() string { return e.reason }

// close reports whether what lies between two sizes can be estimated.
func (t *Table) close(below, above float64) bool {
	return t.Share || below > 0 && above/below <= Farthest
}

func near(a, b float64) bool { return a == b || a > 0 && math.Abs(b/a-1) < 0.005 }

func linear(a, b, at float64) float64 { return a + (b-a)*at }

func geometric(a, b, at float64) float64 {
	return math.Exp(linear(math.Log(a), math.Log(b), at))
}

// measure returns the points that would tell what is at x, as WORKLOADS takes
// them: that point if the workload has it, or its nearest neighbours. There are
// none where the workload does not go.
func (t *Table) measure(x float64) (names []string) {
	template := benchlog.Params(t.Rows[0].Case.Name())
	_, fixed, _ := template.Cut(t.Key)
	if p := template.Resize(t.Key, x); t.info.Has(p) && near(number(p, t.Key), x) {
		return []string{t.Workload + "/" + string(p)}
	}
	below, above := benchlog.Params(""), benchlog.Params("")
	for _, p := range t.info.Points() { // ascending
		_, rest, ok := p.Cut(t.Key)
		v := number(p, t.Key)
		switch {
		case !ok || rest != fixed || math.IsNaN(v):
		case near(v, x):
			return []string{t.Workload + "/" + string(p)}
		case v < x:
			below = p
		case above == "":
			above = p
		}
	}
	if below == "" || above == "" || !t.close(number(below, t.Key), number(above, t.Key)) {
		return nil
	}
	return []string{t.Workload + "/" + string(below), t.Workload + "/" + string(above)}
}

// number returns the value of a parameter, NaN if it is none.
func number(p benchlog.Params, key string) float64 {
	text, _ := p.Get(key)
	return benchlog.Param{Value: text}.Number()
}

// around says at which cases the estimates at x rest.
func (t *Table) around(x float64) string {
	for i := range t.Rows {
		switch row := &t.Rows[i]; {
		case near(row.X, x):
			return "at " + row.Size
		case row.X > x && i > 0:
			return "between " + t.Rows[i-1].Size + " and " + row.Size
		case row.X > x:
			return "from " + row.Size + " on"
		}
	}
	return "up to " + t.Rows[len(t.Rows)-1].Size
}
