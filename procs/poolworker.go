package procs

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"switchyard/procs/internal/child"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/taskring"
)

const sigKill = syscall.SIGKILL

// worker is a worker process as its pool sees it. Fields without a note are
// guarded by the pool's mutex.
type worker struct {
	pool    *Pool
	name    string
	child   *child.Child     // immutable
	control *child.Control   // immutable
	ring    *taskring.Parent // Put and Publish under the pool's mutex, the rest by the collector
	seg     *shm.Segment     // keeps the mapping

	entries  []entry // tasks in the ring, in order; those before first are done
	first    int
	firstSeq uint64 // number of entries[first]
	nextSeq  uint64
	load     int // entries that count
	attached int
	given    int // tasks ever

	unseen   bool // put, not published
	full     bool // the ring has no room, until the next result
	retiring bool // gets no more tasks
	stopDue  bool
	dead     bool
	begun    bool // it has reported
	stuck    bool // it does not begin its tasks: see rescue
	mark     mark // when rescue last looked

	att attachments // has its own mutex
}

// entry is a piece that lies in a worker's ring.
type entry struct {
	ticket
	task     *taskring.Task
	end      uint64 // position in the ring behind it
	limit    time.Duration
	killAt   time.Time // zero, or when the worker is to be killed for it
	reason   error     // why it was stopped
	attached bool
	revoked  bool
}

// mark tells how far a worker is.
type mark struct {
	firstSeq, passed uint64
	busy             bool
}

// front returns the first entry that counts, or nil.
func (w *worker) front() *entry {
	for i := w.first; i < len(w.entries); i++ {
		if !w.entries[i].revoked {
			return &w.entries[i]
		}
	}
	return nil
}

func (w *worker) push(e entry) {
	w.entries = append(w.entries, e)
	w.nextSeq++
	w.load++
	w.given++
	if e.attached {
		w.attached++
	}
}

// at returns the entry of task seq, or nil.
func (w *worker) at(seq uint64) *entry {
	i := seq - w.firstSeq
	if i >= uint64(len(w.entries)-w.first) {
		return nil
	}
	return &w.entries[w.first+int(i)]
}

// pop takes the entry of task seq, and the revoked ones before it, off the
// front.
func (w *worker) pop(seq uint64) (entry, bool) {
	e := w.at(seq)
	if e == nil || e.revoked {
		return entry{}, false
	}
	for w.firstSeq < seq {
		if !w.entries[w.first].revoked {
			return entry{}, false
		}
		w.shift()
	}
	out := w.entries[w.first] // shifting may have moved it
	w.shift()
	w.forget(&out)
	return out, true
}

func (w *worker) shift() {
	w.ring.Free(w.entries[w.first].end)
	w.entries[w.first] = entry{}
	w.first++
	w.firstSeq++
	if w.first == len(w.entries) {
		w.entries, w.first = w.entries[:0], 0
	} else if w.first > 1024 && w.first > len(w.entries)/2 {
		n := copy(w.entries, w.entries[w.first:])
		clear(w.entries[n:])
		w.entries, w.first = w.entries[:n], 0
	}
}

// reclaim gives back the room of revoked tasks that the worker has passed.
func (w *worker) reclaim() bool {
	passed, any := w.ring.Passed(), false
	for w.first < len(w.entries) && w.entries[w.first].revoked && w.entries[w.first].end <= passed {
		w.shift()
		any = true
	}
	return any
}

// forget takes e out of the worker's sums.
func (w *worker) forget(e *entry) {
	w.load--
	if e.attached {
		w.attached--
	}
}

// revoke takes e back if the worker has not begun it, and returns its ticket,
// which the entry does not keep: it may stay for long.
func (w *worker) revoke(e *entry) (t ticket, ok bool) {
	if e.revoked || !e.task.State.CompareAndSwap(taskring.Queued, taskring.Revoked) {
		return t, false
	}
	e.revoked = true
	w.forget(e)
	if !w.retiring {
		w.given--
	}
	t, e.ticket = e.ticket, ticket{}
	return t, true
}

// startWorker starts a worker process.
func (p *Pool) startWorker() (*worker, error) {
	seg, err := shm.Create(taskring.Size(taskRing, resultRing))
	if err != nil {
		return nil, fmt.Errorf("procs: worker: %w", err)
	}
	defer seg.Close() // the mapping stays as long as seg is reachable
	p.mu.Lock()
	p.count++
	w := &worker{pool: p, name: p.name + "/" + strconv.Itoa(p.count), seg: seg}
	p.mu.Unlock()
	w.ring = taskring.NewParent(seg.Bytes(), taskRing, resultRing)
	b := boot{name: w.name, parent: CurrentProcess().name, daemon: true, key: CurrentProcess().AuthKey(), logLevel: logLevel()}
	fds := []int{int(seg.File().Fd()), int(p.bellFD.File().Fd())}
	if init := p.config.Initializer; init != nil {
		var x wire
		defer x.Close()
		failed := fault.Apart(func() { b.body, err = init.encode(&x) })
		if err = cmp.Or(failed, err); err != nil {
			return nil, fmt.Errorf("%w: initializer: %w", ErrEncode, err)
		}
		b.id, b.fname = init.id, init.fname
		fds = append(fds, x.FDs...)
	}
	w.child, w.control, err = child.Start(&child.Spec{Executable: p.config.Executable, Name: w.name, Dir: p.config.Dir, Env: p.config.Env,
		GOMAXPROCS: p.config.GOMAXPROCS, Tie: child.TiedToThread, Kind: startWorker, Body: b.encode(), FDs: fds})
	if err != nil {
		return nil, err
	}
	w.att.init()
	logf(LevelInfo, "%s started with process id %d", w.name, w.child.PID)
	return w, nil
}

// watch starts the goroutines that listen to the worker and wait for its end.
func (w *worker) watch() {
	go w.listen()
	go func() {
		<-w.child.Done()
		p := w.pool
		p.mu.Lock()
		w.dead = true
		p.mu.Unlock()
		p.bell.Ring()
	}()
}

// listen reads what the worker says on its control socket until there is
// nobody.
func (w *worker) listen() {
	defer w.att.close()
	for {
		kind, body, fds, err := w.control.Recv(nil)
		if err != nil && !errors.Is(err, child.ErrRightsLost) {
			return
		}
		switch kind {
		case messageAttach:
			if len(body) == 8 {
				w.att.put(binary.LittleEndian.Uint64(body), fds, err)
				continue
			}
		case messageReady:
			if err != nil { // the initializer failed, and its error was a long one
				body = encodeError(err)
			}
			w.ready(body)
		}
		kernel.CloseAll(fds)
	}
}

// ready notes whether the initializer succeeded.
func (w *worker) ready(body []byte) {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.crashes = 0
	w.begun = true
	if len(body) > 0 {
		p.breakDown(fmt.Errorf("initializer: %w", decodeError(body)))
		p.bell.Ring()
	}
}

// attach sends the descriptors of the next task.
func (w *worker) attach(fds []int) error {
	return w.control.Send(messageAttach, binary.LittleEndian.AppendUint64(nil, w.nextSeq), fds)
}

// free lets go of a worker that is dead and has no entries left: nobody looks
// at its ring again.
func (w *worker) free() {
	w.seg.Unmap()
	w.control.Close()
	w.att.drop()
}
