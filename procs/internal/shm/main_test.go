//go:build linux

package shm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	_ "switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
)

// children are what a re-executed test binary can do instead of running tests.
var children = map[string]func(seg *Segment, args []string){}

const childEnv = "SHM_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		name, bytes, _ := strings.Cut(name, " ")
		size, err := strconv.Atoi(bytes)
		check(err)
		seg, err := Adopt(os.NewFile(3, "segment"), size)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		children[name](seg, os.Args[1:])
		os.Exit(0)
	}
	code := m.Run()
	if n := Live(); n != 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "%d segments were not closed\n", n)
		code = 1
	}
	os.Exit(code)
}

// child is a re-executed test binary that works on seg.
type child struct {
	*exec.Cmd
	stderr bytes.Buffer
}

func startChild(t testing.TB, name string, seg *Segment, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0], args...)}
	c.Env = append(os.Environ(), fmt.Sprint(childEnv, "=", name, " ", seg.Size()))
	c.ExtraFiles = []*os.File{seg.File()}
	c.Stderr = &c.stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c
}

func (c *child) join(t testing.TB) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Fatalf("child: %v\n%s", err, c.stderr.String())
	}
}

func makeSegment(t testing.TB, size int) *Segment {
	t.Helper()
	s, err := Create(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func patient() *Wait { return &Wait{Deadline: time.Now().Add(wait.Patience)} }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
}

// bytesOf views words as bytes: memory that is aligned as a segment is.
func bytesOf(w []uint64) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), 8*len(w)) }

// fileBlocks returns how many bytes of memory the segment takes.
func fileBlocks(t *testing.T, s *Segment) int64 {
	t.Helper()
	info, err := s.File().Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
