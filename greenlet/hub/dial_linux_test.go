//go:build !hubportable

package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"switchyard/greenlet/hub/internal/hubtest"
)

// closedPort returns a port of this machine where nobody listens, which stays
// so until the test ends: a socket is bound to it.
func closedPort(t *testing.T) *net.TCPAddr {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*unix.SockaddrInet4).Port}
}

// silentPort returns an address where connections neither succeed nor fail: a
// listener whose backlog is full drops what comes.
func silentPort(t *testing.T, h *Hub) *net.TCPAddr {
	t.Helper()
	l, err := ListenConfig{Backlog: 1}.Listen(h, "tcp", "127.0.0.1:0")
	must(t, err)
	for range 20 {
		_, err := Dialer{Timeout: 50 * time.Millisecond}.Dial(h, "tcp", l.Addr().String())
		if errors.Is(err, ErrTimeout) {
			return l.Addr().(*net.TCPAddr)
		}
		must(t, err)
	}
	t.Skip("a backlog of one has room for 20")
	return nil
}

// A unix socket whose backlog is full says EAGAIN, which does not mean that
// anything is under way. (mio#1560)
func TestDialUnixWithFullBacklog(t *testing.T) {
	run(t, func(h *Hub) {
		path := filepath.Join(t.TempDir(), "s")
		l, err := ListenConfig{Backlog: 1}.Listen(h, "unix", path)
		must(t, err)
		var gs []*Greenlet
		for range 12 {
			gs = append(gs, h.Spawn(func() error {
				_, err := h.Dial("unix", path)
				return err
			}))
		}
		waiting := func() (n int) {
			for _, g := range gs {
				if !g.Ready() {
					n++
				}
			}
			return n
		}
		must(t, h.Sleep(10*time.Millisecond))
		n := waiting()
		if n == 0 {
			t.Fatal("a backlog of one has room for 12")
		}

		// Those who wait can be killed, and have a limit.
		before := hubtest.OpenFiles()
		last := gs[len(gs)-1]
		must(t, last.Kill())
		if !errors.Is(last.Err(), ErrExit) {
			t.Errorf("killed: %v", last.Err())
		}
		_, err = Dialer{Timeout: 20 * time.Millisecond}.Dial(h, "unix", path)
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("limit: %v", err)
		}
		if after := hubtest.OpenFiles(); after != before-1 {
			t.Errorf("%d descriptors, then %d", before, after)
		}

		// The others are connected once there is room.
		accept := h.Spawn(func() error {
			for {
				if _, err := l.Accept(); err != nil {
					return err
				}
			}
		})
		must(t, h.JoinAllTimeout(20*time.Second, gs[:len(gs)-1]...))
		must(t, h.GetAll(gs[:len(gs)-1]...))
		must(t, accept.Kill())

		// Who waits when the listener goes is refused.
		for range 12 {
			gs = append(gs, h.Spawn(func() error { _, err := h.Dial("unix", path); return err }))
		}
		must(t, h.Sleep(10*time.Millisecond))
		if waiting() == 0 {
			t.Fatal("nobody waits")
		}
		must(t, l.Close())
		must(t, h.JoinAllTimeout(20*time.Second, gs...))
		if err := gs[len(gs)-1].Err(); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("no listener: %v", err)
		}
	})
}

