package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Verdict says what the tests made of a change.
type Verdict string

const (
	Caught   Verdict = "caught"
	Limit    Verdict = "limit" // caught by the time or memory limit
	Survived Verdict = "survived"
	Broken   Verdict = "broken" // does not compile
)

// A Runner runs tests with changes.
type Runner struct {
	Dir    string // of the module
	Temp   string // for overlays and the tests' own files
	Memory int64  // bytes that the processes of one run may take
	Sealed bool   // runs live in a PID namespace
	Floor  time.Duration

	Parallel int // tests to measure at the same time
	runs     atomic.Int64
}

const (
	buildTime    = 15 * time.Minute
	baselineTime = 15 * time.Minute
)

// limit derives the time limit of tests from the time that they take without a
// change. The floor is for what a busy machine does to short tests.
func (r *Runner) limit(took time.Duration) time.Duration { return r.Floor + 3*took }

// A program is the tests of a package, built with a change, or with many of
// which its environment names one.
type program struct {
	suite *Suite
	dir   string // its files
	env   []string

	marked []*Change            // in functions: which tests come to them is known
	number map[*Change]int      // of those behind a switch
	mu     sync.Mutex           // of alone
	alone  map[*Change]*program // of others, once they are built
	plain  *program             // without a change or a switch, if that is needed

	// Of those tests that were measured last:
	tests   []*Test
	reached map[*Change][]*Test // which come to each change in a function
	failed  []*Test             // because of the switches
}

// remove removes the files.
func (b *program) remove() {
	os.RemoveAll(b.dir)
	for _, alone := range b.alone {
		alone.remove()
	}
	if b.plain != nil {
		b.plain.remove()
	}
}

// Prepare builds the tests of a package with the changes of those that it tests,
// behind a switch if they may stand there.
func (r *Runner) Prepare(ctx context.Context, s *Suite, changes []*Change) (*program, error) {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c *Change) bool { return c.body == nil })
	apart := map[*Change]bool{}
	for _, c := range changes {
		apart[c] = c.apart()
	}
	b, out, err := r.build(ctx, s, switched(changes, apart))
	if err != nil && !errors.Is(err, errLimit) && len(changes) > 0 { // what type-checks need not compile
		changes = nil
		b, out, err = r.build(ctx, s, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("the tests of %s do not compile without a change: %w\n%s", s.Path, err, tail(out, 40))
	}
	for i, c := range changes {
		b.marked = append(b.marked, c)
		if !apart[c] {
			b.number[c] = i + 1
		}
	}
	return b, nil
}

// Measure runs tests of a program, each by itself and without a change, to learn
// how long it takes and which changes it comes to. Try is about these tests.
func (r *Runner) Measure(ctx context.Context, b *program, tests []*Test) error {
	b.tests, b.reached, b.failed = tests, map[*Change][]*Test{}, nil
	var mu sync.Mutex
	broken := each(r.Parallel, tests, func(t *Test) error {
		file := r.name("n")
		failed := errLimit
		for range 2 { // what fails by chance does not do so again
			began := time.Now()
			if _, failed = r.run(ctx, b, []*Test{t}, baselineTime, reachedVariable+"="+file); failed == nil {
				t.Took = time.Since(began)
				break
			}
		}
		came, err := takeReached(file, b.marked)
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			t.Took = 0
			b.failed = append(b.failed, t)
		}
		for _, c := range came {
			b.reached[c] = append(b.reached[c], t)
		}
		return errors.Join(err, ctx.Err())
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case broken != nil || len(b.failed) == 0:
		return broken
	}
	// Some count what is allocated, which depends on what can be inlined. The
	// changes that they come to are built one by one.
	var out []byte
	if b.plain == nil {
		if b.plain, out, broken = r.build(ctx, b.suite, nil); broken != nil {
			b.plain = nil
		}
	}
	if broken == nil {
		out, broken = r.run(ctx, b.plain, b.failed, baselineTime)
	}
	if broken != nil {
		return fmt.Errorf("the tests of %s fail without a change: %w\n%s", b.suite.Path, broken, tail(out, 40))
	}
	for c, tests := range b.reached {
		if slices.ContainsFunc(tests, func(t *Test) bool { return slices.Contains(b.failed, t) }) {
			delete(b.number, c)
		}
	}
	return nil
}

