package report

// A pageCompare is the section that sets the run against an earlier one.
type pageCompare struct {
	Sentence string
	Machine  bool
	Old      string // name of the earlier run
	Hosts    []FactChange
	Told     []changeRow // regressions first, then gains
	Rest     []changeRow
	OnlyOld  []string
	OnlyNew  []string
	Cut      int
}

// A changeRow is one change in words.
type changeRow struct {
	Case, ID           string
	Model              pageModel
	Metric             string
	Old, New, Delta    string
	Interval, Adjusted string
	N1, N2             int
	Kind               string
	Note               string
}

// maxChanges bounds the rows of the comparison.
const maxChanges = 400

func (b *builder) compare(old *Run) *pageCompare {
	if old == nil {
		return nil
	}
	d := Compare(old, b.run)
	p := &pageCompare{Sentence: d.Sentence(), Machine: d.Machine, Old: cleanTo(old.Path, 200)}
	if old.Header.Run != "" {
		p.Old = clean(old.Header.Run)
	}
	for _, h := range d.Hosts {
		p.Hosts = append(p.Hosts, FactChange{clean(h.Key), orNone(h.Old), orNone(h.New), h.Machine})
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		switch {
		case len(p.Told)+len(p.Rest) >= maxChanges:
			p.Cut++
		case c.Differs:
			p.Told = append(p.Told, b.change(c))
		case c.Metric.ID == Throughput.ID:
			p.Rest = append(p.Rest, b.change(c))
		}
	}
	for _, s := range d.OnlyOld[:min(40, len(d.OnlyOld))] {
		p.OnlyOld = append(p.OnlyOld, clean(s))
	}
	for _, s := range d.OnlyNew[:min(40, len(d.OnlyNew))] {
		p.OnlyNew = append(p.OnlyNew, clean(s))
	}
	return p
}

func (b *builder) change(c *Change) changeRow {
	r := changeRow{
		Case: clean(c.Case.title()), ID: b.anchor(c.Case), Model: b.model(c.Model), Metric: c.Metric.Name,
		Old: formatValue(c.Old.Center, c.Metric.Unit), New: formatValue(c.New.Center, c.Metric.Unit),
		Delta: "~", Interval: formatInterval(c.Lo, c.Hi), Adjusted: formatP(c.Adjusted), N1: c.N2, N2: c.N1, Kind: c.Kind.String(),
	}
	switch {
	case c.Differs:
		r.Delta = formatDelta(c.Delta())
	case !finite(c.Detectable):
		r.Delta, r.Note = "?", "too few results"
	case c.Kind == Untold:
		r.Delta, r.Note = "?", "only "+formatPct(c.Detectable)+" would have shown"
	default:
		r.Note = formatPct(c.Detectable) + " would have shown"
	}
	return r
}
