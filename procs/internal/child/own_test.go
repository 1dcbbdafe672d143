//go:build linux

package child

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest"
)

// A message arrives with its kind, its body and its descriptors, whatever their
// number and length, in a process that waits in the poller and in one that does
// not; and nothing else stays open.
func TestControlMessages(t *testing.T) {
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	for _, polled := range []bool{false, true} {
		ours, fd, err := newControl()
		if err != nil {
			t.Fatal(err)
		}
		theirs := &Control{fd: fd}
		if polled {
			if err := ours.poll(); err != nil {
				t.Fatal(err)
			}
		}
		ends := [2]*Control{ours, theirs}
		for i, n := range []int{0, 1, 1000, maxPacket, maxPacket + 1, 1 << 20} {
			for _, count := range []int{0, 1, 200, 201, 300} {
				from, to := ends[i%2], ends[1-i%2]
				body := bytes.Repeat([]byte{byte(i + 1)}, n)
				if err := from.Send(byte(10+i), body, slices.Repeat([]int{1}, count)); err != nil {
					t.Fatal(n, count, err)
				}
				kind, got, fds, err := to.Recv(nil)
				if kind != byte(10+i) || !bytes.Equal(got, body) || len(fds) != count || err != nil {
					t.Fatal(n, count, kind, len(got), len(fds), err)
				}
				kernel.CloseAll(fds)
			}
		}
		buf := make([]byte, 0, 100)
		if err := theirs.Send(1, []byte("short"), nil); err != nil {
			t.Fatal(err)
		}
		if _, got, _, err := ours.Recv(buf); string(got) != "short" || err != nil || &got[0] != &buf[:2][1] {
			t.Error("not in the buffer:", string(got), err)
		}
		if err := ours.Send(1, nil, []int{-1}); !errors.Is(err, unix.EBADF) || !strings.HasPrefix(err.Error(), "procs: control socket: ") {
			t.Error(err)
		}
		theirs.Close()
		theirs.Close()
		if kind, body, fds, err := ours.Recv(nil); kind != 0 || body != nil || fds != nil || err != io.EOF {
			t.Error("the other end is gone:", kind, body, fds, err)
		}
		if err := ours.Send(1, nil, nil); !errors.Is(err, unix.EPIPE) {
			t.Error("the other end is gone:", err)
		}
		ours.Close()
		if err := ours.Send(1, nil, nil); err == nil {
			t.Error("sent over a closed end")
		}
		if kind, body, fds, err := ours.Recv(nil); kind != 0 || body != nil || fds != nil || err == nil {
			t.Error("received from a closed end:", kind, body, fds, err)
		}
	}
	if after := proctest.Descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// The variable is set once, in place of another.
func TestWithProcs(t *testing.T) {
	env := []string{"A=1", "GOMAXPROCS=7", "XGOMAXPROCS=8", "GOMAXPROCS=", "B=2"}
	if got := withProcs(env, 3); !slices.Equal(got, []string{"GOMAXPROCS=3", "A=1", "XGOMAXPROCS=8", "B=2"}) || env[1] != "GOMAXPROCS=7" {
		t.Error(got, env)
	}
}

// writer notes what is written, and panics at a word.
type writer struct{ got bytes.Buffer }

func (w *writer) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("panic")) {
		panic("told to")
	}
	return w.got.Write(b)
}

// What is no file is copied, to its end or to a panic, which is reported; files
// go to the child as they are.
func TestStdio(t *testing.T) {
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	for _, text := range []string{"hello", "panic"} {
		var s Stdio
		var reports []string
		out := new(writer)
		files, err := s.Open(strings.NewReader(text), out, out, func(what string, err error) { reports = append(reports, what+": "+err.Error()) })
		if err != nil || files[1] != files[2] || files[0] == nil {
			t.Fatal(files, err)
		}
		var wg sync.WaitGroup
		s.Copy(&wg)
		if b, err := io.ReadAll(files[0]); string(b) != text || err != nil {
			t.Error(string(b), err)
		}
		files[1].WriteString(text)
		s.Started()
		wg.Wait()
		if text == "hello" && (out.got.String() != text || reports != nil) || text == "panic" && !slices.Equal(reports, []string{"Stdout or Stderr: panic: told to"}) {
			t.Errorf("%q, %q", out.got.String(), reports)
		}
	}
	var s Stdio
	files, err := s.Open(nil, nil, new(writer), nil)
	if err != nil || files[0] != nil || files[1] != nil || files[2] == nil {
		t.Error(files, err)
	}
	s.Started()
	s.Close()
	if files, err := new(Stdio).Open(os.Stdin, os.Stdout, os.Stderr, nil); err != nil || files != [3]*os.File{os.Stdin, os.Stdout, os.Stderr} {
		t.Error(files, err)
	}
	closed, _ := os.Open(os.DevNull)
	closed.Close()
	for i, says := range []string{"stdin: ", "stdout: ", "stderr: "} {
		for _, bad := range []*os.File{closed, nil} {
			of := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
			of[i] = bad
			if _, err := new(Stdio).Open(of[0], of[1], of[2], nil); err == nil || !strings.HasPrefix(err.Error(), says) {
				t.Error(says, err)
			}
		}
	}
	proctest.Eventually(t, "all is closed", func() bool { return proctest.Descriptors(t) <= before })
}

// That there once was no room for a descriptor is forgotten when there is.
func TestNoRoomForStandardFiles(t *testing.T) {
	proctest.Tidy(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	null.Lock()
	opened := null.file
	null.file = nil
	null.Unlock()
	if opened != nil {
		opened.Close()
	}
	limit := func(n uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(0)
	defer limit(was.Cur)
	file, err := nullFile()
	_, _, perr := pipe()
	limit(was.Cur)
	for _, err := range []error{err, perr} {
		if file != nil || !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			t.Error(file, err)
		}
	}
	if file, err := nullFile(); file == nil || err != nil {
		t.Error(file, err)
	}
}

// What nobody refers to any more makes room for a pipe and for the empty file.
func TestGarbageMakesRoomForStandardFiles(t *testing.T) {
	for what, open := range map[string]func() error{
		"pipe": func() error {
			r, w, err := pipe()
			if err == nil {
				r.Close()
				w.Close()
			}
			return err
		},
		"null": func() error { null.Lock(); null.file = nil; null.Unlock(); _, err := nullFile(); return err },
	} {
		var was unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Open(os.DevNull); err != nil {
				break
			}
		}
		if err := open(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}
}
