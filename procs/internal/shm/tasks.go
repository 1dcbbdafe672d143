package shm

import "sync/atomic"

// tasks is the part of a queue that counts which messages were worked off. Unfinished are those that were put, less those done. All is guarded by
// the get mutex.
//
// For each process it notes how many messages it has taken and not finished, so that what a dead process leaves behind does not keep Join
// waiting for ever.
type tasks struct {
	counted uint64 // 0: nobody counts
	allDone atomic.Uint32
	_       uint32
	done    atomic.Uint64 // modulo 2^28, as puts are counted in head
	lost    uint64        // tasks of dead processes that nobody was told of
	undo    taskUndo
	slots   [taskSlots]taskSlot
}

type taskSlot struct {
	owner uint64
	open  uint64 // messages taken and not finished
}

// A taskUndo is how things were before a change of more than one word. If a process dies in the middle, the next owner of the mutex
// puts them back, unless the message was taken: that is decided by tail alone.
type taskUndo struct {
	tail uint64
	open uint64
	done uint64
	slot uint64 // 1 + index; 0: nothing to undo. Stored last.
}

// taskSlots is how many processes can have unfinished messages that are given up if they die.
const taskSlots = 256

// CountTasks makes the queue, which must be new, count what was worked off.
func (q *Queue) CountTasks() { q.h.tasks.counted = 1 }

// CountsTasks says whether CountTasks was called.
func (q *Queue) CountsTasks() bool { return q.h.tasks.counted != 0 }

func (q *Queue) unfinished(head uint64) uint64 { return (head - q.h.tasks.done.Load()) & countMask }

// Unfinished returns how many messages were put and are not done.
func (q *Queue) Unfinished() int { return int(q.unfinished(q.h.head.Load())) }

// begin makes the changes that follow undoable.
func (t *tasks) begin(slot int, tail uint64) {
	t.undo.tail, t.undo.open, t.undo.done = tail, t.slots[slot].open, t.done.Load()
	t.undo.slot = uint64(slot) + 1
}

// undoTask undoes what a dead process had begun.
func (q *Queue) undoTask() {
	t := &q.h.tasks
	if i := t.undo.slot; i != 0 && i <= taskSlots && t.undo.tail == q.h.tail.Load() {
		t.slots[i-1].open = t.undo.open
		t.done.Store(t.undo.done)
	}
	t.undo.slot = 0
}

// beginTask notes that this process takes a message. The message is taken by the store to tail that follows.
func (q *Queue) beginTask() {
	t := &q.h.tasks
	i := q.taskSlot()
	if i < 0 {
		return // more processes than slots: its death will go unnoticed
	}
	t.begin(i, q.h.tail.Load())
	t.slots[i].open++
}

// taskSlot returns the index of this process's slot, or -1.
func (q *Queue) taskSlot() int {
	slots, self := &q.h.tasks.slots, uint64(Self())
	if slots[q.slot].owner == self {
		return q.slot
	}
	for i := range slots {
		if slots[i].owner == self {
			q.slot = i
			return i
		}
	}
	for i := range slots {
		if slots[i].open == 0 {
			slots[i].owner = self
			q.slot = i
			return i
		}
	}
	return -1
}

// TaskDone notes that one message was worked off. It returns ErrNotLocked if all that were put are.
func (q *Queue) TaskDone(wait *Wait) error {
	if err := q.lockGet(wait); err != nil {
		return err
	}
	defer q.get.Unlock()
	t := &q.h.tasks
	if q.unfinished(q.h.head.Load()) == 0 {
		return ErrNotLocked
	}
	if i := q.openSlot(); i >= 0 {
		t.begin(i, q.h.tail.Load())
		t.slots[i].open--
	}
	q.addDone(1)
	return nil
}

// openSlot returns the slot to count down: ours, or that of some process for which we finish a message, or -1.
func (q *Queue) openSlot() int {
	slots := &q.h.tasks.slots
	if slots[q.slot].owner == uint64(Self()) && slots[q.slot].open > 0 {
		return q.slot
	}
	for i := range slots {
		if slots[i].open > 0 {
			return i
		}
	}
	return -1
}

func (q *Queue) addDone(n uint64) {
	t := &q.h.tasks
	t.done.Store((t.done.Load() + n) & countMask)
	t.undo.slot = 0
	if q.unfinished(q.h.head.Load()) == 0 {
		q.allDone.RingAll()
	}
}

// Join waits until every message that was put is done. lost says how many of them were given up because the process that had taken them died;
// each is told of once.
func (q *Queue) Join(wait *Wait) (lost int, err error) {
	if q.Unfinished() != 0 {
		if err := q.waitDone(wait); err != nil {
			return 0, err
		}
	}
	if err := q.lockGet(wait); err != nil {
		return 0, err
	}
	defer q.get.Unlock()
	lost = int(q.h.tasks.lost)
	q.h.tasks.lost = 0
	return lost, nil
}

func (q *Queue) waitDone(wait *Wait) error {
	var s Sleeper
	defer s.End()
	before := q.allDone.Rings()
	// Only the end of the last task rings: it counts though more was put since.
	over := func() bool { return q.Unfinished() == 0 || q.allDone.Rings() != before }
	for !over() {
		if q.seg.Closed() {
			return ErrClosed
		}
		slept, err := q.joiners.Sleep(&q.allDone, &s, wait, over)
		if err != nil {
			return err
		}
		if slept {
			if err := q.giveUpDead(wait); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUpDead counts as done what dead processes had taken.
func (q *Queue) giveUpDead(wait *Wait) error {
	if err := q.lockGet(wait); err != nil {
		return err
	}
	defer q.get.Unlock()
	t := &q.h.tasks
	for i := range t.slots {
		s := &t.slots[i]
		if s.open == 0 || s.owner == uint64(Self()) || Owner(s.owner).Alive() {
			continue
		}
		n := s.open
		t.begin(i, q.h.tail.Load())
		s.open = 0
		t.lost += n
		q.addDone(n)
	}
	return nil
}

// Done returns how many messages were worked off, modulo 2^28.
func (q *Queue) Done() int { return int(q.h.tasks.done.Load()) }
