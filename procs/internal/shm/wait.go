package shm

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Wait says how long a blocking call may wait, and for whom. The zero Wait waits for ever.
type Wait struct {
	Context  context.Context // nil, or one that is never done: cannot be cancelled, and costs nothing
	Deadline time.Time       // zero: none
	Alive    func() bool     // asked after every slice of sleep; false ends the wait with ErrPeerDied
}

// Sleep is cut into slices so that the death of a process which should have woken us is noticed.
// They grow: a long wait costs a few wake-ups per second, about 0.01 % of a CPU.
const (
	firstSlice = 10 * time.Millisecond
	lastSlice  = 200 * time.Millisecond
)

// A Sleeper carries one blocked operation through its slices: call Sleep in a loop, and End in the end.
type Sleeper struct {
	slice time.Duration
	watch *watch // only if the context can be done
}

// watch is what a cancelled context does: wake the word until the sleeper has noticed. One wake would not do, because
// it may come just before the sleeper falls asleep.
type watch struct {
	mu   sync.Mutex // guards word against being woken after End
	word *atomic.Uint32
	stop func() bool
}

func (w *watch) cancelled() {
	for {
		w.mu.Lock()
		if w.word == nil {
			w.mu.Unlock()
			return
		}
		futexWake(w.word, math.MaxInt32)
		w.mu.Unlock()
		time.Sleep(200 * time.Microsecond)
	}
}

// Sleep blocks while *word == val, for at most one slice. It returns nil when the caller should look again. slept says that
// a whole slice passed without a wake: the moment to check on others.
func (s *Sleeper) Sleep(wait *Wait, word *atomic.Uint32, val uint32) (slept bool, err error) {
	if s.slice == 0 {
		s.slice = firstSlice
	}
	if ctx := wait.Context; ctx != nil && ctx.Done() != nil {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if s.watch == nil {
			s.watch = &watch{word: word}
			s.watch.stop = context.AfterFunc(ctx, s.watch.cancelled)
		}
	}
	d := s.slice
	if !wait.Deadline.IsZero() {
		left := time.Until(wait.Deadline)
		if left <= 0 {
			return false, ErrTimeout
		}
		d = min(d, left)
	}
	if !futexWait(word, val, d) {
		return false, nil
	}
	s.slice = min(2*s.slice, lastSlice)
	if wait.Alive != nil && !wait.Alive() {
		return true, ErrPeerDied
	}
	return true, nil
}

// End forgets the context. It must be called once Sleep was.
func (s *Sleeper) End() {
	if s.watch == nil {
		return
	}
	s.watch.stop()
	s.watch.mu.Lock()
	s.watch.word = nil
	s.watch.mu.Unlock()
}

// Spinning pays when the other side is on another CPU and about to answer. A Spinner learns how long that takes: success
// moves its limit towards twice what was needed, failure lowers it, so that a peer which is always late costs next to nothing.
type Spinner struct {
	limit atomic.Int32 // pauses; goroutines may share it, and a lost update does not matter
}

const (
	maxSpin   = 1024 // pauses; about 10 to 40 us, near the price of one sleep and wake-up
	firstSpin = 256
	minSpin   = 64
	pauseStep = 4 // pauses between two looks: leaves the cache line to its writer
)

var spinCPUs = sync.OnceValue(func() bool { return usableCPUs() > 1 })

// Until spins until ready says yes or the budget is spent, and returns what ready said last.
func (s *Spinner) Until(ready func() bool) bool {
	limit := s.budget()
	for used := int32(0); used < limit; used += pauseStep {
		if ready() {
			s.record(used, true)
			return true
		}
		pause(pauseStep)
	}
	if limit > 0 {
		s.record(limit, false)
	}
	return ready()
}

// budget returns how many pauses may be spent now.
func (s *Spinner) budget() int32 {
	if !spinCPUs() {
		return 0
	}
	l := s.limit.Load()
	if l == 0 {
		l = firstSpin
	}
	return l
}

// record tells the outcome of a spin that took used pauses.
func (s *Spinner) record(used int32, success bool) {
	l := s.budget()
	if success {
		l += (min(2*used+64, maxSpin) - l) / 4
	} else {
		l -= l / 8
	}
	s.limit.Store(max(l, minSpin))
}
