//go:build linux

package manager

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/transport"
)

// headOfRing is where a ring says how far it is written.
const headOfRing = 128

// A client that damages its lane loses its connection, and the log says why.
func TestLaneDamaged(t *testing.T) {
	logged := make(chan string, 100)
	procs.SetLog(procs.LevelWarning, func(_ procs.Level, m string) { logged <- m })
	defer procs.SetLog(procs.LevelOff, nil)
	m := must(Serve(Config{}))(t)
	defer m.Close()
	c := must(connection.Dial(soon(t), m.Address(), connection.DialConfig{Poller: true}))(t)
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait.Patience))
	tr := bridge.TransportOf(c)
	_, _, fds, err := tr.Recv(nil)
	if err != nil || len(fds) != 1 {
		t.Fatal(fds, err)
	}
	seg := must(shm.Adopt(os.NewFile(uintptr(fds[0]), "lane"), laneSize))(t)
	defer seg.Close()
	shm.At[atomic.Uint64](seg.Bytes(), headOfRing).Store(1 << 40)
	if err := tr.Send(linkWake, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := tr.Recv(nil); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if said, want := <-logged, "manager "+m.Address()+": lane: shm: ring: "; !strings.HasPrefix(said, want) {
		t.Errorf("%q, not %q", said, want)
	}
	eventually(t, "the client is forgotten", func() bool { return must(m.Stats())(t).Clients == 0 })
}

// A manager that closes its end of the lane is dead, although its socket is
// open.
func TestLaneClosed(t *testing.T) {
	seg := must(shm.Create(laneSize))(t)
	defer seg.Close()
	shm.InitRing(seg, 0, laneRing)
	shm.InitRing(seg, laneReplies(), laneRing)
	parked := shm.At[atomic.Uint32](seg.Bytes(), laneParked)
	parked.Store(1)
	replies := must(shm.NewWriter(seg, laneReplies()))(t)
	at := playManager(t, "", func(tr transport.Transport) {
		if err := seg.WithFD(func(fd int) error { return tr.Send(linkHello, helloAs(3), []int{fd}) }); err != nil {
			t.Error(err)
		}
		for range 2 {
			kind, _, fds, err := tr.Recv(nil)
			kernel.CloseAll(fds)
			if kind != linkWake || err != nil || parked.Load() != 0 {
				t.Error("it was not rung at: ", kind, err)
				return
			}
			parked.Store(1) // before the client makes its next call
			if err := replies.Put(&shm.Wait{}, []byte{statusOK, 3, 4}); err != nil {
				t.Error(err)
			}
		}
		if kind, _, _, err := tr.Recv(nil); kind != linkWake {
			t.Error(kind, err)
		}
		replies.Close()
		untilEnd(tr)
	})
	m := must(Connect(soon(t), at, Config{}))(t)
	defer m.Close()
	for range 2 {
		if st, err := m.Stats(); st != (Stats{3, 4}) || err != nil {
			t.Fatal(st, err)
		}
	}
	if st, err := m.Stats(); err != ErrDied {
		t.Error(st, err)
	}
	<-m.Done()
	if _, err := m.Stats(); err != ErrDied {
		t.Error(err)
	}
}

// Values of every size about the longest that the lane carries, and about what
// a reply may have, come back as they went.
func TestLaneSizes(t *testing.T) {
	m := testManager(t)
	v := must(NewValue(m, []byte(nil)))(t)
	longest := m.link.lane.longest
	for _, about := range []int{0, longest, 1 << 20} {
		for n := max(about-20, 0); n < about+3; n++ {
			want := bytes.Repeat([]byte{byte(n)}, n)
			if err := v.Set(want); err != nil {
				t.Fatal(n, err)
			}
			if got, err := v.Get(); err != nil || !bytes.Equal(got, want) {
				t.Fatal(n, len(got), err)
			}
		}
	}
}

