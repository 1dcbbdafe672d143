package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// A message over a Unix socket is exactly one packet, which the kernel takes
// and gives whole: it was sent or it was not, whatever cuts the call, and it
// cannot mix with another one, whoever else holds the end. The packet begins
// with a head:
//
//	0     flags
//	1     0
//	2-3   number of descriptors that the message carries
//	4-7   kind
//	8-15  length of the body
//
// A body longer than PacketBody begins in the packet and goes on in the first
// descriptor. That is anonymous memory which holds all of it (packetBlob), or
// for a very long one a socket that brings it while the receiver reads
// (packetFlow): if the sender is cut short, that socket ends early, and the
// receiver drops what it has, as if the message had not been sent. What of a
// long body lies in the packet fills the socket's buffer, so that only a few
// long messages can wait in it: no more than some 30 MiB.
//
// More descriptors than a packet may carry are in a box, see BoxFDs.
type packetHead [16]byte

const (
	packetPart = 32 << 10 // of a longer body so much is in the packet
	maxBlob    = 4 << 20  // longest rest of a body that travels as memory

	packetBlob byte = 1 << 0 // the rest of the body is in the first descriptor, which is memory
	packetFlow byte = 1 << 1 // the rest of the body comes through the first descriptor, a socket
	packetBox  byte = 1 << 2 // the descriptors are in the last descriptor, a box
)

func newPacketHead(flags byte, kind uint32, fds, length int) (h packetHead) {
	h[0] = flags
	binary.LittleEndian.PutUint16(h[2:], uint16(fds))
	binary.LittleEndian.PutUint32(h[4:], kind)
	binary.LittleEndian.PutUint64(h[8:], uint64(length))
	return h
}

// packets is a socket that carries messages as packets.
type packets interface {
	// sendPacket sends one packet, and waits for room until the deadline.
	sendPacket(head *packetHead, part []byte, fds []int) error
	// over returns why a call must not go on, nil if it may.
	over(until *clock.Deadline) error
	// await waits for an event of a descriptor, for some time at most. It
	// returns why the call must not go on, nil if it is to look again.
	await(fd int, events int16, until *clock.Deadline) error
}

// limits end the calls of a socket.
type limits struct {
	closed                atomic.Bool
	readUntil, writeUntil clock.Deadline
}

func (l *limits) over(until *clock.Deadline) error {
	if l.closed.Load() {
		return os.ErrClosed
	}
	if until.IsSet() && until.Passed() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// sleepSlice is how late a call that sleeps in the kernel notices that the
// socket was closed, or that it has got another deadline.
const sleepSlice = 100 * time.Millisecond

func (l *limits) await(fd int, events int16, until *clock.Deadline) error {
	if err := l.over(until); err != nil {
		return err
	}
	pollFor(fd, events, min(until.Left(), sleepSlice))
	return nil
}

// pollFor waits up to d for events of a descriptor, and reports whether there
// are any, or the end.
func pollFor(fd int, events int16, d time.Duration) bool {
	ms := int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, ms)
	return err == nil && n > 0
}

// sendMessage sends a message. sent reports whether its packet is on its way:
// if it is and there is an error all the same, a receiver drops it.
func sendMessage(s packets, kind uint32, body []byte, fds []int, until *clock.Deadline) (sent bool, err error) {
	if len(body) <= PacketBody && len(fds) <= MaxFDs {
		head := newPacketHead(0, kind, len(fds), len(body))
		err := s.sendPacket(&head, body, fds)
		if len(body) <= packetPart || !refused(err) {
			return err == nil, err
		}
	}
	return sendLong(s, kind, body, fds, until)
}

