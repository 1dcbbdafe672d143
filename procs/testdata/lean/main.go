// A program that starts processes of itself, as a user of package procs would write it, and measures that:
//
//	lean N        start and join N processes
//	lean N SIZE   the same with SIZE bytes of heap in use
//
// It prints the nanoseconds of each.
package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"switchyard/procs"
)

var nothing = procs.Register("nothing", func(context.Context, int) (int, error) { return 0, nil })

var heap [][]byte

func main() {
	procs.Init()
	n, err := strconv.Atoi(os.Args[1])
	check(err)
	if len(os.Args) > 2 {
		size, err := strconv.Atoi(os.Args[2])
		check(err)
		for ; size > 0; size -= 1 << 20 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			heap = append(heap, b)
		}
	}
	for range n {
		start := time.Now()
		p := procs.NewProcess(nothing, 0, procs.ProcessConfig{})
		check(p.Start())
		check(p.Join(context.Background()))
		took := time.Since(start)
		if code, _ := p.ExitCode(); code != 0 {
			os.Exit(3)
		}
		println(took.Nanoseconds())
	}
}

func check(err error) {
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
