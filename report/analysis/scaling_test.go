package analysis

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// scaled is a run on so many CPUs of a model that keeps the law of scaling, in
// six blocks.
func scaled(head string, cpus []int, contention, coherency float64) string {
	var b strings.Builder
	b.WriteString("# switchyard {\"format\":1,\"models\":[\"a\",\"b\"]}\n" + head)
	for block := range 6 {
		fmt.Fprintf(&b, "# begin {\"block\":%d,\"attempt\":1}\n", block+1)
		for _, n := range cpus {
			x := float64(n)
			one := 1e6 * (1 + 0.2*float64(block)) * (1 + 0.002*math.Sin(float64(block*7+n)))
			fmt.Fprintf(&b, "BenchmarkX/n=1/model=a-%d 100 %.2f ops/s\n", n, one*x/(1+contention*(x-1)+coherency*x*(x-1)))
			fmt.Fprintf(&b, "BenchmarkX/n=1/model=b-%d 100 %.2f ops/s\n", n, one) // gains nothing
		}
		fmt.Fprintf(&b, "# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	return b.String()
}

// Speed-ups and the law are those that the results were made of: what a block
// does to all sizes is in neither.
func TestScaling(t *testing.T) {
	a := Of(read(t, scaled("cores: 8\n", []int{8, 1, 4, 2}, 0.1, 0.01)))
	if len(a.Scalings) != 2 || a.ScalingLimit != "" || fmt.Sprint(a.ScalingCPUs) != "[2 4 8]" {
		t.Fatalf("%d scalings, %q", len(a.Scalings), a.ScalingLimit)
	}
	s := a.Scalings[0]
	if s.Model != "a" || s.Case.TitleWithoutCPUs() != "X n=1" || fmt.Sprint(s.CPUs) != "[1 2 4 8]" || !s.Fitted {
		t.Fatalf("%+v", s)
	}
	for i, n := range s.CPUs {
		x := float64(n)
		want := x / (1 + 0.1*(x-1) + 0.01*x*(x-1))
		if e := s.Speedups[i]; math.Abs(e.Center-want) > 0.01*want || n > 1 && (e.Lo > want || e.Hi < want || e.Hi-e.Lo > 0.05*want) {
			t.Errorf("on %d CPUs %+v, want %v", n, e, want)
		}
	}
	if c, k := s.Law.Contention.Center, s.Law.Coherency.Center; math.Abs(c-0.1) > 0.005 || math.Abs(k-0.01) > 0.001 {
		t.Errorf("contention %v, coherency %v", c, k)
	}
	contention, coherency, peak := s.Row[3].String(), s.Row[4].String(), s.Row[5].String()
	if len(s.Row) != 6 || !strings.HasPrefix(contention, "10 % (") || !strings.HasPrefix(coherency, "1 % (") || !strings.HasPrefix(peak, "9 (") {
		t.Errorf("it says %q, %q, %q", contention, coherency, peak)
	}
	if text := s.Row[0].String(); !strings.HasPrefix(text, "1.78× (1.78 to 1.7") {
		t.Errorf("the speed-up on two is %q", text)
	}
	if flat := a.Scalings[1]; flat.Model != "b" || math.Abs(flat.Speedups[3].Center-1) > 0.01 || math.Abs(flat.Law.Contention.Center-1) > 0.02 || flat.Law.Peak.Lo > 1 {
		t.Errorf("%+v", flat)
	}
}

// Results are paired by the block that they stand in, also where one is
// missing.
func TestScalingOfBlocks(t *testing.T) {
	text := scaled("cores: 8\n", []int{1, 2, 4, 8}, 0.1, 0.01)
	begin := strings.Index(text, "# begin {\"block\":3")
	lost := begin + strings.Index(text[begin:], "BenchmarkX/n=1/model=a-4 ")
	end := lost + strings.Index(text[lost:], "\n") + 1
	s := Of(read(t, text[:lost]+text[end:])).Scalings[0]
	if s.Law.N != 5 || math.Abs(s.Law.Contention.Center-0.1) > 0.005 || s.Law.Contention.Hi-s.Law.Contention.Lo > 0.05 {
		t.Errorf("%+v", s.Law)
	}
}

// With fewer than four numbers of CPUs there are speed-ups, and the reason why
// there is no more.
func TestScalingLimit(t *testing.T) {
	line := "BenchmarkX/model=a-%d 100 100 ops/s\n"
	lanes := func(head string, times int, cpus ...int) string {
		text := head
		for range times {
			for _, n := range cpus {
				text += fmt.Sprintf(line, n)
			}
		}
		return text
	}
	for what, test := range map[string]struct {
		text     string
		scalings int
		want     string
	}{
		"two of two":       {scaled("cores: 2\n", []int{1, 2}, 0.1, 0), 2, "not testable on this machine: it needs 4 numbers of CPUs, and there are 2."},
		"two of many":      {scaled("cores: 16\n", []int{1, 16}, 0.1, 0), 2, "not tested: it needs 4 numbers of CPUs, as in CPU=1,2,4,all, and 2 were measured."},
		"nobody says":      {scaled("", []int{1, 2, 4}, 0.1, 0), 2, "and 3 were measured."},
		"two of each":      {lanes("cores: 8\n", 2, 1, 2, 4, 8), 1, "needs three results of each number of CPUs."},
		"one":              {scaled("cores: 2\n", []int{2}, 0.1, 0), 0, ""},
		"a foreign tool's": {lanes("", 8, 1, 2, 4, 8), 1, ""}, // go test -cpu 1,2,4,8
		"a control":        {"# workload {\"name\":\"X\",\"control\":true}\n" + lanes("", 3, 1, 2), 0, ""},
		"an open loop":     {"# workload {\"name\":\"X\",\"open\":true}\n" + lanes("", 3, 1, 2), 0, ""},
		"two of a tool's":  {lanes("", 8, 1, 8), 1, "as in go test -cpu 1,2,4,8, and 2 were measured."},
		"not on one CPU":   {lanes("", 3, 1, 2) + strings.ReplaceAll(lanes("", 3, 2, 4), "=a", "=b"), 1, "and 2 were measured."},
	} {
		a := Of(read(t, test.text))
		if got := a.ScalingLimit; len(a.Scalings) != test.scalings || !strings.HasSuffix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %d scalings, %q, want %d and %q", what, len(a.Scalings), got, test.scalings, test.want)
		}
	}
}

// The words for a law that does not hold, that has no peak, or whose peak is
// not bounded.
func TestLawText(t *testing.T) {
	texts := func(cpus []int, contention, coherency float64, change func(*Scaling)) string {
		s := Of(read(t, scaled("cores: 32\n", cpus, contention, coherency))).Scalings[0]
		if change != nil {
			change(&s)
		}
		law := s.law()
		return strings.Join([]string{law[0].String(), law[1].String(), law[2].String()}, "; ")
	}
	cpus := []int{1, 2, 4, 8, 16}
	for what, test := range map[string]struct{ got, prefix, suffix string }{
		"misfit":  {texts(cpus, 0, 0, func(s *Scaling) { s.Law.Misfit = 0.14 }), "no fit: 14 % off; ", "; "},
		"no fit":  {texts(cpus[:2], 0, 0, nil), "not tested; ", "; "},
		"none":    {texts(cpus, 0.5, -0.01, nil), "50 % (", "; none"},
		"falling": {texts(cpus, 0.5, 0.5, nil), "50 % (", "; 1 (1 to 1)"},
		"no peak": {texts(cpus, 0.05, 0, func(s *Scaling) {
			s.Law.Peak.Center, s.Law.Peak.Lo, s.Law.Peak.Hi = math.Inf(1), 40.5, math.Inf(1)
		}), "5 % (", "; none seen; beyond 40"},
		"open": {texts(cpus, 0.05, 0, func(s *Scaling) {
			s.Law.Peak.Center, s.Law.Peak.Lo, s.Law.Peak.Hi = 90, 40.5, math.Inf(1)
		}), "5 % (", "; 90 (40 or more)"},
	} {
		if !strings.HasPrefix(test.got, test.prefix) || !strings.HasSuffix(test.got, test.suffix) {
			t.Errorf("%s: %q, want %q ... %q", what, test.got, test.prefix, test.suffix)
		}
	}
}
