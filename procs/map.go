package procs

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
)

// mapJob is a Map: pieces of chunk elements each.
type mapJob[In, Out any] struct {
	AsyncResult[[]Out]
	pool   *Pool
	fn     *Func[In, Out]
	limit  time.Duration
	xs     []In
	out    []Out
	chunk  int
	single bool // chunk is 1: tasks of one argument
	pieces int32
	begin  int32   // the next piece
	w      *worker // where the last piece begun was put, for a Map of one
	seq    uint64
	left   int32              // pieces not finished
	err    error              // the first in order of arrival
	ready  []encoded          // nil, or the pieces: see prepare
	notify func([]Out, error) // callbacks, or nil
}

// Map runs f with each element of xs in the workers, and returns the results in
// the same order. If an element fails, the others are still done, and Map
// returns the first error to arrive; the field Index of a *RemoteError says
// which element it was. If ctx is done first, all tasks are stopped, as by
// Apply.
//
// xs must not be changed before Map returns. Many small elements are cheapest
// in chunks (see Chunk): the default is automatic.
func Map[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs []In, opts ...Option) ([]Out, error) {
	return await(ctx, p, &MapAsync(p, f, xs, opts...).f)
}

// MapAsync is Map without waiting: it returns at once.
func MapAsync[In, Out any](p *Pool, f *Func[In, Out], xs []In, opts ...Option) *AsyncResult[[]Out] {
	m, _ := startMap(p, f, xs, opts)
	return &m.AsyncResult
}

// startMap submits a Map. The error says that the pool accepts no more work; it
// is also the result's.
func startMap[In, Out any](p *Pool, f *Func[In, Out], xs []In, opts []Option) (*mapJob[In, Out], error) {
	o := p.options(opts)
	m := &mapJob[In, Out]{pool: p, fn: f, limit: o.timeout, xs: xs, out: make([]Out, len(xs)), chunk: o.chunk}
	m.f.owner = m
	m.notify = callbacks[[]Out](&o)
	if m.chunk == 0 {
		m.chunk = autoChunk(len(xs), p.Size(), max(f.in.Fixed, f.out.Fixed))
	}
	m.single = m.chunk == 1
	m.pieces = int32((len(xs) + m.chunk - 1) / m.chunk)
	m.left = m.pieces
	if len(xs) == 0 {
		m.end(nil)
		return m, nil
	}
	if f.in.Calls() {
		m.prepare()
	}
	err := p.submit(m)
	if err != nil {
		m.end(err)
	}
	return m, err
}

// encoded is a piece whose arguments were encoded before it was submitted.
type encoded struct {
	body []byte
	fds  []int
	err  error
}

func (e *encoded) close() {
	kernel.CloseAll(e.fds)
	*e = encoded{}
}

// prepare encodes all pieces in advance. Most jobs are encoded piece by piece
// when a worker has room, under the pool's mutex. That would not do where
// encoding calls methods of the program or asks a manager: these may use the
// pool or take long.
func (m *mapJob[In, Out]) prepare() {
	m.ready = make([]encoded, m.pieces)
	for i := range m.ready {
		var w wire
		e := &m.ready[i]
		failed := fault.Apart(func() { e.body, e.err = m.encodeHere(int32(i), nil, &w) })
		if failed != nil {
			e.err = errEncodeGoexit // panics are errors of the codec already
		}
		if e.fds = w.FDs; e.err != nil {
			w.Close()
			e.fds = nil
		}
	}
}

// end completes the result. It is called exactly once.
func (m *mapJob[In, Out]) end(err error) {
	m.xs = nil
	for i := range m.ready {
		m.ready[i].close()
	}
	if err != nil {
		m.out = nil
	}
	defer m.f.complete(&m.out, err) // even if the callback ends this goroutine
	if notify := m.notify; notify != nil {
		m.notify = nil
		notify(m.out, err)
	}
}

// autoChunk returns a chunk size that cuts n elements into at least four chunks
// per worker, as Python does, each of at most about 32 KiB: so the workers
// begin while the rest is still being written.
func autoChunk(n, workers, size int) int {
	chunk := (n + workers*4 - 1) / (workers * 4)
	if size <= 0 {
		size = 64
	}
	return max(1, min(chunk, 32<<10/size))
}

func (m *mapJob[In, Out]) next() (int32, bool) {
	if m.begin == m.pieces {
		return 0, false
	}
	m.begin++
	return m.begin - 1, true
}

