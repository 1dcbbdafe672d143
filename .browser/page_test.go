package browser

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// visible is a function of script: the elements of a selector that are seen.
const visible = `(q => [...document.querySelectorAll(q)].filter(e => e.checkVisibility() && e.getClientRects().length))`

// lines evaluates an expression that is a list of complaints.
func (p *tab) lines(what, expression string) {
	p.Helper()
	for i, line := range run[[]string](p, expression) {
		if i == 10 {
			p.Errorf("%s: and more", what)
			break
		}
		p.Errorf("%s: %s", what, line)
	}
}

// The filter leaves what has the letters in its name, no empty box or heading,
// no count and no mean of all; it goes when a link leads to what it hides.
func TestFilter(t *testing.T) {
	p := open(t, view{page: kept})
	all := run[int](p, visible+`("section.workload").length`)
	p.press('/')
	p.await(`document.activeElement.id == "filter"`)
	p.keys("lock")
	p.await(visible + `("section.workload").length == 1`)
	p.lines("beside the filter", `[...`+visible+`("[data-workload]")].filter(e => !e.dataset.workload.toLowerCase().includes("lock")).map(e => e.outerHTML.slice(0, 80))`)
	p.lines("nothing is left in", `[...`+visible+`("section, .chart, .scroll, details, ul, .matrices")].filter(e => !e.innerText.trim() || e.querySelector("tbody") && ![...e.querySelectorAll("tbody tr")].some(r => !r.closest("[hidden]"))).map(e => e.outerHTML.slice(0, 120))`)
	p.lines("of all workloads", `[...`+visible+`(".matrix tfoot")].map(e => e.innerText)`)
	p.await(`location.hash.includes("q=lock")`)

	// What counts rows counts those that are left.
	p.keys(strings.Repeat(kb.Backspace, 4) + "p")
	p.await(`location.hash.endsWith("q=p")`)
	p.lines("counts", `[...`+visible+`("details[data-holds]")].filter(d => d.querySelector(".count").textContent != [...d.querySelectorAll("tbody tr")].filter(r => !r.hidden).length).map(d => d.querySelector("summary").innerText)`)

	p.keys("no such thing")
	p.await(visible + `("section.workload").length == 0`)
	p.await(`document.querySelector("#nothing").innerText.includes("pno such thing")`)
	p.lines("nothing is left in", `[...`+visible+`("#breakeven, .matrix, .chart.answers")].map(e => e.outerHTML.slice(0, 120))`)
	run[any](p, `document.querySelector("#verdict a[href^='#w-']").click()`)
	p.await(`document.querySelector("#filter").value == "" && ` + visible + fmt.Sprintf(`("section.workload").length == %d`, all))
}

// Against another baseline nothing says that a ratio is to the best, and the
// words come back with it.
func TestBaseline(t *testing.T) {
	p := open(t, view{page: kept})
	choose := func(name string) {
		run[any](p, fmt.Sprintf(`{ const s = document.querySelector("#baseline"); s.value = %q; s.dispatchEvent(new Event("change")) }`, name))
	}
	matrix := `document.querySelector("#matrix").innerText`
	p.await(matrix + `.includes("over that of the row’s best")`)
	before := run[string](p, matrix)
	choose("goroutine")
	p.await(matrix + `.includes("over that of goroutine")`)
	p.await(`!` + matrix + `.includes("row’s best") && !` + matrix + `.includes("worse than the best")`)
	p.await(`[...document.querySelectorAll(".matrix")].every(t => { const i = [...t.tHead.rows[0].cells].findIndex(c => c.innerText.includes("goroutine")); return [...t.rows].every(r => { const c = r.cells[i].querySelector(".ratio"); return r.parentElement == t.tHead || !c || !c.closest("td").dataset.v || c.textContent == "1.00×" }) })`)
	p.lines("against a baseline without results", `[...document.querySelectorAll(".matrix td")].filter(c => /NaN|Infinity|undefined/.test(c.textContent)).map(c => c.textContent)`)
	choose("serial") // has no results in some rows, and not all cases of the mean
	p.await(matrix + `.includes("over that of serial") && document.querySelector(".matrix .geo").innerText.includes("no baseline")`)
	choose("")
	if after := run[string](p, matrix); after != before {
		t.Errorf("the matrix says\n%s\nwhere it said\n%s", after, before)
	}
}

