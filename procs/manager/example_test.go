//go:build linux

package manager_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"switchyard/procs"
	"switchyard/procs/manager"
)

var tally = procs.Register("example.tally", func(_ context.Context, d *manager.Dict[string, int]) (int, error) {
	for _, word := range []string{"to", "be", "or", "not", "to", "be"} {
		if _, err := manager.DictAdd(d, word, 1); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

// Ten processes count words in one dict. Each addition is atomic, so none is
// lost, and no lock is needed.
func ExampleNew() {
	m, err := manager.New(manager.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	words, _ := manager.NewDict[string, int](m)
	var children []*procs.Process
	for range 10 {
		p := procs.NewProcess(tally, words, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		children = append(children, p)
	}
	for _, p := range children {
		p.Join(context.Background())
	}
	fmt.Println(words.Copy())
	// Output: map[be:20 not:10 or:10 to:20] <nil>
}

// shared is what the ten processes of the next example have in common.
type shared struct {
	Number  int
	Squares *manager.Dict[int, int]
	Seen    *manager.List[int]
}

var enter = procs.Register("example.enter", func(_ context.Context, s shared) (int, error) {
	if err := s.Squares.Set(s.Number, s.Number*s.Number); err != nil {
		return 0, err
	}
	return 0, s.Seen.Append(s.Number)
})

// Ten processes fill one dict and append to one list.
func ExampleNewList() {
	m, err := manager.New(manager.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	squares, _ := manager.NewDict[int, int](m)
	seen, _ := manager.NewList(m, -2, -1)
	var children []*procs.Process
	for i := range 10 {
		p := procs.NewProcess(enter, shared{i, squares, seen}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		children = append(children, p)
	}
	for _, p := range children {
		p.Join(context.Background())
	}
	fmt.Println(squares.Copy())
	seen.SortFunc(cmp.Compare) // they came in any order
	fmt.Println(seen.All())
	// Output:
	// map[0:0 1:1 2:4 3:9 4:16 5:25 6:36 7:49 8:64 9:81] <nil>
	// [-2 -1 0 1 2 3 4 5 6 7 8 9] <nil>
}

// The worker of the distributed example: on any machine, it knows no more than
// where the master is, and the key.
var taskWorker = procs.Register("example.taskWorker", func(ctx context.Context, address string) (int, error) {
	m, err := manager.Connect(ctx, address, manager.Config{AuthKey: []byte("abc")})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	tasks, err := manager.Lookup[*manager.Queue[int]](m, "get_task_queue")
	if err != nil {
		return 0, err
	}
	results, err := manager.Lookup[*manager.Queue[string]](m, "get_result_queue")
	if err != nil {
		return 0, err
	}
	for {
		n, err := tasks.Get(ctx)
		if err == procs.ErrClosed {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := results.Put(ctx, fmt.Sprintf("%d * %d = %d", n, n, n*n)); err != nil {
			return 0, err
		}
	}
})

// A master hands out tasks over the network, and workers on any number of
// machines work them off.
func ExampleServe() {
	ctx := context.Background()
	m, err := manager.Serve(manager.Config{Address: "127.0.0.1:0", AuthKey: []byte("abc")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	tasks, _ := manager.NewQueue[int](m, 0)
	results, _ := manager.NewQueue[string](m, 0)
	manager.Publish(m, "get_task_queue", tasks)
	manager.Publish(m, "get_result_queue", results)

	worker := procs.NewProcess(taskWorker, m.Address(), procs.ProcessConfig{})
	if err := worker.Start(); err != nil {
		fmt.Println(err)
		return
	}
	for n := range 4 {
		tasks.Put(ctx, n+2)
	}
	for range 4 {
		fmt.Println(results.Get(ctx))
	}
	tasks.ShutDown(false) // the worker returns
	worker.Join(ctx)
	// Output:
	// 2 * 2 = 4 <nil>
	// 3 * 3 = 9 <nil>
	// 4 * 4 = 16 <nil>
	// 5 * 5 = 25 <nil>
}

// account stays in the manager; processes call its methods.
type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) Deposit(_ context.Context, amount int) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.balance+amount < 0 {
		return a.balance, fmt.Errorf("%d is more than there is", -amount)
	}
	a.balance += amount
	return a.balance, nil
}

var (
	accounts = manager.Register("example.account", func(_ context.Context, first int) (*account, error) {
		return &account{balance: first}, nil
	})
	deposit = manager.RegisterMethod(accounts, "Deposit", (*account).Deposit)
)

func ExampleRegister() {
	ctx := context.Background()
	m, err := manager.New(manager.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	a, _ := accounts.New(ctx, m, 100) // may be passed to any process
	fmt.Println(deposit.Call(ctx, a, 50))
	_, err = deposit.Call(ctx, a, -1000)
	fmt.Println(err)
	// Output:
	// 150 <nil>
	// 1000 is more than there is
}
