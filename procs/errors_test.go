//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func init() { RegisterError("net.ErrClosed", net.ErrClosed) }

var (
	// testSentinel returns an error that wraps a sentinel twice over.
	testSentinel = Register("test.sentinel", func(_ context.Context, name string) (int, error) {
		return 0, fmt.Errorf("the task failed: %w", errors.Join(errors.New("not this"), sentinelNamed(name)))
	})
	testErrno = Register("test.errno", func(_ context.Context, n int) (int, error) {
		return 0, &fs.PathError{Op: "open", Path: "somewhere", Err: syscall.Errno(n)}
	})
	// testRelay has a worker of its own, and tells what it sees of an error of
	// that worker's once the error was sent on.
	testRelay = Register("test.relay", func(ctx context.Context, q *Queue[string]) (int, error) {
		p, err := NewPool(PoolConfig{Workers: 1})
		if err != nil {
			return 0, err
		}
		defer p.Terminate()
		_, err = Apply(ctx, p, testErrno, int(syscall.ENOENT))
		err = decodeError(encodeError(fmt.Errorf("sent on: %w", err)))
		return 0, q.Put(ctx, fmt.Sprint(errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EACCES)))
	})
)

func sentinelNamed(name string) error {
	all := sentinels.all()
	return all[slices.IndexFunc(all, func(s sentinel) bool { return s.name == name })].err
}

// Every sentinel of the table comes back from a worker as itself, and as no
// other.
func TestSentinelErrors(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	all := sentinels.all()
	for _, s := range all {
		name, sentinel := s.name, s.err
		_, err := Apply(soon(t), p, testSentinel, name)
		var remote *RemoteError
		if !errors.As(err, &remote) || !strings.Contains(err.Error(), "the task failed: ") || !strings.Contains(err.Error(), sentinel.Error()) {
			t.Errorf("%s came back as %v", name, err)
			continue
		}
		for _, other := range all {
			if is, want := errors.Is(err, other.err), errors.Is(sentinel, other.err); is != want {
				t.Errorf("errors.Is of a remote %s and %s is %v", name, other.name, is)
			}
		}
	}
}

// Every sentinel that this package exports is in the table, once and under its
// name.
func TestSentinelsComplete(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	table, found := map[string]error{}, 0
	for _, e := range builtinErrors() {
		if table[e.name] != nil {
			t.Errorf("%s is twice in the table", e.name)
		}
		table[e.name] = e.err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if !strings.HasPrefix(name.Name, "Err") {
						continue
					}
					found++
					if table["procs."+name.Name] == nil {
						t.Errorf("%s: %s does not survive the way to another process: see builtinErrors", file, name.Name)
					}
				}
			}
		}
	}
	own := 0
	seen := map[error]string{}
	for name, err := range table {
		if other, ok := seen[err]; ok {
			t.Errorf("%s and %s are one error", name, other)
		}
		seen[err] = name
		if strings.HasPrefix(name, "procs.") {
			own++
		}
	}
	if own != found {
		t.Errorf("the table has %d sentinels of this package, which has %d", own, found)
	}
}

func TestErrorNumbers(t *testing.T) {
	numbers := []syscall.Errno{syscall.ENOENT, syscall.EACCES, syscall.EEXIST, syscall.EAGAIN, syscall.EINTR, syscall.ENOSPC,
		syscall.EMFILE, syscall.ECONNREFUSED, syscall.ENOSYS, syscall.ETIMEDOUT}
	alike := []error{os.ErrNotExist, os.ErrPermission, os.ErrExist, errors.ErrUnsupported, os.ErrClosed}
	p := newPool(t, PoolConfig{Workers: 1})
	check := func(t *testing.T, err error, n syscall.Errno) {
		t.Helper()
		for _, other := range numbers {
			if is := errors.Is(err, other); is != (n == other) {
				t.Errorf("errors.Is(%v, %v) is %v", err, other, is)
			}
		}
		for _, s := range alike {
			if is := errors.Is(err, s); is != errors.Is(n, s) {
				t.Errorf("errors.Is(%v, %v) is %v", err, s, is)
			}
		}
	}
	for _, n := range numbers {
		t.Run(strconv.Itoa(int(n)), func(t *testing.T) {
			_, err := Apply(soon(t), p, testErrno, int(n))
			check(t, err, n)
			check(t, decodeError(encodeError(fmt.Errorf("sent on: %w", err))), n)
		})
	}
	both := decodeError(encodeError(errors.Join(syscall.ENOENT, fmt.Errorf("and %w", syscall.EPIPE))))
	if !errors.Is(both, syscall.ENOENT) || !errors.Is(both, syscall.EPIPE) || errors.Is(both, syscall.EIO) {
		t.Error(both)
	}
}

// An error that crosses two processes is still what it was.
func TestErrorSentOn(t *testing.T) {
	q := must(NewQueue[string](0))(t)
	defer q.Close()
	p := run(t, testRelay, q)
	line, err := q.Get(soon(t))
	if err != nil || !slices.Equal(strings.Fields(line), []string{"true", "true", "false"}) {
		t.Error(line, err)
	}
	join(t, p)
}
