package shm

import "sync/atomic"

// tasks is the part of a queue that counts which messages were worked off.
// Unfinished are those that were put, less those done. All is guarded by the
// get mutex.
//
// For each process it notes how many messages it has taken and not finished, so
// that what a dead process leaves behind does not keep Join waiting for ever.
// The table for that lies before the chunks.
type tasks struct {
	counted uint64 // 0: nobody counts
	allDone atomic.Uint32
	emptied atomic.Uint32 // what done was when it last came up with the puts
	done    atomic.Uint64 // modulo 2^28, as puts are counted in head
	lost    uint64        // tasks of dead processes that nobody was told of
	undo    taskUndo
	holders HoldersHead // of messages taken and not finished
}

// A taskUndo is how things were before a change of more than one word. If a
// process dies in the middle, the next owner of the mutex puts them back,
// unless the message was taken: that is decided by tail alone.
type taskUndo struct {
	tail uint64
	open uint64
	done uint64
	lost uint64
	slot uint64 // 1 + index; 0: nothing to undo. Stored last.
}

// CountTasks makes the queue, which must be new, count what was worked off.
func (q *Queue) CountTasks() { q.h.tasks.counted = 1 }

// CountsTasks reports whether CountTasks was called.
func (q *Queue) CountsTasks() bool { return q.h.tasks.counted != 0 }

func (q *Queue) unfinished(head uint64) uint64 { return (head - q.h.tasks.done.Load()) & countMask }

// Unfinished returns how many messages were put and are not done.
func (q *Queue) Unfinished() int { return int(q.unfinished(q.h.head.Load())) }

// begin makes the changes that follow undoable.
func (q *Queue) begin(s *Holder) {
	t := &q.h.tasks
	t.undo.tail, t.undo.open, t.undo.done, t.undo.lost = q.h.tail.Load(), s.Held, t.done.Load(), t.lost
	t.undo.slot = uint64(q.holders.index(s)) + 1
}

// undoTask undoes what a dead process had begun.
func (q *Queue) undoTask() {
	t := &q.h.tasks
	if i := t.undo.slot; i != 0 && i <= uint64(len(q.holders.inUse())) && t.undo.tail == q.h.tail.Load() {
		q.holders.slots[i-1].Held = t.undo.open
		t.done.Store(t.undo.done)
		t.lost = t.undo.lost
	}
	t.undo.slot = 0
}

// beginTask notes that this process takes a message, for which it must have a
// slot. The message is taken by the store to tail that follows.
func (q *Queue) beginTask() {
	s := &q.holders.slots[q.holders.mine]
	q.begin(s)
	s.Held++
}

// TaskDone notes that one message was worked off. It returns ErrNotLocked if
// all that were put are.
func (q *Queue) TaskDone(wait *Wait) error {
	if err := q.lockGet(wait); err != nil {
		return err
	}
	defer q.get.Unlock()
	if q.unfinished(q.h.head.Load()) == 0 {
		return ErrNotLocked
	}
	if s := q.openSlot(); s != nil {
		q.begin(s)
		s.Held--
	}
	q.addDone(1)
	return nil
}

// openSlot returns the slot to count down: ours, or that of some process for
// which we finish a message, or nil.
func (q *Queue) openSlot() *Holder {
	if s := q.holders.Mine(); s != nil && s.Held > 0 {
		return s
	}
	return q.holders.Any()
}

func (q *Queue) addDone(n uint64) {
	t := &q.h.tasks
	t.done.Store((t.done.Load() + n) & countMask)
	t.undo.slot = 0
	if q.unfinished(q.h.head.Load()) == 0 {
		t.emptied.Store(uint32(t.done.Load()))
		q.allDone.NotifyAll()
	}
}

// Join waits until every message that was put is done. lost says how many of
// them were given up because the process that had taken them died; each is told
// of once.
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
	s := Sleeper{Watchful: true}
	defer s.End()
	over := q.allDoneSince()
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

// allDoneSince returns a function that reports whether all that is put now was
// done meanwhile, though more may have been put since. The count of
// notifications does not tell: one may be late, for an end that others have
// heeded before they put more.
func (q *Queue) allDoneSince() func() bool {
	before, puts := q.h.tasks.emptied.Load(), q.h.head.Load()
	return func() bool {
		if q.Unfinished() == 0 {
			return true
		}
		at := q.h.tasks.emptied.Load()
		return at != before && (uint64(at)-puts)&countMask <= countMask/2
	}
}

// giveUpDead counts as done what dead processes had taken.
func (q *Queue) giveUpDead(wait *Wait) error {
	if err := q.lockGet(wait); err != nil {
		return err
	}
	suspects := q.holders.Suspects()
	q.get.Unlock()
	dead := Dead(suspects)
	if len(dead) == 0 {
		return nil
	}
	if err := q.lockGet(wait); err != nil {
		return err
	}
	defer q.get.Unlock()
	for _, d := range dead {
		if s := q.holders.Of(d); s != nil {
			q.begin(s)
			n := s.Held
			s.Held = 0
			q.h.tasks.lost += n
			q.addDone(n)
		}
	}
	return nil
}

// Done returns how many messages were worked off, modulo 2^28.
func (q *Queue) Done() int { return int(q.h.tasks.done.Load()) }
