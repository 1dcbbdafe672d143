package connection

import (
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/fault"
)

// refusals brings the hook Refused what was refused, in order, without anybody
// waiting for it.
type refusals struct {
	hook    func(address string, err error)
	address string

	mu      sync.Mutex
	queue   []error
	lost    int  // for which there was no room
	calling bool // a goroutine takes them out of the queue
}

// maxRefusals is how many wait for a hook that takes its time.
const maxRefusals = 4096

func (r *refusals) add(err error) {
	if r.hook == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= maxRefusals {
		r.lost++
		return
	}
	r.queue = append(r.queue, err)
	if !r.calling {
		r.calling = true
		go r.call()
	}
}

// call calls the hook until nothing waits.
func (r *refusals) call() {
	for err, ok := r.next(); ok; err, ok = r.next() {
		if failed := fault.Apart(func() { r.hook(r.address, err) }); failed != nil {
			bridge.Logf(int32(procs.LevelError), "listener %s: the hook Refused: %s", r.address, fault.Text(failed))
		}
	}
}

func (r *refusals) next() (err error, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost > 0 {
		bridge.Logf(int32(procs.LevelWarning), "listener %s: %d refusals were left out: the hook Refused takes too long", r.address, r.lost)
		r.lost = 0
	}
	if len(r.queue) == 0 {
		r.queue, r.calling = nil, false
		return nil, false
	}
	err, r.queue = r.queue[0], r.queue[1:]
	return err, true
}
