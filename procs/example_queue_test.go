//go:build linux

package procs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"switchyard/procs"
)

// A queue for three values, put and taken by one process: what blocks otherwise
// is tried, or has a limit.
func ExampleQueue() {
	ctx := context.Background()
	q, err := procs.NewQueue[int](3)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	for i := range 3 {
		q.Put(ctx, i)
	}
	fmt.Println(q.Len(), "full", q.Full())
	fmt.Println(q.PutNowait(3), "|", q.PutTimeout(3, time.Millisecond))
	for range 3 {
		fmt.Println(q.Get(ctx))
	}
	fmt.Println(q.Len(), "empty", q.Empty())
	_, now := q.GetNowait()
	_, later := q.GetTimeout(time.Millisecond)
	fmt.Println(now, "|", later)
	// Output:
	// 3 full true
	// procs: queue is full | procs: queue is full
	// 0 <nil>
	// 1 <nil>
	// 2 <nil>
	// 0 empty true
	// procs: queue is empty | procs: queue is empty
}

var putWords = procs.Register("example.putWords", func(ctx context.Context, q *procs.Queue[[]string]) (int, error) {
	return 0, q.Put(ctx, []string{"hello", "from", procs.CurrentProcess().Name()})
})

var getWords = procs.Register("example.getWords", func(ctx context.Context, q *procs.Queue[[]string]) (int, error) {
	words, err := q.Get(ctx)
	fmt.Println(words, err)
	return 0, err
})

// One process puts, another one gets.
func ExampleNewQueue() {
	q, err := procs.NewQueue[[]string](0) // without a bound
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	putter := procs.NewProcess(putWords, q, procs.ProcessConfig{Name: "putter"})
	getter := procs.NewProcess(getWords, q, procs.ProcessConfig{Stdout: os.Stdout})
	if err := joinAll(putter, getter); err != nil {
		fmt.Println(err)
	}
	// Output: [hello from putter] <nil>
}

type kitchen struct {
	Tray  *procs.Queue[string]
	Eaten *procs.Value[int]
}

var steamBuns = procs.Register("example.steamBuns", func(ctx context.Context, k kitchen) (int, error) {
	for i := range 100 {
		if err := k.Tray.Put(ctx, fmt.Sprint("bun ", i)); err != nil { // waits while the tray is full
			return 0, err
		}
	}
	return 0, k.Tray.ShutDown(false) // no more buns
})

var eatBuns = procs.Register("example.eatBuns", func(ctx context.Context, k kitchen) (int, error) {
	for {
		_, err := k.Tray.Get(ctx)
		if errors.Is(err, procs.ErrClosed) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := k.Eaten.Update(ctx, func(n *int) { *n++ }); err != nil {
			return 0, err
		}
	}
})

// A producer and two consumers with a tray for ten between them. The consumers
// go home once the queue is shut down and empty.
func ExampleQueue_buns() {
	var k kitchen
	k.Tray, _ = procs.NewQueue[string](10)
	k.Eaten, _ = procs.NewValue(0)
	defer k.Tray.Close()
	defer k.Eaten.Close()
	err := joinAll(procs.NewProcess(steamBuns, k, procs.ProcessConfig{}),
		procs.NewProcess(eatBuns, k, procs.ProcessConfig{}), procs.NewProcess(eatBuns, k, procs.ProcessConfig{}))
	eaten, _ := k.Eaten.Get()
	fmt.Println(eaten, "buns eaten", err)
	// Output: 100 buns eaten <nil>
}

type cook struct {
	Name, Food string
	Meals      *procs.JoinableQueue[string]
}

var cookMeals = procs.Register("example.cookMeals", func(ctx context.Context, c cook) (int, error) {
	for i := range 2 {
		fmt.Println(c.Name, "cooks", c.Food, i)
		if err := c.Meals.Put(ctx, fmt.Sprint(c.Food, " ", i)); err != nil {
			return 0, err
		}
	}
	return 0, nil
})

var eatMeals = procs.Register("example.eatMeals", func(ctx context.Context, meals *procs.JoinableQueue[string]) (int, error) {
	for {
		meal, err := meals.Get(ctx)
		if err != nil {
			return 0, err
		}
		fmt.Println("somebody eats", meal)
		if err := meals.TaskDone(); err != nil {
			return 0, err
		}
	}
})

var dinner = procs.Register("example.dinner", func(ctx context.Context, _ int) (int, error) {
	meals, err := procs.NewJoinableQueue[string](0)
	if err != nil {
		return 0, err
	}
	for range 2 {
		if err := procs.NewProcess(eatMeals, meals, procs.ProcessConfig{Daemon: true, Stdout: os.Stdout}).Start(); err != nil {
			return 0, err
		}
	}
	err = joinAll(procs.NewProcess(cookMeals, cook{"tom", "buns", meals}, procs.ProcessConfig{Stdout: os.Stdout}),
		procs.NewProcess(cookMeals, cook{"jerry", "soup", meals}, procs.ProcessConfig{Stdout: os.Stdout}))
	if err != nil {
		return 0, err
	}
	if err := meals.Join(ctx); err != nil {
		return 0, err
	}
	fmt.Println("all is eaten; the main process ends, and its daemons")
	return 0, nil
})

// The cooks are joined, then the queue; those who eat wait for more for ever,
// and as daemons end with the main process.
func ExampleJoinableQueue_daemons() {
	if err := joinAll(procs.NewProcess(dinner, 0, procs.ProcessConfig{Stdout: os.Stdout})); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// tom cooks buns 0
	// tom cooks buns 1
	// jerry cooks soup 0
	// jerry cooks soup 1
	// somebody eats buns 0
	// somebody eats buns 1
	// somebody eats soup 0
	// somebody eats soup 1
	// all is eaten; the main process ends, and its daemons
}
