//go:build linux

package connection

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// examined lets a listener ask, which is answered with what is given as a
// message, and returns what it asked and its verdict.
func examined(t *testing.T, answer []byte) (asked []byte, err error) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	us, them := os.NewFile(uintptr(fds[0]), "us"), os.NewFile(uintptr(fds[1]), "them")
	defer us.Close()
	defer them.Close()
	them.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...))
	e := pythonExam{f: us, config: &PythonConfig{AuthKey: []byte(goodKey)}}
	if err = e.ask(); err == nil {
		err = e.mark()
	}
	asked = make([]byte, 1<<10)
	n, readErr := them.Read(asked)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return asked[:n], err
}

// No two challenges are alike: an old answer is of no use.
func TestPythonChallengesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		asked, _ := examined(t, []byte("x"))
		begin := bytes.Index(asked, []byte(pythonListens))
		if begin < 0 || len(asked) < begin+len(pythonListens)+pythonNonce {
			t.Fatalf("%q", asked)
		}
		nonce := asked[begin+len(pythonListens):][:pythonNonce]
		if seen[string(nonce)] {
			t.Fatalf("asked twice: %q", nonce)
		}
		seen[string(nonce)] = true
	}
}

// Before it has proved that it knows the key, a client sends at most 256 bytes
// at a time, as in multiprocessing.connection.
func TestPythonAnswerLength(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256} {
		if _, err := examined(t, make([]byte, n)); !errors.Is(err, ErrAuthentication) {
			t.Error(n, err)
		}
	}
	if _, err := examined(t, make([]byte, 257)); err == nil || errors.Is(err, ErrAuthentication) {
		t.Error(err)
	}
}
