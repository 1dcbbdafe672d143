package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// Whatever can be operated or entered has a name for who does not see it.
func TestNames(t *testing.T) {
	for _, page := range []string{kept, foreign} {
		p := open(t, view{page: page})
		tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		p.check(err)
		seen := map[string]int{}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			role := strings.Trim(string(n.Role.Value), `"`)
			seen[role]++
			switch role {
			case "button", "link", "searchbox", "textbox", "combobox", "radio", "checkbox", "region", "image", "img", "heading", "navigation", "columnheader":
				if n.Name == nil || strings.Trim(string(n.Name.Value), `" `) == "" {
					t.Errorf("a %s has no name (node %d)", role, n.BackendDOMNodeID)
				}
			}
		}
		for _, role := range []string{"button", "link", "searchbox", "combobox", "radio", "table", "columnheader", "rowheader", "heading", "navigation", "main"} {
			if seen[role] == 0 {
				t.Errorf("no %s in %v", role, seen)
			}
		}
	}
}

// Headings go down by one, tables have headers with a scope, drawings say what
// they show, and the page has a language and a title.
func TestStructure(t *testing.T) {
	for _, page := range []string{kept, foreign} {
		p := open(t, view{page: page})
		p.lines("headings", `(all => all.filter((h, i) => i ? +h.tagName[1] > +all[i-1].tagName[1] + 1 : h.tagName != "H1").map(h => h.outerHTML.slice(0, 80)))(`+visible+`("h1, h2, h3, h4"))`)
		p.lines("headings", `(n => n == 1 ? [] : [n + " of the first rank"])(document.querySelectorAll("h1").length)`)
		p.lines("no headers", `[...document.querySelectorAll("table")].filter(t => !t.tHead || [...t.querySelectorAll("thead th")].some(th => th.scope != "col") || [...t.querySelectorAll("tbody tr")].some(r => !r.querySelector("th[scope=row]"))).map(t => t.outerHTML.slice(0, 200))`)
		p.lines("no label", `[...document.querySelectorAll("svg, [role=region], [role=img]")].filter(e => !(e.getAttribute("aria-label") || "").trim()).map(e => e.outerHTML.slice(0, 80))`)
		p.lines("no alternative text", `[...document.images].filter(i => !i.alt).map(i => i.outerHTML)`)
		p.lines("the page", `[document.documentElement.lang, document.title].filter(s => !s)`)
		p.lines("cannot be scrolled by keys", `[...`+visible+`(".scroll")].filter(e => e.tabIndex != 0).map(e => e.outerHTML.slice(0, 80))`)
	}
}

// contrast is a function of script: the texts that stand out too little from
// their ground, by WCAG 2: 4.5, or 3 where they are large.
const contrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const known = {};
	const rgba = s => known[s] ??= (() => {
		canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = s; canvas.fillRect(0, 0, 1, 1);
		const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255];
	})();
	const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3])).concat(1);
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
	const ground = e => { let layers = []; for (; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor)); return layers.reverse().reduce((b, c) => over(c, b), rgba(getComputedStyle(document.body).backgroundColor)) };
	const out = {};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
		if (!text || !e.checkVisibility() || e.closest("script, style, title, .skip, .vh")) continue;
		const style = getComputedStyle(e), b = ground(e);
		const f = over(rgba(e.closest("svg") ? style.fill : style.color), b);
		const [x, y] = [light(f) + .05, light(b) + .05], ratio = Math.max(x, y) / Math.min(x, y);
		const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
		if (ratio < (large ? 3 : 4.5)) out[e.tagName + "." + (e.getAttribute("class") || "") + " in ." + (e.parentElement.getAttribute("class") || "") + " " + ratio.toFixed(2)] ??= text.slice(0, 30);
	}
	return Object.entries(out).map(([k, v]) => k + ": " + v);
})()`

// Texts can be read, in light and in dark.
func TestContrast(t *testing.T) {
	for _, dark := range []bool{false, true} {
		p := open(t, view{page: kept, dark: dark})
		run[any](p, `document.querySelectorAll("details").forEach(d => d.open = true)`)
		p.lines(fmt.Sprintf("dark %v", dark), contrast)
	}
}
