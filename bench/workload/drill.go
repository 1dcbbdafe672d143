package workload

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/bench"
)

const (
	crashSteps    = 5 * stepsPerMicrosecond // half of a task
	crashInFlight = 16                      // tasks given out per CPU: a task that is begun again has few before it
)

// deaths says which tasks kill their worker, the first time that they are
// begun, and when they did.
type deaths struct {
	every int
	at    []int64 // of task every*(k+1)-1, in ns since 1970: several processes have this clock in common
}

// crashes returns how many workers are killed.
func crashes(b *bench.B) int { return b.N / b.Int("every") }

// of returns where the death is entered that task i causes, 0 before; nil if it
// causes none.
func (d deaths) of(i int) *int64 {
	if (i+1)%d.every != 0 {
		return nil
	}
	return &d.at[i/d.every]
}

// task does task i. If it kills its worker, die ends it when half of the task
// is done: it does not return, or returns an error.
func (d deaths) task(i int, die func() error) (uint64, error) {
	v := steps(crashSteps)
	if at := d.of(i); at != nil && *at == 0 {
		*at = time.Now().UnixNano()
		if err := die(); err != nil {
			return 0, err
		}
	}
	return v + steps(crashSteps) + uint64(i), nil
}

// A drill is b.N tasks, and what has become of them.
type drill struct {
	deaths
	results []uint64
	left    sync.WaitGroup
	done    atomic.Int64

	mu        sync.Mutex
	u         *bench.Unit // has the times to recover
	recovered uint64
	failed    error
}

// newDrill returns a drill whose deaths are entered in at.
func newDrill(b *bench.B, at []int64) *drill {
	d := &drill{deaths: deaths{b.Int("every"), at}, results: make([]uint64, b.N), u: b.Unit(len(at))}
	d.left.Add(b.N)
	return d
}

// enter enters the result of task i. One that comes twice makes it wrong.
func (d *drill) enter(i int, v uint64) {
	d.results[i] += v
	if at := d.of(i); at != nil && *at != 0 {
		took := time.Now().UnixNano() - *at
		d.mu.Lock()
		d.recovered++
		d.u.Add(max(took, 1))
		d.mu.Unlock()
	}
	d.done.Add(1)
	d.left.Done()
}

// fail enters that a task has no result.
func (d *drill) fail(err error) {
	d.mu.Lock()
	d.failed = cmp.Or(d.failed, err)
	d.mu.Unlock()
	d.left.Done()
}

// answer is called when all is done.
func (d *drill) answer() uint64 {
	d.u.Ops = int(d.done.Load())
	return digest(d.results) + d.recovered
}

// crashed is what a worker of this process panics with in the midst of a task.
type crashed struct{ task int }

// run does task i in this process, and panics if it kills its worker.
func (d *drill) run(i int) {
	v, _ := d.task(i, func() error { panic(crashed{i}) })
	d.enter(i, v)
}

// do does task i, and reports whether it killed its worker, which is to end
// then.
func (d *drill) do(i int) (died bool) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case crashed:
			died = true
		default:
			panic(v)
		}
	}()
	d.run(i)
	return false
}
