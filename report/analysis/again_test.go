package analysis

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
	"switchyard/bench/testenv"
)

// A kept is a run that is taken apart, so that another can be made of several.
type kept struct {
	text, head string            // the plan, models, workloads, facts
	order      []string          // workloads
	skips      map[string]string // by workload
	blocks     []map[string]string
}

// workloadOf is the workload of a line: its declaration, a result, a skip.
var workloadOf = regexp.MustCompile(`^(?:# workload {"name":"|(?:--- SKIP: )?Benchmark)(\w+)`)

func takeApart(text string) *kept {
	k := &kept{text: text, skips: map[string]string{}}
	block := map[string]string{}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		w := ""
		if m := workloadOf.FindStringSubmatch(line); m != nil {
			w = m[1]
		}
		switch {
		case strings.HasPrefix(line, "# block "):
			k.blocks = append(k.blocks, block)
			block = map[string]string{}
		case strings.HasPrefix(line, " "): // the reason of a skip
		case strings.HasPrefix(line, "--- "):
			k.skips[w] += line + lines[i+1]
		case strings.HasPrefix(line, "Benchmark"):
			block[w] += line
		default:
			if k.head += line; w != "" {
				k.order = append(k.order, w)
			}
		}
	}
	size := func(block map[string]string) (n int) {
		for _, lines := range block {
			n += strings.Count(lines, "\n")
		}
		return n
	}
	// Of the last block a run may have only what there was time for.
	whole := size(k.blocks[0])
	k.blocks = slices.DeleteFunc(k.blocks, func(b map[string]string) bool { return 20*size(b) < 19*whole })
	return k
}

// drawn makes a run out of others: of each workload it has blocks that one of
// them has, each of six once, or as many as those are with repetition. Choosing
// a run already scatters results as they do within one: the first scatters them
// by a little less than the next run would, the second by more. Like is the
// line of the run that it is like, or "".
func drawn(runs []*kept, r *rand.Rand, repeat bool, like string) string {
	count, blocks := 6, map[*kept][]int{}
	for _, k := range runs {
		blocks[k] = r.Perm(len(k.blocks))
		if repeat {
			count = len(runs[0].blocks)
			for i := range blocks[k] {
				blocks[k][i] = r.IntN(len(k.blocks))
			}
		}
	}
	from := make([]*kept, len(runs[0].order))
	for i := range from {
		from[i] = runs[r.IntN(len(runs))]
	}
	var b strings.Builder
	b.WriteString(runs[0].head + like)
	for n := range count {
		for i, w := range runs[0].order {
			b.WriteString(from[i].blocks[blocks[from[i]][n]][w])
		}
		fmt.Fprintf(&b, "# block {\"block\":%d,\"attempt\":1}\n", n+1)
	}
	for i, w := range runs[0].order {
		b.WriteString(from[i].skips[w])
	}
	return b.String()
}

var number = regexp.MustCompile(`\d[\d.]*(?:e[+-]\d+)?(?:ns|µs|ms|s\b)?`)

// inWords is the decision list without its numbers.
func inWords(v Verdict) string {
	var b strings.Builder
	for i := range v.Decisions {
		d := &v.Decisions[i]
		fmt.Fprintf(&b, "%s %s\n%s\n%s\n", d.Claim(), d.Exceptions(), d.Beside, d.Sizes)
	}
	fmt.Fprintf(&b, "%s\n%s\n", v.Note, v.Advice)
	return number.ReplaceAllString(b.String(), "#")
}

