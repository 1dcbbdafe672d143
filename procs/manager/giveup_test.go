//go:build linux

package manager

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/transport"
)

// Whatever would wait is not begun by who has given up already, although it
// need not wait.
func TestContextIsDone(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		q, e, s := must(NewQueue[int](m, 0))(t), must(NewEvent(m))(t), must(NewSemaphore(m, 1))(t)
		l, r, c := must(NewLock(m))(t), must(NewRLock(m))(t), must(NewCondition(m))(t)
		b, j, o := must(NewBarrier(m, 2))(t), must(NewJoinableQueue[int](m, 0))(t), must(testMaths.New(soon(t), m, 1))(t)
		held := must(NewCondition(m))(t)
		if err := errors.Join(q.PutNowait(1), e.Set(), held.Acquire(soon(t))); err != nil {
			t.Fatal(err)
		}
		calls := map[string]func(ctx context.Context) error{
			"Queue.Put":          func(ctx context.Context) error { return q.Put(ctx, 2) },
			"Queue.Get":          func(ctx context.Context) error { _, err := q.Get(ctx); return err },
			"JoinableQueue.Join": j.Join,
			"Event.Wait":         e.Wait,
			"Semaphore.Acquire":  s.Acquire,
			"Lock.Acquire":       l.Acquire,
			"RLock.Acquire":      r.Acquire,
			"Condition.Acquire":  c.Acquire,
			"Condition.Wait":     held.Wait,
			"Barrier.Wait":       func(ctx context.Context) error { _, err := b.Wait(ctx); return err },
			"Type.New":           func(ctx context.Context) error { _, err := testMaths.New(ctx, m, 1); return err },
			"Method.Call":        func(ctx context.Context) error { _, err := mathsAdd.Call(ctx, o, 100); return err },
		}
		if m.server == nil {
			p := must(NewPool(m, procs.PoolConfig{Workers: 1}))(t)
			calls["Pool.Terminate"], calls["Pool.Join"] = p.Terminate, p.Join
			calls["Apply"] = func(ctx context.Context) error { _, err := Apply(ctx, p, testSquare, 1); return err }
			calls["Map"] = func(ctx context.Context) error { _, err := Map(ctx, p, testSquare, []int{1}); return err }
			defer func() {
				if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
					t.Error("the pool has ended: ", err)
				}
			}()
		}
		before := must(m.Stats())(t).Objects
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		late, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
		defer cancel()
		for want, ctx := range map[error]context.Context{context.Canceled: gone, context.DeadlineExceeded: late} {
			for what, call := range calls {
				if err := call(ctx); !errors.Is(err, want) {
					t.Errorf("%s: %v, not %v", what, err, want)
				}
			}
		}
		if n := must(m.Stats())(t).Objects; n != before {
			t.Errorf("%d objects more", n-before)
		}
		if must(q.Len())(t) != 1 || must(s.Value())(t) != 1 || must(l.Locked())(t) || must(r.Locked())(t) || c.Release() != procs.ErrNotHeld ||
			held.Release() != nil || must(b.Waiting())(t) != 0 || must(b.Broken())(t) || must(mathsAdd.Call(soon(t), o, 0))(t) != 1 {
			t.Error("something was done")
		}
	})
}

