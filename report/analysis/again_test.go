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
	"strings"
	"testing"
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
// by a little less than the next run would, the second by more.
func drawn(runs []*kept, r *rand.Rand, repeat bool) string {
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
	b.WriteString(runs[0].head)
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
		fmt.Fprintf(&b, "%s\n%s\n%s\n", d.Claim(), d.Beside, d.Sizes)
	}
	fmt.Fprintf(&b, "%s\n%s\n", v.Note, v.Advice)
	return number.ReplaceAllString(b.String(), "#")
}

// Three default runs of one build on one quiet machine have one decision list
// in words, and so have nine of ten pairs of runs that are drawn from them:
// their lists differ in numbers.
func TestVerdictHoldsOnTheNextRun(t *testing.T) {
	var runs []*kept
	var lists []string
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
		lists = append(lists, inWords(Of(read(t, string(text))).Verdict))
	}
	if same, pairs, differ := agreement(lists); same < pairs {
		t.Errorf("%d of %d pairs of runs give one list:\n%s", same, pairs, differ)
	}
	draws := 16 // 120 pairs
	if os.Getenv("STATS") == "long" {
		draws = 500
	}
	for repeat, least := range map[bool]float64{false: 0.9, true: 0.75} {
		lists = nil
		for seed := range uint64(draws) {
			lists = append(lists, inWords(Of(read(t, drawn(runs, rand.New(rand.NewPCG(seed, 9)), repeat))).Verdict))
		}
		same, pairs, differ := agreement(lists)
		t.Logf("blocks repeated %v: %d of %d pairs of runs that are drawn give one list", repeat, same, pairs)
		if float64(same) < least*float64(pairs) {
			t.Errorf("blocks repeated %v: %d of %d pairs of runs that are drawn give one list:\n%s", repeat, same, pairs, differ)
		}
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
