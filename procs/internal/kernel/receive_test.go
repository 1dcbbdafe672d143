//go:build linux

package kernel

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func socketPair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { CloseAll(fds[:]) })
	return fds[0], fds[1]
}

func sendRights(t *testing.T, to int, body string, n int) {
	t.Helper()
	fds := make([]int, n)
	for i := range fds {
		fds[i] = 1
	}
	var oob []byte
	if n > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(to, []byte(body), oob, nil, 0); err != nil {
		t.Fatal(err)
	}
}

func TestReceive(t *testing.T) {
	a, b := socketPair(t)
	before := openFDs(t)
	for _, n := range []int{0, 1, 7, MaxRights} {
		sendRights(t, a, "hello", n)
		sendRights(t, a, "next", 0)
		buf := make([]byte, 100)
		got, fds, truncated, err := Receive(b, [][]byte{buf[:2], buf[2:]}, 0)
		if string(buf[:got]) != "hello" || len(fds) != n || truncated || err != nil {
			t.Fatal(n, string(buf[:got]), len(fds), truncated, err)
		}
		for _, fd := range fds {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
				t.Fatal(flags, err)
			}
		}
		CloseAll(fds)
		if got, _, _, err := Receive(b, [][]byte{buf}, 0); string(buf[:got]) != "next" || err != nil {
			t.Fatal("the packet after it:", string(buf[:got]), err)
		}
	}
	if after := openFDs(t); after != before {
		t.Fatalf("%d descriptors, %d before", after, before)
	}
	if _, _, _, err := Receive(b, [][]byte{make([]byte, 1)}, unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Fatal("an empty socket:", err)
	}
	sendRights(t, a, "too long", 1)
	n, fds, truncated, err := Receive(b, [][]byte{make([]byte, 3)}, 0)
	if n != 3 || len(fds) != 1 || !truncated || err != nil {
		t.Fatal(n, fds, truncated, err)
	}
	CloseAll(fds)
	unix.Shutdown(a, unix.SHUT_WR)
	if n, fds, _, err := Receive(b, [][]byte{make([]byte, 3)}, 0); n != 0 || fds != nil || err != nil {
		t.Fatal("the end:", n, fds, err)
	}
}

// A packet whose descriptors do not fit loses none: they make room, or the
// packet stays until there is room. pytorch#973.
func TestReceiveWithoutRoom(t *testing.T) {
	a, b := socketPair(t)
	limitFDs(t, 10)
	func() {
		for range 8 {
			if _, err := os.Open(os.DevNull); err != nil { // garbage
				t.Fatal(err)
			}
		}
	}()
	buf := make([]byte, 10)
	sendRights(t, a, "first", 5)
	_, fds, _, err := Receive(b, [][]byte{buf}, 0)
	if len(fds) != 5 || err != nil {
		t.Fatal("garbage was in the way:", len(fds), err)
	}
	sendRights(t, a, "second", 6)
	if n, none, _, err := Receive(b, [][]byte{buf}, 0); n != 0 || none != nil || !errors.Is(err, unix.EMFILE) {
		t.Fatal("six where five fit:", n, none, err)
	}
	CloseAll(fds[:1])
	n, more, _, err := Receive(b, [][]byte{buf}, 0)
	if string(buf[:n]) != "second" || len(more) != 6 || err != nil {
		t.Fatal("after one was closed:", string(buf[:n]), len(more), err)
	}
	CloseAll(append(more, fds[1:]...))
	runtime.KeepAlive(buf)
}

// Whatever control message comes: what is a descriptor is returned.
func TestRights(t *testing.T) {
	if fds, err := Rights(nil); fds != nil || err != nil {
		t.Fatal(fds, err)
	}
	two := append(unix.UnixRights(3, 4), unix.UnixRights(5)...)
	if fds, err := Rights(two); len(fds) != 3 || fds[0] != 3 || fds[2] != 5 || err != nil {
		t.Fatal(fds, err)
	}
	cred := unix.UnixCredentials(&unix.Ucred{Pid: 1})
	if fds, err := Rights(append(cred, unix.UnixRights(7)...)); len(fds) != 1 || fds[0] != 7 || err != nil {
		t.Fatal("beside credentials:", fds, err)
	}
	two[0] = 200
	if fds, err := Rights(two); fds != nil || err == nil {
		t.Fatal("a control message longer than its buffer:", fds, err)
	}
}

// Two who read one socket in spite of what Receive demands get an error for
// what the other took, and no descriptor is left with either.
func TestReceiveTakenMeanwhile(t *testing.T) {
	a, b := socketPair(t)
	before := openFDs(t)
	const packets = 500
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			buf := make([]byte, 10)
			for {
				n, fds, _, err := Receive(b, [][]byte{buf}, 0)
				CloseAll(fds)
				if err != nil && (n != 0 || fds != nil) {
					t.Error(n, fds, err)
				}
				if err == nil && n == 0 {
					return
				}
			}
		})
	}
	for range packets {
		sendRights(t, a, "x", 3)
	}
	unix.Shutdown(a, unix.SHUT_WR)
	wg.Wait()
	if after := openFDs(t); after != before {
		t.Fatalf("%d descriptors, %d before", after, before)
	}
}

// Every error is the caller's, with nothing beside it.
func TestReceiveErrors(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for fd, want := range map[int]error{-1: unix.EBADF, int(f.Fd()): unix.ENOTSOCK} {
		if n, fds, truncated, err := Receive(fd, [][]byte{make([]byte, 1)}, 0); n != 0 || fds != nil || truncated || err != want {
			t.Error(fd, n, fds, truncated, err)
		}
	}
}
