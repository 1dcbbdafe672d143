package manager

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/shm"
)

// proxy is what all proxies of managed objects begin with: a reference to an
// object in a manager. Proxies are shared objects: they can be passed to any
// process, and kept in other managed objects.
type proxy struct {
	ref *proxyRef
}

type proxyRef struct {
	link    *clientLink
	obj     uint64
	closed  atomic.Bool
	cleanup runtime.Cleanup
}

// drop gives the reference back, once.
func (r *proxyRef) drop() bool {
	if !r.closed.CompareAndSwap(false, true) {
		return false
	}
	r.link.release(r.obj)
	r.link.unuse()
	return true
}

// bind makes the proxy refer to an object that the manager has counted for it.
func (p *proxy) bind(l *clientLink, obj uint64) {
	p.ref = &proxyRef{link: l, obj: obj}
	p.ref.cleanup = runtime.AddCleanup(p, func(r *proxyRef) { go r.drop() }, p.ref)
}

// Close gives up this reference to the object; the proxy returns
// procs.ErrClosed from then on. The object ends with its last reference. A
// proxy that is never closed gives its reference up when the garbage collector
// finds it.
func (p *proxy) Close() error {
	if p.ref == nil {
		return nil
	}
	if p.ref.drop() {
		p.ref.cleanup.Stop()
	}
	return nil
}

// Destroy ends the object now, whoever refers to it: their calls return
// ErrReleased.
func (p *proxy) Destroy() error {
	if p.ref == nil || p.ref.closed.Load() {
		return procs.ErrClosed
	}
	c := p.ref.link.begin(0, rootDestroy)
	defer c.end()
	c.putUint(p.ref.obj)
	return c.do(noWait)
}

// begin starts a call of the object's method.
func (p *proxy) begin(method byte) (*clientCall, error) {
	if p.ref == nil || p.ref.closed.Load() {
		return nil, procs.ErrClosed
	}
	c := p.ref.link.begin(p.ref.obj, method)
	c.proxy = p
	return c, nil
}

// linkOrNil returns the connection to the manager.
func (p *proxy) linkOrNil() *clientLink {
	if p.ref == nil {
		return nil
	}
	return p.ref.link
}

// describe is for logs; it does not ask the manager.
func (p *proxy) describe(typ string) string {
	if p.ref == nil {
		return fmt.Sprintf("<%s closed>", typ)
	}
	return fmt.Sprintf("<%s object %d at %s>", typ, p.ref.obj, p.ref.link.address)
}

func (p *proxy) share(w *codec.Wire) error {
	if p.ref == nil || p.ref.closed.Load() {
		return procs.ErrClosed
	}
	r, pin := p.ref, uint64(0)
	t := transitOf(w)
	switch {
	case t != nil && t.link == nil: // where no proxy may be: who looks finds it
		t.refs = append(t.refs, r.obj)
		return nil
	case t != nil && t.link.server == r.link.server:
		t.refs = append(t.refs, r.obj)
		t.keep = append(t.keep, p)
	default:
		c := r.link.begin(0, rootPin)
		defer c.end()
		c.putUint(r.obj)
		if err := c.do(noWait); err != nil {
			return err
		}
		pin = c.uint()
	}
	w.PutString(r.link.address)
	w.PutUint64(r.link.server)
	w.PutUint64(r.obj)
	w.PutUint64(pin)
	return w.Err()
}

func transitOf(w *codec.Wire) *transit {
	t, _ := w.Beside.(*transit)
	return t
}

func (p *proxy) adoptAs(w *codec.Wire, kind objectKind, typ uint32) error {
	address, server, obj, pin := w.TakeString(), w.TakeUint64(), w.TakeUint64(), w.TakeUint64()
	if w.Err() != nil {
		return w.Err()
	}
	var l *clientLink
	counted := false
	if t := transitOf(w); t != nil && t.link != nil && t.link.server == server && t.link.use() {
		l = t.link
		counted = t.take(obj)
	}
	if l == nil {
		var err error
		if l, err = linkTo(context.Background(), address, connection.DialConfig{AuthKey: knownKey(address)}); err != nil {
			return err
		}
		if l.server != server { // another manager has the address now
			l.unuse()
			return ErrDied
		}
	}
	if !counted {
		if err := l.adopt(obj, pin, kind, typ); err != nil {
			l.unuse()
			return err
		}
	}
	p.bind(l, obj)
	return nil
}

func (l *clientLink) adopt(obj, pin uint64, kind objectKind, typ uint32) error {
	c := l.begin(0, rootAdopt)
	defer c.end()
	c.putUint(obj)
	c.putUint(pin)
	c.putUint(uint64(kind))
	c.putUint(uint64(typ))
	return c.do(noWait)
}

