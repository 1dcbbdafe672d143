package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/testenv"
)

// A world is what is true of some kinds of work: of each workload how many
// times as fast as one another the models are.
type world []struct {
	kind      string
	workloads []map[string]float64
}

const worldHead = `# switchyard {"format":1}
# model {"name":"greenlet"}
# model {"name":"goroutine"}
# model {"name":"ants","of":"goroutine"}
# model {"name":"process"}
`

var worldModels = []string{"greenlet", "goroutine", "ants", "process"}

// bounds is a world of twelve kinds of work in each of which what is said hangs
// on a factor that is on its bound.
func bounds() world {
	type rates = map[string]float64
	var w world
	add := func(kind string, workloads ...rates) {
		w = append(w, struct {
			kind      string
			workloads []map[string]float64
		}{kind, workloads})
	}
	for i := range 6 {
		add("mean "+string(rune(0x61+i)), rates{"greenlet": 1.5, "goroutine": 1.4, "process": 1})
	}
	add("two workloads", rates{"greenlet": 3, "process": 1}, rates{"greenlet": 1.5, "process": 2})
	add("half of workloads", rates{"greenlet": 8, "process": 1}, rates{"greenlet": 1.5, "process": 1}, rates{"greenlet": 1, "process": 1})
	add("half of them, too", rates{"goroutine": 8, "process": 1}, rates{"goroutine": 1.5, "process": 1}, rates{"goroutine": 1, "process": 1})
	add("form", rates{"greenlet": 1, "goroutine": 10, "ants": 15})
	add("form behind", rates{"greenlet": 100, "goroutine": 10, "ants": 15})
	add("no one", contradiction(1.5)...)
	return w
}