// Waiters of an object go on in the order in which they came, as far as they
// can; one that gives up is in nobody's way.
func TestMonitorOrder(t *testing.T) {
	var m monitor
	free := 0
	var order []int
	wait := func(ctx context.Context, i int) <-chan error {
		before := len(m.waiters)
		done := make(chan error, 1)
		go func() {
			done <- m.await(&serverCall{ctx: ctx}, func() bool {
				if free == 0 {
					return false
				}
				free--
				order = append(order, i)
				return true
			})
		}()
		eventually(t, "it waits", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.waiters) > before })
		return done
	}
	put := func(n int) { m.change(func() error { free += n; return nil }) }
	if err := m.await(&serverCall{}, func() bool { return false }); err != errWouldWait {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var all []<-chan error
	for i := range 4 {
		of := soon(t)
		if i == 2 {
			of = ctx
		}
		all = append(all, wait(of, i))
	}
	put(1)
	if err := <-all[0]; err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-all[2]; err != context.Canceled {
		t.Error(err)
	}
	put(3)
	if err := errors.Join(<-all[1], <-all[3]); err != nil {
		t.Error(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 3 || free != 1 || len(m.waiters) != 0 {
		t.Error(order, free, len(m.waiters))
	}
}

// Permits that one client releases for another are not given back again when
// that one ends, and those that it still holds are, each with a word.
func TestSemaphoreReleasedByOthers(t *testing.T) {
	a, b := new(serverLink), new(serverLink)
	s := &semaphoreObject{free: 5, held: make(map[*serverLink]int)}
	acquire := func(l *serverLink) error { return s.call(&serverCall{link: l, method: semaphoreAcquire}) }
	state := func(free, lost, ofA, ofB int) {
		t.Helper()
		if s.free != free || s.lost != lost || s.held[a] != ofA || s.held[b] != ofB {
			t.Errorf("%d free, %d lost, %v held", s.free, s.lost, s.held)
		}
	}
	if err := errors.Join(acquire(a), acquire(a), acquire(b)); err != nil {
		t.Fatal(err)
	}
	state(2, 0, 2, 1)
	if err := s.release(b, 2); err != nil { // its own, and one of a's
		t.Fatal(err)
	}
	state(4, 0, 1, 0)
	if err := s.release(b, 1); err != nil {
		t.Fatal(err)
	}
	state(5, 0, 0, 0)
	if err := s.release(b, 2); err != nil { // more than anybody holds: it has no bound
		t.Fatal(err)
	}
	state(7, 0, 0, 0)
	if len(s.held) != 0 {
		t.Error(s.held)
	}
	if err := errors.Join(acquire(a), acquire(a), acquire(b)); err != nil {
		t.Fatal(err)
	}
	s.leave(a)
	state(6, 2, 0, 1)
	for _, want := range []error{procs.ErrOwnerDied, procs.ErrOwnerDied, nil} {
		if err := acquire(b); err != want {
			t.Error(err, want)
		}
	}
	state(3, 0, 0, 4)
	s.end()
	if err := acquire(b); err != ErrReleased {
		t.Error(err)
	}
}

// A SharedMemoryManager that is none.
func TestSharedMemoryManagerNone(t *testing.T) {
	s := new(SharedMemoryManager)
	_, err := s.SharedMemory(10)
	_, err2 := s.ShareableList(1)
	for i, err := range []error{err, err2, s.Shutdown(soon(t)), s.share(new(codec.Wire))} {
		if err != procs.ErrClosed {
			t.Error(i, err)
		}
	}
	if s.Process() != nil || s.Close() != nil {
		t.Error("it has a process, or cannot be closed")
	}
}

// A key of a dict must be a value: with a shared object in it it is refused,
// and nothing is kept for it.
func TestDictKeyShared(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		d := must(NewDict[any, int](m))(t)
		l, in := must(NewList[any](m))(t), must(NewDict[string, int](m))(t)
		defer in.Close()
		before := must(m.Stats())(t).Objects
		for _, key := range []any{l, in} {
			_, _, err := d.Get(key)
			_, err2 := d.Has(key)
			_, err3 := DictAdd(d, key, 1)
			for i, err := range []error{err, err2, err3, d.Set(key, 1), d.Update(map[any]int{key: 1})} {
				if !errors.Is(err, procs.ErrEncode) || !strings.Contains(err.Error(), "a key cannot be a shared object") {
					t.Errorf("%T, %d: %v", key, i, err)
				}
			}
		}
		if n := must(d.Len())(t); n != 0 {
			t.Error(n)
		}
		id := l.ref.obj
		l.Close()
		eventually(t, "the list is gone", func() bool { return must(m.Stats())(t).Objects == before-1 })
		if m.server != nil {
			if _, err := m.server.find(id); err != ErrReleased {
				t.Error("something is kept")
			}
		}
	})
}