// Who gives up waiting for a notification has the lock again, as often as
// before, when it returns; and if the notification came before it had the lock,
// it was notified.
func TestNotifiedWhileGivingUp(t *testing.T) {
	for _, notified := range []bool{false, true} {
		o := &conditionObject{lockObject: lockObject{recursive: true}}
		a, b := &serverLink{ctx: context.Background()}, &serverLink{ctx: context.Background()}
		call := func(l *serverLink, ctx context.Context, method byte, args ...byte) error {
			return o.call(&serverCall{link: l, ctx: ctx, method: method, argReader: argReader{b: append([]byte{1}, args...)}})
		}
		waiters := func() []*waiter {
			o.mu.Lock()
			defer o.mu.Unlock()
			return append([]*waiter(nil), o.waiters...)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := errors.Join(call(a, nil, lockAcquire), call(a, nil, lockAcquire)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- call(a, ctx, conditionWait) }()
		eventually(t, "it waits", func() bool { return len(waiters()) == 1 })
		if err := call(b, nil, lockAcquire); err != nil {
			t.Fatal(err)
		}
		var want error = context.Canceled
		if notified {
			want = call(b, nil, conditionNotify, 2)
		}
		first := waiters()[0]
		cancel()
		eventually(t, "it waits for the lock", func() bool { all := waiters(); return len(all) == 1 && all[0] != first })
		if err := call(b, nil, lockRelease); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != want || o.held != (holder{a, 1}) || o.depth != 2 || len(o.sleepers) != 0 {
			t.Errorf("notified %v: %v, held by %v, %d times, %d sleep", notified, err, o.held, o.depth, len(o.sleepers))
		}
	}
}

// slowly is a value that is made when its constructor is told what to close
// with it.
type slowly struct{ closed chan struct{} }

func (s *slowly) Close() error { close(s.closed); return nil }

var (
	slowlyMade = make(chan chan struct{})
	testSlowly = Register("test.slowly", func(context.Context, int) (*slowly, error) { return &slowly{<-slowlyMade}, nil })
)

// A value that is made too late is closed: nobody refers to it.
func TestMadeTooLate(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := testSlowly.New(ctx, m, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	slowlyMade <- closed
	select {
	case <-closed:
	case <-soon(t).Done():
		t.Error("it is not closed")
	}
	if n := must(m.Stats())(t).Objects; n != 0 {
		t.Errorf("%d objects", n)
	}
}

// stuck is a value whose Close does not end.
type stuck struct{}

func (stuck) Close() error { return hang() }

var testStuck = Register("test.stuck", func(context.Context, int) (stuck, error) { return stuck{}, nil })

// A manager that does not end in time is killed by who started it.
func TestShutdownKills(t *testing.T) {
	m := testManager(t)
	if _, err := testStuck.New(soon(t), m, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if code, ok := m.Process().ExitCode(); code != -int(syscall.SIGKILL) || !ok {
		t.Error(code, ok)
	}
}

// A manager elsewhere that refuses to end is an error of Shutdown, which may be
// called again.
func TestShutdownRefused(t *testing.T) {
	answers := make(chan []byte, 3)
	answers <- append([]byte{statusError}, bridge.EncodeError(errTestSentinel)...)
	answers <- []byte{statusOK, 3, 4}
	answers <- []byte{statusOK}
	at := playManager(t, "", func(tr transport.Transport) {
		tr.Send(linkHello, helloAs(7), nil)
		for {
			_, b, fds, err := tr.Recv(nil)
			kernel.CloseAll(fds)
			if err != nil {
				return
			}
			tr.Send(linkReply, append(b[:8:8], <-answers...), nil)
		}
	})
	m := must(Connect(soon(t), at, Config{}))(t)
	defer m.Close()
	if err := m.Shutdown(soon(t)); !errors.Is(err, errTestSentinel) {
		t.Error(err)
	}
	if st, err := m.Stats(); st != (Stats{3, 4}) || err != nil {
		t.Error(st, err)
	}
	if err := m.Shutdown(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := m.Stats(); err != procs.ErrClosed {
		t.Error(err)
	}
	if n := m.link.users; n != 0 {
		t.Errorf("the connection has %d users", n)
	}
}

// Who waits in the process of a manager that serves there is told when it is
// closed, and so is what it keeps.
func TestServeEndsWaits(t *testing.T) {
	m := must(Serve(Config{}))(t)
	q, e, l := must(NewQueue[int](m, 0))(t), must(NewEvent(m))(t), must(NewLock(m))(t)
	closed := make(chan struct{})
	o := must(testMaths.Put(m, &maths{closed: closed}))(t)
	if err := l.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	ends := make(chan error)
	for _, wait := range []func() error{
		func() error { _, err := q.Get(soon(t)); return err }, func() error { return e.Wait(soon(t)) }, func() error { return l.Acquire(soon(t)) },
	} {
		go func() { ends <- wait() }()
	}
	waits := func(obj uint64) int {
		o, err := m.server.find(obj)
		if err != nil {
			t.Fatal(err)
		}
		on := monitorOf(o.value)
		on.mu.Lock()
		defer on.mu.Unlock()
		return len(on.waiters)
	}
	eventually(t, "all wait", func() bool { return waits(q.ref.obj)+waits(e.ref.obj)+waits(l.ref.obj) == 3 })
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := <-ends; err != ErrDied {
			t.Error(err)
		}
	}
	<-closed
	if _, err := mathsAdd.Call(soon(t), o, 1); err != ErrDied {
		t.Error(err)
	}
	if n := len(m.server.objects); n != 0 {
		t.Errorf("%d objects", n)
	}
}

// Connections to many managers take no threads.
func TestLinksTakeNoThreads(t *testing.T) {
	before := threadsOf(os.Getpid())
	for range 40 {
		at := playManager(t, "", func(tr transport.Transport) { tr.Send(linkHello, helloAs(7), nil); untilEnd(tr) })
		m := must(Connect(soon(t), at, Config{}))(t)
		defer m.Close()
	}
	if n := threadsOf(os.Getpid()) - before; n > 20 {
		t.Errorf("%d threads more", n)
	}
}
