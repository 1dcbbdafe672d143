package workload

import (
	"context"
	"sync/atomic"

	"switchyard/bench"
	"switchyard/procs"
)

var sharedDictTuned = &bench.Workload{
	Name: "SharedDictTuned",
	Kind: "messaging",
	Story: "SharedDict, tuned by hand by those who know that the names stay the same: each has its place among counters, which " +
		"everybody adds to in one step of the processor, without a lock. Processes have the counters in shared memory, and " +
		"each a map of its own from names to places; they ask no manager. It is what sharing costs at the least, and no " +
		"dictionary any more: nobody can add a name. Latency is that of a read or an update.",
	Op:    sharedDict.Op,
	Cases: sharedDict.Cases,
	More:  []bench.Params{"tasks=4/read=0", "tasks=4/read=100", "tasks=16/read=90"},
	Batch: sharedDict.Batch,
	Want:  sharedDict.Want,
	Ledger: func(b *bench.B) bench.Ledger {
		tasks := b.Int("tasks")
		return concurrent(b, bench.Ledger{Units: tasks, Ops: b.N, Each: b.N / tasks})
	},
	Exceptions: map[int]string{2: "there is nothing to wait for"},
	Impls:      byModel(sharedDictSerial, nil, tunedShared, tunedProcess),
	NA:         map[bench.Model]string{Greenlet: "greenlets share a plain dictionary without a lock already: see SharedDict"},
}

// Scores have a counter for each of the names that there are.
type scores struct {
	places map[string]int // read only
	counts []int64
}

func newScores(names []string, counts []int64) scores {
	s := scores{make(map[string]int, len(names)), counts}
	for i, name := range names {
		s.places[name] = i
	}
	return s
}

func (s scores) get(name string) (bool, error) {
	i, ok := s.places[name]
	return ok && atomic.LoadInt64(&s.counts[i]) >= 0, nil
}

func (s scores) add(name string) error {
	atomic.AddInt64(&s.counts[s.places[name]], 1)
	return nil
}

// updates is the part of the answer that is in the counters.
func (s scores) updates() (sum uint64) {
	for _, n := range s.counts {
		sum += 2 * uint64(n)
	}
	return sum
}

func tunedShared(b *bench.B, launch launcher) (uint64, error) {
	names, tasks := dictNames(), b.Int("tasks")
	s := newScores(names, make([]int64, dictSize))
	answer, err := race(b, launch, tasks, func(i int, u *bench.Unit) error {
		return play(i, b.N/tasks, b.Int("read"), names, u, s.get, s.add)
	})
	return answer + s.updates(), err
}

type tunedArgs struct {
	Counts     *procs.RawArray[int64]
	I, N, Read int
}

// workerScores is what a worker process knows of the names.
var workerScores struct {
	scores
	names []string
}

func (in tunedArgs) prepare() error {
	workerScores.names = dictNames()
	workerScores.scores = newScores(workerScores.names, in.Counts.Raw())
	return nil
}

var tunedWorker = registerWorker("bench.shareddicttuned", func(_ context.Context, in tunedArgs, u *bench.Unit) error {
	return play(in.I, in.N, in.Read, workerScores.names, u, workerScores.get, workerScores.add)
})

func tunedProcess(b *bench.B) (uint64, error) {
	counts, err := procs.NewRawArray[int64](dictSize)
	if err != nil {
		return 0, err
	}
	defer counts.Close()
	tasks := b.Int("tasks")
	answer, err := raceWorkers(b, tunedWorker, inputs(tasks, func(i int) tunedArgs {
		return tunedArgs{counts, i, b.N / tasks, b.Int("read")}
	}))
	return answer + scores{counts: counts.Raw()}.updates(), err
}
