package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options are the flags.
type Options struct {
	Dir      string
	Patterns []string
	N, Skip  int
	Seed     uint64
	Match    *regexp.Regexp
	Known    Known
	Parallel int
	Memory   int64
	Own      bool
	List     bool
	JSON     bool
	Verbose  bool
}

func main() {
	if dir := os.Getenv(initVariable); dir != "" {
		os.Exit(beInit(dir, os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = mutate(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (Options, error) {
	o := Options{}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: mutants [flags] PACKAGE...\nmakes small changes to the code and counts those that no test sees")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Dir, "dir", ".", "a directory of the module")
	flags.IntVar(&o.N, "n", 20, "changes to try in each package")
	flags.IntVar(&o.Skip, "skip", 0, "changes to leave out: those that an earlier run with this seed has tried")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the draw")
	flags.IntVar(&o.Parallel, "parallel", 1, "tests to run at the same time")
	memory := flags.Int64("memory", memoryTotal()>>21, "MiB that the processes of one run may take (0 is no limit)")
	match := flags.String("match", "", "only changes whose \"file:function: before -> after\" matches this expression")
	known := flags.String("known", "", "file of changes that are known to make no difference")
	flags.BoolVar(&o.Own, "own", false, "run no tests of importers: fewer changes are caught, in less time")
	flags.BoolVar(&o.List, "list", false, "print the changes that would be drawn, and run nothing")
	flags.BoolVar(&o.JSON, "json", false, "print JSON, one object a line: each change with its verdict, then the scores")
	flags.BoolVar(&o.Verbose, "v", false, "print the caught changes too, with the test that failed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.Patterns = flags.Args(); len(o.Patterns) == 0 || o.N < 1 || o.Parallel < 1 {
		return o, errors.New("name packages; -n and -parallel are positive")
	}
	o.Memory = *memory << 20
	var err error
	if o.Match, err = regexp.Compile(*match); err != nil {
		return o, err
	}
	if *known == "" {
		return o, nil
	}
	f, err := os.Open(*known)
	if err != nil {
		return o, err
	}
	defer f.Close()
	if o.Known, err = ReadKnown(f); err != nil {
		return o, fmt.Errorf("%s: %w", *known, err)
	}
	return o, nil
}

// mutate does what the options say and prints it.
func mutate(ctx context.Context, o Options, w io.Writer) error {
	m, err := Load(o.Dir, o.Patterns, o.Own)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "m-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for _, name := range o.Known.stale(m.Packages) {
		fmt.Fprintf(os.Stderr, "known, but no such change: %s\n", name)
	}
	s := &session{
		Options: o, out: w,
		runner: &Runner{Dir: m.Dir, Temp: temp, Memory: o.Memory, Sealed: canSeal(), Floor: 15 * time.Second, Parallel: o.Parallel},
	}
	for _, p := range m.Packages {
		s.trials = append(s.trials, s.newTrial(p))
	}
	for {
		var drawn []*outcome
		for _, t := range s.trials {
			drawn = append(drawn, s.draw(t)...)
		}
		if o.List {
			for _, c := range drawn {
				fmt.Fprintf(w, "%s:%d: %s\n%s%s\n", c.File, c.Line, c.Kind, c.Diff(), c.Name())
			}
			return nil
		}
		if len(drawn) == 0 {
			break
		}
		if err := s.tryAll(ctx, m.Suites, drawn); err != nil {
			return err
		}
	}
	total := Score{Package: "all"}
	for _, t := range s.trials {
		s.printScore(t.score)
		total.add(t.score)
	}
	if len(s.trials) > 1 {
		s.printScore(total)
	}
	return nil
}

// A session tries the changes of some packages.
type session struct {
	Options
	runner *Runner
	out    io.Writer
	trials []*trial
}

// A trial is what is drawn of one package, and what became of it.
type trial struct {
	*Package
	left    *draw
	counted int // of those drawn: that compile, as far as is known
	score   Score
}

// An outcome is one change with its verdict, as -json prints it.
type outcome struct {
	*Change
	Verdict Verdict `json:"verdict"`
	By      string  `json:"by,omitempty"`
	Seconds float64 `json:"seconds"`

	trial *trial
}

func (s *session) newTrial(p *Package) *trial {
	changes := slices.DeleteFunc(slices.Clone(p.Changes), func(c *Change) bool { return !s.Match.MatchString(c.Name()) })
	return &trial{
		Package: p, left: newDraw(s.Seed, p.Path, changes), counted: -s.Skip,
		score: Score{Package: p.Path, Changes: len(changes)},
	}
}

// draw returns what is still to be tried of a package: others are drawn for
// those that turned out not to compile.
func (s *session) draw(t *trial) (drawn []*outcome) {
	for t.counted < s.N {
		c := t.left.next()
		if c == nil {
			break
		}
		if _, known := s.Known[c.Name()]; known {
			t.score.Known++
		} else if !t.compiles(map[string][]byte{c.src.path: c.apply()}) {
			t.score.Broken++
		} else if t.counted++; t.counted > 0 {
			drawn = append(drawn, &outcome{Change: c, Verdict: Survived, trial: t})
		}
	}
	return drawn
}

// tryAll runs the tests of one package after the other with those of the
// changes that they may see and that are not caught yet, and counts.
func (s *session) tryAll(ctx context.Context, suites []*Suite, left []*outcome) error {
	for i := 0; ; i++ {
		left = slices.DeleteFunc(left, func(o *outcome) bool {
			if o.Verdict != Survived {
				return true
			}
			for _, suite := range suites[i:] {
				if slices.Contains(o.trial.Tests, suite) {
					return false
				}
			}
			o.trial.score.Survived++
			s.report(o)
			return true
		})
		if len(left) == 0 {
			return nil
		}
		var those []*outcome
		var changes []*Change
		for _, o := range left {
			if slices.Contains(o.trial.Tests, suites[i]) {
				those, changes = append(those, o), append(changes, o.Change)
			}
		}
		if len(those) == 0 {
			continue
		}
		if s.Verbose {
			fmt.Fprintf(os.Stderr, "%s: %d tests for %d changes\n", suites[i].Path, len(suites[i].Tests), len(changes))
		}
		b, err := s.runner.Prepare(ctx, suites[i], changes)
		if err != nil {
			return err
		}
		err = s.trySuite(ctx, b, those)
		b.remove()
		if err != nil {
			return err
		}
	}
}

// trySuite tries changes on the tests of one package, those that are likely to
// see them first, and counts and prints those that it decides on.
func (s *session) trySuite(ctx context.Context, b *program, left []*outcome) error {
	rest := slices.Clone(b.suite.Tests)
	for n := 4; len(left) > 0 && len(rest) > 0; n *= 4 {
		var tests []*Test
		for _, o := range left {
			for _, t := range nearest(o.Change, rest, n) {
				if !slices.Contains(tests, t) {
					tests = append(tests, t)
				}
			}
		}
		rest = slices.DeleteFunc(rest, func(t *Test) bool { return slices.Contains(tests, t) })
		if err := s.runner.Measure(ctx, b, tests); err != nil {
			return err
		}
		if err := s.tryMeasured(ctx, b, left); err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(o *outcome) bool { return o.Verdict != Survived })
	}
	return nil
}

// tryMeasured tries changes on the tests that were measured last.
func (s *session) tryMeasured(ctx context.Context, b *program, left []*outcome) error {
	var mu sync.Mutex
	return each(s.Parallel, left, func(o *outcome) error {
		began := time.Now()
		verdict, by, err := s.runner.Try(ctx, o.Change, b)
		score := &o.trial.score
		mu.Lock()
		defer mu.Unlock()
		o.Verdict, o.By = verdict, by
		o.Seconds += time.Since(began).Seconds()
		switch {
		case err != nil:
			return err
		case verdict == Broken:
			score.Broken++
			o.trial.counted--
		case verdict == Limit:
			score.Limit++
			fallthrough
		case verdict == Caught:
			score.Caught++
		}
		if verdict != Survived {
			s.report(o)
		}
		return nil
	})
}

// report prints what became of a change.
func (s *session) report(o *outcome) {
	switch {
	case s.JSON:
		s.print(o)
	case o.Verdict == Survived:
		fmt.Fprintf(s.out, "SURVIVED %s:%d: %s\n%s%s\n\n", o.File, o.Line, o.Kind, o.Diff(), o.Name())
	case s.Verbose:
		fmt.Fprintf(s.out, "%s %s:%d: %s: %s -> %s (%s, %.0f s)\n", o.Verdict, o.File, o.Line, o.Kind, o.Before, o.After, o.By, o.Seconds)
	}
}

func (s *session) printScore(score Score) {
	if s.JSON {
		s.print(score)
	} else {
		fmt.Fprintln(s.out, score)
	}
}

func (s *session) print(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("mutants: " + err.Error())
	}
	fmt.Fprintf(s.out, "%s\n", text)
}
