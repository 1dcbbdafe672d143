//go:build linux

package shm

import (
	"errors"
	"slices"
	"testing"
)

// A table with a page of memory, and its handle.
func makeHolders(t *testing.T) *Holders {
	t.Helper()
	const off = 64
	seg, err := CreateSparse(off+HoldersSize, pageSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seg.Unmap() })
	h := new(Holders)
	h.Open(seg, At[HoldersHead](seg.Bytes(), 0), off)
	h.HasMemory(pageSize)
	return h
}

// dead is the i-th of many processes that had our id and ended before we began.
// Its start is never 0: who may have begun at any time lives.
func dead(i int) uint64 {
	o := Self()
	return uint64(makeOwner(o.PID(), fold(o.start()-1+uint64(i), startBits), o.place()))
}

// as makes h the handle of the process o, which holds n more.
func (h *Holders) as(t *testing.T, o uint64, n uint64) {
	t.Helper()
	h.self = o
	s, err := h.Own()
	if err != nil {
		t.Fatal(err)
	}
	s.Held += n
}

// More processes hold something than a page has room for
// (birdnet-team/birdnet#73): each keeps its own, and all are found.
func TestHoldersGrow(t *testing.T) {
	h := makeHolders(t)
	const n = 2000
	for i := 1; i <= n; i++ {
		h.as(t, dead(i), uint64(i))
	}
	for i := 1; i <= n; i++ {
		h.self = dead(i)
		if s := h.Mine(); s == nil || s.Held != uint64(i) || h.slots[h.index(s)].owner != h.self {
			t.Fatalf("holder %d: %+v", i, s)
		}
	}
	if got := h.Sum(); got != n*(n+1)/2 || h.head.used != n {
		t.Errorf("%d in %d slots", got, h.head.used)
	}
	if h.head.made < n || h.head.made > n+pageSize/16 {
		t.Errorf("%d slots made for %d holders", h.head.made, n)
	}
	h.self = uint64(Self())
	found := 0
	for range n/askAtOnce + 1 {
		for _, d := range Dead(h.Suspects()) {
			if s := h.Of(d); s != nil {
				s.Held = 0
				found++
			}
		}
	}
	if found != n || h.Sum() != 0 || h.Any() != nil {
		t.Errorf("found %d of %d dead holders", found, n)
	}
}

// Processes that come, hold something and leave again do not make it grow.
func TestHoldersComeAndGo(t *testing.T) {
	h := makeHolders(t)
	made := h.head.made
	for i := 1; i <= 2000; i++ {
		h.as(t, dead(i), 1)
		h.Mine().GiveBack(1)
	}
	if h.head.made != made {
		t.Errorf("grew from %d to %d slots for one at a time", made, h.head.made)
	}
}

// A process that lives keeps its slot while there is memory for others,
// although it holds nothing just now.
func TestHoldersLivingKeepTheirs(t *testing.T) {
	h := makeHolders(t)
	me := uint64(Self())
	h.as(t, me, 0)
	mine := h.index(h.Mine())
	n := int(h.head.made) + 10
	for i := 1; i <= n; i++ {
		h.as(t, dead(i), 1)
	}
	h.self = me
	if s := h.Mine(); s == nil || h.index(s) != mine {
		t.Error("robbed")
	}
}

