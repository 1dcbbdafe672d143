package procs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"

	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/child"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/endsignal"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/taskring"
)

// taskServer is what runs in a worker process; worker is the pool's view of it.
type taskServer struct {
	control *child.Control
	ring    *taskring.Worker
	segs    []*shm.Segment // keep the mappings
	att     attachments
	store   taskring.Store // of results
	scope   *taskScope
	out     []byte
	room    []byte // what buffer got from the store, or nil
	// What each task needs, and would be made anew for each.
	buf     bridge.Buffer // the method buffer
	args    wire
	results wire

	mu      sync.Mutex
	seq     uint64 // of the task that runs
	current *taskContext
	asked   syscall.Signal // 0, or the process is to end, once nothing runs

	exit sync.Once
}

// runWorker is the main function of a worker process.
func runWorker(c *child.Control, b *boot, fds []int) {
	if len(fds) < 2 {
		fatal(codec.ErrWire)
	}
	s := &taskServer{control: c, scope: newTaskScope(context.Background())}
	s.current = s.newContext() // the initializer counts as a task
	s.buf = s.buffer
	endsignal.Watch(s.ask)
	s.att.init()
	var parker *shm.Parker
	for i := range 2 {
		seg, err := shm.Adopt(os.NewFile(uintptr(fds[i]), "segment"), 0)
		if err != nil {
			fatal(err)
		}
		s.segs = append(s.segs, seg)
		seg.Close()
	}
	parker = shm.At[shm.Parker](s.segs[1].Bytes(), 0)
	ring, err := taskring.OpenWorker(s.segs[0].Bytes(), parker)
	if err != nil {
		fatal(err)
	}
	s.ring = ring
	var report []byte
	if b.fname != "" {
		var err error
		// In a goroutine of its own: if it ended the main goroutine, the
		// process would never be ready.
		if failed := fault.Apart(func() { err = initialise(b, fds[2:]) }); failed != nil {
			err = failed
		}
		if err != nil {
			report = encodeError(err)
		}
	}
	if report == nil {
		s.ring.Ready()
	}
	if err := c.Send(messageReady, report, nil); err != nil || report != nil {
		os.Exit(1)
	}
	s.finished()
	go s.listen()
	// Let listen enter its system call now, while the runtime's monitor still
	// looks every few microseconds for processors that a system call holds. If
	// it did so during a long task, the monitor would sleep, and the task would
	// lose 10 ms until listen's processor (with GOMAXPROCS=1 the only one) is
	// taken away from it.
	runtime.Gosched()
	done := make(chan struct{})
	go s.serve(done)
	<-done
	s.exit.Do(func() { Exit(0) })
}

// ask is called when a signal asks the process to end; the pool itself kills
// its workers. If the signal went to the whole process group, the pool's
// process decides what becomes of its tasks. So the running task is finished in
// any case, and those that wait here go to other workers.
func (s *taskServer) ask(sig syscall.Signal, now bool) {
	s.mu.Lock()
	s.asked = sig
	now = now || s.current == nil
	s.mu.Unlock()
	if now {
		s.leave(sig)
	}
}

func (s *taskServer) leave(sig syscall.Signal) {
	s.exit.Do(func() {
		beforeExit()
		endsignal.Die(sig)
	})
}

func (s *taskServer) newContext() *taskContext {
	c := new(taskContext)
	c.scope.Store(s.scope)
	return c
}

// begin notes that a task is about to run. It is called before the task is
// claimed, because afterwards the process must not end.
func (s *taskServer) begin(seq uint64) *taskContext {
	ctx := s.newContext()
	s.mu.Lock()
	ending := s.asked != 0
	s.seq, s.current = seq, ctx
	s.mu.Unlock()
	if ending { // nothing ran when the process was asked, which is about to end
		select {}
	}
	return ctx
}

// finished notes that no task runs, after its result was published.
func (s *taskServer) finished() {
	s.mu.Lock()
	s.current = nil
	sig := s.asked
	s.mu.Unlock()
	if sig != 0 {
		s.leave(sig)
	}
}

// listen does what the parent says on the control socket, and ends the process
// when the parent has ended. (The kernel kills the process then, too; this is
// for the cases in which it does not.)
func (s *taskServer) listen() {
	for {
		kind, body, fds, err := s.control.Recv(nil)
		switch {
		case err == io.EOF:
			os.Exit(1)
		case err != nil && !errors.Is(err, child.ErrRightsLost):
			fatal(err)
		}
		if len(body) != 8 {
			kernel.CloseAll(fds)
			continue
		}
		seq := binary.LittleEndian.Uint64(body)
		switch kind {
		case messageAttach:
			s.att.put(seq, fds, err)
			continue
		case messageCancel:
			s.mu.Lock()
			if s.current != nil && s.seq == seq {
				s.current.cancel()
			}
			s.mu.Unlock()
		}
		kernel.CloseAll(fds)
	}
}

