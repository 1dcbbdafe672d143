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

	mu  sync.Mutex
	out io.Writer
	err error
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
	if len(changes) == 0 {
		return score, nil
	}
	if !s.List {
		if err := s.runner.Baseline(ctx, p.Tests); err != nil {
			return score, err
		}
	}
	d := newDraw(s.Seed, p.Path, changes)
	counted := -s.Skip // tried, or being tried
	next := func() *Change {
		s.mu.Lock()
		defer s.mu.Unlock()
		for s.err == nil && counted < s.N {
			c := d.next()
			if c == nil {
				return nil
			}
			if _, known := s.Known[c.Name()]; known {
				score.Known++
			} else if !p.compiles(c) {
				score.Broken++
			} else if counted++; counted > 0 {
				return c
			}
		}
		return nil
	}
	var workers sync.WaitGroup
	for range s.Parallel {
		workers.Go(func() {
			for c := next(); c != nil; c = next() {
				if s.List {
					fmt.Fprintf(s.out, "%s:%d: %s\n%s%s\n", c.File, c.Line, c.Kind, c.Diff(), c.Name())
					continue
				}
				began := time.Now()
				verdict, by, err := s.runner.Try(ctx, c, p.Tests)
				s.mu.Lock()
				switch {
				case err != nil:
					s.err = err
				case verdict == Broken:
					score.Broken++
					counted--
				case verdict == Survived:
					score.Survived++
				case verdict == Limit:
					score.Limit++
					fallthrough
				default:
					score.Caught++
				}
				if err == nil {
					s.report(outcome{c, verdict, by, time.Since(began).Seconds()})
				}
				s.mu.Unlock()
			}
		})
	}
	workers.Wait()
	return score, s.err
}

// report prints what became of a change.
func (s *session) report(o outcome) {
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
