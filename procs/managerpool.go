package procs

import (
	"context"
	"errors"
	"fmt"
	"time"
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

// rawTask is a call of a function by its number, whose arguments stay encoded on their way through the manager.
type rawTask struct {
	Func uint64
	Name string
	N    int // arguments of a chunk, 0: one that is none
	In   []byte
}

func runManagedTask(ctx context.Context, t rawTask) ([]byte, error) {
	f, err := findFunc(t.Func)
	if err != nil {
		return nil, fmt.Errorf("%w %q", err, t.Name)
	}
	if t.N == 0 {
		return f.runOne(ctx, t.In, new(wire), nil, new(wire))
	}
	return f.runChunk(ctx, t.N, t.In, new(wire), nil, new(wire))
}

// poolObject is a pool in the manager: its workers are the manager's children.
type poolObject struct{ pool *Pool }

func newPoolObject(c *serverCall) (managedObject, error) {
	config := PoolConfig{Workers: c.int(), Name: string(c.bytes()), MaxTasksPerChild: c.int(), TaskTimeout: time.Duration(c.int()),
		Grace: time.Duration(c.int()), Retries: c.int(), Spares: c.int(), GOMAXPROCS: c.int(), Dir: string(c.bytes()), Executable: string(c.bytes())}
	for range c.uint() {
		config.Env = append(config.Env, string(c.bytes()))
	}
	if id := c.uint(); id != 0 {
		name, body := string(c.bytes()), copyImage(c.bytes())
		config.Initializer = &Initializer{id, name, func(*wire) ([]byte, error) { return body, nil }}
	}
	if c.bad {
		return nil, errWire
	}
	p, err := NewPool(config)
	if err != nil {
		return nil, err
	}
	return &poolObject{p}, nil
}

func (o *poolObject) end() {
	o.pool.Terminate()
	o.pool.Join(context.Background())
}

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
			return errWire
		}
		out, err := Apply(c.ctx, o.pool, managedTask.get(), t)
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
	return errWire
}

func (o *poolObject) mapChunks(c *serverCall) error {
	fn, name := c.uint(), string(c.bytes())
	var results []*AsyncResult[[]byte]
	var starts []int
	for at := 0; len(c.b) > 0; {
		n, in := c.int(), c.bytes()
		if c.bad {
			return errWire
		}
		results = append(results, ApplyAsync(o.pool, managedTask.get(), rawTask{fn, name, n, in}))
		starts = append(starts, at)
		at += n
	}
	for i, r := range results {
		out, err := r.Get(c.ctx)
		if err != nil {
			for _, r := range results[i:] {
				r.Cancel()
			}
			var e *RemoteError
			if errors.As(err, &e) {
				return &chunkError{starts[i] + max(e.Index, 0), err}
			}
			return err
		}
		c.putBytes(out)
	}
	return nil
}

// ManagerPool is a pool in a manager, to which any process may give work (SyncManager.Pool). Its functions are ManagerApply and ManagerMap.
type ManagerPool struct{ managerProxy }

// NewManagerPool makes a pool in m.
func NewManagerPool(m *Manager, config PoolConfig) (*ManagerPool, error) {
	p := new(ManagerPool)
	err := p.create(noWait, m, objectPool, proxyType[ManagerPool](), func(c *managerCall) error {
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

func putInitializer(c *managerCall, i *Initializer) error {
	if i == nil {
		c.putUint(0)
		return nil
	}
	w := new(wire)
	defer w.close()
	body, err := i.encode(w)
	if err != nil {
		return encodeFailed(err)
	}
	if len(w.fds) > 0 {
		return fmt.Errorf("%w: a shared object in the initializer's argument", ErrEncode)
	}
	c.putUint(i.id)
	c.putString(i.fname)
	c.putBytes(body)
	return nil
}

func (p *ManagerPool) adopt(w *wire) error { return p.adoptAs(w, objectPool, proxyType[ManagerPool]()) }

// ManagerApply runs f with in on a worker of the pool. Values pass through the manager encoded; they cannot hold shared objects in
// shared memory, but proxies they can.
func ManagerApply[In, Out any](ctx context.Context, p *ManagerPool, f *Func[In, Out], in In) (out Out, err error) {
	c, err := p.begin(poolApply)
	if err != nil {
		return out, err
	}
	defer c.end()
	c.putUint(f.id)
	c.putString(f.fname)
	if c.req, err = withoutFDs(func(w *wire) ([]byte, error) { return f.in.encode(c.req, &in, w) }); err != nil {
		return out, err
	}
	if err := c.do(ctx); err != nil {
		return out, err
	}
	err = f.out.decode(c.rest(), &out, new(wire))
	return out, err
}

func withoutFDs(encode func(*wire) ([]byte, error)) ([]byte, error) {
	w := new(wire)
	defer w.close()
	b, err := encode(w)
	if err == nil && len(w.fds) > 0 {
		err = errors.New("objects in shared memory cannot pass through a manager")
	}
	return b, encodeFailed(err)
}

// ManagerMap runs f with each of xs on the workers of the pool, in chunks, and returns the results in order. With the first error the
// rest is cancelled.
func ManagerMap[In, Out any](ctx context.Context, p *ManagerPool, f *Func[In, Out], xs []In) ([]Out, error) {
	workers, err := p.Size()
	if err != nil {
		return nil, err
	}
	c, err := p.begin(poolMap)
	if err != nil {
		return nil, err
	}
	defer c.end()
	c.putUint(f.id)
	c.putString(f.fname)
	chunk := max((len(xs)+4*workers-1)/(4*workers), 1)
	for rest := xs; len(rest) > 0; {
		part := rest[:min(chunk, len(rest))]
		rest = rest[len(part):]
		body, err := withoutFDs(func(w *wire) (b []byte, err error) {
			for i := range part {
				if b, err = f.in.encodeNext(b, &part[i], w); err != nil {
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
		for b := c.bytes(); len(out) < len(xs) && (len(b) > 0 || f.out.fixed == 0); {
			var v Out
			if b, err = f.out.decodeNext(b, &v, new(wire)); err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	if c.bad || len(out) != len(xs) {
		return nil, errWire
	}
	return out, nil
}

// Size returns the number of workers the pool is meant to have.
func (p *ManagerPool) Size() (n int, err error) {
	err = p.call(poolSize, nil, func(c *managerCall) error { n = c.int(); return nil })
	return n, err
}

// CloseTasks lets the pool take no more tasks; it ends when it has done what it has.
func (p *ManagerPool) CloseTasks() error { return p.managerProxy.wait(noWait, poolClose, nil) }

// Terminate ends the pool at once.
func (p *ManagerPool) Terminate(ctx context.Context) error {
	return p.managerProxy.wait(ctx, poolTerminate, nil)
}

// Join waits until the pool has ended, after CloseTasks or Terminate.
func (p *ManagerPool) Join(ctx context.Context) error {
	return p.managerProxy.wait(ctx, poolJoin, nil)
}

// String says what the proxy stands for.
func (p *ManagerPool) String() string { return p.describe("ManagerPool") }
