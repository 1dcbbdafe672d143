package kernel

import (
	"errors"

	"golang.org/x/sys/unix"
)

// MaxRights is the most descriptors in one packet that Receive takes. The
// kernel's own limit is 253.
const MaxRights = 253

// Receive receives one packet with all its descriptors, close-on-exec, from a
// Unix socket that keeps packets apart and has no other reader meanwhile. flags
// are more flags for recvmsg, MSG_DONTWAIT for instance. truncated reports
// whether the packet was longer than bufs.
//
// A recvmsg that finds no room in the table of descriptors drops those that do
// not fit. So Receive looks first (MSG_PEEK, which installs descriptors as
// well), and takes the packet, without its descriptors, when all of them are
// here. If there is no room, garbage is collected; if there still is none, the
// packet stays in the socket and the error is EMFILE.
func Receive(fd int, bufs [][]byte, flags int) (n int, fds []int, truncated bool, err error) {
	n, fds, truncated, err = peek(fd, bufs, flags)
	if err == unix.EMFILE {
		err = collectAndRetry(func() (err error) {
			n, fds, truncated, err = peek(fd, bufs, flags)
			return err
		})
	}
	if err != nil {
		return 0, nil, false, err
	}
	for {
		_, _, _, _, err = unix.Recvmsg(fd, nil, nil, unix.MSG_DONTWAIT) // the rest of a packet goes with it
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		CloseAll(fds)
		return 0, nil, false, err
	}
	return n, fds, truncated, nil
}

func peek(fd int, bufs [][]byte, flags int) (n int, fds []int, truncated bool, err error) {
	var oob [rightsSpace]byte
	n, oobn, got, _, err := unix.RecvmsgBuffers(fd, bufs, oob[:], unix.MSG_CMSG_CLOEXEC|unix.MSG_PEEK|flags)
	if err != nil {
		return 0, nil, false, err
	}
	fds, err = Rights(oob[:oobn])
	if got&unix.MSG_CTRUNC != 0 {
		err = unix.EMFILE
	}
	if err != nil {
		CloseAll(fds)
		return 0, nil, false, err
	}
	return n, fds, got&unix.MSG_TRUNC != 0, nil
}

// rightsSpace is unix.CmsgSpace(4 * MaxRights), as a constant.
const rightsSpace = 1032

// Rights returns the descriptors in the control messages of a packet.
func Rights(oob []byte) (fds []int, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range msgs {
		got, perr := unix.ParseUnixRights(&msgs[i])
		fds = append(fds, got...)
		if perr != nil && !errors.Is(perr, unix.EINVAL) { // another kind of control message
			err = perr
		}
	}
	return fds, err
}