// A client that ends while it waits for a notification takes none away, and no
// other waiter with it.
func TestConditionWaiterEnds(t *testing.T) {
	servers(t, func(t *testing.T, m *Manager) {
		c := must(NewCondition(m))(t)
		tr, end := clientOf(t, m)
		defer end()
		tr.Send(linkCall, rawCall(1, c.ref.obj, lockAcquire, 1), nil)
		if _, err := answer(t, tr, 1); err != nil {
			t.Fatal(err)
		}
		tr.Send(linkCall, rawCall(2, c.ref.obj, conditionWait, 1), nil)
		eventually(t, "it waits", func() bool { return must(c.Waiting())(t) == 1 })
		done := make(chan error, 1)
		go func() { done <- errors.Join(c.Acquire(soon(t)), c.Wait(soon(t)), c.Release()) }()
		eventually(t, "both wait", func() bool { return must(c.Waiting())(t) == 2 })
		end()
		eventually(t, "one waits", func() bool { return must(c.Waiting())(t) == 1 })
		if err := errors.Join(c.Acquire(soon(t)), c.Notify(1), c.Release(), <-done); err != nil {
			t.Error(err)
		}
	})
}

// Whoever waits on an object that goes meanwhile is told, whatever the object.
func TestGoneWhileWaiting(t *testing.T) {
	type waiting interface {
		object
		ender
	}
	holds := holder{new(serverLink), 1}
	for name, w := range map[string]struct {
		waiting
		method byte
	}{
		"event":     {new(eventObject), eventWait},
		"get":       {new(queueObject), queueGet},
		"put":       {&queueObject{maxsize: 1, images: [][]byte{nil}}, queuePut},
		"join":      {&queueObject{unfinished: 1}, queueJoin},
		"semaphore": {new(semaphoreObject), semaphoreAcquire},
		"lock":      {&lockObject{held: holds, depth: 1}, lockAcquire},
		"condition": {&conditionObject{lockObject: lockObject{held: holder{waitingClient, 0}, depth: 1}}, conditionWait},
		"barrier":   {&barrierObject{parties: 2, round: new(barrierRound)}, barrierWait},
	} {
		want := ErrReleased
		if name == "barrier" {
			want = procs.ErrBrokenBarrier
		}
		ended := make(chan error, 1)
		call := &serverCall{server: new(server), link: waitingClient, ctx: soon(t), method: w.method, argReader: argReader{b: []byte{0}}}
		go func() { ended <- w.call(call) }()
		waiters := func() int {
			m := monitorOf(w.waiting)
			m.mu.Lock()
			defer m.mu.Unlock()
			return len(m.waiters)
		}
		eventually(t, name+": it waits", func() bool { return waiters() == 1 })
		w.end()
		if err := <-ended; err != want || waiters() != 0 {
			t.Errorf("%s: %v, %d wait", name, err, waiters())
		}
	}
}

var waitingClient = new(serverLink)

func monitorOf(o object) *monitor {
	switch o := o.(type) {
	case *eventObject:
		return &o.monitor
	case *queueObject:
		return &o.monitor
	case *semaphoreObject:
		return &o.monitor
	case *lockObject:
		return &o.monitor
	case *conditionObject:
		return &o.monitor
	case *barrierObject:
		return &o.monitor
	}
	return nil
}

// Whose time to look is over before it has begun sleeps at once, and is not
// left looking for ever.
func TestLaneSpinIsOver(t *testing.T) {
	seg := must(shm.Create(shm.RingSize(256)))(t)
	defer seg.Unmap()
	shm.InitRing(seg, 0, 256)
	r := must(shm.NewReader(seg, 0))(t)
	s := laneSpin{usual: -time.Second} // as if it had been held up for long
	err := make(chan error, 1)
	go func() {
		_, e := s.next(r, func() error { return shm.ErrTimeout })
		err <- e
	}()
	select {
	case e := <-err:
		if e != shm.ErrTimeout {
			t.Error(e)
		}
	case <-soon(t).Done():
		t.Fatal("it looks still")
	}
}
