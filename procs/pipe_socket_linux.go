package procs

import (
	"errors"
	"fmt"
	"os"

	"switchyard/procs/internal/kernel"
)

// socketConn makes a Conn of a connected, non-blocking socket: of TCP (stream),
// where a message may have limit bytes, or a Unix socket that keeps packets
// apart. With poller the latter waits in the runtime's poller. It owns f,
// unless it fails.
func socketConn(f *os.File, stream bool, limit int, poller bool) (*Conn, error) {
	if stream {
		return newStreamConn(f, uint64(limit))
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("procs: connection: %w", err)
	}
	if poller {
		p := &packetSocket{polledSocket: polledSocket{f: f, rc: rc}}
		p.spin.Store(1)
		return &Conn{readable: true, writable: true, room: packetBody, t: p}, nil
	}
	fd := -1
	if cerr := rc.Control(func(s uintptr) { fd, err = kernel.DupFD(int(s)) }); cerr != nil || err != nil {
		return nil, errors.Join(cerr, err)
	}
	c, err := newSocketConn(fd, true, true)
	if err == nil {
		f.Close()
	}
	return c, err
}

// carriesFDs reports whether descriptors can be sent: the other side is on this
// machine.
func carriesFDs(t transport) bool {
	_, stream := t.(*streamSocket)
	return !stream
}
