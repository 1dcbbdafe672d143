package page

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/page/internal/chart"
)

// A model has the same look in every page of one order of models, whichever
// were measured; models that no file declares have the looks after those.
func TestLooksOfModels(t *testing.T) {
	head := "# switchyard {}\n"
	for _, m := range []string{`"seq","baseline":true`, `"a"`, `"b"`, `"c"`} {
		head += "# model {\"name\":" + m + "}\n"
	}
	line := func(model string) string { return "BenchmarkX/model=" + model + "-2 1 5 ns/op\n" }
	for text, want := range map[string]string{
		head + line("a") + line("b") + line("c") + line("seq"): "s0 m0, s1 m1, s2 m2, s-base m7",
		head + line("c") + line("seq"):                         "s2 m2, s-base m7",
		head + line("new") + line("b") + line("newer"):         "s3 m3, s1 m1, s4 m4",
		line("x") + line("serial") + line("y"):                 "s0 m0, s-base m7, s1 m1",
		"BenchmarkX-2 1 5 ns/op\n":                             "s0 m0",
	} {
		var got []string
		for _, m := range builderOf(analysis.Of(read(t, text))).models {
			got = append(got, m.Class)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: looks %q, want %q", text, got, want)
		}
	}
}

// No two of a page's models have both the same marker and the same dashes,
// as many as there can be, and neighbours differ in both; baselines
// have dashes of their own. Every class has its rule in the style.
func TestLooksDiffer(t *testing.T) {
	var text strings.Builder
	for _, m := range []string{"base1", "base2", "base3"} {
		fmt.Fprintf(&text, "# model {\"name\":%q,\"baseline\":true}\n", m)
	}
	for _, m := range []string{"base1", "base2", "base3"} {
		fmt.Fprintf(&text, "BenchmarkX/model=%s-2 1 5 ns/op\n", m)
	}
	for i := range 21 {
		fmt.Fprintf(&text, "BenchmarkX/model=m%d-2 1 5 ns/op\n", i)
	}
	models := builderOf(analysis.Of(read(t, text.String()))).models
	if len(models) != 24 {
		t.Fatalf("%d models", len(models))
	}
	seen := map[string]string{}
	for i, m := range models {
		colour, marker, _ := strings.Cut(m.Class, " ")
		dash := fmt.Sprint(m.Look.Dashes())
		if other := seen[marker+dash]; other != "" {
			t.Errorf("%s looks like %s without colour", m.Name, other)
		}
		seen[marker+dash] = m.Name
		if i > 0 && models[i-1].Baseline == m.Baseline {
			last := models[i-1]
			if strings.HasSuffix(last.Class, " "+marker) || !m.Baseline && fmt.Sprint(last.Look.Dashes()) == dash || last.Class == m.Class {
				t.Errorf("%s and %s share a marker or dashes", last.Name, m.Name)
			}
		}
		if !strings.Contains(style, "\n."+colour+" { --s: light-dark(") || !strings.Contains(style, "\n."+marker+" .dot { ") {
			t.Errorf("the style has no rule for %q", m.Class)
		}
	}
}

// linear is a colour of the style as intensities of red, green and blue.
func linear(t *testing.T, hex string) (c [3]float64) {
	t.Helper()
	var v [3]int
	if len(hex) == 4 {
		hex = "#" + strings.Repeat(hex[1:2], 2) + strings.Repeat(hex[2:3], 2) + strings.Repeat(hex[3:], 2)
	}
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &v[0], &v[1], &v[2]); err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	for i := range c {
		s := float64(v[i]) / 255
		if c[i] = s / 12.92; s > 0.04045 {
			c[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return c
}

func times(m [9]float64, v [3]float64) (out [3]float64) {
	for i := range out {
		out[i] = m[3*i]*v[0] + m[3*i+1]*v[1] + m[3*i+2]*v[2]
	}
	return out
}

// oklab is where a colour lies in Ottosson's space, in which distances are as
// the eye has them; 0.02 is about the least that is seen.
func oklab(c [3]float64) [3]float64 {
	cone := times([9]float64{0.4122214708, 0.5363325363, 0.0514459929, 0.2119034982, 0.6806995451, 0.1073969566, 0.0883024619, 0.2817188376, 0.6299787005}, c)
	for i := range cone {
		cone[i] = math.Cbrt(cone[i])
	}
	return times([9]float64{0.2104542553, 0.7936177850, -0.0040720468, 1.9779984951, -2.4285922050, 0.4505937099, 0.0259040371, 0.7827717662, -0.8086757660}, cone)
}

// eyes are how colours look without one kind of cone, by Machado, Oliveira and
// Fernandes (2009), of intensities.
var eyes = map[string][9]float64{
	"all colours":  {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

func distance(eye [9]float64, a, b [3]float64) float64 {
	var p [2][3]float64
	for i, c := range [][3]float64{a, b} {
		seen := times(eye, c)
		for k := range seen {
			seen[k] = min(max(seen[k], 0), 1)
		}
		p[i] = oklab(seen)
	}
	return math.Hypot(math.Hypot(p[0][0]-p[1][0], p[0][1]-p[1][1]), p[0][2]-p[1][2])
}

// contrast is that of WCAG 2: three is what a graphic needs, 4.5 a text.
func contrast(a, b [3]float64) float64 {
	l := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(l(a), l(b)) / min(l(a), l(b))
}

// The colours of models are apart for everybody, with or without all cones, in
// light and in dark, and stand out from the ground; texts can be read.
func TestColours(t *testing.T) {
	pair := regexp.MustCompile(`light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\)`)
	colour := func(rule string) (light, dark [3]float64) {
		_, after, ok := strings.Cut(style, rule)
		m := pair.FindStringSubmatch(after)
		if !ok || m == nil || !strings.HasPrefix(after, m[0]) {
			t.Fatalf("no colour after %q", rule)
		}
		return linear(t, m[1]), linear(t, m[2])
	}
	for theme := range 2 {
		of := func(rule string) [3]float64 {
			light, dark := colour(rule)
			return [2][3]float64{light, dark}[theme]
		}
		var all [][3]float64
		names := []string{"s-base"}
		for i := range chart.Colours {
			names = append(names, fmt.Sprintf("s%d", i))
		}
		for _, name := range names {
			c := of("." + name + " { --s: ")
			for _, ground := range []string{"--bg: ", "--panel: ", "--soft: "} {
				if got := contrast(c, of(ground)); got < 2.8 || ground == "--panel: " && got < 3 {
					t.Errorf("theme %d: %s on %s has a contrast of %.2f", theme, name, ground, got)
				}
			}
			for k, other := range all {
				for eye, m := range eyes {
					if d := distance(m, c, other); d < 0.095 {
						t.Errorf("theme %d, %s: %s and %s are %.3f apart", theme, eye, names[k], name, d)
					}
				}
			}
			all = append(all, c)
		}
		for _, ink := range []string{"--ink: ", "--muted: ", "--link: ", "--bad: ", "--good: ", "--amber: "} {
			for _, ground := range []string{"--bg: ", "--panel: ", "--soft: ", "--amber-bg: "} {
				if got := contrast(of(ink), of(ground)); got < 4.5 {
					t.Errorf("theme %d: %son %shas a contrast of %.2f", theme, ink, ground, got)
				}
			}
		}
	}
}