// Dials that fail in any way leave no descriptor in the living hub.
func TestFailedDialsLeaveNoDescriptors(t *testing.T) {
	run(t, func(h *Hub) {
		refused, silent := closedPort(t).String(), silentPort(t, h).String()
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		before := hubtest.OpenFiles()
		for range 50 {
			for _, c := range []struct {
				what string
				dial func() error
				want error
			}{
				{"refused", func() error { _, err := h.Dial("tcp", refused); return err }, unix.ECONNREFUSED},
				{"refused, with a limit", func() error {
					_, err := Dialer{Timeout: time.Minute}.Dial(h, "tcp", refused)
					return err
				}, unix.ECONNREFUSED},
				{"limit", func() error {
					c, err := Dialer{Timeout: time.Millisecond}.Dial(h, "tcp", silent)
					if c != nil {
						t.Error("a connection")
					}
					return err
				}, ErrTimeout},
				{"outer limit", func() error {
					return h.WithTimeout(time.Millisecond, func() error { _, err := h.Dial("tcp", silent); return err })
				}, ErrTimeout},
				{"context", func() error {
					_, err := Dialer{}.DialContext(ctx, h, "tcp", silent)
					return err
				}, context.Canceled},
				{"killed", func() error {
					g := h.Spawn(func() error { _, err := h.Dial("tcp", silent); return err })
					must(t, h.Yield())
					must(t, g.Kill())
					return g.Err()
				}, ErrExit},
				{"no path", func() error { _, err := h.Dial("unix", filepath.Join(dir, "none")); return err }, unix.ENOENT},
				{"no socket", func() error { _, err := h.Dial("unix", filepath.Join(dir, "file")); return err }, unix.ECONNREFUSED},
				{"wrong type", func() error { _, err := h.Dial("udp", "127.0.0.1:99999999"); return err }, nil},
				{"no interface", func() error { _, err := h.Dial("tcp", "[fe80::1%none]:1"); return err }, nil},
				{"IPv4 as IPv6", func() error { _, err := h.Dial("tcp6", "127.0.0.1:1"); return err }, nil},
			} {
				err := c.dial()
				if err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Fatalf("%s: %v", c.what, err)
				}
				var op *net.OpError
				if is := errors.As(err, &op); is != (c.want != ErrTimeout && c.want != ErrExit && c.want != context.Canceled) {
					t.Fatalf("%s: %T", c.what, err)
				}
			}
		}
		if after := hubtest.OpenFiles(); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

// A context with a deadline, and one whose cause is an error of its own.
func TestDialContext(t *testing.T) {
	run(t, func(h *Hub) {
		silent := silentPort(t, h).String()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		if c, err := (Dialer{}).DialContext(ctx, h, "tcp", silent); c != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", c, err)
		}
		own := errors.New("changed my mind")
		ctx2, cancel2 := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Millisecond, func() { cancel2(own) })
		if c, err := (Dialer{Timeout: time.Hour}).DialContext(ctx2, h, "tcp", silent); c != nil || !errors.Is(err, own) {
			t.Errorf("%v, %v", c, err)
		}
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		c, err := Dialer{Timeout: time.Hour}.DialContext(context.Background(), h, "tcp", l.Addr().String())
		must(t, err)
		must(t, c.Close())
	})
}

// A greenlet may be killed with any error, that of a dial or of its limits too:
// it does not try the next address then.
func TestDialKilledWithADialsError(t *testing.T) {
	run(t, func(h *Hub) {
		good, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		_, refused := h.Dial("tcp", closedPort(t).String())
		for _, thrown := range []error{refused, ErrTimeout, os.ErrDeadlineExceeded} {
			cs := []candidate{{unix.AF_INET, silentPort(t, h)}, {unix.AF_INET, good.Addr()}}
			end := time.Now().Add(time.Hour)
			g := h.Spawn(func() error { _, err := h.dialEach("tcp", cs, end); return err })
			must(t, h.Yield())
			must(t, g.KillWith(thrown, -1))
			if g.Err() != thrown {
				t.Errorf("%v instead of %v", g.Err(), thrown)
			}
		}
	})
}