// Three default runs of one build on one quiet machine have one decision list
// in words, and so have nine of ten pairs of runs that are drawn from them:
// their lists differ in numbers. Of those that scatter by more than a run does
// fewer have; where each is like the one before it, nine of ten.
func TestVerdictHoldsOnTheNextRun(t *testing.T) {
	var runs []*kept
	var verdicts []Verdict
	hold := func(what string, least float64) {
		var lists []string
		for _, v := range verdicts {
			lists = append(lists, inWords(v))
		}
		same, pairs, differ := agreement(lists)
		inside, numbers, outside := within(verdicts)
		t.Logf("%s: %d of %d pairs of runs give one list; of %d numbers %d are where the other run says", what, same, pairs, numbers, inside)
		if float64(same) < least*float64(pairs) {
			t.Errorf("%s: %d of %d pairs of runs give one list:\n%s", what, same, pairs, differ)
		}
		if 10*inside < 9*numbers || numbers == 0 {
			t.Errorf("%s: of %d numbers %d are where the other run says:\n%s", what, numbers, inside, outside)
		}
	}
	for i := range 3 {
		f, err := os.Open(fmt.Sprintf("testdata/quiet-%d.txt.gz", i+1))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, takeApart(string(text)))
		verdicts = append(verdicts, Of(read(t, string(text))).Verdict)
	}
	hold("three runs", 1)
	draws := 16 // 120 pairs
	if testenv.Asked("STATS") == "long" {
		draws = 500
	}
	for _, draw := range []struct {
		repeat, chain bool
		least         float64
	}{{false, false, 0.9}, {true, false, 0.75}, {true, true, 0.9}} {
		verdicts = nil
		like := ""
		for seed := range uint64(draws) {
			a := Of(read(t, drawn(runs, rand.New(rand.NewPCG(seed, 9)), draw.repeat, like)))
			verdicts = append(verdicts, a.Verdict)
			if draw.chain {
				line, err := benchlog.Note(*likeOf(a))
				if err != nil {
					t.Fatal(err)
				}
				like = string(line)
			}
		}
		hold(fmt.Sprintf("runs that are drawn, blocks repeated %v, each like the one before %v", draw.repeat, draw.chain), draw.least)
	}
}

// agreement counts the pairs that are the same, and tells the sentences that
// not all have.
func agreement(lists []string) (same, pairs int, differ string) {
	sentences := map[string]int{}
	for i, list := range lists {
		for _, other := range lists[:i] {
			if pairs++; list == other {
				same++
			}
		}
		for line := range strings.Lines(list) {
			sentences[line]++
		}
	}
	for _, s := range slices.Sorted(maps.Keys(sentences)) {
		if n := sentences[s]; n < len(lists) {
			differ += fmt.Sprintf("%d: %s", n, s)
		}
	}
	return same, pairs, differ
}

// factor is a factor in a sentence, with the models and the range that it is
// expected in: "greenlet, 3.76× goroutine (next run 3.53 to 4.42".
var factor = regexp.MustCompile(`(\w*),? ([\d.e+]+)× (\S+) \((?:95 % interval |next run )?([\d.e+-]+) to ([\d.e+]+)`)

// within counts the factors of each verdict that lie in the range that another
// one gives for the same models, and tells those that do not.
func within(verdicts []Verdict) (in, all int, outside string) {
	said := make([]map[string][3]float64, len(verdicts))
	for i, v := range verdicts {
		said[i] = map[string][3]float64{}
		for _, d := range v.Decisions {
			for _, m := range factor.FindAllStringSubmatch(d.Claim(), -1) {
				var n [3]float64
				for k, text := range []string{m[2], m[4], m[5]} {
					n[k], _ = strconv.ParseFloat(text, 64)
				}
				said[i][d.Kind.Name+": "+m[1]+" × "+m[3]] = n
			}
		}
	}
	missed := map[string]string{}
	for i, then := range said {
		for j, now := range said {
			for key, n := range now {
				o, ok := then[key]
				switch {
				case i == j || !ok:
					continue
				case o[1] <= n[0] && n[0] <= o[2]:
					in++
				case len(missed[key]) < 300:
					missed[key] += fmt.Sprintf(" %v not in %v to %v;", n[0], o[1], o[2])
				}
				all++
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(missed)) {
		outside += key + missed[key] + "\n"
	}
	return in, all, outside
}