// run is a run of the world: of each kind it moves the models, as runs do, by
// the standard deviation of two, and each result by noise.
func (w world) run(r *rand.Rand, again, noise float64, like *benchlog.Like) string {
	var b strings.Builder
	b.WriteString(worldHead)
	name := func(i, j int) string { return fmt.Sprintf("W%dx%d", i, j) }
	moved := map[string]float64{}
	for i, k := range w {
		for j := range k.workloads {
			fmt.Fprintf(&b, "# workload {\"name\":%q,\"kind\":%q}\n", name(i, j), k.kind)
		}
		for _, m := range worldModels {
			moved[k.kind+m] = math.Exp(again / math.Sqrt2 * r.NormFloat64())
		}
	}
	if like != nil {
		line, _ := benchlog.Note(*like)
		b.Write(line)
	}
	for block := range 6 {
		for i, k := range w {
			for j, rates := range k.workloads {
				for _, m := range worldModels {
					if rates[m] > 0 {
						fmt.Fprintf(&b, "Benchmark%s/model=%s-2 1 %.4f ns/op\n", name(i, j), m, 1e6/(rates[m]*moved[k.kind+m]*math.Exp(noise*r.NormFloat64())))
					}
				}
			}
		}
		fmt.Fprintf(&b, "# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	return b.String()
}

// likeOf is what a run like this one takes over.
func likeOf(a *Analysis) *benchlog.Like {
	return &benchlog.Like{Started: benchlog.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, Said: a.Said()}
}

// words are those of the decisions, without numbers.
func words(a *Analysis) string { return inWords(Verdict{Decisions: a.Verdict.Decisions}) }

// Five runs one after another, each like the one before it, say the same in
// nine of ten of their pairs, though the factor of each kind of work is on the
// bound. Without what was said before, few do.
func TestWordsOnTheBoundStand(t *testing.T) {
	chains := 10
	if testenv.Asked("STATS") == "long" {
		chains = 200
	}
	for _, noise := range []float64{0.02, 0.1} {
		for _, chained := range []bool{true, false} {
			same, pairs, differ := 0, 0, map[string]int{}
			for chain := range chains {
				r := rand.New(rand.NewPCG(uint64(chain), 4))
				var lists []string
				var like *benchlog.Like
				for range 5 {
					a := Of(read(t, bounds().run(r, Again, noise, like)))
					if chained {
						like = likeOf(a)
					}
					lists = append(lists, words(a))
				}
				s, p, d := agreement(lists)
				same, pairs = same+s, pairs+p
				for line := range strings.Lines(d) {
					kind, _, _ := strings.Cut(line[strings.Index(line, ": ")+2:], ":")
					differ[kind]++
				}
			}
			t.Logf("noise %v, chained %v: %d of %d pairs of runs give one list; %v", noise, chained, same, pairs, differ)
			if chained && 10*same < 9*pairs || !chained && 2*same > pairs {
				t.Errorf("noise %v, chained %v: %d of %d pairs of runs give one list; %v", noise, chained, same, pairs, differ)
			}
		}
	}
}

// A true change of a factor is told by the next run, in spite of what was said
// before: always where it is by more than the edges, and mostly by 1.35 times.
func TestTrueChangesAreTold(t *testing.T) {
	for _, test := range []struct{ noise, change, least, most float64 }{
		{0.03, 1, 0, 0.05}, {0.03, 1.35, 0.85, 1}, {0.03, 1.5, 0.98, 1}, {0.1, 1.75, 0.95, 1},
	} {
		told, all := 0, 100
		for seed := range uint64(all) {
			r := rand.New(rand.NewPCG(seed, 5))
			rates := map[string]float64{"greenlet": 1.5, "process": 1}
			w := world{{"k", []map[string]float64{rates}}}
			before := Of(read(t, w.run(r, Again, test.noise, nil)))
			if rates["greenlet"] *= test.change; len(before.Verdict.Decisions[0].Winners) == 1 {
				rates["greenlet"] /= test.change * test.change
			}
			after := Of(read(t, w.run(r, Again, test.noise, likeOf(before))))
			if words(before) != words(after) {
				told++
				if !strings.HasPrefix(after.Verdict.Since, "Changed since the run of 2026-01-02 03:04: K (was greenlet") {
					t.Error(after.Verdict.Since)
				}
			}
		}
		if share := float64(told) / float64(all); share < test.least || share > test.most {
			t.Errorf("noise %v: a change of %v× was told %d times of %d", test.noise, test.change, told, all)
		}
	}
}

// What an earlier run has said stands until the far edge: whether a model is
// clearly better, by the mean, in half of the workloads, than the model that it
// is a form of; whether the winner is none; whether results scatter too much;
// whom to pick. Each run is like the one before it.
func TestWordsStandUntilTheFarEdge(t *testing.T) {
	type rates = map[string]float64
	one := func(workloads ...rates) func() string {
		return func() string { return world{{"k", workloads}}.run(rand.New(rand.NewPCG(1, 1)), 0, 0, nil) }
	}
	spread := func(head, line string) func(float64) func() string {
		return func(f float64) func() string {
			return func() string {
				text := worldHead + head
				for block := range 6 {
					text += fmt.Sprintf(line, 1000*math.Pow(f, float64(block)/5))
					text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
				}
				return text
			}
		}
	}
	scatter := spread("# workload {\"name\":\"W\",\"kind\":\"k\"}\n", "BenchmarkW/model=greenlet-2 1 1500 ns/op\nBenchmarkW/model=process-2 1 %.3f ns/op\n")
	unsteady := spread("# workload {\"name\":\"W\",\"kind\":\"k\",\"open\":true}\n", "BenchmarkW/rate=1/model=greenlet-2 1 5 ns/op 1500 p99-ns\nBenchmarkW/rate=1/model=goroutine-2 1 5 ns/op %[1]f p99-ns\nBenchmarkW/rate=1/model=process-2 1 5 ns/op %[1]f p99-ns\n")
	pick := func(f float64) func() string {
		return one(rates{"greenlet": f, "process": 1}, rates{"greenlet": 1, "process": 3}, rates{"greenlet": 1.2, "process": 1}, rates{"greenlet": f, "process": 1})
	}
	once := func(f float64) func() string { // ahead of all in one, behind in one
		return one(append(contradiction(3), rates{"greenlet": 5, "goroutine": 1, "process": 5 / f}, rates{"greenlet": 5, "goroutine": 5, "process": 1})...)
	}
	lead := func(v Verdict) string { return v.Decisions[0].Lead }
	picked := func(v Verdict) string { return strings.Join(v.Profile.Pick, "+") }
	type step struct {
		file func() string
		want string
		say  string // "as" it was said before, or "changed"
	}
	for name, test := range map[string]struct {
		say   func(Verdict) string
		steps []step
	}{
		"mean": {lead, []step{
			{one(rates{"greenlet": 1.3, "process": 1}), "greenlet or process", ""},
			{one(rates{"greenlet": 1.7, "process": 1}), "greenlet or process", "as"},
			{one(rates{"greenlet": 1.7, "process": 1}), "greenlet or process", "as"}, // as the run before has said it, not as it would have
			{one(rates{"greenlet": 1.3, "process": 1}), "greenlet or process", ""},
			{one(rates{"greenlet": 1.9, "process": 1}), "greenlet", "changed"},
			{one(rates{"greenlet": 1.3, "process": 1}), "greenlet", "as"},
			{one(rates{"greenlet": 1.2, "process": 1}), "greenlet or process", "changed"},
			{one(rates{"greenlet": 1, "process": 1.9}), "process", "changed"},
		}},
		"half of the workloads": {lead, []step{
			{one(rates{"greenlet": 8, "process": 1}, rates{"greenlet": 1.3, "process": 1}, rates{"greenlet": 1, "process": 1}), "greenlet or process", ""},
			{one(rates{"greenlet": 8, "process": 1}, rates{"greenlet": 1.7, "process": 1}, rates{"greenlet": 1, "process": 1}), "greenlet or process", "as"},
			{one(rates{"greenlet": 8, "process": 1}, rates{"greenlet": 1.9, "process": 1}, rates{"greenlet": 1, "process": 1}), "greenlet", "changed"},
			{one(rates{"greenlet": 8, "process": 1}, rates{"greenlet": 1.3, "process": 1}, rates{"greenlet": 1, "process": 1}), "greenlet", "as"},
		}},
		"form": {lead, []step{
			{one(rates{"greenlet": 1, "goroutine": 10, "ants": 13}), "goroutine", ""},
			{one(rates{"greenlet": 1, "goroutine": 10, "ants": 17}), "goroutine", "as"},
			{one(rates{"greenlet": 1, "goroutine": 10, "ants": 19}), "ants", "changed"},
			{one(rates{"greenlet": 1, "goroutine": 10, "ants": 13}), "ants", "as"},
			{one(rates{"greenlet": 1, "goroutine": 10, "ants": 12}), "goroutine", "changed"},
		}},
		"form that is behind": {func(v Verdict) string { return v.Decisions[0].Lead + " before " + v.Decisions[0].Behind[0].B }, []step{
			{one(rates{"greenlet": 90, "goroutine": 10, "ants": 13}), "greenlet before goroutine", ""},
			{one(rates{"greenlet": 90, "goroutine": 10, "ants": 17}), "greenlet before goroutine", "as"},
			{one(rates{"greenlet": 90, "goroutine": 10, "ants": 19}), "greenlet before ants", "changed"},
			{one(rates{"greenlet": 90, "goroutine": 10, "ants": 13}), "greenlet before ants", "as"},
		}},
		"no one": {lead, []step{
			{one(contradiction(1.9)...), "no one model", ""},
			{one(contradiction(1.3)...), "no one model", "as"},
			{one(contradiction(1.2)...), "greenlet", "changed"},
			{one(contradiction(1.7)...), "greenlet", "as"},
			{one(contradiction(1.9)...), "no one model", "changed"},
		}},
		"no one, as the best is ahead of all in few": {lead, []step{
			{once(1.3), "no one model", ""},
			{once(1.7), "no one model", "as"},
			{once(1.9), "greenlet", "changed"},
			{once(1.3), "greenlet", "as"},
		}},
		"scatter": {lead, []step{
			{scatter(1.3), "greenlet or process", ""},
			{scatter(2.8), "greenlet or process", "as"},
			{scatter(4.5), "not decided between greenlet and process", "changed"},
			{scatter(1.8), "not decided between greenlet and process", "as"},
			{scatter(1.3), "greenlet or process", "changed"},
		}},
		"open loop": {lead, []step{
			{unsteady(1.3), "greenlet, goroutine or process", ""},
			{unsteady(2.8), "greenlet, goroutine or process", "as"},
			{unsteady(3.8), "not decided", "changed"},
			{unsteady(1.8), "not decided", "as"},
			{unsteady(1.3), "greenlet, goroutine or process", "changed"},
		}},
		"pick": {picked, []step{
			{pick(3), "greenlet", ""},
			{pick(1.9), "greenlet", "as"},
			{pick(1.6), "process", "changed"},
			{pick(2.3), "process", "as"},
			{pick(3), "greenlet", "changed"},
		}},
	} {
		var like *benchlog.Like
		for i, step := range test.steps {
			text := step.file()
			alone := test.say(Of(read(t, text)).Verdict)
			a := Of(read(t, text+noteOf(t, like)))
			got, was := test.say(a.Verdict), ""
			if i > 0 {
				was = test.steps[i-1].want
			}
			what := "K"
			if name == "pick" {
				what = "whom to pick"
			} else if name == "open loop" {
				what += " at a given rate, by p99 latency"
			}
			since := ""
			switch step.say {
			case "as":
				since = "As the run of 2026-01-02 03:04 said, since these results leave it open: " + what + "."
			case "changed":
				since = "Changed since the run of 2026-01-02 03:04: " + what + " (was " + strings.Split(was, " between ")[0] + ")."
			}
			if got != step.want || (step.say == "as") != (alone != got) || (step.say == "changed") != (i > 0 && got != was) || a.Verdict.Since != since {
				t.Errorf("%s, step %d: %s, want %s; alone %s; %s", name, i+1, got, step.want, alone, a.Verdict.Since)
			}
			like = likeOf(a)
		}
	}
}

// contradiction are workloads in which greenlet is the best by the mean, ahead
// of all in none, and behind in one if the factor is clear.
func contradiction(f float64) []map[string]float64 {
	return []map[string]float64{
		{"greenlet": 5, "goroutine": 1, "process": 5 * f}, {"greenlet": 5, "goroutine": 1, "process": 5},
		{"greenlet": 5, "goroutine": 5, "process": 1}, {"greenlet": 5, "goroutine": 5, "process": 1},
	}
}

// noteOf is the line of a run that another is like.
func noteOf(t *testing.T, like *benchlog.Like) string {
	t.Helper()
	if like == nil {
		return ""
	}
	line, err := benchlog.Note(*like)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// What a file says of an earlier run may be anybody's. It changes words between
// the edges alone, and no number; models and kinds that the run does not have
// are nobody, and what cannot be read is noted.
func TestWhatWasSaidMayBeAnybodys(t *testing.T) {
	sure := world{
		{"beyond", []map[string]float64{{"greenlet": 2.4, "process": 1}}}, {"below", []map[string]float64{{"greenlet": 1, "process": 1}}},
		{"apart", []map[string]float64{{"greenlet": 1, "goroutine": 1, "process": 9}, {"greenlet": 1, "goroutine": 1, "process": 9}}},
	}.run(rand.New(rand.NewPCG(2, 2)), 0, 0.001, nil)
	open := world{{"near", []map[string]float64{{"greenlet": 1.6, "process": 1}}}}.run(rand.New(rand.NewPCG(3, 3)), 0, 0.001, nil)
	numbers := func(a *Analysis) (s string) {
		for i := range a.Verdict.Decisions {
			for _, one := range append(slices.Clone(a.Verdict.Decisions[i].Among), a.Verdict.Decisions[i].Behind...) {
				s += fmt.Sprintf("%+v\n", one)
			}
		}
		for _, m := range a.Verdict.Profile.Models {
			s += fmt.Sprint(m.Model, m.Factors, m.Share, m.Worst, "\n")
		}
		return s + a.Verdict.Mean
	}
	plain, near := Of(read(t, sure)), Of(read(t, open))
	all := `["process","greenlet","goroutine","ants","process","<b>nobody"]`
	every := `{"process":` + all + `,"greenlet":` + all + `,"goroutine":` + all + `,"<b>nobody":` + all + `}`
	kind := func(name, rest string) string { return `{"kind":"` + name + `",` + rest + `}` }
	said := func(rest string) string {
		var kinds []string
		for _, name := range []string{"Beyond", "Below", "Apart", "Near", "<b>No such kind"} {
			kinds = append(kinds, kind(name, rest))
		}
		return `# like {"run":"never","said":{"kinds":[` + strings.Join(kinds, ",") + `],"picks":{"throughput":` + all + `,"<b>none":` + all + `}}}` + "\n"
	}
	for name, line := range map[string]string{
		"all ahead of all":   said(`"models":` + all + `,"ahead":` + every + `,"lead":` + all + `,"behind":` + all),
		"nobody ahead":       said(`"models":` + all + `,"lead":["<b>nobody"]`),
		"unknown models":     said(`"models":["<b>nobody"],"ahead":{"<b>nobody":["greenlet"]},"lead":["<b>nobody"]`),
		"none at all":        said(`"no_one":true`),
		"all not decided":    said(`"open":true,"no_one":true`),
		"many kinds":         `# like {"said":{"kinds":[` + strings.TrimSuffix(strings.Repeat(`{"kind":"x"},`, 60_000), ",") + "]}}\n",
		"nothing":            "# like {\"said\":{}}\n",
		"null":               "# like {\"said\":{\"kinds\":null,\"picks\":{\"throughput\":null}}}\n",
		"no JSON":            "# like said\n",
		"the wrong kind":     `# like {"said":{"kinds":[` + kind("Near", `"models":3`) + "]}}\n",
		"twice, the last no": said(`"models":`+all+`,"ahead":`+every) + "# like {\n",
	} {
		a := Of(read(t, sure+line))
		if got, want := words(a), words(plain); got != want {
			t.Errorf("%s: what is sure changes:\n%s\nwas\n%s", name, got, want)
		}
		if text := noteOf(t, likeOf(a)); strings.Contains(text, "nobody") || strings.Contains(text, "<") || strings.Contains(text, "\\u003c") {
			t.Errorf("%s: it is handed on: %s", name, text)
		}
		if numbers(a) != numbers(plain) || strings.Contains(a.Verdict.Since, "<") {
			t.Errorf("%s: a number changes, or a text is let in: %s", name, a.Verdict.Since)
		}
		b := Of(read(t, open+line))
		lead, damaged := b.Verdict.Decisions[0].Lead, len(b.Damaged) > 0
		if want := map[bool]string{true: "greenlet or process", false: "greenlet"}[name == "nobody ahead"]; lead != want || strings.Contains(b.Verdict.Since, "<") {
			t.Errorf("%s: %s, want %s; %s", name, lead, want, b.Verdict.Since)
		}
		if damaged != (name == "no JSON" || name == "the wrong kind" || name == "twice, the last no") {
			t.Errorf("%s: damaged %v", name, damaged)
		}
		for _, one := range b.Verdict.Decisions[0].Among { // whatever words stand, the factor is its own
			if was := near.Verdict.Decisions[0].Behind[0]; math.Abs(one.Ratio*was.Ratio-1) > 1e-9 {
				t.Errorf("%s: %v, was %v", name, one.Ratio, was.Ratio)
			}
		}
	}
}

// What was said of others says nothing of a model that was not there, nor of
// another winner; and a kind is said once, the first time.
func TestWhatWasNotSaid(t *testing.T) {
	all := `"models":["greenlet","process"],"ahead":{"greenlet":["process"]}`
	for _, test := range []struct {
		kinds, want string
		workloads   []map[string]float64
	}{
		{`{"kind":"K",` + all + `}`, "greenlet", []map[string]float64{{"greenlet": 1.6, "goroutine": 1, "process": 1.25}}},
		{`{"kind":"K","models":["greenlet","goroutine","process"]}`, "greenlet, goroutine or process", []map[string]float64{{"greenlet": 1.6, "goroutine": 1, "process": 1.25}}},
		{`{"kind":"K","lead":["process"],"no_one":true}`, "greenlet", contradiction(1.4)},
		{`{"kind":"K","lead":["greenlet"],"no_one":true}`, "no one model", contradiction(1.4)},
		{`{"kind":"K",` + all + `},{"kind":"K","models":["greenlet","process"]}`, "greenlet", []map[string]float64{{"greenlet": 1.4, "process": 1}}},
		{`{"kind":"K","models":["greenlet","process"]},{"kind":"K",` + all + `}`, "greenlet or process", []map[string]float64{{"greenlet": 1.4, "process": 1}}},
	} {
		text := world{{"k", test.workloads}}.run(rand.New(rand.NewPCG(1, 1)), 0, 0, nil)
		a := Of(read(t, text+`# like {"said":{"kinds":[`+test.kinds+"]}}\n"))
		if got := a.Verdict.Decisions[0].Lead; got != test.want {
			t.Errorf("%s: %s, want %s", test.kinds, got, test.want)
		}
	}
}

// A run that was interrupted before it decided anything says what the one
// before it said, and words of which the earlier run said nothing go by the
// bound itself.
func TestWordsOutliveAnInterruptedRun(t *testing.T) {
	at := func(f float64) string {
		return world{{"k", []map[string]float64{{"greenlet": f, "process": 1}}}}.run(rand.New(rand.NewPCG(1, 1)), 0, 0, nil)
	}
	first := Of(read(t, at(1.3)))
	cut, _, _ := strings.Cut(at(0.2), "# block {\"block\":3")
	second := Of(read(t, cut+noteOf(t, likeOf(first))))
	if got := second.Verdict.Decisions[0].Claim(); !strings.HasSuffix(got, "6 results per case are needed.") || strings.Contains(second.Verdict.Since, "K") {
		t.Error(got, second.Verdict.Since)
	}
	if !reflect.DeepEqual(second.Said(), first.Said()) {
		t.Errorf("it says %+v, was %+v", second.Said(), first.Said())
	}
	third := Of(read(t, at(1.7)+noteOf(t, likeOf(second))))
	if got := third.Verdict.Decisions[0].Lead; got != "greenlet or process" {
		t.Error(got)
	}
	alone, _, _ := strings.Cut(at(1.7), "# block {\"block\":3")
	if said := Of(read(t, alone)).Said(); len(said.Kinds) > 0 {
		t.Errorf("it said %+v", said.Kinds)
	}
}
