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
	flags.IntVar(&o.Parallel, "parallel", 1, "changes to try at the same time")
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
		runner: &Runner{Dir: m.Dir, Temp: temp, Memory: o.Memory, Sealed: canSeal(), Floor: 15 * time.Second},
	}
	var total Score
	var scores []Score
	for _, p := range m.Packages {
		score, err := s.try(ctx, p)
		if err != nil {
			return err
		}
		scores = append(scores, score)
		total.add(score)
	}
	if o.List {
		return nil
	}
	total.Package = "all"
	if len(scores) > 1 {
		scores = append(scores, total)
	}
	for _, score := range scores {
		if o.JSON {
			s.print(score)
		} else {
			fmt.Fprintln(w, score)
		}
	}
	return nil
}

// A session tries the changes of one package after the other.
type session struct {
	Options
	runner *Runner
	out    io.Writer
}

// An outcome is one change with its verdict, as -json prints it.
type outcome struct {
	*Change
	Verdict Verdict `json:"verdict"`
	By      string  `json:"by,omitempty"`
	Seconds float64 `json:"seconds"`
}

// try draws and tries the changes of one package.
func (s *session) try(ctx context.Context, p *Package) (Score, error) {
	score := Score{Package: p.Path}
	changes := slices.DeleteFunc(slices.Clone(p.Changes), func(c *Change) bool { return !s.Match.MatchString(c.Name()) })
	score.Changes = len(changes)
	d := newDraw(s.Seed, p.Path, changes)
	counted := -s.Skip
	for {
		var drawn []*Change
		for counted < s.N {
			c := d.next()
			if c == nil {
				break
			}
			if _, known := s.Known[c.Name()]; known {
				score.Known++
			} else if !p.compiles(map[string][]byte{c.src.path: c.apply()}) {
				score.Broken++
			} else if counted++; counted > 0 {
				drawn = append(drawn, c)
			}
		}
		if s.List {
			for _, c := range drawn {
				fmt.Fprintf(s.out, "%s:%d: %s\n%s%s\n", c.File, c.Line, c.Kind, c.Diff(), c.Name())
			}
			return score, nil
		}
		if len(drawn) == 0 {
			return score, nil
		}
		broken := score.Broken
		if err := s.tryAll(ctx, p, drawn, &score); err != nil {
			return score, err
		}
		counted -= score.Broken - broken // others are drawn for them
	}
}

// tryAll runs the tests of one package after the other with those of the
// changes that are not caught yet, and counts.
func (s *session) tryAll(ctx context.Context, p *Package, drawn []*Change, score *Score) error {
	var left []*outcome
	for _, c := range drawn {
		left = append(left, &outcome{Change: c, Verdict: Survived})
	}
	for _, suite := range p.Tests {
		if len(left) == 0 {
			break
		}
		var changes []*Change
		for _, o := range left {
			changes = append(changes, o.Change)
		}
		b, err := s.runner.Prepare(ctx, p, suite, changes)
		if err != nil {
			return err
		}
		err = s.trySuite(ctx, b, left, score)
		b.remove()
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(o *outcome) bool { return o.Verdict != Survived })
	}
	for _, o := range left {
		score.Survived++
		s.report(o)
	}
	return nil
}

// trySuite tries changes on the tests of one package, and counts and prints
// those that it decides on.
func (s *session) trySuite(ctx context.Context, b *program, left []*outcome, score *Score) error {
	var (
		mu      sync.Mutex
		failed  error
		workers sync.WaitGroup
		next    = make(chan *outcome, len(left))
	)
	for _, o := range left {
		next <- o
	}
	close(next)
	for range s.Parallel {
		workers.Go(func() {
			for o := range next {
				began := time.Now()
				verdict, by, err := s.runner.Try(ctx, o.Change, b)
				mu.Lock()
				o.Verdict, o.By = verdict, by
				o.Seconds += time.Since(began).Seconds()
				switch {
				case err != nil:
					failed = err
				case verdict == Broken:
					score.Broken++
				case verdict == Limit:
					score.Limit++
					fallthrough
				case verdict == Caught:
					score.Caught++
				}
				if err == nil && verdict != Survived {
					s.report(o)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	return failed
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

func (s *session) print(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("mutants: " + err.Error())
	}
	fmt.Fprintf(s.out, "%s\n", text)
}
