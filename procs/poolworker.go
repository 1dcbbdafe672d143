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

// worker is a worker process as its pool sees it; taskServer is what runs in
// that process. Fields without a note are guarded by the pool's mutex.
type worker struct {
	pool    *Pool
	name    string
	child   *child.Child     // immutable
	control *child.Control   // immutable
	ring    *taskring.Parent // Put and Publish under the pool's mutex, the rest by the collector
	seg     *shm.Segment     // keeps the mapping

	state workerState // changed by become only
	full  bool        // a task did not fit into the ring, and no room has been made since
	mark  mark        // progress when rescue last looked

	entries  []entry // tasks in the ring, in order; those before head are done
	head     int
	headSeq  uint64 // number of entries[head]
	nextSeq  uint64
	load     int // entries that were not revoked
	attached int // and those of them that have descriptors
	given    int // tasks in all

	store taskring.Store // of arguments

	att attachments // has its own mutex
}

// entry is a piece that lies in a worker's ring.
type entry struct {
	ticket
	task     *taskring.Task
	end      uint64        // position in the ring behind it
	limit    time.Duration // 0: none
	killAt   time.Time     // zero, or when the worker is to be killed because of it
	reason   error         // why it was stopped, or nil
	attached bool
	revoked  bool
}

// mark is how far a worker has come.
type mark struct {
	headSeq, passed uint64
	busy            bool
}

// front returns the first entry that was not revoked, or nil.
func (w *worker) front() *entry {
	for _, e := range w.oldestFirst {
		return e
	}
	return nil
}

// back returns the last entry that was not revoked, or nil.
func (w *worker) back() *entry {
	if w.load > 0 {
		for _, e := range w.newestFirst {
			return e
		}
	}
	return nil
}

// oldestFirst yields the entries that were not revoked, with their numbers.
func (w *worker) oldestFirst(yield func(uint64, *entry) bool) {
	for seq := w.headSeq; seq < w.nextSeq; seq++ {
		if e := w.at(seq); !e.revoked && !yield(seq, e) {
			return
		}
	}
}

// newestFirst is oldestFirst the other way round. The loop may revoke them.
func (w *worker) newestFirst(yield func(uint64, *entry) bool) {
	for seq := w.nextSeq; seq > w.headSeq; {
		seq--
		if e := w.at(seq); !e.revoked && !yield(seq, e) {
			return
		}
	}
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
	i := seq - w.headSeq
	if i >= uint64(len(w.entries)-w.head) {
		return nil
	}
	return &w.entries[w.head+int(i)]
}

// pop removes the entry of task seq, and the revoked ones before it, from the
// front. It returns false if the worker cannot have finished that task next.
func (w *worker) pop(seq uint64) (entry, bool) {
	e := w.at(seq)
	if e == nil || e.revoked {
		return entry{}, false
	}
	for w.headSeq < seq {
		if !w.entries[w.head].revoked {
			return entry{}, false
		}
		w.shift()
	}
	out := w.entries[w.head] // shifting may have moved it
	w.shift()
	w.forget(&out)
	return out, true
}

func (w *worker) shift() {
	w.ring.Free(w.entries[w.head].end)
	w.entries[w.head] = entry{}
	w.head++
	w.headSeq++
	if w.head == len(w.entries) {
		w.entries, w.head = w.entries[:0], 0
	} else if w.head > 1024 && w.head > len(w.entries)/2 {
		n := copy(w.entries, w.entries[w.head:])
		clear(w.entries[n:])
		w.entries, w.head = w.entries[:n], 0
	}
}

// reclaim gives back the room of revoked tasks that the worker has passed, and
// reports whether there were any.
func (w *worker) reclaim() bool {
	passed, any := w.ring.Passed(), false
	for w.head < len(w.entries) && w.entries[w.head].revoked && w.entries[w.head].end <= passed {
		w.shift()
		any = true
	}
	return any
}

// forget subtracts e from load and attached.
func (w *worker) forget(e *entry) {
	w.load--
	if e.attached {
		w.attached--
	}
}

// revoke takes e back if the worker has not begun it, and returns its ticket.
// The entry drops it, because the entry may stay for long.
func (w *worker) revoke(e *entry) (t ticket, ok bool) {
	if e.revoked || !e.task.Revoke() {
		return t, false
	}
	e.revoked = true
	w.forget(e)
	if w.state < workerRetiring {
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
	fds := []int{int(seg.File().Fd()), int(p.parkerSeg.File().Fd())}
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

// watch starts the goroutines that listen to the worker and wait for its
// process to end.
func (w *worker) watch() {
	go w.listen()
	go func() {
		<-w.child.Done()
		p := w.pool
		p.mu.Lock()
		w.exited()
		p.mu.Unlock()
		p.parker.Wake()
	}()
}

// listen reads the worker's control socket until the worker has closed it.
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

// ready is called with the worker's report: empty, or the error of its
// initializer.
func (w *worker) ready(body []byte) {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.crashes = 0
	if len(body) > 0 {
		p.breakDown(fmt.Errorf("initializer: %w", decodeError(body)))
		p.parker.Wake()
	}
}

// free unmaps and closes what a worker has whose process has ended and whose
// ring nobody reads any more.
func (w *worker) free() {
	w.seg.Unmap()
	w.control.Close()
	w.store.Close()
	w.att.drop()
}