// refused reports whether the kernel did not take a packet for its length: the
// socket's buffer is small, or memory is in pieces.
func refused(err error) bool {
	return errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// sendLong sends a message that does not fit into a packet.
func sendLong(s packets, kind uint32, body []byte, fds []int, until *clock.Deadline) (sent bool, err error) {
	var own []int // descriptors that are ours until they are sent
	defer func() { kernel.CloseAll(own) }()
	var flags byte
	count := len(fds)
	if count > MaxFDs {
		box, err := BoxFDs(fds)
		if err != nil {
			return false, err
		}
		own, fds, flags = append(own, box), []int{box}, packetBox
	}
	flow := -1
	defer func() { kernel.CloseFD(flow) }()
	part := body[:min(len(body), packetPart)]
	rest := body[len(part):]
	if len(rest) > 0 {
		way, how := -1, packetBlob
		if len(rest) <= maxBlob {
			if blob, err := NewBlob(rest); err == nil { // else the long way
				way = blob
			}
		}
		if way < 0 {
			how = packetFlow
			var err error
			if way, flow, err = newFlow(); err != nil {
				return false, fmt.Errorf("a way for a long message: %w", err)
			}
		}
		own, fds, flags = append(own, way), append([]int{way}, fds...), flags|how
	}
	head := newPacketHead(flags, kind, count, len(body))
	if err := s.sendPacket(&head, part, fds); err != nil {
		return false, err
	}
	kernel.CloseAll(own) // so that the flow ends with its receiver
	own = nil
	if flow >= 0 {
		err = sendFlow(s, flow, rest, until)
	}
	return true, err
}

// sendmsg tries once to send a packet. The runtime is told of the system call
// only if it has to wait: its monitor, once woken by that, takes the processor
// away from whoever waits.
func sendmsg(fd int, head *packetHead, part []byte, fds []int, flags int) error {
	iov := [2]unix.Iovec{{Base: &head[0]}, {Base: unsafe.SliceData(part)}}
	iov[0].SetLen(len(head))
	iov[1].SetLen(len(part))
	m := unix.Msghdr{Iov: &iov[0]}
	m.SetIovlen(len(iov))
	if len(fds) > 0 {
		oob := unix.UnixRights(fds...)
		m.Control = &oob[0]
		m.SetControllen(len(oob))
	}
	flags |= unix.MSG_NOSIGNAL
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags|unix.MSG_DONTWAIT))
	if errno == unix.EAGAIN && flags&unix.MSG_DONTWAIT == 0 {
		_, _, errno = unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags))
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// recvmsg tries once to receive a packet, and does not tell the runtime if it
// is not to wait.
func recvmsg(fd int, head *packetHead, body, oob []byte, flags int) (n, oobn, got int, err error) {
	iov := [2]unix.Iovec{{Base: &head[0]}, {Base: unsafe.SliceData(body)}}
	iov[0].SetLen(len(head))
	iov[1].SetLen(len(body))
	m := unix.Msghdr{Iov: &iov[0], Control: unsafe.SliceData(oob)}
	m.SetIovlen(len(iov))
	m.SetControllen(len(oob))
	flags |= unix.MSG_CMSG_CLOEXEC
	var r uintptr
	var errno unix.Errno
	if flags&unix.MSG_DONTWAIT != 0 {
		r, _, errno = unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags))
	} else {
		r, _, errno = unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags))
	}
	if errno != 0 {
		return 0, 0, 0, errno
	}
	return int(r), int(m.Controllen), int(m.Flags), nil
}