// Of several addresses the first that serves is taken, and none that does not
// answer takes the time of all. (RFC 6555)
func TestDialSeveralAddresses(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		good := candidate{unix.AF_INET, l.Addr()}
		refused, silent := candidate{unix.AF_INET, closedPort(t)}, candidate{unix.AF_INET, silentPort(t, h)}
		other, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		second := candidate{unix.AF_INET, other.Addr()}

		before := hubtest.OpenFiles()
		each := func(end time.Time, cs ...candidate) (net.Addr, error) {
			c, err := h.dialEach("tcp", cs, end)
			if err != nil {
				return nil, err
			}
			must(t, c.Close())
			return c.RemoteAddr(), nil
		}
		race := func(first, second []candidate) (net.Addr, error) {
			r := &race{h: h, network: "tcp", failed: NewEvent(h)}
			c, err := r.run(first, second)
			if err != nil {
				return nil, err
			}
			must(t, c.Close())
			return c.RemoteAddr(), nil
		}
		for _, c := range []struct {
			what string
			dial func() (net.Addr, error)
			want candidate
		}{
			{"refused, good", func() (net.Addr, error) { return each(time.Time{}, refused, good) }, good},
			{"two good", func() (net.Addr, error) { return each(time.Time{}, good, second) }, good},
			{"silent, good", func() (a net.Addr, err error) {
				for range 10 { // where the machine is slow, what is left for the second is too little
					a, err = each(time.Now().Add(leastShare*3/2), silent, good)
					if err == nil {
						break
					}
				}
				return a, err
			}, good},
			{"refused first family", func() (net.Addr, error) { return race([]candidate{refused, refused}, []candidate{second}) }, second},
			{"silent first family", func() (net.Addr, error) { return race([]candidate{silent}, []candidate{second}) }, second},
			{"both good", func() (net.Addr, error) { return race([]candidate{good}, []candidate{second}) }, good},
			{"silent second family", func() (net.Addr, error) { return race([]candidate{refused, good}, []candidate{silent}) }, good},
		} {
			began := time.Now()
			if got, err := c.dial(); err != nil || got.String() != c.want.addr.String() {
				t.Errorf("%s: %v, %v", c.what, got, err)
			}
			if d := time.Since(began); d > time.Minute {
				t.Errorf("%s: took %v", c.what, d)
			}
		}
		for _, c := range []struct {
			what string
			dial func() (net.Addr, error)
		}{
			{"all refused", func() (net.Addr, error) { return each(time.Time{}, refused, silent) }},
			{"both families refused", func() (net.Addr, error) { return race([]candidate{refused}, []candidate{silent}) }},
		} {
			// An end in the past stands for patience that is used up.
			err := h.WithTimeout(20*time.Millisecond, func() error { _, err := c.dial(); return err })
			if !errors.Is(err, ErrTimeout) {
				t.Errorf("%s: %v", c.what, err)
			}
		}
		if _, err := each(time.Time{}, refused, candidate{unix.AF_INET, &net.TCPAddr{IP: net.IPv6loopback}}); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("the error is not the first address's: %v", err)
		}
		if _, err := race([]candidate{refused}, []candidate{{unix.AF_INET, &net.TCPAddr{IP: net.IPv6loopback}}}); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("the error is not the first family's: %v", err)
		}
		end := time.Now().Add(30 * time.Second)
		for hubtest.OpenFiles() != before || h.Len() != 0 { // until the losers of races have ended
			if time.Now().After(end) {
				t.Fatalf("%d descriptors before, %d after, %d greenlets left", before, hubtest.OpenFiles(), h.Len())
			}
			must(t, h.Sleep(time.Millisecond))
		}
	})
}

// Both sides of a race may win, or be killed at any moment.
func TestDialRaceLeavesNothing(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		good := []candidate{{unix.AF_INET, l.Addr()}}
		before := hubtest.OpenFiles()
		for turns := range 12 {
			g := h.Spawn(func() error {
				r := &race{h: h, network: "tcp", failed: NewEvent(h)}
				r.failed.Set() // both begin at once
				c, err := r.run(good, good)
				if err == nil {
					err = c.Close()
				}
				return err
			})
			for range turns {
				must(t, h.Yield())
			}
			must(t, g.Kill())
			if err := g.Err(); err != nil && !errors.Is(err, ErrExit) {
				t.Error(err)
			}
			must(t, h.Sleep(time.Millisecond))
			if after := hubtest.OpenFiles(); after != before || h.Len() != 0 {
				t.Fatalf("killed after %d turns: %d descriptors before, %d after, %d greenlets left", turns, before, after, h.Len())
			}
		}
	})
}

