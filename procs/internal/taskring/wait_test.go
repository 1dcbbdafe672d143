//go:build linux

package taskring

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	_ "switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
)

var (
	ends  = wait.Ends
	begin = wait.Begin
	until = wait.Until
)

const settle = wait.Settle

// A worker looks some times, announces its sleep, looks once more, and takes
// the announcement back.
func TestWorkerWaits(t *testing.T) {
	_, _, w := rings(t)
	for _, at := range []int{1, 2, 16, 17, spins, spins + 1, spins + 2} {
		calls := 0
		await(&w.h.idle, func() bool {
			calls++
			if announced := w.h.idle.Armed(); announced != (calls > spins) {
				t.Fatalf("look %d: announced %v", calls, announced)
			}
			return calls >= at
		})
		if calls != at || w.h.idle.Armed() {
			t.Errorf("%d looks instead of %d, armed: %v", calls, at, w.h.idle.Armed())
		}
	}
}

// A worker that sleeps is woken, by a task or by room, whichever it waits for,
// without the end of its nap; by the other it is left asleep.
func TestParentWakes(t *testing.T) {
	publish := func(p *Parent) { p.Put(1, 1, 1, 0, nil); p.Publish() }
	for name, c := range map[string]struct {
		sleeps      func(w *Worker) *shm.Parker
		wake, other func(p *Parent)
	}{
		"Publish": {func(w *Worker) *shm.Parker { return &w.h.idle }, publish, (*Parent).Release},
		"Release": {func(w *Worker) *shm.Parker { return &w.h.room }, (*Parent).Release, publish},
	} {
		_, p, w := rings(t)
		parker := c.sleeps(w)
		parker.Arm()
		done := begin(func() { parker.Sleep(-1) })
		time.Sleep(settle)
		if c.other(p); !parker.Armed() {
			t.Error(name, "is waited for, and something else woke the worker")
		}
		c.wake(p)
		ends(t, name, done)
		if parker.Armed() {
			t.Error(name, "leaves the worker announced as asleep")
		}
	}
}

// A worker that waits for tasks sleeps on another word than one that waits for
// room: nobody whose results are taken is woken for nothing.
func TestWorkerSleepsApart(t *testing.T) {
	for name, c := range map[string]struct {
		sleeps func(w *Worker) *shm.Parker
		does   func(w *Worker)
		wakes  func(p *Parent)
	}{
		"tasks": {func(w *Worker) *shm.Parker { return &w.h.idle }, func(w *Worker) { w.Next() },
			func(p *Parent) { p.Put(1, 1, 1, 0, nil); p.Publish() }},
		"room": {func(w *Worker) *shm.Parker { return &w.h.room }, func(w *Worker) {
			for range 2 {
				w.Put(1, 0, make([]byte, w.MaxResult()*3), true)
			}
		}, func(p *Parent) { p.Next(); p.Release() }},
	} {
		_, p, w := rings(t)
		done := begin(func() { c.does(w) })
		until(t, name, func() bool { return c.sleeps(w).Armed() })
		c.wakes(p)
		ends(t, name, done)
	}
}

// A worker that has passed revoked tasks, and finds no other, tells the pool,
// which may wait for their room; one that has not is silent.
func TestWorkerTellsOfRevoked(t *testing.T) {
	_, p, w := rings(t)
	task := p.Put(1, 7, 3, Chunk, []byte("gone"))
	p.Publish()
	if !task.Revoke() || task.Revoke() || task.Claimed() {
		t.Fatal("not revoked once")
	}
	w.parker.Arm()
	got, _, err := w.Next()
	if err != nil || got.Seq != 1 || got.N != 3 || got.Flags != Chunk || w.Claim(got) {
		t.Fatal(got, err)
	}
	w.Done()
	if !w.parker.Armed() {
		t.Error("told before it looked for another task")
	}
	next := begin(func() { got, _, err = w.Next() })
	until(t, "the pool is told", func() bool { return !w.parker.Armed() })
	p.Put(2, 7, 1, 0, nil)
	p.Publish()
	ends(t, "the worker waits for a task that is there", next)
	if err != nil || got.Seq != 2 || !w.Claim(got) || !got.Claimed() || got.Revoke() {
		t.Fatal(got, err)
	}
	w.Done()
	w.parker.Arm()
	next = begin(func() { got, _, err = w.Next() })
	until(t, "the worker sleeps", func() bool { return w.h.idle.Armed() })
	if !w.parker.Armed() {
		t.Error("told of nothing")
	}
	p.Put(3, 7, 1, 0, nil)
	p.Publish()
	ends(t, "the worker waits for a task that is there", next)
	if err != nil || got.Seq != 3 || !w.Idle() {
		t.Fatal(got, err)
	}
	p.Put(4, 7, 1, 0, nil)
	if !w.Idle() {
		t.Error("a task that was not published")
	}
	if p.Publish(); w.Idle() {
		t.Error("there is another task")
	}
}