// Tables are sorted from the keyboard: down, up, and as they were.
func TestSort(t *testing.T) {
	p := open(t, view{page: kept})
	for _, table := range []string{"#w-Lock table.sortable", "#matrix table.matrix"} {
		column := fmt.Sprintf(`((t, i) => [...t.tBodies].flatMap(b => t.matches(".matrix") ? [b.rows[0]] : [...b.rows]).map(r => parseFloat(r.cells[i].dataset.v)))(document.querySelector(%q), %%d)`, table)
		i := run[int](p, fmt.Sprintf(`[...document.querySelector(%q).tHead.rows[0].cells].findIndex(c => /throughput|goroutine/.test(c.innerText))`, table))
		column = fmt.Sprintf(column, i)
		before := fmt.Sprint(run[[]float64](p, column))
		head := fmt.Sprintf(`document.querySelector(%q).tHead.rows[0].cells[%d]`, table, i)
		run[any](p, head+`.querySelector("button").focus()`)
		for _, order := range []struct{ sort, check string }{
			{"descending", `v.every((x, i) => !i || isNaN(x) || v[i-1] >= x)`},
			{"ascending", `v.every((x, i) => !i || isNaN(x) || v[i-1] <= x)`},
		} {
			p.keys(kb.Enter)
			p.await(fmt.Sprintf(`%s.getAttribute("aria-sort") == %q && (v => %s)(%s)`, head, order.sort, order.check, column))
		}
		p.keys(kb.Enter)
		p.await(`!` + head + `.hasAttribute("aria-sort")`)
		if after := fmt.Sprint(run[[]float64](p, column)); after != before {
			t.Errorf("%s: %s, before it was sorted %s", table, after, before)
		}
	}
}

// Light and dark follow the system until a key says otherwise; the next page
// keeps that.
func TestTheme(t *testing.T) {
	ground := `getComputedStyle(document.body).backgroundColor`
	var grounds []string
	for _, dark := range []bool{false, true} {
		p := open(t, view{page: kept, dark: dark})
		system := run[string](p, ground)
		grounds = append(grounds, system)
		seen := map[string]bool{}
		for _, theme := range []string{"dark", "light"} {
			p.press('t')
			p.await(fmt.Sprintf(`document.documentElement.dataset.theme == %q && location.hash.includes("theme=%[1]s")`, theme))
			seen[run[string](p, ground)] = true
		}
		if len(seen) != 2 || !seen[system] {
			t.Errorf("themes %v, the system's %s", seen, system)
		}
		p.press('t')
		p.await(`!document.documentElement.dataset.theme`)
	}
	if grounds[0] == grounds[1] {
		t.Errorf("light is as dark: %s", grounds)
	}
}

// Keys: m goes through the metrics, arrows through a chart's marks, and the
// first Tab offers to skip the bar.
func TestKeys(t *testing.T) {
	p := open(t, view{page: kept})
	p.keys(kb.Tab)
	p.await(`document.activeElement.className == "skip" && document.activeElement.getBoundingClientRect().left >= 0`)
	var metrics []string
	for range 5 {
		metrics = append(metrics, run[string](p, `document.querySelector("input[name=metric]:checked").value`))
		p.press('m')
		p.await(fmt.Sprintf(`document.querySelector("input[name=metric]:checked").value != %q`, metrics[len(metrics)-1]))
	}
	if metrics[0] != "throughput" || metrics[4] != "throughput" || metrics[1] == metrics[2] || metrics[2] == metrics[3] {
		t.Errorf("metrics %s", metrics)
	}
	run[any](p, visible+`("svg.plot")[0].focus()`)
	var labels []string
	for range 3 {
		p.keys(kb.ArrowRight)
		labels = append(labels, run[string](p, `document.activeElement.getAttribute("aria-label")`))
	}
	if labels[0] == labels[1] || !strings.Contains(labels[0], ": ") {
		t.Errorf("arrows say %q", labels)
	}
}

