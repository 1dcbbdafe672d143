package hub

// A ThreadPool runs functions that block or compute on other goroutines, at
// most so many at once (gevent.threadpool.ThreadPool). Use it with [Apply],
// [ApplyAsync], [Map], [Imap] and [ImapUnordered]; what they call must not
// touch the hub. For calls without a limit there is [Await].
//
// Each call costs a goroutine and a greenlet that waits for it. A killed call
// stops waiting; its function runs on, in its place, and its result is dropped.
// A function that panics, or calls runtime.Goexit, gives its place back too;
// its error is a [*PanicError], or [ErrGoexit].
type ThreadPool struct {
	calls *Group
	room  *Semaphore
	size  int
}

// NewThreadPool makes a pool of at most size goroutines at once.
func NewThreadPool(h *Hub, size int) *ThreadPool {
	if size <= 0 {
		panic("hub: pool without room")
	}
	return &ThreadPool{calls: NewGroup(h), room: NewSemaphore(h, size), size: size}
}

// Spawn runs f on a goroutine and returns the greenlet that waits for it.
func (p *ThreadPool) Spawn(f func() error) *Greenlet {
	g, _ := p.spawn(func() (func(), error) { return func() {}, f() })
	return g
}

func (p *ThreadPool) hub() *Hub { return p.calls.h }

func (p *ThreadPool) spawn(f func() (func(), error)) (*Greenlet, error) {
	return p.calls.Spawn(func() error {
		// The permit belongs to the goroutine, which may outlive the wait.
		if err := p.room.Acquire(); err != nil {
			return err
		}
		h := p.hub()
		var call struct {
			settle func()
			err    error
			done   waitList
		}
		if err := h.interrupted(); err != nil {
			p.room.Release()
			return err
		}
		h.elsewhere(func() (err error) {
			call.settle, err = f()
			return err
		}, func(err error) {
			call.err = err
			p.room.Release()
			call.done.wakeOne()
		})
		if err := h.wait(&call.done, -1, nil); err != nil {
			return err
		}
		if call.settle != nil { // nil after a panic or Goexit
			call.settle()
		}
		return call.err
	}), nil
}

// Len is the number of calls running or waiting for a goroutine.
func (p *ThreadPool) Len() int { return p.calls.Len() }

// Size is the limit.
func (p *ThreadPool) Size() int { return p.size }

// Join waits until all calls have ended.
func (p *ThreadPool) Join() error { return p.calls.Join() }

// Kill stops waiting for all calls; those that run on goroutines run on, and
// keep their places until they return.
func (p *ThreadPool) Kill() error { return p.calls.Kill() }
