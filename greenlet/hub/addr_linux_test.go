//go:build !hubportable

package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What is read back from what was written is the same.
func TestAddressesBothWays(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	ifs, err := net.Interfaces()
	must(t, err)
	zones := []string{"", "987654321"} // none, and a number without an interface
	for _, i := range ifs {
		zones = append(zones, i.Name)
	}
	for _, network := range []string{"tcp", "udp"} {
		for _, port := range []int{0, 1, 80, 65535} {
			for _, ip := range []string{"0.0.0.0", "127.0.0.1", "255.255.255.255"} {
				bothWays(t, fd, unix.AF_INET, network, ipAddr(network, net.ParseIP(ip).To4(), "", port))
				bothWays(t, fd, unix.AF_INET6, network, ipAddr(network, net.ParseIP(ip).To4(), "", port))
			}
			for _, ip := range []string{"::", "::1", "fe80::1", "ff02::1", "2001:db8::ffff:1", "::ffff:192.0.2.1"} {
				for _, zone := range zones {
					bothWays(t, fd, unix.AF_INET6, network, ipAddr(network, net.ParseIP(ip), zone, port))
				}
			}
		}
	}
	for _, name := range []string{"", "path", "/a/path", "@abstract", "@", strings.Repeat("p", 107)} {
		if name != "@" { // which stands for no name where addresses are read
			bothWays(t, fd, unix.AF_UNIX, "unix", &net.UnixAddr{Name: name, Net: "unix"})
		}
	}

	// A zone's number is as good as its name.
	for _, i := range ifs {
		sa, err := toSockaddr(fd, unix.AF_INET6, &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: strconv.Itoa(i.Index)})
		must(t, err)
		if got := toAddr(fd, "udp", sa).(*net.UDPAddr).Zone; got != i.Name {
			t.Errorf("zone %d: %q, want %q", i.Index, got, i.Name)
		}
	}
	for _, bad := range []struct {
		family int
		addr   net.Addr
	}{
		{unix.AF_INET6, &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "no such"}},
		{unix.AF_INET6, &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "0"}},
		{unix.AF_INET6, &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "a name longer than any interface has"}},
		{unix.AF_INET, &net.TCPAddr{IP: net.IPv6loopback}},
		{unix.AF_INET, &net.TCPAddr{IP: net.IPv6unspecified}},
	} {
		if sa, err := toSockaddr(fd, bad.family, bad.addr); err == nil {
			t.Errorf("%v: %v", bad.addr, sa)
		}
	}
	if a := toAddr(fd, "tcp", nil); a != nil {
		t.Errorf("of nothing: %v", a)
	}
}

func bothWays(t *testing.T, fd, family int, network string, a net.Addr) {
	t.Helper()
	sa, err := toSockaddr(fd, family, a)
	if err != nil {
		t.Errorf("%v: %v", a, err)
		return
	}
	got := toAddr(fd, network, sa)
	if reflect.TypeOf(got) != reflect.TypeOf(a) || got.Network() != a.Network() {
		t.Errorf("%T %v became %T %v", a, a, got, got)
	}
	// An unspecified IPv4 address on an IPv6 socket is the unspecified one.
	if family == unix.AF_INET6 && strings.HasPrefix(a.String(), "0.0.0.0:") {
		return
	}
	if got.String() != a.String() {
		t.Errorf("%v became %v", a, got)
	}
}

// The peers of a link-local address have its zone, so that one can answer
// them; without it a datagram may go out of any interface. (libmill#153)
func TestLinkLocalPeersHaveAZone(t *testing.T) {
	ip, zone := linkLocal(t)
	run(t, func(h *Hub) {
		u, err := h.ListenPacket("udp6", "["+ip.String()+"%"+zone+"]:0")
		must(t, err)
		own := u.LocalAddr().(*net.UDPAddr)
		l, err := h.Listen("tcp6", "["+ip.String()+"%"+zone+"]:0")
		must(t, err)
		p, err := h.Dial("udp", own.String())
		must(t, err)
		for range 2 {
			_, err = p.Write([]byte("ask"))
			must(t, err)
			buf := make([]byte, 9)
			n, from, err := u.ReadFrom(buf)
			must(t, err)
			if a := from.(*net.UDPAddr); a.Zone != zone || string(buf[:n]) != "ask" {
				t.Errorf("%q from %v", buf[:n], from)
			}
			_, err = u.WriteTo([]byte("answer"), from)
			must(t, err)
			if n, err := p.Read(buf); string(buf[:n]) != "answer" || err != nil {
				t.Errorf("%q, %v", buf[:n], err)
			}
		}
		if _, err := u.WriteTo(nil, &net.UDPAddr{IP: ip, Port: own.Port, Zone: "none"}); err == nil {
			t.Error("sent by an interface there is not")
		}
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		s, err := l.Accept()
		must(t, err)
		for _, a := range []net.Addr{l.Addr(), c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr()} {
			if a.(*net.TCPAddr).Zone != zone {
				t.Errorf("%v has not the zone %s", a, zone)
			}
		}
	})
}

