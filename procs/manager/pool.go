package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

// methods of a pool
const (
	poolApply byte = iota
	poolMap
	poolSize
	poolClose
	poolTerminate
	poolJoin
)

// rawTask is a call of a function by its number, whose arguments stay encoded
// on their way through the manager.
type rawTask struct {
	Func uint64
	Name string
	N    int // arguments of a chunk, 0: one that is none
	In   []byte
}

// taskFunc is what the workers of a manager's pool run.
var taskFunc = procs.Register("switchyard/procs/manager.task", runTask)

func runTask(ctx context.Context, t rawTask) ([]byte, error) {
	f, err := bridge.Find(t.Func)
	if err != nil {
		return nil, fmt.Errorf("%w %q", err, t.Name)
	}
	if t.N == 0 {
		return f.RunOne(ctx, t.In, new(codec.Wire), bridge.NoBuffer, new(codec.Wire))
	}
	return f.RunChunk(ctx, t.N, t.In, new(codec.Wire), bridge.NoBuffer, new(codec.Wire))
}

// poolObject is a pool in the manager: its workers are the manager's children.
type poolObject struct{ pool *procs.Pool }

func newPoolObject(c *serverCall) (object, error) {
	config := procs.PoolConfig{Workers: c.int(), Name: string(c.bytes()), MaxTasksPerChild: c.int(), TaskTimeout: time.Duration(c.int()),
		Grace: time.Duration(c.int()), Retries: c.int(), Spares: c.int(), GOMAXPROCS: c.int(), Dir: string(c.bytes()), Executable: string(c.bytes())}
	for range c.uint() {
		config.Env = append(config.Env, string(c.bytes()))
	}
	if id := c.uint(); id != 0 {
		name, body := string(c.bytes()), copyImage(c.bytes())
		config.Initializer = bridge.Initializer(bridge.Call{ID: id, Name: name, Body: body}).(*procs.Initializer)
	}
	if c.bad {
		return nil, codec.ErrWire
	}
	p, err := procs.NewPool(config)
	if err != nil {
		return nil, err
	}
	return &poolObject{p}, nil
}

func (o *poolObject) end() { o.pool.Terminate() }

func (o *poolObject) call(c *serverCall) error {
	switch c.method {
	case poolSize:
		c.putInt(o.pool.Size())
		return nil
	case poolClose:
		o.pool.Close()
		return nil
	}
	if c.ctx == nil {
		return errWouldWait
	}
	switch c.method {
	case poolApply:
		t := rawTask{Func: c.uint(), Name: string(c.bytes()), In: c.rest()}
		if c.bad {
			return codec.ErrWire
		}
		out, err := procs.Apply(c.ctx, o.pool, taskFunc, t)
		c.out = append(c.out, out...)
		return err
	case poolMap:
		return o.mapChunks(c)
	case poolTerminate:
		o.pool.Terminate()
		return nil
	case poolJoin:
		return o.pool.Join(c.ctx)
	}
	return codec.ErrWire
}

func (o *poolObject) mapChunks(c *serverCall) error {
	fn, name := c.uint(), string(c.bytes())
	var results []*procs.AsyncResult[[]byte]
	var starts []int
	for at := 0; len(c.b) > 0; {
		n, in := c.int(), c.bytes()
		if c.bad {
			return codec.ErrWire
		}
		results = append(results, procs.ApplyAsync(o.pool, taskFunc, rawTask{fn, name, n, in}))
		starts = append(starts, at)
		at += n
	}
	for i, r := range results {
		out, err := r.Get(c.ctx)
		if err != nil {
			for _, r := range results[i:] {
				r.Cancel()
			}
			if e, ok := fault.Find[*procs.RemoteError](err); ok {
				return &fault.Chunk{Index: starts[i] + max(e.Index, 0), Err: err}
			}
			return err
		}
		c.putBytes(out)
	}
	return nil
}

// Pool is a pool in a manager, to which any process may submit tasks
// (SyncManager.Pool). Its functions are Apply and Map.
type Pool struct{ proxy }