// Each kind of link leads to what it names: with a script, and without one.
func TestLinks(t *testing.T) {
	for _, noScript := range []bool{false, true} {
		p := open(t, view{page: kept, noScript: noScript})
		p.lines("leads nowhere", `[...document.querySelectorAll("a[href^='#']")].filter(a => !document.getElementById(decodeURIComponent(a.hash.slice(1)))).map(a => a.outerHTML)`)
		p.lines("twice", `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) != i)`)
		for _, link := range []struct{ hash, shows string }{
			{"#w-Lock", "#w-Lock h2"},
			{"#w-Lock-tasks-8-yield-each", `[data-case="w-Lock-tasks-8-yield-each"] svg`},
			{"#w-Lock-tasks-2-yield-never", `[data-case="w-Lock-tasks-2-yield-never"] svg`},
			{"#metric-memory", `.matrix[data-metric="memory"] td`},
			{"#noise", "#noise h2"},
		} {
			run[any](p, fmt.Sprintf(`{ scrollTo(0, 0); location.hash = %q }`, link.hash))
			p.await(fmt.Sprintf(`%s(%q).some(e => { const r = e.getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0 })`, visible, link.shows))
		}
		if noScript {
			p.lines("needs a script", `[...`+visible+`("button:not(.chip), select, input[type=search]")].map(e => e.outerHTML)`)
		}
	}
	p := open(t, view{page: kept, hash: "#w-Lock-tasks-8-yield-each?metric=p99&q=lock&theme=dark"})
	p.await(`document.querySelector("#metric-p99").checked && document.querySelector("#w-Lock-tasks-8-yield-each").checked`)
	p.await(`document.querySelector("#filter").value == "lock" && document.documentElement.dataset.theme == "dark"`)
	// A link that somebody broke is no error, and what is left of it holds.
	p = open(t, view{page: kept, hash: "#%E0%A4?metric=p99&baseline=nobody"})
	p.await(`document.querySelector("#metric-p99").checked && document.querySelector("#baseline").selectedIndex == 0`)
}

// Neither the page nor, on a desk, a table of the kept run scrolls sideways; on
// a phone no label of a chart is cut off, nor too small to be read.
func TestWidths(t *testing.T) {
	for _, page := range []string{kept, foreign} {
		for _, width := range []int64{1400, 1000, 400} {
			p := open(t, view{page: page, width: width})
			what := fmt.Sprintf("%s at %d", page[strings.LastIndex(page, "/")+1:], width)
			p.lines(what, `[document.documentElement].filter(e => e.scrollWidth > innerWidth).map(e => "the page has " + e.scrollWidth)`)
			if page == kept && width == 1400 {
				run[any](p, `document.querySelectorAll("details").forEach(d => d.open = true)`)
				p.lines(what, `[...`+visible+`(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.getAttribute("aria-label") + " has " + e.scrollWidth + " in " + e.clientWidth)`)
			}
			p.lines(what, `[...`+visible+`("svg.plot text")].filter(e => { const card = e.closest("figure").getBoundingClientRect(), r = e.getBoundingClientRect(); return r.left < card.left - .5 || r.right > card.right + .5 || r.height < 8 }).map(e => e.closest("svg").getAttribute("aria-label") + ": " + e.textContent + " is cut off or small")`)
		}
	}
}

// On paper: what a radio hides is there, controls are not, and what repeats
// itself is left out.
func TestPrint(t *testing.T) {
	p := open(t, view{page: kept, media: "print"})
	p.lines("on paper", `[...`+visible+`("button:not(.chip, th button), select, input[type=search], .bar, .skip")].map(e => e.outerHTML)`)
	p.lines("not on paper", `[...document.querySelectorAll(".pane")].filter(e => !e.checkVisibility()).map(e => e.outerHTML.slice(0, 60))`)
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize()))
	p.check(err)
	pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1))
	t.Logf("%d pages, the comparison among them", pages)
	workloads := run[int](p, `document.querySelectorAll("section[data-workload]").length`)
	if pages < 10 || pages > 4*workloads || !bytes.HasPrefix(pdf, []byte("%PDF")) {
		t.Errorf("%d pages for %d workloads", pages, workloads)
	}
}