// serve runs tasks until the stop record. A task that ends its goroutine
// (runtime.Goexit) ends serve as well; another serve then takes over.
func (s *taskServer) serve(done chan struct{}) {
	var cur *taskring.Task
	var panicked error
	defer func() {
		if cur != nil {
			s.fail(cur.Seq, cmp.Or(panicked, errGoexit))
			s.ring.Done()
			s.finished()
			go s.serve(done)
		}
	}()
	for {
		t, payload, err := s.ring.Next()
		if err != nil {
			fatal(err)
		}
		if t.Flags&taskring.Stop != 0 {
			close(done)
			return
		}
		ctx := s.begin(t.Seq)
		if s.ring.Claim(t) {
			cur = t
			s.run(t, ctx, payload, &panicked)
			cur = nil
		} else {
			s.att.skip(t.Seq, t.Flags)
		}
		s.ring.Done()
		s.finished()
	}
}

var errGoexit = errors.New("procs: the task called runtime.Goexit")

// run runs one task and publishes its result. It does not return if the task
// ends the goroutine; if a deferred function of the task's panics meanwhile,
// panicked is set.
func (s *taskServer) run(t *taskring.Task, ctx *taskContext, payload []byte, panicked *error) {
	if t.Flags&taskring.Timed != 0 {
		t.Started.Store(kernel.Monotonic())
	}
	in, out := &s.args, &s.results
	*in, *out = wire{}, wire{}
	defer in.Close()
	payload, err := s.att.open(t.Seq, t.Flags, payload, in)
	if err != nil {
		s.fail(t.Seq, err)
		return
	}
	defer out.Close() // of what is left, also when the task ends this goroutine
	s.room = nil
	*panicked = nil
	b, err := s.call(t, ctx, payload, in, out, panicked)
	ctx.cancel()
	if err != nil {
		s.fail(t.Seq, err)
		return
	}
	if s.room == nil && len(b) <= s.ring.MaxResult() { // do not keep a large buffer for small results
		s.out = b
	}
	if err := s.publish(t.Seq, 0, b, out); err != nil {
		s.fail(t.Seq, err)
	}
}

// buffer returns memory for a result: of the store, if that has any.
func (s *taskServer) buffer() []byte {
	if s.room = s.store.Room(); s.room != nil {
		return s.room
	}
	return s.out[:0]
}

// publish puts a result into the ring, or elsewhere if it is too long for that,
// with the descriptors of w, which are closed.
func (s *taskServer) publish(seq uint64, flags uint32, b []byte, w *wire) error {
	if len(b) > s.ring.MaxResult() {
		at, place, err := fit(&s.store, b, w)
		if err != nil {
			return err
		}
		b, flags = at, flags|place
	}
	if len(w.FDs) > 0 {
		flags |= taskring.Attached
		if err := attach(s.control, seq, w.FDs); err != nil {
			if flags&taskring.Stored != 0 {
				s.store.Withdraw()
			}
			return err
		}
	}
	s.ring.Put(seq, flags, b, s.ring.Idle())
	s.store.Leave()
	return nil
}

// call calls the function, and turns a panic into an error, panicked.
func (s *taskServer) call(t *taskring.Task, ctx context.Context, payload []byte, in, out *wire, panicked *error) (b []byte, err error) {
	defer s.att.done(t.Flags) // before the pool has the result, and lays the next argument there
	defer func() { err = cmp.Or(*panicked, err) }()
	defer fault.Recover(panicked)
	f, err := findFunc(t.Func)
	if err != nil {
		return nil, err
	}
	if t.Flags&taskring.Chunk != 0 {
		return f.RunChunk(ctx, int(t.N), payload, in, s.buf, out)
	}
	return f.RunOne(ctx, payload, in, s.buf, out)
}

// fail publishes an error as the result of task seq.
func (s *taskServer) fail(seq uint64, err error) {
	s.store.Leave()
	e := describe(err)
	var none wire
	defer none.Close()
	if s.publish(seq, taskring.Failed, e.encode(), &none) != nil { // it was too long to do without memory and a descriptor
		text := e.Message
		e.Message, e.Stack = fmt.Sprintf("an error of %d bytes, which begins: %s", len(text), text[:min(len(text), 1000)]), ""
		s.ring.Put(seq, taskring.Failed, e.encode(), s.ring.Idle())
	}
}
