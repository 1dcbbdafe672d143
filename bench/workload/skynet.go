package workload

import (
	"context"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var skynet = &bench.Workload{
	Name: "Skynet",
	Kind: "starting tasks",
	Story: "A tree of tasks: each starts ten others and adds up what they return, the leaves return their numbers. Work that " +
		"divides itself, as a crawler or a build does: tasks that start tasks. The process model hands the ten subtrees " +
		"below the root to a pool of warm processes, one per CPU, and there each task is a goroutine: as many tasks as " +
		"elsewhere, under schedulers that share nothing. Latency is that of a whole tree divided by its leaves.",
	Op:    "leaf",
	Cases: []bench.Params{"leaves=1000"},
	More:  []bench.Params{"leaves=10", "leaves=100", "leaves=10000", "leaves=100000"},
	Batch: func(p bench.Params) int { return p.Int("leaves") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) * uint64(b.Int("leaves")-1) / 2 },
	Ledger: func(b *bench.B) bench.Ledger {
		leaves := b.Int("leaves")
		want := bench.Ledger{Ops: b.N / leaves * skynetTasks(leaves)} // the tasks above the leaves are done, too
		if b.Model != Process {
			want.Suspensions = b.N / 10 // of those that have children
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{
		2: "what the goroutines of worker processes wait for is not seen from outside",
		3: "the first tasks may have ended before the last one starts",
		5: "starting, running and ending a task is one op",
		8: "a task may have ended before the next one starts, whoever waits for it",
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    skynetSerial,
		Greenlet:  skynetGreenlet,
		Goroutine: launched(skynetShared, goroutines),
		Ants:      skynetAnts,
		Thread:    launched(skynetShared, threads),
		Process:   skynetProcess,
	},
	Limit: func(b *bench.B) error {
		if b.Model == Thread && skynetTasks(b.Int("leaves")) >= 10_000 {
			return bench.Void("a Go program ends when it has 10,000 threads")
		}
		return nil
	},
}

// A subtree has the leaves from First on.
type subtree struct{ First, Leaves int }

// child returns one of the ten subtrees of t.
func (t subtree) child(i int) subtree {
	n := t.Leaves / 10
	return subtree{t.First + i*n, n}
}

// A leafSum is what a task returns: the sum of the numbers of its leaves, and
// how many tasks it and those below it were.
type leafSum struct{ Numbers, Tasks uint64 }

// itself is the sum of a task that has not added up anything.
func itself() leafSum { return leafSum{Tasks: 1} }

func (s *leafSum) add(t leafSum) { s.Numbers += t.Numbers; s.Tasks += t.Tasks }

// skynetTasks is how many tasks a tree has.
func skynetTasks(leaves int) (n int) {
	for ; leaves > 0; leaves /= 10 {
		n += leaves
	}
	return n
}

// trees times trees until b.N leaves have been added up; one returns the sum of
// a tree.
func trees(b *bench.B, one func(root subtree) (leafSum, error)) (uint64, error) {
	n, sum := b.Int("leaves"), leafSum{}
	_, err := rounds(b, n, func() error {
		tree, err := one(subtree{0, n})
		sum.add(tree)
		return err
	}, func() uint64 { return sum.Tasks })
	return sum.Numbers, err
}

func skynetSerial(b *bench.B) (uint64, error) {
	return trees(b, func(root subtree) (leafSum, error) { return addLeaves(root), nil })
}

func addLeaves(t subtree) (sum leafSum) {
	if t.Leaves == 1 {
		return leafSum{uint64(t.First), 1}
	}
	sum = itself()
	for i := range 10 {
		sum.add(addLeaves(t.child(i)))
	}
	return sum
}

func skynetGreenlet(b *bench.B) (answer uint64, err error) {
	err = runHub(b, func(h *hub.Hub) (err error) {
		answer, err = trees(b, func(root subtree) (leafSum, error) { return addGreenlets(h, root) })
		return err
	})
	return answer, err
}

func addGreenlets(h *hub.Hub, t subtree) (sum leafSum, err error) {
	if t.Leaves == 1 {
		return leafSum{uint64(t.First), 1}, nil
	}
	var children [10]*hub.Task[leafSum]
	for i := range children {
		children[i] = hub.Spawn(h, func() (leafSum, error) { return addGreenlets(h, t.child(i)) })
	}
	sum = itself()
	for _, child := range children {
		s, err := child.Get()
		if err != nil {
			return sum, err
		}
		sum.add(s)
	}
	return sum, nil
}

func skynetShared(b *bench.B, launch launcher) (uint64, error) {
	return trees(b, func(root subtree) (leafSum, error) { return addLaunched(launch, root) })
}

// addLaunched launches a task for each of the ten subtrees, and takes what they
// send.
func addLaunched(launch launcher, t subtree) (sum leafSum, err error) {
	if t.Leaves == 1 {
		return leafSum{uint64(t.First), 1}, nil
	}
	type result struct {
		leafSum
		err error
	}
	results := make(chan result)
	_, err = launch(10, func(i int) {
		s, err := addLaunched(launch, t.child(i))
		results <- result{s, err}
	})
	if err != nil {
		return sum, err
	}
	sum = itself()
	for range 10 {
		r := <-results
		if r.err != nil {
			return sum, r.err
		}
		sum.add(r.leafSum)
	}
	return sum, nil
}

// skynetAnts has a pool with room for every task, since those with children
// keep their places while they wait.
func skynetAnts(b *bench.B) (uint64, error) {
	pool, err := ants.NewPool(skynetTasks(b.Int("leaves")))
	if err != nil {
		return 0, err
	}
	defer release(pool)
	return skynetShared(b, pooledIn(pool))
}

var skynetTask = procs.Register("bench.skynet", func(_ context.Context, t subtree) (leafSum, error) {
	return addLaunched(goroutines, t)
})

func skynetProcess(b *bench.B) (uint64, error) {
	pool, err := newPool(b.CPUs)
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	return trees(b, func(root subtree) (sum leafSum, err error) {
		var children [10]subtree
		for i := range children {
			children[i] = root.child(i)
		}
		results, err := procs.Map(context.Background(), pool, skynetTask, children[:], procs.Chunk(1))
		sum = itself()
		for _, s := range results {
			sum.add(s)
		}
		return sum, err
	})
}
