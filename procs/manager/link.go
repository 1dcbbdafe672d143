package manager

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/transport"
)

// clientLink is this process's connection to a manager; all proxies share it.
type clientLink struct {
	address  string
	server   uint64  // number of the server
	local    *server // it is here, in this process
	conn     *procs.Conn
	messages transport.Transport // what is beneath conn
	dead     chan struct{}
	lane     *clientLane // nil over TCP

	wmu sync.Mutex // senders

	mu     sync.Mutex
	calls  map[uint64]chan []byte
	next   uint64
	users  int // proxies and managers that use it
	ended  bool
	linger *time.Timer
}

// links are the managers this process is connected to. No one waits under its
// lock.
var links struct {
	mu      sync.Mutex
	byAddr  map[string]*clientLink
	dialing map[string]chan struct{} // one at a time for an address; closed when it is over
	local   map[string]*server
}

const (
	linkTimeout = 10 * time.Second
	linkLinger  = time.Second // a link nobody uses stays open so long: tasks of a pool come and go
)

// linkTo returns the link to a manager, with one more user. A nil key means the
// family's.
func linkTo(ctx context.Context, address string, config connection.DialConfig) (*clientLink, error) {
	l, others := knownLink(address)
	if l != nil {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	for others != nil {
		select {
		case <-others:
		case <-ctx.Done():
			return nil, fmt.Errorf("manager: connect to %s: %w", address, ctx.Err())
		}
		if l, others = knownLink(address); l != nil {
			return l, nil
		}
	}
	defer dialed(address)
	config.Poller = true
	c, err := connection.Dial(ctx, address, config)
	if err != nil {
		if !errors.Is(err, connection.ErrAuthentication) && !errors.Is(err, connection.ErrAddress) && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrDied, err)
		}
		return nil, err
	}
	l = &clientLink{address: address, conn: c, messages: bridge.TransportOf(c), dead: make(chan struct{}), calls: make(map[uint64]chan []byte), users: 1}
	if err := l.hello(ctx); err != nil {
		c.Close()
		return nil, err
	}
	links.mu.Lock()
	defer links.mu.Unlock()
	if links.byAddr == nil {
		links.byAddr = make(map[string]*clientLink)
	}
	links.byAddr[address] = l
	go l.read()
	return l, nil
}

// knownLink returns an open link with one more user. If there is none it
// returns what is closed when someone else's attempt to connect is over, or
// nil: then it is the caller who has to try, and to call dialed.
func knownLink(address string) (l *clientLink, others <-chan struct{}) {
	links.mu.Lock()
	defer links.mu.Unlock()
	if s := links.local[address]; s != nil {
		return &clientLink{address: address, server: s.id, local: s, dead: s.done}, nil
	}
	if l := links.byAddr[address]; l != nil && l.use() {
		return l, nil
	}
	if others := links.dialing[address]; others != nil {
		return nil, others
	}
	if links.dialing == nil {
		links.dialing = make(map[string]chan struct{})
	}
	links.dialing[address] = make(chan struct{})
	return nil, nil
}

// dialed lets the next one try to connect, if there is no link yet.
func dialed(address string) {
	links.mu.Lock()
	defer links.mu.Unlock()
	close(links.dialing[address])
	delete(links.dialing, address)
}

// hello waits for the server's first message.
func (l *clientLink) hello(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })
	kind, b, fds, err := l.messages.Recv(nil)
	w := codec.Wire{FDs: fds}
	defer w.Close()
	if !stop() { // also if the message came: the connection is past its deadline
		return fmt.Errorf("manager: connect to %s: %w", l.address, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDied, err)
	}
	if kind != linkHello || len(b) == 0 {
		return fmt.Errorf("%w: %s is not a manager", ErrDied, l.address)
	}
	if b[0] != statusOK {
		return bridge.DecodeError(b[1:])
	}
	if len(b) < 9 {
		return codec.ErrWire
	}
	l.server = binary.LittleEndian.Uint64(b[1:])
	if len(fds) > 0 {
		if l.lane, err = newClientLane(l, w.TakeFD()); err != nil {
			return err
		}
	}
	return nil
}

// use counts a user, unless the link is closed.
func (l *clientLink) use() bool {
	if l.local != nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.users++
	if l.linger != nil {
		l.linger.Stop()
		l.linger = nil
	}
	return true
}

