package shm

import (
	"context"
	"math"
	"runtime"
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

// Spinning pays when the other side is on another CPU and about to answer. A Spinner learns how long that takes: it usually looks
// for twice as long as was needed of late.
//
// One thing it cannot learn from short looks: when both sides sleep at once, each takes as long as waking the other, longer
// than either looks, and they would go on so for ever although both could answer within a microsecond. So after a look in vain it looks,
// a few times, for as long as a wake-up takes: the side that does makes the other one's next wait short. If that does not
// help, the peer is slow, and looking becomes short and rare, so that it costs next to nothing.
type Spinner struct {
	usual  atomic.Int32 // pauses that are enough usually; goroutines may share it, and a lost update does not matter
	misses atomic.Int32 // looks in a row that were in vain
}

const (
	maxSpin    = 2048 // pauses; some 20 to 50 us, the price of one sleep and wake-up
	firstSpin  = 256
	minSpin    = 64
	pauseStep  = 4   // pauses between two looks: leaves the cache line to its writer
	yieldEvery = 256 // pauses between two chances for other goroutines
	fewMisses  = 4   // after up to so many, one looks for maxSpin
	probeEvery = 16  // and later now and then
)

var spinCPUs = sync.OnceValue(func() bool { return usableCPUs() > 1 })

// SystemCall is about what one system call costs, in pauses: see Look.
const SystemCall = 12

// Until spins until ready says yes or the budget is spent, and returns what ready said last.
func (s *Spinner) Until(ready func() bool) bool { return s.Look(0, ready) }

// Look is Until with a ready that itself takes as long as cost pauses.
func (s *Spinner) Look(cost int32, ready func() bool) bool {
	step := cost + pauseStep
	yield := int32(yieldEvery)
	limit := s.budget()
	for used := int32(0); used < limit; used += step {
		if ready() {
			s.hit(used)
			return true
		}
		pause(pauseStep)
		if used >= yield {
			yield += yieldEvery
			runtime.Gosched()
		}
	}
	if limit > 0 {
		s.misses.Add(1)
	}
	return ready()
}

// budget returns how many pauses may be spent now.
func (s *Spinner) budget() int32 {
	if !spinCPUs() {
		return 0
	}
	switch m := s.misses.Load(); {
	case m == 0:
		if u := s.usual.Load(); u != 0 {
			return u
		}
		return firstSpin
	case m <= fewMisses || m%probeEvery == 0:
		return maxSpin
	}
	return minSpin
}

// hit notes that used pauses were enough.
func (s *Spinner) hit(used int32) {
	if s.misses.Load() != 0 {
		s.misses.Store(0)
	}
	if used == 0 {
		return // it was there already: that says nothing about how long it takes when it is not
	}
	usual := s.usual.Load()
	want := min(2*used+minSpin, maxSpin)
	if want < usual {
		want = max(usual-(usual-want+15)/16, want)
	}
	if want != usual {
		s.usual.Store(want)
	}
}
