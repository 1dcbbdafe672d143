package workload

import (
	"sync/atomic"
	"time"

	"switchyard/bench"
	"switchyard/procs"
)

// A crowd counts the units that are waiting at the same moment. That of
// processes is in shared memory.
type crowd []int64

func newCrowd() crowd { return make(crowd, placeWords) }

// A sharedCrowd is what processes are given of one.
type sharedCrowd struct{ Array *procs.RawArray[int64] }

func (s sharedCrowd) crowd() crowd { return s.Array.Raw() }

// A sharedStripe is a stripe of a unit that is one of a crowd.
type sharedStripe struct {
	Share  stripe
	Beside sharedCrowd
}

// withCrowd makes one for processes, which is there until run has returned.
func withCrowd(run func(s sharedCrowd) (uint64, error)) (uint64, error) {
	array, err := procs.NewRawArray[int64](placeWords)
	if err != nil {
		return 0, err
	}
	defer array.Close()
	return run(sharedCrowd{array})
}

// come counts one in, and returns how many there are now.
func (c crowd) come() int { return int(atomic.AddInt64(&c[0], 1)) }

// join is come for unit u, which enters what it sees, until leave is called.
func (c crowd) join(u *bench.Unit) (leave func()) {
	u.Inside = max(u.Inside, c.come())
	return c.leave
}

func (c crowd) leave() { atomic.AddInt64(&c[0], -1) }

// note keeps the most of the numbers that come has returned.
func (c crowd) note(n int) {
	for {
		most := atomic.LoadInt64(&c[1])
		if int64(n) <= most || atomic.CompareAndSwapInt64(&c[1], most, int64(n)) {
			return
		}
	}
}

// most returns the most that note was told.
func (c crowd) most() int { return int(atomic.LoadInt64(&c[1])) }

// waiting returns the wait of unit u, among the crowd.
func (c crowd) waiting(u *bench.Unit, wait func(time.Duration) error) func(time.Duration) error {
	return func(d time.Duration) error {
		defer c.join(u)()
		return wait(d)
	}
}

// overlap returns how many of n units must have been seen waiting at the same
// moment: those that wait in turn are one. It is known after a number of waits,
// however busy the machine: who has waited waits on until a processor is free.
func overlap(b *bench.B, n int) int {
	if n < 2 || b.N < 10*min(n, 10) {
		return 0
	}
	return 2
}
