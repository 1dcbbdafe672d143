// Master hands out numbers over the network and prints their squares, which
// workers send back (Python's BaseManager with two registered queues). Start
// it, and any number of workers, here or on other machines:
//
//	$ export AUTHKEY=abc
//	$ go run ./procs/examples/master -address 127.0.0.1:5000
//	$ go run ./procs/examples/worker -address 127.0.0.1:5000
//
// A task that a worker had when it died has no result in time, and is handed
// out again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"switchyard/procs"
	"switchyard/procs/manager"
)

func main() {
	procs.Init()
	log.SetFlags(0)
	log.SetPrefix("master: ")
	address := flag.String("address", "127.0.0.1:5000", "where to listen")
	n := flag.Int("n", 10, "number of tasks")
	patience := flag.Duration("patience", time.Minute, "after so long without a result, hand out again what is missing")
	flag.Parse()
	if err := serve(*address, os.Getenv("AUTHKEY"), *n, *patience); err != nil {
		log.Fatal(err)
	}
}

func serve(address, key string, n int, patience time.Duration) error {
	if key == "" {
		return errors.New("AUTHKEY is not set: master and workers must know the same")
	}
	m, err := manager.Serve(manager.Config{Address: address, AuthKey: []byte(key)})
	if err != nil {
		return err
	}
	defer m.Close()
	tasks, err := manager.NewQueue[int](m, 0)
	if err != nil {
		return err
	}
	results, err := manager.NewQueue[[2]int](m, 0) // number and square
	if err != nil {
		return err
	}
	err = errors.Join(manager.Publish(m, "get_task_queue", tasks), manager.Publish(m, "get_result_queue", results))
	if err != nil {
		return err
	}
	fmt.Println("listening at", m.Address())
	squares, err := work(tasks, results, n, patience)
	if err != nil {
		return err
	}
	for x := range n {
		fmt.Printf("result: %d * %d = %d\n", x, x, squares[x])
	}
	return tasks.ShutDown(false) // the workers go home
}

// work puts all tasks and takes the results, in any order, until none is
// missing.
func work(tasks *manager.Queue[int], results *manager.Queue[[2]int], n int, patience time.Duration) (map[int]int, error) {
	squares := make(map[int]int, n)
	put := func() error {
		for x := range n {
			if _, done := squares[x]; !done {
				if err := tasks.Put(context.Background(), x); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := put(); err != nil {
		return nil, err
	}
	for len(squares) < n {
		r, err := results.GetTimeout(patience)
		if errors.Is(err, procs.ErrEmpty) {
			err = put()
		} else if err == nil {
			squares[r[0]] = r[1]
		}
		if err != nil {
			return nil, err
		}
	}
	return squares, nil
}