// NewPool makes a pool in m.
func NewPool(m *Manager, config procs.PoolConfig) (*Pool, error) {
	p := new(Pool)
	err := p.create(noWait, m, objectPool, proxyType[Pool](), func(c *clientCall) error {
		c.putInt(config.Workers)
		c.putString(config.Name)
		c.putInt(config.MaxTasksPerChild)
		c.putInt(int(config.TaskTimeout))
		c.putInt(int(config.Grace))
		c.putInt(config.Retries)
		c.putInt(config.Spares)
		c.putInt(config.GOMAXPROCS)
		c.putString(config.Dir)
		c.putString(config.Executable)
		c.putUint(uint64(len(config.Env)))
		for _, v := range config.Env {
			c.putString(v)
		}
		return putInitializer(c, config.Initializer)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func putInitializer(c *clientCall, i *procs.Initializer) error {
	if i == nil {
		c.putUint(0)
		return nil
	}
	w := new(codec.Wire)
	defer w.Close()
	call, err := bridge.CallOf(i, w)
	if err != nil {
		return encodeFailed(err)
	}
	if len(w.FDs) > 0 {
		return fmt.Errorf("%w: a shared object in the initializer's argument", procs.ErrEncode)
	}
	c.putUint(call.ID)
	c.putString(call.Name)
	c.putBytes(call.Body)
	return nil
}

func (p *Pool) adopt(w *codec.Wire) error { return p.adoptAs(w, objectPool, proxyType[Pool]()) }

// Apply runs f with in on a worker of the pool. Values pass through the manager
// encoded; they may hold proxies, but no objects in shared memory.
func Apply[In, Out any](ctx context.Context, p *Pool, f *procs.Func[In, Out], in In) (out Out, err error) {
	c, err := p.begin(poolApply)
	if err != nil {
		return out, err
	}
	defer c.end()
	r, inCodec, outCodec := insideOf(f)
	c.putUint(r.ID)
	c.putString(r.Name)
	if c.req, err = withoutFDs(func(w *codec.Wire) ([]byte, error) { return inCodec.Encode(c.req, &in, w) }); err != nil {
		return out, err
	}
	if err := c.do(ctx); err != nil {
		return out, err
	}
	err = outCodec.Decode(c.rest(), &out, new(codec.Wire))
	return out, err
}

// insideOf is what a registered function is called, and how its argument and
// its result are encoded.
func insideOf[In, Out any](f *procs.Func[In, Out]) (bridge.Registration, *codec.Codec[In], *codec.Codec[Out]) {
	r := bridge.Registered(f)
	return r, r.In.(*codec.Codec[In]), r.Out.(*codec.Codec[Out])
}

func withoutFDs(encode func(*codec.Wire) ([]byte, error)) ([]byte, error) {
	w := new(codec.Wire)
	defer w.Close()
	b, err := encode(w)
	if err == nil && len(w.FDs) > 0 {
		err = errors.New("objects in shared memory cannot pass through a manager")
	}
	return b, encodeFailed(err)
}

// Map runs f with each of xs on the workers of the pool, in chunks, and returns
// the results in order. With the first error the rest is cancelled.
func Map[In, Out any](ctx context.Context, p *Pool, f *procs.Func[In, Out], xs []In) ([]Out, error) {
	workers, err := p.Size()
	if err != nil {
		return nil, err
	}
	c, err := p.begin(poolMap)
	if err != nil {
		return nil, err
	}
	defer c.end()
	r, inCodec, outCodec := insideOf(f)
	c.putUint(r.ID)
	c.putString(r.Name)
	chunk := max((len(xs)+4*workers-1)/(4*workers), 1)
	for rest := xs; len(rest) > 0; {
		part := rest[:min(chunk, len(rest))]
		rest = rest[len(part):]
		body, err := withoutFDs(func(w *codec.Wire) (b []byte, err error) {
			for i := range part {
				if b, err = inCodec.EncodeNext(b, &part[i], w); err != nil {
					break
				}
			}
			return b, err
		})
		if err != nil {
			return nil, err
		}
		c.putInt(len(part))
		c.putBytes(body)
	}
	if err := c.do(ctx); err != nil {
		return nil, err
	}
	out := make([]Out, 0, len(xs))
	for len(c.b) > 0 && !c.bad {
		for b := c.bytes(); len(out) < len(xs) && (len(b) > 0 || outCodec.Fixed == 0); {
			var v Out
			if b, err = outCodec.DecodeNext(b, &v, new(codec.Wire)); err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	if c.bad || len(out) != len(xs) {
		return nil, codec.ErrWire
	}
	return out, nil
}

// Size returns the number of workers the pool is meant to have.
func (p *Pool) Size() (n int, err error) {
	err = p.call(poolSize, nil, func(c *clientCall) error { n = c.int(); return nil })
	return n, err
}

// CloseTasks stops the pool from accepting tasks; it ends when all are done.
func (p *Pool) CloseTasks() error { return p.proxy.wait(noWait, poolClose, nil) }

// Terminate ends the pool at once.
func (p *Pool) Terminate(ctx context.Context) error {
	return p.proxy.wait(ctx, poolTerminate, nil)
}

// Join waits until the pool has ended, after CloseTasks or Terminate.
func (p *Pool) Join(ctx context.Context) error {
	return p.proxy.wait(ctx, poolJoin, nil)
}

// String says what the proxy stands for.
func (p *Pool) String() string { return p.describe("manager.Pool") }
