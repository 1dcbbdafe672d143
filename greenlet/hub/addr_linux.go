//go:build !hubportable

package hub

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// A candidate is one of the addresses that a name stands for.
type candidate struct {
	family int
	addr   net.Addr // *net.TCPAddr, *net.UDPAddr or *net.UnixAddr
}

// walk tries the candidates in order until one serves. try is told how many
// are left, with this one; stop says that its error is not one of this address
// alone. The result is that error, else the first one.
func walk(cs []candidate, try func(c candidate, left int) (stop bool, err error)) error {
	var first error
	for i, c := range cs {
		stop, err := try(c, len(cs)-i)
		if err == nil || stop {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// candidates returns what to try for addr, at least one. An empty host is
// every address of this machine for those who listen, IPv6 first because that
// takes IPv4 too, and this machine for those who dial. For those who listen, a
// name's IPv4 addresses come first, as in package net. Only the error of a wait
// that was ended is not a *net.OpError.
func (h *Hub) candidates(op, network, addr string) ([]candidate, error) {
	switch network {
	case "unix":
		return []candidate{{unix.AF_UNIX, &net.UnixAddr{Name: addr, Net: network}}}, nil
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
	default:
		return nil, opError(op, network, nil, net.UnknownNetworkError(network))
	}
	ips, port, err := h.lookup(op, network, addr)
	if err != nil {
		return nil, err
	}
	var cs []candidate
	for _, ip := range ips {
		family := unix.AF_INET6
		if ip.IP.To4() != nil {
			family = unix.AF_INET
		}
		switch only := network[len(network)-1]; {
		case only == '4' && family != unix.AF_INET, only == '6' && family != unix.AF_INET6:
		default:
			cs = append(cs, candidate{family, ipAddr(network, ip.IP, ip.Zone, port)})
		}
	}
	if len(cs) == 0 {
		return nil, opError(op, network, nil, &net.AddrError{Err: fmt.Sprintf("no %s address", network), Addr: addr})
	}
	return cs, nil
}

// lookup returns the addresses of a host and its port.
func (h *Hub) lookup(op, network, addr string) ([]net.IPAddr, int, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, 0, opError(op, network, nil, err)
	}
	port, err := strconv.Atoi(service)
	isNumber := service == "" || err == nil && port >= 0 && port <= 65535
	ips, isName := literal(op, host)
	if isNumber && !isName {
		return ips, port, nil
	}
	type answer struct {
		ips  []net.IPAddr
		port int
		err  error
	}
	// The answer's error travels in it, so that Await's own is that of the
	// wait.
	a, err := Await(h, func(ctx context.Context) (a answer, _ error) {
		a.ips = ips
		if a.port, a.err = net.DefaultResolver.LookupPort(ctx, network, service); a.err == nil && isName {
			a.ips, a.err = net.DefaultResolver.LookupIPAddr(ctx, host)
		}
		return a, nil
	})
	if err != nil {
		return nil, 0, err
	}
	if a.err != nil {
		return nil, 0, opError(op, network, nil, a.err)
	}
	if isName && op == "listen" {
		slices.SortStableFunc(a.ips, func(x, y net.IPAddr) int { return len(y.IP.To4()) - len(x.IP.To4()) })
	}
	return a.ips, a.port, nil
}

// literal returns the addresses of a host that need not be looked up.
func literal(op, host string) (ips []net.IPAddr, isName bool) {
	if host == "" {
		if op == "dial" {
			return []net.IPAddr{{IP: net.IPv4zero}, {IP: net.IPv6unspecified}}, false
		}
		return []net.IPAddr{{IP: net.IPv6unspecified}, {IP: net.IPv4zero}}, false
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, true
	}
	return []net.IPAddr{{IP: a.AsSlice(), Zone: a.Zone()}}, false
}

// toSockaddr and toAddr are each other's inverse. Both need a socket to ask
// for the names and numbers of interfaces.
//
// toSockaddr writes an address for a socket of a family. IPv4 addresses go to
// IPv6 sockets too; no address stands for every one.
func toSockaddr(fd, family int, addr net.Addr) (unix.Sockaddr, error) {
	var ip net.IP
	var port int
	var zone string
	switch a := addr.(type) {
	case *net.UnixAddr:
		return &unix.SockaddrUnix{Name: a.Name}, nil
	case *net.TCPAddr:
		ip, port, zone = a.IP, a.Port, a.Zone
	case *net.UDPAddr:
		ip, port, zone = a.IP, a.Port, a.Zone
	}
	if family == unix.AF_INET {
		sa := &unix.SockaddrInet4{Port: port}
		v4 := ip.To4()
		if v4 == nil && len(ip) != 0 {
			return nil, &net.AddrError{Err: "not an IPv4 address", Addr: ip.String()}
		}
		copy(sa.Addr[:], v4)
		return sa, nil
	}
	sa := &unix.SockaddrInet6{Port: port}
	if !ip.Equal(net.IPv4zero) {
		copy(sa.Addr[:], ip.To16())
	}
	if zone != "" {
		id, err := zoneID(fd, zone)
		if err != nil {
			return nil, err
		}
		sa.ZoneId = id
	}
	return sa, nil
}

// toAddr reads an address, of what was connected or received by the socket.
// What has no name is a *net.UnixAddr with an empty one.
func toAddr(fd int, network string, sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return ipAddr(network, sa.Addr[:], "", sa.Port)
	case *unix.SockaddrInet6:
		return ipAddr(network, sa.Addr[:], zoneName(fd, sa.ZoneId), sa.Port)
	case *unix.SockaddrUnix:
		if sa.Name == "@" { // what package unix calls a socket without a name
			return &net.UnixAddr{Net: network}
		}
		return &net.UnixAddr{Name: sa.Name, Net: network}
	}
	return nil
}

func ipAddr(network string, ip net.IP, zone string, port int) net.Addr {
	if network[:3] == "udp" {
		return &net.UDPAddr{IP: ip, Port: port, Zone: zone}
	}
	return &net.TCPAddr{IP: ip, Port: port, Zone: zone}
}

// zoneID returns the number of the interface that a zone names, by its name or
// by that number. Zero would be any interface.
func zoneID(fd int, zone string) (uint32, error) {
	if ifr, err := unix.NewIfreq(zone); err == nil && unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr) == nil {
		return ifr.Uint32(), nil
	}
	if id, err := strconv.ParseUint(zone, 10, 32); err == nil && id != 0 {
		return uint32(id), nil
	}
	return 0, &net.AddrError{Err: "no such interface", Addr: zone}
}

// zoneName is the inverse of zoneID. It asks each time: an interface may be
// renamed, and only addresses of one link have a zone.
func zoneName(fd int, id uint32) string {
	if id == 0 {
		return ""
	}
	if ifr, err := unix.NewIfreq(""); err == nil {
		ifr.SetUint32(id)
		if unix.IoctlIfreq(fd, unix.SIOCGIFNAME, ifr) == nil {
			return ifr.Name()
		}
	}
	return strconv.FormatUint(uint64(id), 10)
}