// unuse counts one less; the last one closes the link, after some time.
func (l *clientLink) unuse() {
	if l.local != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	if l.users == 0 && !l.ended {
		l.linger = time.AfterFunc(linkLinger, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.users == 0 {
				l.ended = true // who comes now connects anew
				l.conn.Close() // the reader does the rest
			}
		})
	}
}

// read hands out replies until the connection ends.
func (l *clientLink) read() {
	var buf []byte
	for {
		kind, b, fds, err := l.messages.Recv(buf[:0])
		kernel.CloseAll(fds)
		if err != nil || kind != linkReply || len(b) < 9 {
			break
		}
		if cap(b) <= 256<<10 {
			buf = b
		}
		id := binary.LittleEndian.Uint64(b)
		l.mu.Lock()
		ch := l.calls[id]
		delete(l.calls, id)
		l.mu.Unlock()
		if ch != nil {
			ch <- append([]byte(nil), b[8:]...)
		}
	}
	l.die()
}

// die tells everyone at once that the manager is gone.
func (l *clientLink) die() {
	links.mu.Lock()
	if links.byAddr[l.address] == l {
		delete(links.byAddr, l.address)
	}
	links.mu.Unlock()
	l.mu.Lock()
	l.ended = true
	if l.linger != nil {
		l.linger.Stop()
	}
	l.mu.Unlock()
	close(l.dead)
	l.conn.Close()
	if l.lane != nil {
		l.lane.close()
	}
}

func (l *clientLink) alive() bool {
	select {
	case <-l.dead:
		return false
	default:
		return true
	}
}

func (l *clientLink) send(kind uint32, b []byte) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if err := l.messages.Send(kind, b, nil); err != nil {
		if errors.Is(err, procs.ErrMessageTooLong) || !l.alive() {
			return err
		}
		return fmt.Errorf("%w: %w", ErrDied, err)
	}
	return nil
}

// release tells the manager that we refer to an object once less.
func (l *clientLink) release(obj uint64) {
	if l.local != nil {
		l.local.release(l.local.self, obj)
		return
	}
	if l.alive() {
		l.send(linkRelease, binary.LittleEndian.AppendUint64(nil, obj))
	}
}

// do runs a request and appends the reply, status included, to reply. Without a
// context it does not wait for other clients, and the status may be statusWait.
func (l *clientLink) do(ctx context.Context, req, reply []byte) ([]byte, error) {
	if l.local != nil {
		return l.doLocal(ctx, req, reply), nil
	}
	if l.lane != nil && len(req) <= l.lane.longest {
		out, err := l.lane.call(req, reply)
		if err != nil || len(out) != len(reply)+1 || out[len(reply)] != statusWait || ctx == nil {
			return out, err
		}
	}
	if ctx == nil {
		req[8] |= callNowait
		ctx = context.Background()
	}
	return l.overSocket(ctx, req, reply)
}

func (l *clientLink) doLocal(ctx context.Context, req, reply []byte) []byte {
	at := len(reply)
	if l.local.self.ctx.Err() != nil {
		return appendStatus(reply, ErrDied)
	}
	reply = l.local.dispatch(l.local.self, noWait, req, reply)
	if reply[at] != statusWait || ctx == nil {
		return reply
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.local.self.ctx, cancel)()
	reply = l.local.dispatch(l.local.self, ctx, req, reply[:at])
	if l.local.self.ctx.Err() != nil {
		return appendStatus(reply[:at], ErrDied)
	}
	return reply
}

// overSocket sends a request and waits for the reply. When the context ends,
// the server decides whether the call is given up or was done already: either
// way nothing is acquired or taken without the caller knowing.
func (l *clientLink) overSocket(ctx context.Context, req, reply []byte) ([]byte, error) {
	ch := make(chan []byte, 1)
	l.mu.Lock()
	l.next++
	id := l.next
	l.calls[id] = ch
	l.mu.Unlock()
	number := binary.LittleEndian.AppendUint64(nil, id)
	if err := l.send(linkCall, append(number, req...)); err != nil {
		l.mu.Lock()
		delete(l.calls, id)
		l.mu.Unlock()
		if !l.alive() {
			err = ErrDied
		}
		return reply, err
	}
	select {
	case b := <-ch:
		return append(reply, b...), nil
	case <-ctx.Done():
		l.send(linkCancel, number[:8])
	case <-l.dead:
	}
	select {
	case b := <-ch:
		return append(reply, b...), nil
	case <-l.dead:
	}
	select { // the reply may have come just before the end
	case b := <-ch:
		return append(reply, b...), nil
	default:
		return reply, ErrDied
	}
}
