//go:build linux

package connection

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
)

// fullListener listens, with a queue that is full, and accepts one connection
// when it is told to.
func fullListener(t *testing.T, family, kind int, sa unix.Sockaddr) (fd int, address string) {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, sa), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	switch sa := must(unix.Getsockname(fd))(t).(type) {
	case *unix.SockaddrInet4:
		address = formatInet4(sa)
	case *unix.SockaddrUnix:
		address = sa.Name
	}
	first, _, err := dialSocket(soon(t), address, nil, packets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	return fd, address
}

// Who dials a listener whose queue is full waits, until there is room or the
// context is done.
func TestDialFullQueue(t *testing.T) {
	for _, c := range []struct {
		family, kind int
		sa           unix.Sockaddr
	}{
		{unix.AF_UNIX, unix.SOCK_SEQPACKET, &unix.SockaddrUnix{Name: abstractName("full")}},
		{unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}},
	} {
		fd, address := fullListener(t, c.family, c.kind, c.sa)
		for range 3 {
			before := proctest.Descriptors(t)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			f, _, err := dialSocket(ctx, address, nil, packets)
			cancel()
			if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connection: dial "+address+": ") || f != nil {
				t.Error(address, f, err)
			}
			if n := proctest.Descriptors(t); n != before {
				t.Errorf("%s: %d descriptors more", address, n-before)
			}
		}
		type dialled struct {
			f       *os.File
			network string
			err     error
		}
		done := make(chan dialled, 1)
		go func() {
			f, network, err := dialSocket(soon(t), address, nil, packets)
			done <- dialled{f, network, err}
		}()
		time.Sleep(20 * time.Millisecond) // it waits by now, most likely
		taken, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(taken)
		d := <-done
		if d.err != nil || (d.network == networkTCP) != (c.family == unix.AF_INET) {
			t.Fatal(address, d.network, d.err)
		}
		if peer, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC); err != nil {
			t.Error(err)
		} else {
			unix.Close(peer)
		}
		d.f.Close()
	}
}

// Whatever a dial fails with, it leaves no descriptor, here nor in the
// listener; the listener's log and its hook say who was refused and why.
func TestDialFailsTidily(t *testing.T) {
	logged := make(chan string, 1000)
	procs.SetLog(procs.LevelWarning, func(_ procs.Level, m string) { logged <- m })
	defer procs.SetLog(procs.LevelOff, nil)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, address := range testAddresses {
		refused := make(chan string, 1000)
		l := listen(t, address, ListenerConfig{AuthKey: []byte("right"), Refused: func(address string, err error) { refused <- address + " " + err.Error() }})
		at := l.Address()
		c := must(Dial(soon(t), at, DialConfig{AuthKey: []byte("right")}))(t)
		a := must(l.Accept(soon(t)))(t)
		c.Close()
		a.Close()
		proctest.Tidy(t)
		before := proctest.Descriptors(t)
		for range 10 {
			for _, key := range []string{"wrong", "", "righ", "right "} {
				c, err := Dial(soon(t), at, DialConfig{AuthKey: []byte(key)})
				if !errors.Is(err, ErrAuthentication) || c != nil || !strings.HasPrefix(err.Error(), "connection: dial "+at+": ") {
					t.Fatal(c, err)
				}
				if said, want := <-refused, at+" connection: authentication failed: wrong key"; said != want {
					t.Errorf("%q, not %q", said, want)
				}
				said := <-logged
				for !strings.HasPrefix(said, "listener "+at+" ") { // of the one before
					said = <-logged
				}
				if want := "listener " + at + " refused a connection: connection: authentication failed: wrong key"; said != want {
					t.Errorf("%q, not %q", said, want)
				}
			}
		}
		proctest.Eventually(t, "all are closed", func() bool { return proctest.Descriptors(t) <= before })
		if c, err := Dial(done, at, DialConfig{AuthKey: []byte("right")}); err == nil {
			c.Close() // it was quicker than its context
		} else if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := l.Accept(done); err != nil && err.Error() != "connection: accept: context canceled" {
			t.Error(err)
		}
		l.Close()
	}
	if _, err := Dial(soon(t), "named.test:1", DialConfig{LookupHost: func(context.Context, string) ([]string, error) { return nil, errFull }}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

// A port that was listened at, and still has connections that are ending, can
// be listened at again.
func TestListenAgain(t *testing.T) {
	at := ":0"
	for range 3 {
		l := listen(t, at, ListenerConfig{})
		at = l.Address()
		c := must(Dial(soon(t), at, DialConfig{}))(t)
		a := must(l.Accept(soon(t)))(t)
		a.Close() // its end waits in the kernel for a minute
		c.Close()
		l.Close()
	}
	l := listen(t, at, ListenerConfig{})
	if _, err := Listen(at, ListenerConfig{}); err == nil || !errors.Is(err, unix.EADDRINUSE) || !strings.HasPrefix(err.Error(), "connection: listen on "+at+": ") {
		t.Error(err)
	}
	if _, _, err := Bind(at); !errors.Is(err, unix.EADDRINUSE) {
		t.Error(err)
	}
	l.Close()
	before := proctest.Descriptors(t)
	for range 5 {
		for _, bad := range []string{"/nowhere/at/all", "192.0.2.1:0", "name.test:0", "@"} {
			if f, _, err := Bind(bad); err == nil {
				f.Close()
				t.Error(bad)
			}
		}
	}
	if n := proctest.Descriptors(t); n != before {
		t.Errorf("%d descriptors more", n-before)
	}
}