// create makes a new object and binds the proxy to it. args appends what the
// constructor needs. A context allows the constructor to wait.
func (p *proxy) create(ctx context.Context, m *Manager, kind objectKind, typ uint32, args func(c *clientCall) error) error {
	l, err := m.open()
	if err != nil {
		return err
	}
	c := l.begin(0, rootCreate)
	defer c.end()
	c.putUint(uint64(kind))
	c.putUint(uint64(typ))
	if args != nil {
		err = args(c)
	}
	if err == nil {
		err = c.do(ctx)
	}
	if err != nil {
		l.unuse()
		return err
	}
	p.bind(l, c.uint())
	return c.err()
}

// proxyType is the hash of a proxy's type, by which a receiver of another type
// is refused.
func proxyType[P any]() uint32 { return codec.TypeKind(reflect.TypeFor[P]()) }

// clientCall is one call on the client's side: the request as it grows, then
// the reply.
type clientCall struct {
	argReader // the reply
	link      *clientLink
	proxy     *proxy   // not collected meanwhile
	keep      []*proxy // nor these, which the arguments hold
	req       []byte
	reply     []byte
}

var calls = sync.Pool{New: func() any { return new(clientCall) }}

func (l *clientLink) begin(obj uint64, method byte) *clientCall {
	c := calls.Get().(*clientCall)
	c.link = l
	c.req = append(binary.LittleEndian.AppendUint64(c.req[:0], obj), method)
	return c
}

func (c *clientCall) putUint(v uint64)  { c.req = binary.AppendUvarint(c.req, v) }
func (c *clientCall) putInt(v int)      { c.req = binary.AppendVarint(c.req, int64(v)) }
func (c *clientCall) putBytes(b []byte) { c.req = appendBytes(c.req, b) }
func (c *clientCall) putString(s string) {
	c.req = append(binary.AppendUvarint(c.req, uint64(len(s))), s...)
}

// do makes the call. Without a context it does not wait for other clients, and
// returns errWouldWait if it had to.
func (c *clientCall) do(ctx context.Context) error {
	if ctx != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	// The race detector does not see that what happened here before a call
	// happened before later calls of others.
	shm.RaceRelease(c.link)
	var err error
	if c.reply, err = c.link.do(ctx, c.req, c.reply[:0]); err != nil {
		return err
	}
	shm.RaceAcquire(c.link)
	c.bad = false
	c.b, err = takeStatus(c.reply)
	if err == context.Canceled && ctx != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}

// end gives the call's memory back. What was decoded keeps none of it.
func (c *clientCall) end() {
	const keep = 64 << 10
	if cap(c.req) > keep {
		c.req = nil
	}
	if cap(c.reply) > keep {
		c.reply = nil
	}
	clear(c.keep)
	c.link, c.proxy, c.keep, c.b = nil, nil, c.keep[:0], nil
	calls.Put(c)
}

// putValue appends a value, as the last argument.
func putValue[T any](c *clientCall, cd *codec.Codec[T], v *T) (err error) {
	c.req, err = appendImage(c.req, c.link, &c.keep, cd, v)
	return err
}

// putValueN appends a value with its length.
func putValueN[T any](c *clientCall, cd *codec.Codec[T], v *T) error {
	if cd.Fixed >= 0 {
		c.putUint(uint64(cd.Fixed) + 1)
		return putValue(c, cd, v)
	}
	image, err := appendImage(nil, c.link, &c.keep, cd, v)
	c.putBytes(image)
	return err
}

// takeValue decodes the last part of a reply.
func takeValue[T any](c *clientCall, cd *codec.Codec[T]) (v T, err error) {
	err = decodeImage(c.link, cd, c.rest(), &v)
	return v, err
}

// takeValueN decodes a value that has its length in front.
func takeValueN[T any](c *clientCall, cd *codec.Codec[T]) (v T, err error) {
	image := c.bytes()
	if c.bad {
		return v, codec.ErrWire
	}
	err = decodeImage(c.link, cd, image, &v)
	return v, err
}

// takeValues decodes all values of a reply. It goes on after an error, so that
// every reference in it is taken or given back.
func takeValues[T any](c *clientCall, cd *codec.Codec[T]) (vs []T, err error) {
	for len(c.b) > 0 && !c.bad {
		v, e := takeValueN(c, cd)
		if e != nil && err == nil {
			err = e
		}
		vs = append(vs, v)
	}
	if err != nil {
		return nil, err
	}
	return vs, c.err()
}

// putValues appends values, each with its length.
func putValues[T any](c *clientCall, cd *codec.Codec[T], vs []T) error {
	for i := range vs {
		if err := putValueN(c, cd, &vs[i]); err != nil {
			return err
		}
	}
	return nil
}

// call runs a method with the arguments that args appends; take reads the
// reply.
func (p *proxy) call(method byte, args func(c *clientCall) error, take func(c *clientCall) error) error {
	c, err := p.begin(method)
	if err != nil {
		return err
	}
	defer c.end()
	if args != nil {
		if err := args(c); err != nil {
			return err
		}
	}
	if err := c.do(noWait); err != nil {
		return err
	}
	if take != nil {
		if err := take(c); err != nil {
			return err
		}
	}
	return c.err()
}
