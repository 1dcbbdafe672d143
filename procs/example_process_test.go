//go:build linux

package procs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"switchyard/procs"
)

var introduce = procs.Register("example.introduce", func(_ context.Context, parent int) (int, error) {
	me := procs.CurrentProcess()
	fmt.Println("I am", me.Name(), "and have an id of my own:", me.PID() == os.Getpid() && me.PID() != parent)
	fmt.Println("my parent is", procs.ParentProcess().Name(), "and said who it is:", me.PPID() == parent)
	return 0, nil
})

// A process knows its name, its id, and its parent.
func ExampleCurrentProcess() {
	p := procs.NewProcess(introduce, os.Getpid(), procs.ProcessConfig{Name: "test", Stdout: os.Stdout})
	fmt.Println(procs.CurrentProcess().Name(), "starts", p.Name(), "whose id is", p.PID())
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	p.Join(context.Background())
	fmt.Println("now it has one:", p.PID() > 0)
	// Output:
	// MainProcess starts test whose id is 0
	// I am test and have an id of my own: true
	// my parent is MainProcess and said who it is: true
	// now it has one: true
}

var number = procs.Register("example.number", func(_ context.Context, i int) (int, error) {
	fmt.Println("child", i)
	return 0, nil
})

// All are started, then all are joined: they run side by side, and what follows
// comes after the last of them. Each has a writer for its output.
func ExampleProcess_Join() {
	outs := make([]bytes.Buffer, 4)
	var children []*procs.Process
	for i := range outs {
		p := procs.NewProcess(number, i, procs.ProcessConfig{Stdout: &outs[i]})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		children = append(children, p)
	}
	for _, p := range children {
		p.Join(context.Background())
	}
	for _, out := range outs {
		fmt.Print(out.String())
	}
	fmt.Println("--- main process ---")
	// Output:
	// child 0
	// child 1
	// child 2
	// child 3
	// --- main process ---
}

var await = procs.Register("example.await", func(ctx context.Context, e *procs.Event) (int, error) {
	return 0, e.Wait(ctx)
})

// A limit ends the waiting, not the process.
func ExampleProcess_Join_timeout() {
	gate, _ := procs.NewEvent()
	defer gate.Close()
	p := procs.NewProcess(await, gate, procs.ProcessConfig{})
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	err := p.Join(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), p.IsAlive())

	gate.Set()
	fmt.Println(p.Join(context.Background()), p.IsAlive())
	// Output:
	// true true
	// <nil> false
}

var endBy = procs.Register("example.endBy", func(_ context.Context, how string) (int, error) {
	switch how {
	case "an error":
		return 0, errors.New("failed")
	case "an exit code":
		return 0, procs.ExitCode(7)
	case "a panic":
		panic("fell over")
	case "nothing":
		time.Sleep(time.Hour)
	}
	return 0, nil
})

// The exit code says how a process ended: -N is signal N.
func ExampleProcess_ExitCode() {
	for _, how := range []string{"return", "an error", "a panic", "an exit code"} {
		p := procs.NewProcess(endBy, how, procs.ProcessConfig{Stderr: io.Discard})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		p.Join(context.Background())
		code, _ := p.ExitCode()
		fmt.Println(how, code)
	}
	// Output:
	// return 0
	// an error 1
	// a panic 2
	// an exit code 7
}

// Terminate only asks: the process is alive until it has ended, which Join
// waits for.
func ExampleProcess_Terminate() {
	p := procs.NewProcess(endBy, "nothing", procs.ProcessConfig{})
	fmt.Println(p.IsAlive(), p.Terminate())
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.IsAlive())
	fmt.Println(p.ExitCode())

	p.Terminate()
	p.Join(context.Background())
	fmt.Println(p.IsAlive())
	fmt.Println(p.ExitCode())
	// Output:
	// false procs: process not started
	// true
	// 0 false
	// false
	// -15 true
}

// A chat is a type of one's own that can be a process: it has a method Run.
type chat struct{ Host, Guest string }

func (c chat) Run(context.Context) error {
	_, err := fmt.Println(c.Guest, "chats with", c.Host, "in", procs.CurrentProcess().Name())
	return err
}

func init() { procs.RegisterType[chat]() }

// Run can be called here as well as in another process.
func ExampleNewProcessOf() {
	var children []*procs.Process
	for _, guest := range []string{"wupeiqi", "yuanhao", "nezha"} {
		children = append(children, procs.NewProcessOf(chat{"anna", guest}, procs.ProcessConfig{Name: "for " + guest, Stdout: os.Stdout}))
	}
	if err := joinAll(children...); err != nil {
		fmt.Println(err)
		return
	}
	procs.NewProcessOf(chat{"anna", "nobody"}, procs.ProcessConfig{}).Run(context.Background())
	// Unordered output:
	// wupeiqi chats with anna in for wupeiqi
	// yuanhao chats with anna in for yuanhao
	// nezha chats with anna in for nezha
	// nobody chats with anna in MainProcess
}

var tickets = 100

var sellOut = procs.Register("example.sellOut", func(_ context.Context, shared *procs.Value[int]) (int, error) {
	tickets = 0
	fmt.Println("in the child:", tickets)
	return 0, shared.Set(tickets)
})

// A process has variables of its own. What others are to see is shared, or
// sent.
func ExampleNewProcess_isolation() {
	shared, _ := procs.NewValue(100)
	defer shared.Close()
	if err := joinAll(procs.NewProcess(sellOut, shared, procs.ProcessConfig{Stdout: os.Stdout})); err != nil {
		fmt.Println(err)
		return
	}
	v, _ := shared.Get()
	fmt.Println("in the parent:", tickets, "shared:", v)
	// Output:
	// in the child: 0
	// in the parent: 100 shared: 0
}

type nap struct {
	Name string
	For  time.Duration
	All  *procs.Barrier
}

var takeNap = procs.Register("example.takeNap", func(ctx context.Context, n nap) (int, error) {
	if _, err := n.All.Wait(ctx); err != nil {
		return 0, err
	}
	time.Sleep(n.For)
	fmt.Println(n.Name, "is done")
	return 0, nil
})

// Three processes sleep at the same time: none of them passes the barrier
// before all are there. So it takes as long as the longest sleeps.
func ExampleNewProcess_sleepers() {
	all, _ := procs.NewBarrier(3, nil)
	defer all.Close()
	var children []*procs.Process
	for i, name := range []string{"process 1", "process 2", "process 3"} {
		n := nap{name, time.Duration(i+1) * time.Millisecond, all}
		children = append(children, procs.NewProcess(takeNap, n, procs.ProcessConfig{Stdout: os.Stdout}))
	}
	if err := joinAll(children...); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// process 1 is done
	// process 2 is done
	// process 3 is done
}