// The worker wakes its pool when as much is there as was asked for, or when it
// says that no more comes soon.
func TestWakeAt(t *testing.T) {
	_, p, w := rings(t)
	armed := w.parker.Armed
	size := resultHeader + 8
	p.WakeAt(2 * size)
	w.parker.Arm()
	if w.Put(1, 0, []byte("seven b"), false); !armed() || p.Ripe() || !p.Pending() {
		t.Error("one of two", armed(), p.Ripe(), p.Pending())
	}
	if w.Put(2, 0, []byte("8 bytes."), false); armed() || !p.Ripe() {
		t.Error("two of two", armed(), p.Ripe())
	}
	if r, _, err := p.Next(); err != nil || r.Seq != 1 {
		t.Fatal(r, err)
	}
	p.WakeAt(2*size - 8)
	w.parker.Arm()
	if p.Ripe() {
		t.Error("what was taken counts")
	}
	if w.Put(3, 0, nil, false); armed() || !p.Ripe() {
		t.Error("the rest and one more", armed(), p.Ripe())
	}
	p.WakeAt(1 << 40)
	w.parker.Arm()
	if w.Put(4, 0, nil, true); armed() || p.Ripe() {
		t.Error("the last one", armed(), p.Ripe())
	}
	for _, seq := range []uint64{2, 3, 4} {
		if r, _, err := p.Next(); err != nil || r.Seq != seq {
			t.Fatal(r, err)
		}
	}
	if p.WakeAt(0); p.Ripe() || p.Pending() {
		t.Error("there is nothing")
	}
	w.parker.Arm()
	if w.Put(5, 0, nil, false); armed() || !p.Ripe() {
		t.Error("any", armed(), p.Ripe())
	}
}

// A worker waits for room for a result, and asks for it; nothing is
// overwritten before the pool has released it.
func TestResultsWaitForRoom(t *testing.T) {
	_, p, w := rings(t)
	p.WakeAt(1 << 40)
	const n = 100
	body := func(seq uint64) []byte { return bytes.Repeat([]byte{byte(seq)}, int(seq*13)%(w.MaxResult()+1)) }
	var put atomic.Uint64
	w.parker.Arm()
	done := begin(func() {
		for seq := range uint64(n) {
			w.Put(seq, uint32(seq), body(seq), false)
			put.Add(1)
		}
	})
	until(t, "the worker asks for room", func() bool { return !w.parker.Armed() })
	if got := put.Load(); got < 2 || got > 8 {
		t.Errorf("%d results in a ring of 256 bytes", got)
	}
	for seq := range uint64(n) {
		until(t, "a result", p.Pending)
		before := p.h.resultTail.Load()
		r, payload, err := p.Next()
		if err != nil || r.Seq != seq || r.Flags != uint32(seq) || !bytes.Equal(payload, body(seq)) {
			t.Fatal(seq, r, payload, err)
		}
		if before-p.h.resultHead.Load() > 256 {
			t.Fatal("more than fits")
		}
		p.Release()
		if p.h.resultHead.Load() != p.taken {
			t.Fatal("not all was released")
		}
	}
	ends(t, "the worker", done)
	if r, payload, err := p.Next(); r != nil || payload != nil || err != nil {
		t.Error(r, payload, err)
	}
}

// What one process writes and the other reads all the time has cache lines of
// its own, in pairs.
func TestHeaderLines(t *testing.T) {
	var h header
	for name, at := range map[string]uintptr{
		"taskTail": unsafe.Offsetof(h.taskTail), "taskHead": unsafe.Offsetof(h.taskHead), "resultTail": unsafe.Offsetof(h.resultTail),
		"resultHead": unsafe.Offsetof(h.resultHead), "idle": unsafe.Offsetof(h.idle), "the end": unsafe.Sizeof(h),
	} {
		if at%128 != 0 {
			t.Errorf("%s is at %d", name, at)
		}
	}
	_, p, w := rings(t)
	if p.MaxTask() != 64 || w.MaxResult() != 64 || len(p.tasks.data) != 256 || len(w.results.data) != 256 {
		t.Error("a quarter of 256 bytes is 64", p.MaxTask(), w.MaxResult())
	}
	for n, ok := range map[uint64]bool{0: false, 1: false, 4: false, 7: false, 8: true, 9: false, 12: false, 16: true, 1 << 20: true, 1<<20 + 8: false, 1 << 63: true} {
		if isCapacity(n) != ok {
			t.Error(n, !ok)
		}
	}
	if p.Ready() {
		t.Error("ready at once")
	}
	if w.Ready(); !p.Ready() {
		t.Error("not ready")
	}
}

// A task of the greatest length finds room in an empty ring wherever it begins,
// and memory is given back up to the place that was freed, and never less.
func TestTaskRoom(t *testing.T) {
	for at := 0; at <= 64; at += 8 {
		_, p, w := rings(t)
		for range 3 { // as far as that
			p.Put(0, 0, 0, 0, make([]byte, at))
			p.Publish()
			w.Next()
			w.Done()
			p.Free(p.Tail())
		}
		if p.Put(1, 0, 0, 0, make([]byte, p.MaxTask())) == nil {
			t.Errorf("no room behind three tasks of %d bytes", at)
		}
	}
	_, p, _ := rings(t)
	size := taskHeader + 16
	n := uint64(0)
	for p.Put(n, 0, 0, 0, make([]byte, 16)) != nil {
		n++
	}
	if n != 256/size {
		t.Errorf("%d tasks of %d bytes", n, size)
	}
	p.Free(2 * size)
	p.Free(size)
	for want := uint64(2); want > 0; want-- {
		if p.Put(0, 0, 0, 0, make([]byte, 16)) == nil && want == 2 {
			t.Error("what was freed is not free any more")
		}
	}
}
