// A program that forgets to call procs.Init: if that were not found out, its
// child would do the same, and so on for ever.
package main

import (
	"context"
	"fmt"
	"os"

	"switchyard/procs"
)

var say = procs.Register("say", func(context.Context, int) (int, error) { fmt.Println("said"); return 0, nil })

func main() {
	p := procs.NewProcess(say, 0, procs.ProcessConfig{Stdout: os.Stdout})
	if err := p.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p.Join(context.Background())
}
