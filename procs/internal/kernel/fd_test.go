//go:build unix

package kernel

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// What there is room or bytes for is told apart from the end, from nothing yet
// and from an error; who asks for nothing is not told of an end.
func TestTryReadWrite(t *testing.T) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	r, w := ends[0], ends[1]
	defer CloseFD(r)
	for _, fd := range ends {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 8)
	check := func(what string, n int, again bool, err error, wantN int, wantAgain bool, want error) {
		t.Helper()
		if n != wantN || again != wantAgain || !errors.Is(err, want) {
			t.Errorf("%s: %d, %v, %v; want %d, %v, %v", what, n, again, err, wantN, wantAgain, want)
		}
	}
	read := func(what string, into []byte, wantN int, wantAgain bool, want error) {
		t.Helper()
		n, again, err := TryRead(r, into)
		check(what, n, again, err, wantN, wantAgain, want)
	}
	write := func(what string, b []byte, wantN int, wantAgain bool, want error) {
		t.Helper()
		n, again, err := TryWrite(w, b)
		check(what, n, again, err, wantN, wantAgain, want)
	}
	read("nothing yet", buf, 0, true, nil)
	write("three bytes", []byte("abc"), 3, false, nil)
	write("none", nil, 0, false, nil)
	read("into no room", nil, 0, false, nil)
	read("two of three", buf[:2], 2, false, nil)
	read("the third", buf, 1, false, nil)
	if string(buf[:1]) != "c" {
		t.Errorf("%q", buf[:1])
	}
	rest := bytes.Repeat([]byte{1}, 1<<20)
	for { // until it is full
		n, again, err := TryWrite(w, rest)
		if err != nil || again && n != 0 {
			t.Fatal(n, again, err)
		}
		if again {
			break
		}
	}
	CloseFD(w)
	for {
		n, again, err := TryRead(r, rest)
		if err == io.EOF {
			break
		}
		if n == 0 || again || err != nil {
			t.Fatal(n, again, err)
		}
	}
	read("the end", buf, 0, false, io.EOF)
	read("into no room, at the end", nil, 0, false, nil)
	w = -1
	write("no descriptor", buf, 0, false, unix.EBADF)
	r = -1
	read("no descriptor", buf, 0, false, unix.EBADF)
}
