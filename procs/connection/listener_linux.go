package connection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// listenSocket is the socket of a Listener. Unix sockets keep packets apart, so
// that their connections are those of NewPipe.
type listenSocket struct {
	f       *os.File
	rc      syscall.RawConn
	network string
	address string
	name    *kernel.Name // to be removed; nil if it is not in the file system
}

func (s *listenSocket) listen(address string, kind unixKind) error {
	network, host, port, err := splitAddress(address)
	if err != nil {
		return err
	}
	var sa unix.Sockaddr
	fd := -1
	if network == networkUnix {
		fd, err = newSocket(unix.AF_UNIX, kind.number())
		sa = &unix.SockaddrUnix{Name: address}
	} else {
		ip, rerr := resolve(context.Background(), host, nil)
		if rerr != nil {
			return rerr
		}
		fd, err = newSocket(unix.AF_INET, unix.SOCK_STREAM)
		sa = &unix.SockaddrInet4{Port: int(port), Addr: ip}
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		}
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		kernel.CloseFD(fd)
		return fmt.Errorf("connection: listen on %s: %w", address, err)
	}
	if network == networkTCP {
		if got, err := unix.Getsockname(fd); err == nil {
			address = formatInet4(got.(*unix.SockaddrInet4)) // with the port
		}
	}
	f := os.NewFile(uintptr(fd), "listener")
	if err := s.open(f, address); err != nil {
		f.Close()
		return err
	}
	return nil
}

// backlog is how many connections wait in the kernel until they are taken.
const backlog = 1024

// open takes a socket that listens on address.
func (s *listenSocket) open(f *os.File, address string) (err error) {
	if s.network, _, _, err = splitAddress(address); err != nil {
		return err
	}
	s.f, s.address = f, address
	s.rc, err = f.SyscallConn()
	if err == nil {
		cerr := s.rc.Control(func(fd uintptr) { err = takeOver(int(fd)) })
		err = errors.Join(cerr, err)
	}
	if err == nil && s.network == networkUnix && address[0] != '@' {
		s.name, err = kernel.NameOf(address)
	}
	if err != nil {
		return fmt.Errorf("connection: listen on %s: %w", address, err)
	}
	return nil
}

// takeOver makes sure that a socket listens: nothing could be awaited from
// another. One that was inherited may block.
func takeOver(fd int) error {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err == nil && listens == 0 {
		err = unix.EINVAL
	}
	if err != nil {
		return os.NewSyscallError("accept", err)
	}
	return unix.SetNonblock(fd, true)
}

func formatInet4(sa *unix.SockaddrInet4) string {
	return fmt.Sprintf("%d.%d.%d.%d:%d", sa.Addr[0], sa.Addr[1], sa.Addr[2], sa.Addr[3], sa.Port)
}

func (s *listenSocket) accept() (*os.File, error) {
	fd, err := kernel.OpenFD(s.acceptFD)
	if err != nil {
		return nil, fmt.Errorf("connection: accept: %w", err)
	}
	return os.NewFile(uintptr(fd), "connection"), nil
}

func (s *listenSocket) acceptFD() (fd int, err error) {
	werr := s.rc.Read(func(l uintptr) bool {
		for {
			fd, _, err = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			switch {
			case err == unix.EINTR, err == unix.ECONNABORTED:
				continue
			case err == unix.EAGAIN:
				return false
			case kernel.NoRoom(err):
				// The kernel looks for a descriptor before it looks for a
				// connection.
				return isReadable(int(l))
			}
			return true
		}
	})
	if werr != nil {
		return -1, werr
	}
	return fd, err
}

func isReadable(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil
}

// close removes the name first: while the socket is open, no other file has its
// number.
func (s *listenSocket) close() {
	s.name.Remove()
	s.f.Close()
}

// maxStrangers is how many connections may be on their way to a proof. Somebody
// who makes them and says nothing must not use up the descriptors of the
// process.
func maxStrangers() int {
	const most = 256
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return most
	}
	return int(max(min(limit.Cur/4, most), 1))
}

func newSocket(family, kind int) (int, error) {
	return kernel.OpenFD(func() (int, error) {
		return unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	})
}

func (k unixKind) number() int {
	if k == stream {
		return unix.SOCK_STREAM
	}
	return unix.SOCK_SEQPACKET
}

// dialSocket connects.
func dialSocket(ctx context.Context, address string, lookup lookupHost, kind unixKind) (f *os.File, network string, err error) {
	network, host, port, err := splitAddress(address)
	if err != nil {
		return nil, "", err
	}
	var sa unix.Sockaddr = &unix.SockaddrUnix{Name: address}
	family, number := unix.AF_UNIX, kind.number()
	if network == networkTCP {
		ip, err := resolve(ctx, host, lookup)
		if err != nil {
			return nil, "", err
		}
		sa, family, number = &unix.SockaddrInet4{Port: int(port), Addr: ip}, unix.AF_INET, unix.SOCK_STREAM
	}
	fd, err := newSocket(family, number)
	if err != nil {
		return nil, "", fmt.Errorf("connection: dial %s: %w", address, err)
	}
	if err := connect(ctx, fd, sa); err != nil {
		unix.Close(fd)
		return nil, "", fmt.Errorf("connection: dial %s: %w", address, err)
	}
	return os.NewFile(uintptr(fd), "connection"), network, nil
}

// connect waits in short steps: it happens once per connection, and most
// succeed at once.
func connect(ctx context.Context, fd int, sa unix.Sockaddr) error {
	for {
		err := unix.Connect(fd, sa)
		switch err {
		case nil, unix.EISCONN:
			return nil
		case unix.EINTR, unix.EAGAIN, unix.EINPROGRESS, unix.EALREADY: // a full queue of the listener; TCP on its way
		default:
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// listenerPrefix begins the names of our directories for sockets; it says whose
// they are.
func listenerPrefix() string {
	return "procs-socket-" + strconv.FormatUint(uint64(shm.Self()), 16) + "-"
}

// sweepListenerDirs removes what killed processes left. Processes of other pid
// namespaces, and those started where there was no /proc, count as alive
// (shm.Owner.Alive): what they leave is for processes like them.
func sweepListenerDirs() {
	left, _ := filepath.Glob(filepath.Join(dirOfDirs(), "procs-socket-*-*"))
	for _, dir := range left {
		if owner, ok := ownerOfDir(dir); ok && !owner.Alive() {
			removeListenerDir(dir)
		}
	}
}

// ownerOfDir returns the process that a name made with listenerPrefix names.
func ownerOfDir(dir string) (shm.Owner, bool) {
	id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), "procs-socket-"), "-")
	owner, err := strconv.ParseUint(id, 16, 64)
	return shm.Owner(owner), err == nil
}

// removeListenerDir removes a directory of this user's with a socket in it:
// what a listener puts there, and nothing else. Others, who may write to the
// same directory of temporary files, could put a link or a directory of theirs
// there.
func removeListenerDir(dir string) {
	fd, err := kernel.OpenFD(func() (int, error) {
		return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return
	}
	defer kernel.CloseFD(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() {
		return
	}
	unix.Unlinkat(fd, "socket", 0)
	unix.Rmdir(dir)
}