// Without a host it is this machine, whatever the listener takes.
func TestDialWithoutHost(t *testing.T) {
	run(t, func(h *Hub) {
		for _, addr := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
			l, err := h.Listen("tcp", addr)
			if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
				continue // no IPv6 here
			}
			must(t, err)
			port := l.Addr().(*net.TCPAddr).Port
			c, err := h.Dial("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				t.Errorf("%s: %v", addr, err)
				continue
			}
			r := c.RemoteAddr().(*net.TCPAddr)
			if !r.IP.IsLoopback() || r.Port != port {
				t.Errorf("%s: connected with %v", addr, r)
			}
			s, err := l.Accept()
			must(t, err)
			if s.RemoteAddr().String() != c.LocalAddr().String() {
				t.Errorf("%v and %v", s.RemoteAddr(), c.LocalAddr())
			}
		}
	})
}

// A name is looked up while others run; who is killed meanwhile gets that
// error.
func TestDialKilledInLookup(t *testing.T) {
	killed := make(chan struct{})
	defer func(r *net.Resolver) { net.DefaultResolver = r }(net.DefaultResolver)
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			<-killed // so no look-up ends before
			return nil, net.ErrClosed
		},
	}
	run(t, func(h *Hub) {
		g := h.Spawn(func() error { _, err := h.Dial("tcp", "name.invalid:http"); return err })
		must(t, h.Yield())
		must(t, g.KillWith(ErrExit, time.Minute))
		close(killed)
		if g.Err() != ErrExit {
			t.Errorf("%v", g.Err())
		}
	})
}

func TestAddressesThatDoNotParse(t *testing.T) {
	run(t, func(h *Hub) {
		for _, addr := range []string{"127.0.0.1:no-such-service", "127.0.0.1:65536", "127.0.0.1:-1", "[::1", ""} {
			var op *net.OpError
			if _, err := h.Dial("tcp", addr); !errors.As(err, &op) || op.Op != "dial" {
				t.Errorf("%q: %v", addr, err)
			}
			if _, err := h.Listen("tcp", addr); !errors.As(err, &op) || op.Op != "listen" {
				t.Errorf("%q: %v", addr, err)
			}
		}
		l, err := h.Listen("tcp", "127.0.0.1:") // no port is any port
		must(t, err)
		if l.Addr().(*net.TCPAddr).Port == 0 {
			t.Error(l.Addr())
		}
	})
}

// A machine without IPv6. (trio#853)
func TestWithoutIPv6(t *testing.T) { runChild(t, "no IPv6") }

func withoutIPv6() error {
	if err := denyIPv6(); err != nil {
		return skip("seccomp", err)
	}
	return Run(func(h *Hub) error {
		if _, err := h.Listen("tcp6", ":0"); !errors.Is(err, unix.EAFNOSUPPORT) {
			return skip("there is IPv6", err)
		}
		for _, addr := range []string{":0", "127.0.0.1:0", "localhost:0"} {
			l, err := h.Listen("tcp", addr)
			if err != nil {
				return fmt.Errorf("Listen(%q): %w", addr, err)
			}
			if ip := l.Addr().(*net.TCPAddr).IP; len(ip) != net.IPv4len {
				return fmt.Errorf("Listen(%q): %v", addr, l.Addr())
			}
			for _, host := range []string{"", "127.0.0.1", "localhost"} {
				c, err := h.Dial("tcp", fmt.Sprintf("%s:%d", host, l.Addr().(*net.TCPAddr).Port))
				if err != nil {
					return fmt.Errorf("Dial(%q): %w", host, err)
				}
				c.Close()
			}
			u, err := h.ListenPacket("udp", addr)
			if err != nil {
				return fmt.Errorf("ListenPacket(%q): %w", addr, err)
			}
			to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: u.LocalAddr().(*net.UDPAddr).Port}
			if _, err := u.WriteTo([]byte("x"), to); err != nil {
				return err
			}
			if n, from, err := u.ReadFrom(make([]byte, 9)); n != 1 || err != nil || from.String() != to.String() {
				return fmt.Errorf("%d, %v, %v", n, from, err)
			}
			if _, err := u.WriteTo(nil, &net.UDPAddr{IP: net.IPv6loopback, Port: to.Port}); err == nil {
				return errors.New("sent to an IPv6 address")
			}
		}
		if _, err := h.Listen("tcp", "[::]:0"); !errors.Is(err, unix.EAFNOSUPPORT) {
			return fmt.Errorf("Listen([::]): %v", err)
		}
		return nil
	})
}

