package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// lanes is a run on so many CPUs, with a speed-up of four fifths of them.
func lanes(cores int, cpus ...int) string {
	text := fmt.Sprintf("# switchyard {\"format\":1,\"models\":[\"go\",\"py\"]}\ncores: %d\n", cores)
	for block := range 6 {
		text += fmt.Sprintf("# begin {\"block\":%d,\"attempt\":1}\n", block+1)
		for _, n := range cpus {
			for k, model := range []string{"go", "py"} {
				text += fmt.Sprintf("BenchmarkMap/n=%d/model=%s-%d 100 %.1f ops/s\n", k+1, model, n, 1000*(1+0.8*float64(n-1))*(1+0.01*float64((block+n+k)%3)))
			}
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	return text
}

// A run on several numbers of CPUs has a section of speed-ups on the page, and
// a table in the long text; on four numbers with the parameters of the law.
func TestScalingSection(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
		not  []string
	}{
		{lanes(8, 1, 2, 4, 8), []string{"1.8", "contention", "coherency", "peak", "8 CPUs"}, []string{"not test"}},
		{lanes(2, 1, 2), []string{"1.8", "The law of scaling is not testable on this machine", "2 CPUs"}, []string{"contention", "coherency"}},
		{lanes(2, 2), nil, []string{"Scaling", "How it scales", "law of scaling"}},
	} {
		a := Analyze(read(t, test.text))
		var text, short, page bytes.Buffer
		if err := WriteText(&text, a, TextOptions{Verbose: true, Width: 160}); err != nil {
			t.Fatal(err)
		}
		if err := WriteText(&short, a, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, a, PageOptions{}); err != nil {
			t.Fatal(err)
		}
		sound(t, page.String())
		all := strings.Join(strings.Fields(text.String()), " ")
		for _, want := range test.want {
			if !strings.Contains(all, want) || !strings.Contains(page.String(), want) {
				t.Errorf("text or page do not say %q:\n%s", want, &text)
			}
		}
		for _, not := range test.not {
			if strings.Contains(all, not) || strings.Contains(page.String(), ">"+not) {
				t.Errorf("text or page say %q:\n%s", not, &text)
			}
		}
		if has := strings.Contains(page.String(), `id="scaling"`); has != (test.want != nil) || has != strings.Contains(page.String(), "Speed-up of Map") {
			t.Errorf("the page has a section, or not, or no chart: %v", has)
		}
	}
}
