//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/codec"
)

// deathArgs is what a child gets that is going to be killed.
type deathArgs struct {
	Lock    *Lock
	RLock   *RLock
	Sem     *Semaphore
	Barrier *Barrier
	Cond    *Condition
	Queue   *Queue[int]
	List    *List[string]
	Ready   *Event
}

var testHoldAll = procs.Register("test.manager.holdAll", func(ctx context.Context, a *deathArgs) (int, error) {
	err := errors.Join(a.Lock.Acquire(ctx), a.RLock.Acquire(ctx), a.Sem.Acquire(ctx), a.Sem.Acquire(ctx))
	go a.Barrier.Wait(ctx)
	go a.Queue.Get(ctx)
	go func() {
		a.Cond.Acquire(ctx)
		a.Cond.Wait(ctx)
	}()
	for {
		w, err := a.Barrier.Waiting()
		c, err2 := a.Cond.Waiting()
		if w == 1 && c == 1 || err != nil || err2 != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	err = errors.Join(err, a.Ready.Set())
	if err != nil {
		return 0, err
	}
	return 0, hang()
})

// A client is killed while it holds and waits for all kinds of objects.
// Everyone else goes on.
func TestClientKilled(t *testing.T) {
	m := testManager(t)
	a := &deathArgs{
		Lock: must(NewLock(m))(t), RLock: must(NewRLock(m))(t), Sem: must(NewSemaphore(m, 2))(t),
		Barrier: must(NewBarrier(m, 2))(t), Cond: must(NewCondition(m))(t), Queue: must(NewQueue[int](m, 0))(t),
		List: must(NewList(m, "a"))(t), Ready: must(NewEvent(m))(t),
	}
	p := run(t, testHoldAll, a)
	if err := a.Ready.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if ok, err := a.Lock.TryAcquire(); ok || err != nil {
		t.Fatal(ok, err)
	}
	broken := make(chan error)
	go func() { // waits for the lock when its holder dies
		broken <- a.Lock.Acquire(soon(t))
	}()
	slay(t, p)
	if err := <-broken; err != procs.ErrOwnerDied {
		t.Fatal(err)
	}
	if err := a.Lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := a.Lock.Acquire(soon(t)); err != nil { // told once
		t.Fatal(err)
	}
	if err := a.RLock.Acquire(soon(t)); err != procs.ErrOwnerDied {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Sem.Acquire(soon(t)); err != procs.ErrOwnerDied {
			t.Fatal(err)
		}
	}
	if ok, err := a.Sem.TryAcquire(); ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := a.Barrier.Wait(soon(t)); err != procs.ErrBrokenBarrier {
		t.Fatal(err)
	}
	if err := a.Cond.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := must(a.Cond.Waiting())(t); n != 0 {
		t.Fatal(n)
	}
	if err := a.Queue.Put(soon(t), 5); err != nil {
		t.Fatal(err)
	}
	if v := must(a.Queue.Get(soon(t)))(t); v != 5 { // not taken by the dead
		t.Fatal(v)
	}
	if vs := must(a.List.All())(t); len(vs) != 1 {
		t.Fatal(vs)
	}
	eventually(t, "the client is forgotten", func() bool { return must(m.Stats())(t).Clients == 1 })
}

// The manager is killed. Everyone, waiting or not, is told at once.
func TestKilled(t *testing.T) {
	for _, address := range []string{"", ":0"} {
		m := managerAt(t, address)
		q := must(NewQueue[int](m, 1))(t)
		l := must(NewLock(m))(t)
		d := must(NewDict[int, int](m))(t)
		l.Acquire(soon(t))
		q.Put(soon(t), 1)
		var wg sync.WaitGroup
		waits := []func() error{
			func() error { return q.Put(soon(t), 2) },
			func() error { return l.Acquire(soon(t)) },
			func() error {
				for i := 0; ; i++ {
					if err := d.Set(i%10, i); err != nil {
						return err
					}
				}
			},
			func() error { <-m.Done(); return ErrDied },
		}
		for _, w := range waits {
			wg.Go(func() {
				if err := w(); !errors.Is(err, ErrDied) {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Millisecond)
		slay(t, m.Process())
		wg.Wait()
		if err := d.Set(1, 1); !errors.Is(err, ErrDied) {
			t.Fatal(err)
		}
		if _, err := NewLock(m); !errors.Is(err, ErrDied) {
			t.Fatal(err)
		}
		if _, err := Connect(soon(t), m.Address(), Config{}); !errors.Is(err, ErrDied) {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

var testStartManager = procs.Register("test.manager.start", func(ctx context.Context, w *procs.Conn) (int, error) {
	m, err := New(Config{})
	if err != nil {
		return 0, err
	}
	p, err := NewPool(m, procs.PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	pid, err := Apply(ctx, p, testManagerPID, 0)
	if err != nil {
		return 0, err
	}
	if err := w.Send([]int{m.Process().PID(), pid}); err != nil {
		return 0, err
	}
	return 0, hang()
})

var testManagerPID = procs.Register("test.manager.pid", func(context.Context, int) (int, error) { return os.Getpid(), nil })

// The creator of a manager is killed: the manager and its pool's workers go
// with it.
func TestCreatorKilled(t *testing.T) {
	r, w, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := run(t, testStartManager, w)
	w.Close()
	var pids []int
	if err := r.Recv(&pids); err != nil {
		t.Fatal(err)
	}
	slay(t, p)
	for _, pid := range pids {
		eventually(t, fmt.Sprint("the end of ", pid), func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
	}
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

// A client that ends without a word leaves nothing either, and objects only it
// referred to are gone.
func TestClientEnds(t *testing.T) {
	m := testManager(t)
	join(t, run(t, testMakeObjects, m))
	eventually(t, "the objects are gone", func() bool { st := must(m.Stats())(t); return st.Objects == 0 && st.Clients == 1 })
}

var testMakeObjects = procs.Register("test.manager.makeObjects", func(ctx context.Context, m *Manager) (int, error) {
	for range 10 {
		if _, err := NewList(m, 1, 2, 3); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

// An object on its way outlives the sender's reference, until somebody has
// received it.
func TestReferenceOnItsWay(t *testing.T) {
	m := testManager(t)
	a, b, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	l := must(NewList(m, 42))(t)
	if err := a.Send(l); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if n := must(m.Stats())(t).Objects; n != 1 {
		t.Fatal(n)
	}
	var got *List[int]
	if err := b.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if v := must(got.Get(0))(t); v != 42 {
		t.Fatal(v)
	}
	got.Close()
	eventually(t, "the object is gone", func() bool { return must(m.Stats())(t).Objects == 0 })
	l2 := must(NewList(m, "text"))(t)
	a.Send(l2)
	var wrong *List[int]
	if err := b.Recv(&wrong); !errors.Is(err, procs.ErrMessageType) {
		t.Fatal(err)
	}
}

func TestStopped(t *testing.T) {
	m := testManager(t)
	l := must(NewLock(m))(t)
	if err := m.Shutdown(soon(t)); err != nil {
		t.Fatal(err)
	}
	if code, ok := m.Process().ExitCode(); code != 0 || !ok {
		t.Fatal(code, ok)
	}
	if err := l.Acquire(soon(t)); !errors.Is(err, ErrDied) {
		t.Fatal(err)
	}
	if _, err := NewLock(m); err != procs.ErrClosed {
		t.Fatal(err)
	}
	if err := errors.Join(m.Close(), m.Shutdown(soon(t))); err != nil {
		t.Fatal(err)
	}
}

// A manager with a socket in the file system can be started again and again at
// once.
func TestRapidRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for _, address := range []string{path, fmt.Sprintf("@procs-test-restart-%d-%x", os.Getpid(), rand.Uint64()), ""} {
		for i := range 3 {
			m, err := New(Config{Address: address, AuthKey: []byte("secret")})
			if err != nil {
				t.Fatal(err)
			}
			if err := Publish(m, "n", i); err != nil {
				t.Fatal(err)
			}
			if address == "" {
				address = m.Address()
			}
			m.Process().Kill()
			m.Close()
			if address == path {
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Fatal("left behind:", err)
				}
			}
		}
	}
}

var testInitGood = procs.Register("test.manager.initGood", func(_ context.Context, n int) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("no: %w", errTestSentinel)
	}
	initialised = n
	return 0, nil
})

var initialised int

var testInitialised = Register("test.initialised", func(context.Context, int) (int, error) { return initialised, nil })
var initialisedGet = RegisterMethod(testInitialised, "Get", func(n int, _ context.Context, _ int) (int, error) { return n, nil })

func TestInitializer(t *testing.T) {
	m := must(New(Config{Initializer: procs.NewInitializer(testInitGood, 17)}))(t)
	p := must(testInitialised.New(soon(t), m, 0))(t)
	if n := must(initialisedGet.Call(soon(t), p, 0))(t); n != 17 {
		t.Fatal(n)
	}
	m.Process().Kill()
	m.Close()
	if _, err := New(Config{Initializer: procs.NewInitializer(testInitGood, -1)}); !errors.Is(err, errTestSentinel) {
		t.Fatal(err)
	}
	if _, err := New(Config{Initializer: procs.NewInitializer(testExit, 3)}); !errors.Is(err, ErrDied) {
		t.Fatal(err)
	}
}

var testRemote = procs.Register("test.manager.remote", func(ctx context.Context, address string) (int, error) {
	if _, err := Connect(ctx, address, Config{AuthKey: []byte("wrong")}); !errors.Is(err, connection.ErrAuthentication) {
		return 0, fmt.Errorf("wrong key: %w", err)
	}
	m, err := Connect(ctx, address, Config{AuthKey: []byte("\xff\xfe")})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	if _, err := Lookup[*Queue[int]](m, "get_queue"); !errors.Is(err, procs.ErrMessageType) {
		return 0, fmt.Errorf("wrong type: %w", err)
	}
	q, err := Lookup[*Queue[[]string]](m, "get_queue")
	if err != nil {
		return 0, err
	}
	return 0, q.Put(ctx, []string{"hello", "wörld"})
})

// Another process, which does not share our key, uses what we publish.
func TestRemote(t *testing.T) {
	for _, address := range []string{"", ":0"} {
		m := must(Serve(Config{Address: address, AuthKey: []byte("\xff\xfe")}))(t)
		q := must(NewQueue[[]string](m, 0))(t)
		if err := Publish(m, "get_queue", q); err != nil {
			t.Fatal(err)
		}
		p := procs.NewProcess(testRemote, m.Address(), procs.ProcessConfig{})
		p.SetAuthKey([]byte("of another family"))
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if v := must(q.Get(soon(t)))(t); len(v) != 2 || v[1] != "wörld" {
			t.Fatal(v)
		}
		join(t, p)
		if err := m.Unpublish("get_queue"); err != nil {
			t.Fatal(err)
		}
		if _, err := Lookup[int](m, "get_queue"); err == nil || m.Unpublish("get_queue") == nil {
			t.Fatal("still published")
		}
		m.Close()
		if _, err := q.Get(soon(t)); !errors.Is(err, ErrDied) {
			t.Fatal(err)
		}
	}
}

// Whoever asks from elsewhere ends a manager that serves here: Done tells.
func TestShutdownFromElsewhere(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	join(t, run(t, testShutdown, m))
	<-m.Done()
}

var testShutdown = procs.Register("test.manager.shutdown", func(ctx context.Context, m *Manager) (int, error) { return 0, m.Shutdown(ctx) })

// A lane that was left alone for long works again, and costs no thread
// meanwhile.
func TestIdleLane(t *testing.T) {
	m := testManager(t)
	v := must(NewValue(m, 0))(t)
	lane := m.link.lane
	for i := range 3 {
		eventually(t, "the server parks", func() bool { return lane.parked.Load() == 1 })
		for range 100 {
			if _, err := ValueAdd(v, 1); err != nil {
				t.Fatal(err)
			}
		}
		if n := must(v.Get())(t); n != 100*(i+1) {
			t.Fatal(n)
		}
	}
}

// Several processes and goroutines hammer one number; no addition is lost.
func TestConcurrent(t *testing.T) {
	m := testManager(t)
	d := must(NewDict[string, int](m))(t)
	var ps []*procs.Process
	for range 3 {
		ps = append(ps, run(t, testHammer, d))
	}
	join(t, ps...)
	if v, ok, err := d.Get("n"); v != 3*4*200 || !ok || err != nil {
		t.Fatal(v, ok, err)
	}
}

var testHammer = procs.Register("test.manager.hammer", func(ctx context.Context, d *Dict[string, int]) (int, error) {
	errs := make(chan error)
	for i := range 4 {
		go func() {
			var err error
			for range 200 {
				if i%2 == 0 {
					_, e := DictAdd(d, "n", 1)
					err = errors.Join(err, e)
					continue
				}
				_, e := d.Modify("n", func(n int, _ bool) (int, bool) { return n + 1, true })
				err = errors.Join(err, e)
			}
			errs <- err
		}()
	}
	var err error
	for range 4 {
		err = errors.Join(err, <-errs)
	}
	return 0, err
})

// Whatever a client sends, the manager answers or refuses, and goes on.
func FuzzRequest(f *testing.F) {
	for kind := range byte(14) {
		f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, rootCreate, kind, 1, 2, 3, 4})
	}
	for id := range byte(12) {
		for method := range byte(14) {
			f.Add([]byte{id, 0, 0, 0, 0, 0, 0, 0, method, 1, 'k', 1, 7, 1, 0, 5})
		}
	}
	s := newServer()
	s.manager = &Manager{server: s, link: &clientLink{local: s, dead: s.done}}
	for _, o := range []object{newDictObject(), new(listObject), &namespaceObject{values: map[string]namespaceEntry{}},
		&valueObject{image: []byte{0, 1}}, &arrayObject{size: 2, data: make([]byte, 8)}, &queueObject{}, new(eventObject), new(lockObject),
		&semaphoreObject{held: map[*serverLink]int{}}, &conditionObject{}, &barrierObject{parties: 2, round: new(barrierRound)}} {
		s.add(s.self, objectDict, 0, o)
	}
	f.Fuzz(func(t *testing.T, req []byte) {
		if len(req) > 10 && req[8]&^callNowait == rootCreate && req[9] == byte(objectPool) {
			return // would start processes
		}
		reply := s.dispatch(s.self, nil, req, nil)
		if payload, err := takeStatus(reply); err == nil && payload == nil {
			t.Fatal("no reply")
		}
		decodeShared(s.manager.link, req, func([]byte, *codec.Wire) error { return nil })
	})
}

// Who waits takes no thread, here or in the manager.
func TestManyWaiters(t *testing.T) {
	const waiters = 300
	m := testManager(t)
	q := must(NewQueue[int](m, 0))(t)
	taken := must(NewQueue[int](m, 0))(t)
	var wg sync.WaitGroup
	before := threadsOf(os.Getpid())
	for range waiters {
		wg.Go(func() {
			v, err := q.Get(soon(t))
			if err == nil {
				err = taken.PutNowait(v)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all wait", func() bool { return waitingCalls(m.link) == waiters })
	if n := threadsOf(os.Getpid()) - before; n > 30 {
		t.Errorf("%d threads more", n)
	}
	if n := threadsOf(m.Process().PID()); n > 40 {
		t.Errorf("%d threads in the manager", n)
	}
	sum := 0
	for i := range waiters {
		q.PutNowait(i)
	}
	wg.Wait()
	for range waiters {
		sum += must(taken.GetNowait())(t)
	}
	if sum != waiters*(waiters-1)/2 {
		t.Fatal(sum)
	}
}

func waitingCalls(l *clientLink) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

func threadsOf(pid int) int {
	all, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(all)
}

var testLeaveManager = procs.Register("test.manager.leave", func(ctx context.Context, w *procs.Conn) (int, error) {
	m, err := New(Config{})
	if err != nil {
		return 0, err
	}
	return 0, w.Send(m.Process().PID())
})

// A process that returns ends the managers it started.
func TestCreatorReturns(t *testing.T) {
	r, w, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := run(t, testLeaveManager, w)
	w.Close()
	var pid int
	if err := r.Recv(&pid); err != nil {
		t.Fatal(err)
	}
	join(t, p)
	if syscall.Kill(pid, 0) == nil && !zombie(pid) {
		t.Fatal("the manager lives on")
	}
}

// A link that nobody uses any more goes after a while, and comes back when it
// is needed.
func TestLinkLingers(t *testing.T) {
	m := testManager(t)
	for range 3 {
		c := must(Connect(soon(t), m.Address(), Config{}))(t)
		if c.link != m.link {
			t.Fatal("two links to one manager")
		}
		c.Close()
	}
	s := must(Serve(Config{}))(t)
	defer s.Close()
	p := procs.NewProcess(testComeAndGo, s.Address(), procs.ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	join(t, p)
}

var testComeAndGo = procs.Register("test.manager.comeAndGo", func(ctx context.Context, address string) (int, error) {
	for range 2 {
		m, err := Connect(ctx, address, Config{})
		if err != nil {
			return 0, err
		}
		if err := Publish(m, "x", 1); err != nil {
			return 0, err
		}
		l := m.link
		m.Close()
		<-l.dead
	}
	return 0, nil
})