// denyIPv6 makes socket(AF_INET6, ...) fail as it does on a machine without.
func denyIPv6() error {
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if arch == 0 {
		return errors.ErrUnsupported
	}
	const deny = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: value}
	}
	filter := []unix.SockFilter{
		load(4), unless(arch, 5), // the architecture
		load(0), unless(unix.SYS_SOCKET, 3), // the call
		load(16), unless(unix.AF_INET6, 1), // its first argument
		{Code: unix.BPF_RET | unix.BPF_K, K: deny},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return e
	}
	return nil
}

// A socket that dials a free port may be given that port, and be its own peer.
// (golang/go#2690)
func TestDialFreePortIsRefused(t *testing.T) { runChild(t, "dials itself") }

func dialsItself() error {
	runtime.LockOSThread() // the namespace is the thread's
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return skip("unshare", err)
	}
	if err := loopbackUp(); err != nil {
		return skip("loopback", err)
	}
	// With two ports to choose from it happens soon. (The file is the
	// namespace's.)
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40001"), 0); err != nil {
		return skip("port range", err)
	}
	return Run(func(h *Hub) error {
		for i := range 40 {
			c, err := h.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", 40000+i%2))
			if err == nil {
				return fmt.Errorf("%v is connected with %v", c.LocalAddr(), c.RemoteAddr())
			}
			if !errors.Is(err, unix.ECONNREFUSED) {
				return err
			}
		}
		return nil
	})
}

// loopbackUp switches on the loopback of a new network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// Candidates come in the order that serves: see Hub.candidates.
func TestCandidates(t *testing.T) {
	run(t, func(h *Hub) {
		for _, c := range []struct {
			op, network, addr string
			want              []string
		}{
			{"listen", "tcp", ":80", []string{"[::]:80", "0.0.0.0:80"}},
			{"listen", "tcp4", ":80", []string{"0.0.0.0:80"}},
			{"listen", "udp6", ":80", []string{"[::]:80"}},
			{"dial", "tcp", ":80", []string{"0.0.0.0:80", "[::]:80"}},
			{"dial", "udp6", ":80", []string{"[::]:80"}},
			{"dial", "tcp", "192.0.2.1:http", []string{"192.0.2.1:80"}},
			{"dial", "tcp", "[fe80::1%eth7]:80", []string{"[fe80::1%eth7]:80"}},
			{"dial", "tcp4", "[::ffff:192.0.2.1]:80", []string{"192.0.2.1:80"}},
			{"dial", "tcp4", "[::1]:80", nil},
			{"dial", "tcp6", "192.0.2.1:80", nil},
			{"dial", "unix", "a path", []string{"a path"}},
		} {
			cs, err := h.candidates(c.op, c.network, c.addr)
			var got []string
			for _, c := range cs {
				got = append(got, c.addr.String())
			}
			if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
				t.Errorf("%s %s %s: %v, %v, want %v", c.op, c.network, c.addr, got, err, c.want)
			}
		}
	})
}