// newFlow makes the socket pair that brings a very long body. It is no pipe,
// because writing to a pipe that nobody reads is a signal.
func newFlow() (receiver, sender int, err error) {
	var ends [2]int
	err = kernel.RetryFD(func() (err error) {
		ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return -1, -1, err
	}
	return ends[0], ends[1], nil
}

// sendFlow writes the rest of a body. The receiver takes the message only if
// all of it comes.
func sendFlow(s packets, flow int, rest []byte, until *clock.Deadline) error {
	for len(rest) > 0 {
		if err := s.over(until); err != nil {
			return err
		}
		n, err := unix.SendmsgN(flow, rest[:min(len(rest), maxBlob)], nil, nil, unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			rest = rest[n:]
		case unix.EAGAIN:
			if err := s.await(flow, unix.POLLOUT, until); err != nil {
				return err
			}
		case unix.EINTR:
		case unix.EPIPE, unix.ECONNRESET:
			return fmt.Errorf("the receiver has left in the middle of the message: %w", unix.EPIPE)
		default:
			return err
		}
	}
	return nil
}

// message is a message as far as it was received.
type message struct {
	kind uint32
	body []byte
	fds  []int

	rest int // descriptor that the rest of the body comes from, -1: nothing is missing
	flow bool
	left int // bytes that are missing
}

// errCut: the sender did not send all of a message.
var errCut = errors.New("procs: message cut short")

// unpack makes a message of a packet, whose body was received into body. It
// owns fds, also if it fails.
func unpack(head *packetHead, body []byte, fds []int) (m message, err error) {
	flags, count := head[0], int(binary.LittleEndian.Uint16(head[2:]))
	kind, length := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint64(head[8:])
	if flags == 0 && count == len(fds) && length == uint64(len(body)) {
		return message{kind: kind, body: body, fds: fds, rest: -1}, nil
	}
	m = message{kind: kind, body: body, rest: -1}
	in := count // descriptors that should be in the packet
	if flags&packetBox != 0 {
		in = 1
	}
	long := flags & (packetBlob | packetFlow)
	if long != 0 {
		in++
	}
	if flags&^(packetBlob|packetFlow|packetBox) != 0 || long == packetBlob|packetFlow || in != len(fds) || length > math.MaxInt ||
		long == 0 && length != uint64(len(body)) || length < uint64(len(body)) ||
		long == packetBlob && length > uint64(len(body)+maxBlob) {
		kernel.CloseAll(fds)
		return m, fmt.Errorf("%w: packet with flags %#x, %d of %d descriptors, %d of %d bytes", codec.ErrWire, flags, len(fds), in, len(body), length)
	}
	if long != 0 {
		m.rest, m.flow, m.left = fds[0], long == packetFlow, int(length)-len(body)
		fds = fds[1:]
	}
	m.fds = fds
	if flags&packetBox != 0 {
		box := fds[0]
		m.fds, err = OpenBox(box)
		kernel.CloseFD(box)
		if err == nil && len(m.fds) != count {
			err = fmt.Errorf("%w: %d of %d descriptors", codec.ErrWire, len(m.fds), count)
		}
		if err != nil {
			m.drop()
			return m, err
		}
	}
	return m, nil
}

// drop closes what came with a message that nobody will get.
func (m *message) drop() {
	kernel.CloseAll(m.fds)
	kernel.CloseFD(m.rest)
	m.fds, m.rest = nil, -1
}

// complete reads the rest of the body. If the waiting ends before, it returns
// why, and may be called again; after other errors the message is dropped.
func (m *message) complete(s packets, until *clock.Deadline) error {
	if err := unix.SetNonblock(m.rest, true); err != nil { // who knows what was sent to us
		m.drop()
		return err
	}
	for m.left > 0 {
		m.grow()
		at := len(m.body)
		n, err := unix.Read(m.rest, m.body[at:min(cap(m.body), at+m.left)])
		switch {
		case n > 0:
			m.body, m.left = m.body[:at+n], m.left-n
			continue
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if err := s.await(m.rest, unix.POLLIN, until); err != nil {
				return err
			}
			continue
		case err == nil, err == unix.ECONNRESET:
			err = codec.ErrWire
			if m.flow {
				err = errCut
			}
		}
		m.drop()
		return err
	}
	kernel.CloseFD(m.rest)
	m.rest = -1
	return nil
}

// grow makes room for more of the body: at once for what is surely there, else
// no more than what has come, again.
func (m *message) grow() {
	at := len(m.body)
	if cap(m.body) > at {
		return
	}
	step := min(m.left, max(maxBlob, at))
	m.body = append(make([]byte, 0, at+step), m.body...)
}

// begun keeps a message that a receiver has begun and not finished before its
// deadline. The next one goes on with it.
type begun struct {
	message
	cleanup runtime.Cleanup
}

// keep makes m outlast its receiver, whose buffer was buf.
func (m *message) keep(buf []byte) *begun {
	if cap(buf) > 0 && cap(m.body) > 0 && &buf[:1][0] == &m.body[:1][0] {
		m.body = slices.Clone(m.body)
	}
	b := &begun{message: *m}
	b.cleanup = runtime.AddCleanup(b, kernel.CloseAll, append([]int{m.rest}, m.fds...)) // nobody came
	return b
}

// take gives the message to a receiver.
func (b *begun) take() message {
	b.cleanup.Stop()
	return b.message
}

// packetRoom returns buf with room for the body of a packet behind it.
func packetRoom(buf []byte) []byte {
	if cap(buf)-len(buf) >= PacketBody {
		return buf
	}
	return append(make([]byte, 0, len(buf)+PacketBody), buf...)
}
