package workload

import (
	"context"
	"fmt"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs/manager"
)

var sharedDict = &bench.Workload{
	Name: "SharedDict",
	Kind: "messaging",
	Story: "Tasks share one dictionary of a thousand names, which they look up and count: sessions, a cache, a score. So many " +
		"percent of the ops read, the others add one. Greenlets need no lock, goroutines share a map under a read-write lock, " +
		"and processes ask a manager that keeps the dictionary, as Python's do: a message each. Latency is that of a read or " +
		"an update.",
	Op:    "read or update",
	Cases: []bench.Params{"tasks=4/read=90"},
	More:  []bench.Params{"tasks=4/read=0", "tasks=4/read=50", "tasks=4/read=100", "tasks=1/read=90", "tasks=16/read=90"},
	Batch: func(p bench.Params) int { return p.Int("tasks") },
	// A read counts once, an update twice: neither can stand for the other.
	Want: func(b *bench.B) (sum uint64) {
		tasks, read := b.Int("tasks"), b.Int("read")
		for i := range tasks {
			for op := range b.N / tasks {
				sum += 2
				if _, reads := dictOp(i, op, read); reads {
					sum--
				}
			}
		}
		return sum
	},
	Ledger: func(b *bench.B) bench.Ledger {
		tasks := b.Int("tasks")
		want := bench.Ledger{Units: tasks, Ops: b.N, Each: b.N / tasks}
		if b.Model == Process {
			want.Suspensions = b.N
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "those who share memory wait for the dictionary only while another has its lock, and greenlets never"},
	Impls:      byModel(sharedDictSerial, sharedDictGreenlet, sharedDictShared, sharedDictProcess),
}

const dictSize = 1000

// dictOp is what a task does in its op: with which name, and whether it reads.
func dictOp(task, op, read int) (name int, reads bool) {
	x := uint64(task+1)*0x9e3779b97f4a7c15 + uint64(op)*0xd1342543de82ef95
	x ^= x >> 32
	return int(x % dictSize), int(x/dictSize%100) < read
}

func dictNames() []string {
	names := make([]string, dictSize)
	for i := range names {
		names[i] = fmt.Sprintf("player-%03d", i)
	}
	return names
}

// newDict has all names with a count of none.
func newDict(names []string) map[string]int {
	dict := make(map[string]int, len(names))
	for _, name := range names {
		dict[name] = 0
	}
	return dict
}

// updates is the part of the answer that is in the dictionary.
func updates(dict map[string]int) (sum uint64) {
	for _, n := range dict {
		sum += 2 * uint64(n)
	}
	return sum
}

// play is a task: n ops on a dictionary that has a method to read and one to
// add one. Its answer is how many names it has read; the updates are seen in
// the dictionary.
func play(i, n, read int, names []string, u *bench.Unit, get func(name string) (found bool, err error), add func(name string) error) error {
	for op := range n {
		name, reads := dictOp(i, op, read)
		t := u.Begin(op)
		found, err := false, error(nil)
		if reads {
			found, err = get(names[name])
		} else {
			err = add(names[name])
		}
		if err != nil {
			return err
		}
		u.End(t)
		if found {
			u.Answer++
		}
		u.Ops++
	}
	return nil
}

func sharedDictSerial(b *bench.B) (uint64, error) {
	u, names, tasks := b.Unit(b.N), dictNames(), b.Int("tasks")
	dict := newDict(names)
	get, add := lonely(dict)
	b.Start()
	for i := range tasks {
		if err := play(i, b.N/tasks, b.Int("read"), names, u, get, add); err != nil {
			return 0, err
		}
	}
	b.Stop()
	return b.Answer() + updates(dict), nil
}

// lonely returns the methods of a dictionary that nobody else uses meanwhile.
func lonely(dict map[string]int) (get func(string) (bool, error), add func(string) error) {
	return func(name string) (bool, error) { _, ok := dict[name]; return ok, nil },
		func(name string) error { dict[name]++; return nil }
}

func sharedDictGreenlet(b *bench.B) (uint64, error) {
	names, tasks := dictNames(), b.Int("tasks")
	dict := newDict(names)
	get, add := lonely(dict)
	answer, err := raceGreenlets(b, tasks, func(*hub.Hub) work {
		return func(i int, u *bench.Unit) error { return play(i, b.N/tasks, b.Int("read"), names, u, get, add) }
	})
	return answer + updates(dict), err
}

func sharedDictShared(b *bench.B, launch launcher) (uint64, error) {
	names, tasks := dictNames(), b.Int("tasks")
	dict := newDict(names)
	var mu sync.RWMutex
	get := func(name string) (bool, error) {
		mu.RLock()
		defer mu.RUnlock()
		_, ok := dict[name]
		return ok, nil
	}
	add := func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		dict[name]++
		return nil
	}
	answer, err := race(b, launch, tasks, func(i int, u *bench.Unit) error {
		return play(i, b.N/tasks, b.Int("read"), names, u, get, add)
	})
	return answer + updates(dict), err
}

type sharedDictArgs struct {
	Dict       *manager.Dict[string, int]
	I, N, Read int
}

// prepare connects the process to the manager.
func (in sharedDictArgs) prepare() error { _, err := in.Dict.Len(); return err }

var sharedDictWorker = registerWorker("bench.shareddict", func(_ context.Context, in sharedDictArgs, u *bench.Unit) error {
	get := func(name string) (bool, error) { _, ok, err := in.Dict.Get(name); return ok, err }
	add := func(name string) error { _, err := manager.DictAdd(in.Dict, name, 1); return err }
	err := play(in.I, in.N, in.Read, dictNames(), u, get, add)
	u.Waits = u.Ops // for the manager
	return err
})

// sharedDictProcess has a manager as anybody starts one. It is no worker: with
// GOMAXPROCS=1 it would be late to wake up while it looks for the next call.
func sharedDictProcess(b *bench.B) (uint64, error) {
	m, err := manager.New(manager.Config{})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	dict, err := manager.NewDict[string, int](m)
	if err != nil {
		return 0, err
	}
	defer dict.Close()
	if err := dict.Update(newDict(dictNames())); err != nil {
		return 0, err
	}
	tasks := b.Int("tasks")
	answer, err := raceWorkers(b, sharedDictWorker, inputs(tasks, func(i int) sharedDictArgs {
		return sharedDictArgs{dict, i, b.N / tasks, b.Int("read")}
	}))
	if err != nil {
		return 0, err
	}
	counts, err := dict.Copy()
	return answer + updates(counts), err
}