// Nobody is left out in silence: an error when no more can be noted, whether
// the table is full or there is no memory, and none as soon as somebody holds
// nothing.
func TestHoldersFull(t *testing.T) {
	t.Run("table", func(t *testing.T) {
		h := makeHolders(t)
		other := uint64(makeOwner(1, 0, Self().place())) // lives
		h.as(t, other, 1)
		for len(h.inUse()) < MaxHolders {
			i, err := h.free()
			if err != nil {
				t.Fatal(err)
			}
			h.slots[i] = Holder{other, 1}
		}
		h.self = uint64(Self())
		if s, err := h.Own(); !errors.Is(err, ErrNoSpace) || s != nil {
			t.Fatalf("one more: %v, %v", s, err)
		}
		h.slots[MaxHolders-1].Held = 0
		if s, err := h.Own(); err != nil || h.index(s) != MaxHolders-1 {
			t.Errorf("there is room: %v", err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		h := makeHolders(t)
		n := int(h.head.made)
		for i := 1; i <= n; i++ {
			h.as(t, dead(i), 1)
		}
		h.seg.Close() // no more memory
		h.self = uint64(Self())
		if s, err := h.Own(); err == nil {
			t.Fatalf("noted without memory: %v", s)
		}
		h.slots[n/2] = Holder{uint64(makeOwner(1, 0, Self().place())), 0}
		if s, err := h.Own(); err != nil || h.index(s) != n/2 {
			t.Errorf("a living process holds nothing: %v", err)
		}
	})
}

// Of many who live and hold, some are asked each time, and all in the end.
func TestHoldersSuspectsTakeTurns(t *testing.T) {
	h := makeHolders(t)
	const n = 2*askAtOnce + 100
	for i := 1; i <= n; i++ {
		h.as(t, dead(i), 1)
	}
	h.as(t, uint64(Self()), 1) // never asked
	seen := map[Owner]bool{}
	for range 3 {
		s := h.Suspects()
		if len(s) != askAtOnce {
			t.Errorf("%d suspects", len(s))
		}
		for _, s := range s {
			seen[s.Owner] = true
		}
	}
	if len(seen) != n || seen[Self()] {
		t.Errorf("%d of %d were asked", len(seen), n)
	}
	// Who let go meanwhile, or whose slot is another's now, is left alone.
	s := h.Suspects()[:2]
	h.slots[s[0].slot].Held = 0
	h.slots[s[1].slot].owner++
	if h.Of(s[0]) != nil || h.Of(s[1]) != nil {
		t.Error("a suspect that holds nothing")
	}
}

// 2000 processes die with a task each (birdnet-team/birdnet#73): Join tells of
// all of them, once.
func TestTasksOfManyDead(t *testing.T) {
	_, q := makeQueue(t, MaxQueue)
	q.CountTasks()
	const n = 2000
	wait := Wait{}
	for i := 1; i <= n; i++ {
		if err := q.Put(&wait, []byte{1}); err != nil {
			t.Fatal(err)
		}
		q.holders.self = dead(i)
		if _, err := q.Get(&wait, nil); err != nil {
			t.Fatal(err)
		}
	}
	q.holders.self = uint64(Self())
	if lost, err := q.Join(&wait); lost != n || err != nil {
		t.Errorf("lost %d, %v", lost, err)
	}
	if lost, err := q.Join(&wait); lost != 0 || err != nil || q.Unfinished() != 0 {
		t.Errorf("again %d, %v", lost, err)
	}
}

// Without room for a note nobody gets a task: it stays for others.
func TestTasksFull(t *testing.T) {
	_, q := makeQueue(t, MaxQueue)
	q.CountTasks()
	wait := Wait{}
	if err := q.Put(&wait, []byte{7}); err != nil {
		t.Fatal(err)
	}
	q.h.tasks.holders = HoldersHead{MaxHolders, MaxHolders}
	if err := q.seg.Reserve(q.holders.off, HoldersSize); err != nil {
		t.Fatal(err)
	}
	for i := range q.holders.slots {
		q.holders.slots[i] = Holder{dead(1), 1}
	}
	if _, err := q.Get(&wait, nil); !errors.Is(err, ErrNoSpace) || q.Len() != 1 {
		t.Fatalf("%v, %d left", err, q.Len())
	}
	q.holders.slots[5].Held = 0
	if p, err := q.Get(&wait, nil); err != nil || !slices.Equal(p, []byte{7}) {
		t.Errorf("%v, %v", p, err)
	}
}

// What a process had begun in giving up the tasks of a dead one is undone as a
// whole: none of them is told of twice.
func TestTasksUndo(t *testing.T) {
	_, q := makeQueue(t, MaxQueue)
	q.CountTasks()
	wait := Wait{}
	for range 3 {
		if err := q.Put(&wait, []byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Get(&wait, nil); err != nil {
			t.Fatal(err)
		}
	}
	s := q.holders.Mine()
	q.begin(s)
	s.Held = 0
	q.h.tasks.lost += 3
	q.h.tasks.done.Add(3)
	q.undoTask() // what the next owner does
	if s.Held != 3 || q.h.tasks.lost != 0 || q.Unfinished() != 3 {
		t.Errorf("%d held, %d lost, %d unfinished", s.Held, q.h.tasks.lost, q.Unfinished())
	}
	// After the message was taken nothing is undone.
	q.begin(s)
	s.Held++
	q.h.tail.Store(advance(q.h.tail.Load(), 0, 1))
	q.undoTask()
	if s.Held != 4 {
		t.Errorf("%d held", s.Held)
	}
}
