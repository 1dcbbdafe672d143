package page

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/analysis"
)

// The curves that advice is given from stand in tables, each number with its
// interval and in all its digits for the form; what has none says why. What
// comes from a file cannot leave its place.
func TestAdviceTables(t *testing.T) {
	text := `# switchyard {"format":1,"models":["serial","a"]}
# model {"name":"serial","note":"n","baseline":true}
# workload {"name":"Pipe","story":"s","op":"round trip","cases":["payload=8","payload=64"]}
--- SKIP: BenchmarkPipe/model=serial-2
    one "end" <b>only
--- FAIL: BenchmarkPipe/payload=4096/model=a-2
    it broke "><script>
`
	for i := range 6 {
		text += fmt.Sprintf("BenchmarkPipe/payload=64/model=a-2 10 1000 ns/op %d ops/s\n", 1_000_000+i*200_000)
	}
	text += "BenchmarkPipe/payload=8/model=a-2 10 1000 ns/op 1000000 ops/s\n"
	render := func(text string) string {
		var b strings.Builder
		if err := Render(&b, analysis.Of(read(t, text)), Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	html := render(text)
	_, html, _ = strings.Cut(html, `<section id="advise"`)
	html, _, _ = strings.Cut(html, "</section>")
	for _, want := range []string{
		`data-matters="0.05" data-farthest="20"`, "more than 5 % beyond",
		`<details class="curve" data-ask="payload" data-name="Pipe" data-key="payload" data-unit="ns/op">`,
		`<th scope="col" data-model="serial" data-beside data-none="one &#34;end&#34; &lt;b&gt;only">`,
		`<th scope="row" data-x="64" data-case="payload=64">64</th>`,
		`<td data-v="666.6666`, `" data-lo="518.5185`, `" data-hi="933.3333`, `">667ns <span class="tag">519ns to 933ns</span></td>`,
		`<td data-few title="too few results">–</td>`,
		`<td data-failed="it broke &#34;&gt;&lt;script&gt;" title="it broke &#34;&gt;&lt;script&gt;">–</td>`,
		`<p class="muted curve" data-ask="io" data-name="Mixed">Waiting: time per task, by the share of it that is waiting: Mixed was not measured.</p>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("no %s in %s", want, html)
		}
	}
	if strings.Contains(render("BenchmarkX-2 1 5 ns/op\n"), `href="#advise"`) {
		t.Error("advice without a curve")
	}
	for n := range maxCurveCells + 1 {
		text += fmt.Sprintf("BenchmarkPipe/payload=%d/model=a-2 10 1000 ns/op 1000000 ops/s\n", n+5000)
	}
	if html := render(text); strings.Contains(html, `id="advise"`) || !strings.Contains(html, "The curves for advice are left out") {
		t.Error("too many cells, and they are not left out")
	}
}