func linkLocal(t *testing.T) (net.IP, string) {
	t.Helper()
	ifs, err := net.Interfaces()
	must(t, err)
	for _, i := range ifs {
		as, _ := i.Addrs()
		for _, a := range as {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
				l, err := net.ListenUDP("udp6", &net.UDPAddr{IP: n.IP, Zone: i.Name})
				if err == nil {
					l.Close()
					return n.IP, i.Name
				}
			}
		}
	}
	t.Skip("no link-local address")
	return nil, ""
}

// IPv4 peers of a socket for both are IPv4 addresses, and can be answered.
func TestIPv4PeersOfIPv6Socket(t *testing.T) {
	run(t, func(h *Hub) {
		u, err := h.ListenPacket("udp", ":0")
		must(t, err)
		port := strconv.Itoa(u.LocalAddr().(*net.UDPAddr).Port)
		p, err := h.Dial("udp", "127.0.0.1:"+port)
		must(t, err)
		_, err = p.Write([]byte("ask"))
		must(t, err)
		_, from, err := u.ReadFrom(make([]byte, 9))
		must(t, err)
		if from.String() != p.LocalAddr().String() {
			t.Errorf("%v and %v", from, p.LocalAddr())
		}
		_, err = u.WriteTo([]byte("answer"), from)
		must(t, err)
		buf := make([]byte, 9)
		if n, err := p.Read(buf); string(buf[:n]) != "answer" || err != nil {
			t.Errorf("%q, %v", buf[:n], err)
		}
		// Without an address it is this machine, as in package net.
		_, err = u.WriteTo([]byte("me"), &net.UDPAddr{Port: u.LocalAddr().(*net.UDPAddr).Port})
		must(t, err)
		if n, _, err := u.ReadFrom(buf); string(buf[:n]) != "me" || err != nil {
			t.Errorf("%q, %v", buf[:n], err)
		}
		if _, err := u.WriteTo(nil, p.RemoteAddr().(*net.UDPAddr)); err != nil {
			t.Error(err)
		}
		if _, err := u.WriteTo(nil, &net.TCPAddr{}); err == nil {
			t.Error("sent a datagram to a TCP address")
		}
	})
}

// The four addresses of a unix connection: what has no name has an empty one,
// not "@", which would be an abstract name to dial.
func TestUnixAddresses(t *testing.T) {
	unique := fmt.Sprintf("%s %d %x", t.Name(), os.Getpid(), rand.Uint64()) // the tests may run twice at once
	run(t, func(h *Hub) {
		for _, name := range []string{filepath.Join(t.TempDir(), "s"), "@hub test " + unique, "@hub\x00" + unique, ""} {
			l, err := h.Listen("unix", name)
			must(t, err)
			got := l.Addr().String()
			if name != "" && got != name || name == "" && !strings.HasPrefix(got, "@") {
				t.Errorf("listens on %q, not on %q", got, name)
			}
			c, err := h.Dial("unix", got)
			must(t, err)
			s, err := l.Accept()
			must(t, err)
			for what, a := range map[string][2]net.Addr{
				"client": {c.LocalAddr(), s.RemoteAddr()}, "server": {c.RemoteAddr(), s.LocalAddr()},
			} {
				want := ""
				if what == "server" {
					want = got
				}
				if a[0].String() != want || a[1].String() != want || a[0].Network() != "unix" || a[1].Network() != "unix" {
					t.Errorf("%s of %q: %q and %q", what, name, a[0], a[1])
				}
			}
		}
	})
}

// A datagram that cannot be sent is an error, whatever stands in its way.
func TestDatagramsThatCannotBeSent(t *testing.T) {
	must(t, Run(func(h *Hub) error {
		c, err := h.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		self := c.LocalAddr().(*net.UDPAddr)
		for what, to := range map[string]net.Addr{
			"no UDP address":       &net.TCPAddr{IP: self.IP, Port: self.Port},
			"of another family":    &net.UDPAddr{IP: net.IPv6loopback, Port: self.Port},
			"in a zone of IPv6":    &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: self.Port, Zone: "nowhere"},
			"a message too long":   self,
			"a socket that closed": self,
		} {
			b := make([]byte, 1)
			switch what {
			case "a message too long":
				b = make([]byte, 70_000)
			case "a socket that closed":
				closed, err := h.ListenPacket("udp4", "127.0.0.1:0")
				if err != nil {
					return err
				}
				closed.Close()
				if n, err := closed.WriteTo(b, to); n != 0 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %d, %v", what, n, err)
				}
				continue
			}
			if n, err := c.WriteTo(b, to); n != 0 || err == nil {
				t.Errorf("%s: %d bytes sent, %v", what, n, err)
			}
		}
		return nil
	}))
}
