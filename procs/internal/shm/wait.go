package shm

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Wait says how long a blocking call may wait, and for whom. The zero Wait
// waits for ever.
type Wait struct {
	Context  context.Context // nil, or one that is never done: cannot be cancelled, and costs nothing
	Deadline time.Time       // zero: none
	Alive    func() bool     // asked after every slice of sleep; false ends the wait with ErrPeerDied
}

// Sleep is cut into slices so that the death of a process which should have
// woken us is noticed. Each is four times as long as the one before, up to a
// limit at which looking takes no processor time that can be measured: a
// wake-up that is lost, because its process died between the change and it,
// costs five seconds at most. Who has to look after others, whose death nobody
// tells of, does so a few times per second, for about 0.01 % of a CPU.
const (
	firstSlice = 10 * time.Millisecond
	watchSlice = 200 * time.Millisecond
	lastSlice  = 5 * time.Second
)

// A Sleeper carries one blocked operation through its slices: call Sleep in a
// loop, and End in the end.
type Sleeper struct {
	Watchful bool // the caller checks on others whenever it slept: slices stay short

	slice time.Duration
	watch *watch // only if the context can be done
}

// watch is what a cancelled context does: wake the word until the sleeper has
// noticed. One wake would not do, because it may come just before the sleeper
// falls asleep.
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

// Sleep blocks while *word == val, for at most one slice. It returns nil when
// the caller should look again. slept, which is for the watchful, says that a
// whole slice passed without a wake: the moment to check on others.
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
	s.slice = s.next(wait)
	if wait.Alive != nil && !wait.Alive() {
		return s.Watchful, ErrPeerDied
	}
	return s.Watchful, nil
}

// next returns how long the slice after this one is.
func (s *Sleeper) next(wait *Wait) time.Duration {
	if s.Watchful || wait.Alive != nil {
		return min(4*s.slice, watchSlice)
	}
	return min(4*s.slice, lastSlice)
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

// Spinning pays when the other side is on another CPU and about to answer. A
// Spinner learns whether it does. While spins succeed, they may last as long as
// a sleep and a wake-up: then, whenever the answer comes, the two together take
// at most twice as long as the better of them alone.
//
// Failed spins shorten later ones, but gradually: if both sides sleep, each
// answer takes as long as a wake-up, and they would go on sleeping although
// both could answer within a microsecond. So a few more full spins follow a
// failed one; either side's makes the other's next wait short. If that does not
// help, the peer is slow, and spins become short, then rare, so that they cost
// next to nothing.
type Spinner struct {
	// Goroutines may share it, and a lost update does not matter.
	useful atomic.Bool  // a spin has succeeded before
	misses atomic.Int32 // failed spins in a row
}

// Lengths are in pauses.
const (
	maxSpin    = 2048 // some 20 to 50 us, the price of one sleep and wake-up
	firstSpin  = 256
	minSpin    = 64
	pauseStep  = 4   // between two looks: leaves the cache line to its writer
	yieldEvery = 256 // between two chances for other goroutines
)

// Misses after which one looks for how long.
const (
	fewMisses  = 4   // up to so many: maxSpin
	manyMisses = 128 // up to so many: minSpin; then not at all
	probeEvery = 16  // but now and then maxSpin: while there are few misses,
	probeMuch  = 128 // and many
)

var spinCPUs = sync.OnceValue(func() bool { return usableCPUs() > 1 })

// SystemCall is about what one system call costs, in pauses: see Look.
const SystemCall = 12

// Until spins until ready says yes or the budget is spent, and returns what
// ready said last.
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
	if spinCPUs() {
		s.misses.Add(1)
	}
	return ready()
}

// Await looks for as long as so many pauses take, if the other side may be on
// another CPU, and returns what ready said last.
func Await(pauses int32, ready func() bool) bool {
	if spinCPUs() {
		for ; pauses > 0; pauses -= pauseStep {
			if ready() {
				return true
			}
			pause(pauseStep)
		}
	}
	return ready()
}

// budget returns how many pauses may be spent now.
func (s *Spinner) budget() int32 {
	if !spinCPUs() {
		return 0
	}
	switch m := s.misses.Load(); {
	case m == 0 && !s.useful.Load():
		return firstSpin
	case m <= fewMisses, m < manyMisses && m%probeEvery == 0, m%probeMuch == 0:
		return maxSpin
	case m < manyMisses:
		return minSpin
	}
	return 0
}

// hit notes that looking was of use, after some pauses. If it took none, the
// answer was there already, which tells little.
func (s *Spinner) hit(used int32) {
	if s.misses.Load() != 0 {
		s.misses.Store(0)
	}
	if used > 0 && !s.useful.Load() {
		s.useful.Store(true)
	}
}