// each calls do for all items, so many at a time, and returns its errors: after
// one, those that are not begun are left out.
func each[T any](parallel int, items []T, do func(T) error) error {
	var (
		mu      sync.Mutex
		failed  error
		workers sync.WaitGroup
		next    = make(chan T, len(items))
	)
	for _, item := range items {
		next <- item
	}
	close(next)
	for range max(parallel, 1) {
		workers.Go(func() {
			for item := range next {
				err := do(item)
				mu.Lock()
				failed = errors.Join(failed, err)
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	workers.Wait()
	return failed
}

// buildAlone returns the tests of a program, built with one change.
func (r *Runner) buildAlone(ctx context.Context, b *program, c *Change) (*program, []byte, error) {
	b.mu.Lock()
	alone := b.alone[c]
	b.mu.Unlock()
	if alone != nil {
		return alone, nil, nil
	}
	alone, out, err := r.build(ctx, b.suite, map[string][]byte{c.src.path: c.apply()})
	if err == nil {
		b.mu.Lock()
		b.alone[c] = alone
		b.mu.Unlock()
	}
	return alone, out, err
}

// Try runs the tests that were measured with a change. It returns what caught
// it.
func (r *Runner) Try(ctx context.Context, c *Change, b *program) (Verdict, string, error) {
	changed, without, tests := b, b, b.reached[c]
	env := []string{changeVariable + "=" + strconv.Itoa(b.number[c])}
	if b.number[c] == 0 {
		env = nil
		if !slices.Contains(b.marked, c) {
			tests = b.tests
		}
		for _, t := range b.failed { // who knows what they would have come to
			if !slices.Contains(tests, t) {
				tests = append(slices.Clip(tests), t)
			}
		}
		alone, out, err := r.buildAlone(ctx, b, c)
		switch {
		case ctx.Err() != nil:
			return "", "", context.Cause(ctx)
		case err != nil:
			return Broken, string(tail(out, 3)), nil
		}
		if changed = alone; b.plain != nil {
			without = b.plain
		}
	}
	for _, batch := range batches(c, tests) {
		// What fails without the change, too, by chance or because the machine
		// is busy, says nothing of it.
		for range 3 {
			out, err := r.run(ctx, changed, batch, r.limit(took(batch)), env...)
			verdict, by := judge(out, err)
			if verdict != Survived && ctx.Err() == nil {
				_, err = r.run(ctx, without, batch, r.limit(took(batch)))
			}
			switch {
			case ctx.Err() != nil:
				return "", "", context.Cause(ctx)
			case verdict != Survived && err != nil:
				fmt.Fprintf(os.Stderr, "%s: fails without the change, too: %s\n", b.suite.Path, by)
				continue
			case verdict != Survived:
				return verdict, b.suite.Path + ": " + by, nil
			}
			break
		}
	}
	return Survived, "", nil
}

// judge tells what a run of tests says of the change, and who says it.
func judge(out []byte, err error) (Verdict, string) {
	switch {
	case err == nil:
		return Survived, ""
	case errors.Is(err, errLimit):
		return Limit, err.Error()
	case strings.Contains(string(out), "panic: test timed out after"):
		return Limit, running(out)
	}
	return Caught, firstFailure(out)
}

var errLimit = errors.New("over the limit")

// build compiles tests, with other texts of some files, by path.
func (r *Runner) build(ctx context.Context, s *Suite, texts map[string][]byte) (b *program, out []byte, err error) {
	b = &program{suite: s, dir: r.name("p"), number: map[*Change]int{}, alone: map[*Change]*program{}}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return nil, nil, err
	}
	if len(texts) > 0 {
		replace := map[string]string{}
		for path, text := range texts {
			replace[path] = filepath.Join(b.dir, strconv.Itoa(len(replace))+"_"+filepath.Base(path))
			err = errors.Join(err, os.WriteFile(replace[path], text, 0o644))
		}
		overlay := filepath.Join(b.dir, "overlay.json")
		text, jsonErr := json.Marshal(map[string]any{"Replace": replace})
		if err := errors.Join(err, jsonErr, os.WriteFile(overlay, text, 0o644)); err != nil {
			return nil, nil, err
		}
		b.env = []string{"GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay)} // for go commands of the tests, too
	}
	out, err = r.call(ctx, r.Dir, b.env, buildTime, "go", "test", "-c", "-vet=off", "-o", filepath.Join(b.dir, "t"), s.Path)
	if err != nil {
		b.remove()
	}
	return b, out, err
}

// run runs tests of a program. It ends itself at the limit, if it can.
func (r *Runner) run(ctx context.Context, b *program, tests []*Test, limit time.Duration, env ...string) ([]byte, error) {
	var names []string
	for _, t := range tests {
		names = append(names, t.Name)
	}
	return r.call(ctx, b.suite.Dir, slices.Concat(b.env, env), limit+time.Minute, filepath.Join(b.dir, "t"), "-test.short", "-test.failfast",
		"-test.paniconexit0", "-test.timeout="+limit.String(), "-test.run=^("+strings.Join(names, "|")+")$")
}

// name returns a path that is not used yet. It is short: tests put sockets
// below, whose paths are bounded.
func (r *Runner) name(kind string) string {
	return filepath.Join(r.Temp, kind+strconv.FormatInt(r.runs.Add(1), 10))
}

// call runs a command, and ends whatever it left.
func (r *Runner) call(ctx context.Context, dir string, env []string, limit time.Duration, command ...string) ([]byte, error) {
	temp := r.name("r")
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	out, err := os.Create(filepath.Join(temp, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := r.command(command)
	cmd.Dir = dir
	cmd.Env = append(append(cmd.Environ(), env...), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = out, out // a file: nothing waits for a child that keeps it open
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: hung", errLimit))
	defer cancel()
	err = r.supervise(ctx, cmd)
	text, readErr := os.ReadFile(out.Name())
	return text, errors.Join(err, readErr)
}

// supervise runs a command until it ends, ctx ends, or memory runs out, and
// then ends whatever it left.
func (r *Runner) supervise(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	defer killTree(cmd.Process.Pid)
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			killTree(cmd.Process.Pid)
			<-done
			return context.Cause(ctx)
		case <-tick.C:
			if used := treeMemory(cmd.Process.Pid); r.Memory > 0 && used > r.Memory {
				killTree(cmd.Process.Pid)
				<-done
				return fmt.Errorf("%w: %d MiB of memory", errLimit, used>>20)
			}
		}
	}
}

var (
	failedTest  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	panicked    = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|WARNING: DATA RACE)`)
	runningTest = regexp.MustCompile(`(?m)^\s+(Test\S+) \(`)
)

// firstFailure names what failed, as well as the output tells.
func firstFailure(out []byte) string {
	for _, re := range []*regexp.Regexp{failedTest, panicked} {
		if m := re.FindSubmatch(out); m != nil {
			return string(m[1])
		}
	}
	return string(tail(out, 1))
}

// running names the test that was running when the time was over.
func running(out []byte) string {
	if m := runningTest.FindSubmatch(out); m != nil {
		return "timeout in " + string(m[1])
	}
	return "timeout"
}

// tail returns the last lines of a text.
func tail(text []byte, lines int) []byte {
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return []byte(strings.Join(all[max(len(all)-lines, 0):], "\n"))
}