// bounds returns the range of elements that a piece has.
func (m *mapJob[In, Out]) bounds(piece int32) (lo, hi int) {
	lo = int(piece) * m.chunk
	return lo, min(lo+m.chunk, len(m.xs))
}

func (m *mapJob[In, Out]) head(piece int32) (uint64, uint32, time.Duration) {
	if m.single {
		return m.fn.id, 0, m.limit
	}
	lo, hi := m.bounds(piece)
	return m.fn.id, uint32(hi - lo), m.limit
}

func (m *mapJob[In, Out]) encode(piece int32, dst []byte, w *wire) (_ []byte, err error) {
	if m.ready == nil {
		return m.encodeHere(piece, dst, w)
	}
	e := &m.ready[piece]
	if e.err != nil {
		return dst, e.err
	}
	for _, fd := range e.fds { // a copy: ours are needed if it is sent again
		w.PutFD(fd)
	}
	return append(dst, e.body...), w.Err()
}

var errEncodeGoexit = errors.New("a method of the argument called runtime.Goexit")

func (m *mapJob[In, Out]) encodeHere(piece int32, dst []byte, w *wire) (_ []byte, err error) {
	c := m.fn.in
	if m.single {
		return c.Encode(dst, &m.xs[piece], w)
	}
	lo, hi := m.bounds(piece)
	if c.Flat() {
		return append(dst, asBytes(m.xs[lo:hi])...), nil
	}
	for i := lo; i < hi; i++ {
		if dst, err = c.EncodeNext(dst, &m.xs[i], w); err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return dst, nil
}

// asBytes returns the memory of a slice of pointer-free values.
func asBytes[T any](s []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}

func (m *mapJob[In, Out]) placed(_ int32, w *worker, seq uint64) { m.w, m.seq = w, seq }

func (m *mapJob[In, Out]) finish(piece int32, payload []byte, w *wire, err error) {
	if err == nil {
		err = m.decode(piece, payload, w)
	}
	if m.ready != nil {
		m.ready[piece].close()
	}
	if err != nil && m.err == nil {
		lo, _ := m.bounds(piece)
		if remote, ok := err.(*RemoteError); ok {
			remote.Index = max(remote.Index, 0) + lo
		}
		m.err = err
	}
	if m.left--; m.left > 0 {
		return
	}
	m.end(m.err)
}

func (m *mapJob[In, Out]) decode(piece int32, payload []byte, w *wire) (err error) {
	c := m.fn.out
	if m.single {
		if err = c.Decode(payload, &m.out[piece], w); err != nil {
			err = m.badResult(int(piece), err)
		}
		return err
	}
	lo, hi := m.bounds(piece)
	if c.Flat() {
		if len(payload) != (hi-lo)*c.Fixed {
			return fmt.Errorf("%w: a chunk of %d results in %d bytes", codec.ErrWire, hi-lo, len(payload))
		}
		copy(asBytes(m.out[lo:hi]), payload)
		return nil
	}
	for i := lo; i < hi; i++ {
		if payload, err = c.DecodeNext(payload, &m.out[i], w); err != nil {
			return m.badResult(i, err)
		}
	}
	return nil
}

// badResult says which result cannot be decoded.
func (m *mapJob[In, Out]) badResult(i int, err error) error {
	return fmt.Errorf("procs: result %d of %s: %w", i, m.fn.fname, err)
}

// begun reports whether a worker has begun the only piece. Of several, it is
// enough that one was handed to a worker: where each of them is, nobody notes.
func (m *mapJob[In, Out]) begun() bool {
	m.pool.mu.Lock()
	defer m.pool.mu.Unlock()
	if m.pieces == 1 {
		return m.pool.pieceBegun(m.w, m.seq)
	}
	return m.begin > 0
}

// cancel stops every piece that is not finished. Without force it only cancels
// a Map that was not begun.
func (m *mapJob[In, Out]) cancel(force bool) bool {
	p := m.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.f.Done() {
		return m.f.Cancelled()
	}
	if m.pieces == 1 && m.begin == 1 {
		removed, stopping := p.takeBack(m, 0, m.w, m.seq, force)
		if removed {
			p.fail(ticket{job: m}, ErrCancelled)
		}
		return removed || stopping
	}
	if !force && m.begin > 0 {
		return false
	}
	p.withdraw(m)
	return true
}
