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
	Limits map[string]time.Duration
	Sealed bool // runs live in a PID namespace

	runs atomic.Int64
}

// buildTime bounds what the go command takes beside the tests themselves.
const buildTime = 5 * time.Minute

// limitOf derives the time limit of a test program from the time that it takes
// without a change. The floor is for what a busy machine does to short tests.
func limitOf(took time.Duration) time.Duration { return 15*time.Second + 3*took }

var tookTime = regexp.MustCompile(`(?m)^ok\s+\S+\s+([0-9.]+)s`)

// Baseline runs the tests of each package without a change, and sets their
// time limits.
func (r *Runner) Baseline(ctx context.Context, packages []string) error {
	for _, path := range packages {
		if _, done := r.Limits[path]; done {
			continue
		}
		out, err := r.test(ctx, path, "", 15*time.Minute)
		if err != nil {
			return fmt.Errorf("the tests of %s fail without a change: %w\n%s", path, err, tail(out, 40))
		}
		m := tookTime.FindSubmatch(out)
		if m == nil {
			return fmt.Errorf("the tests of %s: go test printed %q", path, tail(out, 5))
		}
		took, err := time.ParseDuration(string(m[1]) + "s")
		if err != nil {
			return err
		}
		r.Limits[path] = limitOf(took)
	}
	return nil
}

// Try runs the tests of each package in order until one catches the change. It
// returns what caught it.
func (r *Runner) Try(ctx context.Context, c *Change, tests []string) (Verdict, string, error) {
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
	for _, path := range tests {
		out, err := r.test(ctx, path, overlay, r.Limits[path])
		switch {
		case ctx.Err() != nil:
			return "", "", context.Cause(ctx)
		case err == nil:
			continue
		case strings.Contains(string(out), "[build failed]"):
			return Broken, string(tail(out, 3)), nil
		case errors.Is(err, errLimit):
			return Limit, path + ": " + err.Error(), nil
		case strings.Contains(string(out), "panic: test timed out after"):
			return Limit, path + ": " + running(out), nil
		default:
			return Caught, path + ": " + firstFailure(out), nil
		}
	}
	return Survived, "", nil
}

var errLimit = errors.New("over the limit")

// test runs the tests of one package, with an overlay unless it is "". The
// test program may take the limit, and the whole call the building as well.
func (r *Runner) test(ctx context.Context, path, overlay string, limit time.Duration) ([]byte, error) {
	// Short names: tests put sockets below, whose paths are bounded.
	temp := filepath.Join(r.Temp, "r"+strconv.FormatInt(r.runs.Add(1), 10))
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	args := []string{"go", "test", "-short", "-count=1", "-failfast", "-vet=off", "-timeout", limit.String()}
	flags := os.Getenv("GOFLAGS")
	if overlay != "" {
		flags += " -overlay=" + overlay // go commands of the tests see it too
	}
	out, err := os.Create(filepath.Join(temp, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := r.command(append(args, path))
	cmd.Dir = r.Dir
	cmd.Env = append(cmd.Environ(), "GOFLAGS="+strings.TrimSpace(flags), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = out, out // a file: nothing waits for a child that keeps it open
	ctx, cancel := context.WithTimeoutCause(ctx, limit+buildTime, fmt.Errorf("%w: hung", errLimit))
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
