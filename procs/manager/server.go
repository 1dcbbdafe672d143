package manager

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
)

// object is what a manager keeps.
type object interface {
	// call runs one method. Without c.ctx it must not wait, but return
	// errWouldWait, having done nothing.
	call(c *serverCall) error
}

// Optional methods of managed objects.
type (
	// leaver gives back what a client that ended, or died, had acquired.
	leaver interface{ leave(l *serverLink) }
	// ender is told that the object is gone.
	ender interface{ end() }
	// referrer lists the objects that it refers to, once it is gone.
	referrer interface{ references() []uint64 }
)

// serverCall is one call of a method.
type serverCall struct {
	argReader
	server *server
	link   *serverLink
	ctx    context.Context // nil: do not wait
	method byte
	out    []byte   // the reply so far
	drops  []uint64 // references to be given back when the call is over
}

// unkeep notes that a stored image is not kept any longer. Its references go
// when the object's mutex is free: they may be the last ones.
func (c *serverCall) unkeep(image []byte) { c.drops = appendRefs(c.drops, image) }

func (c *serverCall) putUint(v uint64) { c.out = binary.AppendUvarint(c.out, v) }
func (c *serverCall) putInt(v int)     { c.out = binary.AppendVarint(c.out, int64(v)) }
func (c *serverCall) putBool(v bool)   { c.putUint(b2u(v)) }
func (c *serverCall) putBytes(b []byte) {
	c.out = appendBytes(c.out, b)
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// putImage returns a value by its image, as the last thing in the reply.
func (c *serverCall) putImage(image []byte) {
	c.lend(image)
	c.out = append(c.out, image...)
}

// putImageN is putImage for values that are not last.
func (c *serverCall) putImageN(image []byte) {
	c.lend(image)
	c.putBytes(image)
}

// lend counts, for the client, the references in a value that it is about to
// get.
func (c *serverCall) lend(image []byte) {
	if len(image) > 0 && image[0] == 0 {
		return
	}
	refs, _, _ := imageRefs(image)
	for _, r := range refs {
		c.server.retain(c.link, r)
	}
}

// keep checks an image that is going to be stored, and counts its references.
func (s *server) keep(image []byte) error {
	if len(image) > 0 && image[0] == 0 {
		return nil
	}
	refs, _, err := imageRefs(image)
	if err != nil {
		return err
	}
	for i, r := range refs {
		if err := s.retain(nil, r); err != nil {
			for _, done := range refs[:i] {
				s.release(nil, done)
			}
			return err
		}
	}
	return nil
}

// unkeep is for images that no method stored.
func (s *server) unkeep(image []byte) {
	for _, r := range appendRefs(nil, image) {
		s.release(nil, r)
	}
}

// managed is an object with what the server knows about it.
type managed struct {
	id    uint64
	kind  objectKind
	typ   uint32 // hash of the proxy's type
	value object
	refs  int // guarded by the server's mu
}

// server keeps objects and serves clients. Methods of one object may run at
// once: each object has its own mutex.
type server struct {
	id       uint64 // random: an address may be used again
	address  string
	listener *connection.Listener
	manager  *Manager // the server's own
	self     *serverLink
	done     chan struct{}  // closed when Shutdown was asked for
	killed   syscall.Signal // why it is closed, if a signal did it
	stopOnce sync.Once
	wg       sync.WaitGroup

	pinsOutlive time.Duration

	mu      sync.RWMutex
	objects map[uint64]*managed
	links   map[*serverLink]struct{}
	pins    map[uint64]uint64 // pin -> object: references in messages on their way
	names   map[string]published
	next    uint64
	closed  bool
	asked   syscall.Signal // 0, or to end, once no client is connected
}

type published struct {
	typ   string
	image []byte
}

func newServer() *server {
	s := &server{done: make(chan struct{}), pinsOutlive: pinsOutlive, objects: make(map[uint64]*managed), links: make(map[*serverLink]struct{}),
		pins: make(map[uint64]uint64), names: make(map[string]published)}
	var b [8]byte
	kernel.Random(b[:])
	s.id = binary.LittleEndian.Uint64(b[:])
	s.self = &serverLink{server: s, refs: make(map[uint64]int), pins: make(map[uint64]struct{})}
	s.self.ctx, s.self.cancel = context.WithCancel(context.Background())
	return s
}

// serve takes clients until the listener is closed.
func (s *server) serve() {
	for {
		c, err := s.listener.Accept(context.Background())
		if err != nil {
			return
		}
		s.welcome(c)
	}
}

func (s *server) welcome(c *procs.Conn) {
	l := &serverLink{server: s, conn: c, messages: bridge.TransportOf(c), refs: make(map[uint64]int), pins: make(map[uint64]struct{}),
		waiting: make(map[uint64]context.CancelFunc)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	s.links[l] = struct{}{}
	s.wg.Go(l.run)
}

// shutdown ends everything. It returns when nothing is left.
func (s *server) shutdown() {
	s.stop(0)
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for l := range s.links {
		l.conn.Close()
	}
	s.mu.Unlock()
	s.self.cancel()
	s.wg.Wait()
	s.mu.Lock()
	all := s.objects
	s.objects = make(map[uint64]*managed)
	s.mu.Unlock()
	for _, o := range all {
		if e, ok := o.value.(ender); ok {
			e.end()
		}
	}
}

// ask is called when a signal asks the manager to end: once nobody is connected
// who would lose something, or now. Whoever started it is connected until that
// says otherwise.
func (s *server) ask(sig syscall.Signal, now bool) {
	s.mu.Lock()
	s.asked = sig
	now = now || len(s.links) == 0
	s.mu.Unlock()
	if now {
		s.stop(sig)
		return
	}
	logf(procs.LevelWarning, "manager %s was told to end: it does when no process is connected any more, or when it is told again", s.address)
}

// stop makes the server's owner end it, because of a signal if that is not 0.
func (s *server) stop(sig syscall.Signal) {
	s.stopOnce.Do(func() {
		s.killed = sig
		close(s.done)
	})
}

// add makes an object, which the link refers to.
func (s *server) add(l *serverLink, kind objectKind, typ uint32, v object) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.objects[s.next] = &managed{id: s.next, kind: kind, typ: typ, value: v, refs: 1}
	l.refs[s.next]++
	return s.next
}

func (s *server) find(id uint64) (*managed, error) {
	s.mu.RLock()
	o := s.objects[id]
	s.mu.RUnlock()
	if o == nil {
		return nil, ErrReleased
	}
	return o, nil
}

// retain counts one more reference: of a client, or with nil of an object or a
// message.
func (s *server) retain(l *serverLink, id uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retainLocked(l, id)
}

func (s *server) retainLocked(l *serverLink, id uint64) error {
	o := s.objects[id]
	if o == nil {
		return ErrReleased
	}
	o.refs++
	if l != nil {
		l.refs[id]++
	}
	return nil
}

// release counts one less. The last one ends the object, and what only it
// referred to.
func (s *server) release(l *serverLink, id uint64) {
	s.mu.Lock()
	if l != nil {
		if l.refs[id] == 0 {
			s.mu.Unlock()
			return
		}
		if l.refs[id]--; l.refs[id] == 0 {
			delete(l.refs, id)
		}
	}
	s.releaseLocked(id, 1)
}

// releaseLocked unlocks mu.
func (s *server) releaseLocked(id uint64, n int) {
	o := s.objects[id]
	if o == nil {
		s.mu.Unlock()
		return
	}
	if o.refs -= n; o.refs > 0 {
		s.mu.Unlock()
		return
	}
	delete(s.objects, id)
	s.mu.Unlock()
	s.ended(o)
}

// destroy ends an object whoever refers to it.
func (s *server) destroy(id uint64) error {
	s.mu.Lock()
	o := s.objects[id]
	delete(s.objects, id)
	s.mu.Unlock()
	if o == nil {
		return ErrReleased
	}
	s.ended(o)
	return nil
}

func (s *server) ended(o *managed) {
	if r, ok := o.value.(referrer); ok {
		for _, id := range r.references() {
			s.release(nil, id)
		}
	}
	if e, ok := o.value.(ender); ok {
		e.end()
	}
}

// dispatch runs one request and appends the reply to out.
func (s *server) dispatch(l *serverLink, ctx context.Context, req, out []byte) []byte {
	at := len(out)
	if len(req) < callHead {
		return appendStatus(out, codec.ErrWire)
	}
	c := serverCall{argReader: argReader{b: req[callHead:]}, server: s, link: l, ctx: ctx, method: req[8], out: append(out, statusOK)}
	if c.method&callNowait != 0 {
		c.method &^= callNowait
		c.ctx = nil
	}
	err := s.run(&c, binary.LittleEndian.Uint64(req))
	for _, id := range c.drops {
		s.release(nil, id)
	}
	if err != nil {
		return appendStatus(c.out[:at], err)
	}
	return c.out
}

// run finds the object and calls the method. A panic becomes an error of the
// caller.
func (s *server) run(c *serverCall, id uint64) (err error) {
	defer fault.Recover(&err)
	if id == 0 {
		return s.callRoot(c)
	}
	o, err := s.find(id)
	if err != nil {
		return err
	}
	return o.value.call(c)
}

// methods of the manager itself, object 0
const (
	rootCreate byte = iota
	rootAdopt
	rootPin
	rootDestroy
	rootPublish
	rootLookup
	rootUnpublish
	rootStats
	rootShutdown
)

func (s *server) callRoot(c *serverCall) error {
	switch c.method {
	case rootCreate:
		return s.create(c)
	case rootAdopt:
		id, pin, kind, typ := c.uint(), c.uint(), objectKind(c.uint()), uint32(c.uint())
		return s.adopt(c, id, pin, kind, typ)
	case rootPin:
		return s.pin(c, c.uint())
	case rootDestroy:
		return s.destroy(c.uint())
	case rootPublish:
		name, typ, image := string(c.bytes()), string(c.bytes()), c.rest()
		if c.bad {
			return codec.ErrWire
		}
		return s.publish(name, typ, image)
	case rootLookup:
		return s.lookup(c, string(c.bytes()))
	case rootUnpublish:
		return s.unpublish(string(c.bytes()))
	case rootStats:
		s.mu.RLock()
		defer s.mu.RUnlock()
		c.putUint(uint64(len(s.objects)))
		c.putUint(uint64(len(s.links)))
		return nil
	case rootShutdown:
		s.stop(0)
		return nil
	}
	return codec.ErrWire
}

func (s *server) create(c *serverCall) error {
	kind, typ := objectKind(c.uint()), uint32(c.uint())
	if c.bad {
		return codec.ErrWire
	}
	v, err := newObject(c, kind)
	if err != nil {
		return err
	}
	c.putUint(s.add(c.link, kind, typ, v))
	return nil
}

// adopt counts a reference that came in a message. The pin that kept the object
// while the message was on its way goes.
func (s *server) adopt(c *serverCall, id, pin uint64, kind objectKind, typ uint32) error {
	s.mu.Lock()
	o := s.objects[id]
	if o == nil || o.kind != kind || o.typ != typ {
		s.mu.Unlock()
		if o == nil {
			return ErrReleased
		}
		return procs.ErrMessageType
	}
	o.refs++
	c.link.refs[id]++
	if pin != 0 && s.pins[pin] == id {
		delete(s.pins, pin)
		o.refs--
	}
	s.mu.Unlock()
	return nil
}

// pin keeps an object that is about to travel in a message, until the first
// receiver adopts it.
func (s *server) pin(c *serverCall, id uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.retainLocked(nil, id); err != nil {
		return err
	}
	s.next++
	s.pins[s.next] = id
	c.link.pins[s.next] = struct{}{}
	c.putUint(s.next)
	return nil
}

func (s *server) unpin(pin uint64) {
	s.mu.Lock()
	id, ok := s.pins[pin]
	if !ok {
		s.mu.Unlock()
		return
	}
	delete(s.pins, pin)
	s.releaseLocked(id, 1)
}

func (s *server) publish(name, typ string, image []byte) error {
	if err := s.keep(image); err != nil {
		return err
	}
	s.mu.Lock()
	old, had := s.names[name]
	s.names[name] = published{typ, append([]byte(nil), image...)}
	s.mu.Unlock()
	if had {
		s.unkeep(old.image)
	}
	return nil
}

func (s *server) unpublish(name string) error {
	s.mu.Lock()
	old, had := s.names[name]
	delete(s.names, name)
	s.mu.Unlock()
	if !had {
		return fmt.Errorf("manager: nothing is published as %q", name)
	}
	s.unkeep(old.image)
	return nil
}

func (s *server) lookup(c *serverCall, name string) error {
	s.mu.RLock()
	p, ok := s.names[name]
	s.mu.RUnlock()
	if !ok {
		return fmt.Errorf("manager: nothing is published as %q", name)
	}
	c.putBytes([]byte(p.typ))
	c.putImage(p.image)
	return nil
}
