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
	"strconv"
	"strings"
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

// A Runner runs tests with a change.
type Runner struct {
	Dir    string // of the module
	Temp   string // for overlays and the tests' own files
	Memory int64  // bytes that the processes of one run may take
	Sealed bool   // runs live in a PID namespace
	Floor  time.Duration

	runs atomic.Int64
}

const (
	buildTime    = 5 * time.Minute
	baselineTime = 15 * time.Minute
)

// limit derives the time limit of tests from the time that they take without a
// change. The floor is for what a busy machine does to short tests.
func (r *Runner) limit(took time.Duration) time.Duration { return r.Floor + 3*took }

// Baseline runs tests without a change, to learn how long they take.
func (r *Runner) Baseline(ctx context.Context, suites []*Suite) error {
	for _, s := range suites {
		if s.Took > 0 {
			continue
		}
		program, out, err := r.build(ctx, s, "")
		if err == nil {
			began := time.Now()
			out, err = r.run(ctx, s, program, "", baselineTime, "-test.v")
			s.measured(time.Since(began), out)
		}
		if err != nil {
			return fmt.Errorf("the tests of %s fail without a change: %w\n%s", s.Path, err, tail(out, 40))
		}
		if err := os.Remove(program); err != nil {
			return err
		}
	}
	return nil
}

// Try runs tests in order until one catches the change. It returns what caught
// it.
func (r *Runner) Try(ctx context.Context, c *Change, suites []*Suite) (Verdict, string, error) {
	dir, err := os.MkdirTemp(r.Temp, "change-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, filepath.Base(c.src.path)), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {c.src.path: changed}})
	if err != nil {
		return "", "", err
	}
	if err := errors.Join(os.WriteFile(changed, c.apply(), 0o644), os.WriteFile(overlay, text, 0o644)); err != nil {
		return "", "", err
	}
	for _, s := range suites {
		verdict, by, err := r.trySuite(ctx, c, s, overlay)
		switch {
		case ctx.Err() != nil:
			return "", "", context.Cause(ctx)
		case err != nil || verdict == Broken:
			return verdict, by, err
		case verdict != Survived:
			return verdict, s.Path + ": " + by, nil
		}
	}
	return Survived, "", nil
}

// trySuite runs the tests near to the change, which find most and take little,
// and then the others.
func (r *Runner) trySuite(ctx context.Context, c *Change, s *Suite, overlay string) (Verdict, string, error) {
	program, out, err := r.build(ctx, s, overlay)
	if err != nil {
		return Broken, string(tail(out, 3)), nil
	}
	defer os.Remove(program)
	var others []string
	if near, took := s.near(c); len(near) > 0 {
		names := "^(" + strings.Join(near, "|") + ")$"
		out, err = r.run(ctx, s, program, overlay, r.limit(took), "-test.run="+names)
		if verdict, by := judge(out, err); verdict != Survived {
			return verdict, by, nil
		}
		others = []string{"-test.skip=" + names}
	}
	out, err = r.run(ctx, s, program, overlay, r.limit(s.Took), others...)
	verdict, by := judge(out, err)
	return verdict, by, nil
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

// build compiles tests, with an overlay unless it is "".
func (r *Runner) build(ctx context.Context, s *Suite, overlay string) (program string, out []byte, err error) {
	program = r.name("t")
	out, err = r.call(ctx, r.Dir, overlay, buildTime, "go", "test", "-c", "-vet=off", "-o", program, s.Path)
	return program, out, err
}

// run runs a test program. It ends itself at the limit, if it can.
func (r *Runner) run(ctx context.Context, s *Suite, program, overlay string, limit time.Duration, args ...string) ([]byte, error) {
	args = append([]string{program, "-test.short", "-test.failfast", "-test.paniconexit0", "-test.timeout=" + limit.String()}, args...)
	return r.call(ctx, s.Dir, overlay, limit+time.Minute, args...)
}

// name returns a path that is not used yet. It is short: tests put sockets
// below, whose paths are bounded.
func (r *Runner) name(kind string) string {
	return filepath.Join(r.Temp, kind+strconv.FormatInt(r.runs.Add(1), 10))
}

// call runs a command, and ends whatever it left.
func (r *Runner) call(ctx context.Context, dir, overlay string, limit time.Duration, command ...string) ([]byte, error) {
	temp := r.name("r")
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	flags := os.Getenv("GOFLAGS")
	if overlay != "" {
		flags += " -overlay=" + overlay // go commands of the tests see it too
	}
	out, err := os.Create(filepath.Join(temp, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := r.command(command)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOFLAGS="+strings.TrimSpace(flags), "TMPDIR="+temp)
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
