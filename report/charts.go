package report

func (b *builder) curveCharts(w *Workload) []pageChart { return nil }
func (b *builder) caseCharts(c *Case) []pageChart      { return nil }
func (b *builder) foldedCharts(c *Case) []pageChart    { return nil }
