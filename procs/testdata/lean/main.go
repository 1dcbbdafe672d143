// A program that starts processes of itself, as a user of package procs would
// write it, and measures that:
//
//	lean SIZE
//
// takes SIZE bytes of heap into use, and for every byte on its standard input
// starts and joins a process, and prints the nanoseconds that took: "n" for a
// new one, "1" for a new one with one processor, "r" for one with one processor
// out of a reserve.
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
	size, err := strconv.Atoi(os.Args[1])
	check(err)
	for ; size > 0; size -= 1 << 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		heap = append(heap, b)
	}
	for ask := make([]byte, 1); ; {
		if _, err := os.Stdin.Read(ask); err != nil {
			return // the end
		}
		var config procs.ProcessConfig
		if ask[0] != 'n' {
			config.GOMAXPROCS = 1
		}
		if ask[0] == 'r' {
			check(procs.SetReserve(1, 1))
			time.Sleep(100 * time.Millisecond) // it has come to where it waits, on a slow machine too
		}
		start := time.Now()
		p := procs.NewProcess(nothing, 0, config)
		check(p.Start())
		check(p.Join(context.Background()))
		took := time.Since(start)
		check(procs.SetReserve(0, 0))
		if code, _ := p.ExitCode(); code != 0 {
			os.Exit(3)
		}
		_, err := os.Stdout.WriteString(strconv.FormatInt(took.Nanoseconds(), 10) + "\n")
		check(err)
	}
}

func check(err error) {
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
