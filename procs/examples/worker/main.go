// Worker squares the numbers that a master hands out, until there are no more
// or the master is gone. See ../master.
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
	log.SetPrefix("worker: ")
	address := flag.String("address", "127.0.0.1:5000", "where the master listens")
	flag.Parse()
	if err := work(*address, os.Getenv("AUTHKEY")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("worker exit")
}

func work(address, key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m, err := manager.Connect(ctx, address, manager.Config{AuthKey: []byte(key)})
	if err != nil {
		return err
	}
	defer m.Close()
	tasks, err := manager.Lookup[*manager.Queue[int]](m, "get_task_queue")
	if err != nil {
		return err
	}
	results, err := manager.Lookup[*manager.Queue[[2]int]](m, "get_result_queue")
	if err != nil {
		return err
	}
	fmt.Println("connected")
	for {
		x, err := tasks.Get(context.Background())
		if err == nil {
			fmt.Printf("run task %d * %d\n", x, x)
			err = results.Put(context.Background(), [2]int{x, x * x})
		}
		switch {
		case errors.Is(err, procs.ErrClosed), errors.Is(err, manager.ErrDied):
			return nil
		case err != nil:
			return err
		}
	}
}
