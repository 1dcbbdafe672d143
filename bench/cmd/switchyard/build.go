package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/run"
)

// scratch is the directory that this process builds in, or "". It is removed
// when the command ends, and at once when the user will not wait for that.
var scratch atomic.Value

// makeScratch makes the directory, and returns what removes it.
func makeScratch() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "switchyard-*")
	scratch.Store(dir)
	return dir, removeScratch, err
}

func removeScratch() {
	if dir, _ := scratch.Load().(string); dir != "" {
		_ = os.RemoveAll(dir)
	}
}

// openBuild returns one side of an A/B run, by the name of a runner program, of
// a directory that holds the source of one, or of a commit of the repository
// that this is called in; no name is the runner beside this program. What has
// to be built is built below dir.
func openBuild(ctx context.Context, side, name, dir string) (b benchlog.Build, r *run.Runners, err error) {
	b = benchlog.Build{Name: side, From: name}
	path := name
	info, statErr := os.Stat(name)
	switch {
	case name == "":
		path, err = defaultRunner()
	case statErr != nil:
		var source string
		if source, b.From, err = checkOut(ctx, name, filepath.Join(dir, side)); err == nil {
			path, err = goBuild(ctx, source, filepath.Join(dir, side))
		}
	case info.IsDir():
		path, err = goBuild(ctx, name, filepath.Join(dir, side))
	}
	if err != nil {
		return b, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return b, nil, err
	}
	sum := sha256.Sum256(text)
	b.Sum = hex.EncodeToString(sum[:])
	r, err = openRunners(ctx, []string{path})
	return b, r, err
}

// checkOut writes the files of a commit into dir, and returns where the module
// lies in it. The repository is only read: the index is one of its own.
func checkOut(ctx context.Context, name, dir string) (source, commit string, err error) {
	if strings.HasPrefix(name, "-") {
		return "", "", usageErrorf("%q is no commit", name)
	}
	var words [3]string // the commit, the repository, and the module's place in it
	for i, args := range [][]string{{"--verify", name + "^{commit}"}, {"--show-toplevel"}, {"--show-prefix"}} {
		if words[i], err = command(ctx, "", nil, "git", append([]string{"rev-parse"}, args...)...); err != nil {
			return "", "", usageErrorf("%q is neither a program, nor a directory, nor a commit here: %w", name, err)
		}
	}
	source = filepath.Join(dir, "source")
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if err = os.MkdirAll(source, 0o700); err == nil {
		_, err = command(ctx, words[1], index, "git", "read-tree", words[0])
	}
	if err == nil {
		_, err = command(ctx, words[1], index, "git", "checkout-index", "--all", "--prefix="+source+"/")
	}
	return filepath.Join(source, words[2]), words[0], err
}

// goBuild builds the runner of the module in a directory into dir, with the
// flags of the Makefile.
func goBuild(ctx context.Context, source, dir string) (path string, err error) {
	out, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(out, 0o700)
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(out, "runner")
	_, err = command(ctx, source, []string{"GOTMPDIR=" + out}, "go", "build", "-buildvcs=auto", "-trimpath", "-o", path, "./bench/cmd/runner")
	return path, err
}

// command returns the first line that a program prints. The error has its last
// words. When ctx ends, the program is interrupted.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	line, _, _ := strings.Cut(stdout.String(), "\n")
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil && stderr.Len() > 0:
		return "", fmt.Errorf("%s %s: %s", name, args[0], strings.TrimSpace(stderr.String()))
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("a commit or a directory has to be built: %w", err)
	case err != nil:
		return "", fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return line, nil
}
