//go:build linux

package procs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/procs"
)

// moody is a service that fails twice, and then does what it is for.
var moody = procs.Register("example.moody", func(ctx context.Context, tries *procs.Value[int]) (int, error) {
	n := 0
	if err := tries.Update(ctx, func(v *int) { *v++; n = *v }); err != nil {
		return 0, err
	}
	if n <= 2 {
		panic("not in the mood")
	}
	return 0, nil
})

func ExampleSupervisor() {
	tries, err := procs.NewValue(0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tries.Close()
	s := procs.NewSupervisor(procs.SupervisorConfig{Backoff: time.Millisecond}, procs.ChildSpec{
		Name:    "moody",
		Restart: procs.Transient, // until its exit code is 0
		New: func() *procs.Process {
			quiet := procs.ProcessConfig{Stderr: nowhere{}} // of its panics
			return procs.NewProcess(moody, tries, quiet)
		},
	})
	fmt.Println(s.Run(context.Background()))
	for _, c := range s.States() {
		fmt.Printf("%s: %v after %d restarts\n", c.Name, c.Phase, c.Restarts)
	}
	// Output:
	// <nil>
	// moody: ended after 2 restarts
}

// A service that fails again and again is given up, and what runs beside it is
// stopped.
func ExampleErrGaveUp() {
	service := func() *procs.Process {
		return procs.NewProcess(wobbly, 0, procs.ProcessConfig{Stderr: nowhere{}})
	}
	beat := func() *procs.Process {
		return procs.NewProcess(alive, time.Hour, procs.ProcessConfig{Daemon: true})
	}
	s := procs.NewSupervisor(procs.SupervisorConfig{MaxRestarts: 2, Window: time.Hour},
		procs.ChildSpec{Name: "beat", New: beat},
		procs.ChildSpec{Name: "service", New: service})
	err := s.Run(context.Background())
	var child *procs.ChildError
	fmt.Println(errors.Is(err, procs.ErrGaveUp), errors.As(err, &child))
	fmt.Println(child)
	fmt.Println(len(procs.ActiveChildren()))
	// Output:
	// true true
	// procs: service ended with exit code 2
	// 0
}

var alive = procs.Register("example.alive", func(ctx context.Context, every time.Duration) (int, error) {
	return 0, procs.Heartbeat(ctx, every, nil)
})

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
