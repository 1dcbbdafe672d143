//go:build linux

package procs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"switchyard/procs"
)

type squares struct {
	Numbers *procs.JoinableQueue[int]
	Sum     *procs.Value[int]
}

var exampleSquares = procs.Register("example.squares", func(ctx context.Context, s squares) (int, error) {
	for {
		n, err := s.Numbers.Get(ctx)
		if err == procs.ErrClosed {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := s.Sum.Update(ctx, func(sum *int) { *sum += n * n }); err != nil {
			return 0, err
		}
		if err := s.Numbers.TaskDone(); err != nil {
			return 0, err
		}
	}
})

// Two processes take numbers from a queue and add their squares to a shared
// value.
func ExampleJoinableQueue() {
	ctx := context.Background()
	numbers, _ := procs.NewJoinableQueue[int](10)
	sum, _ := procs.NewValue(0)
	defer numbers.Close()
	defer sum.Close()
	for range 2 {
		p := procs.NewProcess(exampleSquares, squares{numbers, sum}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		defer p.Join(ctx)
	}
	for n := range 100 {
		numbers.Put(ctx, n)
	}
	numbers.Join(ctx)       // all worked off
	numbers.ShutDown(false) // the processes return
	total, _ := sum.Get()
	fmt.Println(total)
	// Output: 328350
}

// A lock whose owner died goes to the next one, with a warning.
func ExampleLock() {
	lock, _ := procs.NewLock()
	defer lock.Close()
	switch err := lock.Acquire(context.Background()); err {
	case nil:
		fmt.Println("acquired")
	case procs.ErrOwnerDied:
		fmt.Println("acquired; look whether the last owner left a mess")
	default:
		fmt.Println("not acquired:", err)
		return
	}
	fmt.Println(lock.TryAcquire())
	lock.Release()
	// Output:
	// acquired
	// false
}

type purchase struct {
	File string         // says how many tickets are left
	Lock *procs.Lock    // or
	Rush *procs.Barrier // between looking and buying
}

var buyTicket = procs.Register("example.buyTicket", func(ctx context.Context, p purchase) (int, error) {
	if p.Lock != nil {
		if err := p.Lock.Acquire(ctx); err != nil {
			return 0, err
		}
		defer p.Lock.Release()
	}
	var db struct{ Count int }
	text, err := os.ReadFile(p.File)
	if err == nil {
		err = json.Unmarshal(text, &db)
	}
	if err != nil {
		return 0, err
	}
	if db.Count == 0 {
		return 0, procs.ExitCode(3) // sold out
	}
	if p.Rush != nil {
		if _, err := p.Rush.Wait(ctx); err != nil {
			return 0, err
		}
	}
	db.Count--
	if text, err = json.Marshal(db); err != nil {
		return 0, err
	}
	return 0, os.WriteFile(p.File, text, 0o600)
})

// sell returns how many of six processes bought one of the last two tickets.
func sell(p purchase) (sold int) {
	os.WriteFile(p.File, []byte(`{"Count": 2}`), 0o600)
	var buyers []*procs.Process
	for range 6 {
		buyers = append(buyers, procs.NewProcess(buyTicket, p, procs.ProcessConfig{}))
	}
	if err := joinAll(buyers...); err != nil {
		fmt.Println(err)
	}
	for _, b := range buyers {
		if code, _ := b.ExitCode(); code == 0 {
			sold++
		}
	}
	return sold
}

// Six want the last two tickets. Who looks and buys without a lock may find
// that all the others have looked meanwhile: here the barrier sees to it.
func ExampleLock_tickets() {
	dir, err := os.MkdirTemp("", "tickets")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "db.json")
	lock, _ := procs.NewLock()
	defer lock.Close()
	rush, _ := procs.NewBarrier(6, nil)
	defer rush.Close()
	fmt.Println("sold without a lock:", sell(purchase{File: file, Rush: rush}))
	fmt.Println("sold with a lock:", sell(purchase{File: file, Lock: lock}))
	// Output:
	// sold without a lock: 6
	// sold with a lock: 2
}

// karaoke is a house with so many rooms as the semaphore has permits.
type karaoke struct {
	Rooms *procs.Semaphore
	Book  *procs.Value[struct{ Inside, Most, Sung int }]
	Full  *procs.Barrier
}

var sing = procs.Register("example.sing", func(ctx context.Context, k karaoke) (int, error) {
	if err := k.Rooms.Acquire(ctx); err != nil {
		return 0, err
	}
	defer k.Rooms.Release()
	err := k.Book.Update(ctx, func(b *struct{ Inside, Most, Sung int }) {
		b.Inside++
		b.Most = max(b.Most, b.Inside)
	})
	if err != nil {
		return 0, err
	}
	if _, err := k.Full.Wait(ctx); err != nil { // sings until the house is full
		return 0, err
	}
	return 0, k.Book.Update(ctx, func(b *struct{ Inside, Most, Sung int }) {
		b.Inside--
		b.Sung++
	})
})

// Twelve guests, four rooms.
func ExampleSemaphore() {
	var k karaoke
	k.Rooms, _ = procs.NewSemaphore(4)
	k.Book, _ = procs.NewValue(struct{ Inside, Most, Sung int }{})
	k.Full, _ = procs.NewBarrier(4, nil)
	defer k.Rooms.Close()
	defer k.Book.Close()
	defer k.Full.Close()
	var guests []*procs.Process
	for range 12 {
		guests = append(guests, procs.NewProcess(sing, k, procs.ProcessConfig{}))
	}
	if err := joinAll(guests...); err != nil {
		fmt.Println(err)
		return
	}
	book, _ := k.Book.Get()
	fmt.Println(book.Sung, "guests sang, at most", book.Most, "at once")
	// Output: 12 guests sang, at most 4 at once
}

type crossing struct {
	Green *procs.Event
	Queue *procs.Barrier // of the cars and of who sets the light
}

var car = procs.Register("example.car", func(ctx context.Context, c crossing) (int, error) {
	fmt.Println("car: waits, green", c.Green.IsSet())
	if _, err := c.Queue.Wait(ctx); err != nil {
		return 0, err
	}
	if err := c.Green.Wait(ctx); err != nil {
		return 0, err
	}
	fmt.Println("car: drives, green", c.Green.IsSet())
	return 0, nil
})

var policeCar = procs.Register("example.policeCar", func(_ context.Context, c crossing) (int, error) {
	err := c.Green.WaitTimeout(5 * time.Millisecond)
	fmt.Println("police car: drives all the same, green", c.Green.IsSet(), err)
	return 0, nil
})

// Cars wait for the light. A police car waits only so long.
func ExampleEvent() {
	var c crossing
	c.Green, _ = procs.NewEvent()
	c.Queue, _ = procs.NewBarrier(4, nil)
	defer c.Green.Close()
	defer c.Queue.Close()
	if err := joinAll(procs.NewProcess(policeCar, c, procs.ProcessConfig{Stdout: os.Stdout})); err != nil {
		fmt.Println(err)
		return
	}
	var outs [3]bytes.Buffer
	var cars []*procs.Process
	for i := range outs {
		p := procs.NewProcess(car, c, procs.ProcessConfig{Stdout: &outs[i]})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		cars = append(cars, p)
	}
	c.Queue.Wait(context.Background()) // all cars are there
	c.Green.Set()
	for i, p := range cars {
		p.Join(context.Background())
		fmt.Print(outs[i].String())
	}
	c.Green.Clear()
	fmt.Println("light: green", c.Green.IsSet())
	// Output:
	// police car: drives all the same, green false procs: timeout
	// car: waits, green false
	// car: drives, green true
	// car: waits, green false
	// car: drives, green true
	// car: waits, green false
	// car: drives, green true
	// light: green false
}
