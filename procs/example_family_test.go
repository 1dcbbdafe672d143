//go:build linux

package procs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
)

// stages of the play of a main process, its daemon and its other child.
type stages struct{ DaemonBegan, MainEnds *procs.Event }

var daemon = procs.Register("example.daemon", func(_ context.Context, s stages) (int, error) {
	fmt.Println("daemon: may it have children?", procs.NewProcess(number, 0, procs.ProcessConfig{}).Start())
	s.DaemonBegan.Set()
	time.Sleep(time.Hour)
	fmt.Println("daemon: is never waited for, and does not come to this line")
	return 0, nil
})

var child = procs.Register("example.child", func(ctx context.Context, s stages) (int, error) {
	if err := s.MainEnds.Wait(ctx); err != nil {
		return 0, err
	}
	fmt.Println("child: is waited for")
	return 0, nil
})

var mainProcess = procs.Register("example.mainProcess", func(ctx context.Context, s stages) (int, error) {
	procs.AtExit(func() { s.MainEnds.Set() })
	if err := procs.NewProcess(child, s, procs.ProcessConfig{}).Start(); err != nil {
		return 0, err
	}
	if err := procs.NewProcess(daemon, s, procs.ProcessConfig{Daemon: true}).Start(); err != nil {
		return 0, err
	}
	if err := s.DaemonBegan.Wait(ctx); err != nil {
		return 0, err
	}
	fmt.Println("main: ends")
	return 0, nil
})

// A daemon ends with the process that started it, which waits for its other
// children, and may not have children itself.
func ExampleProcessConfig_daemon() {
	var s stages
	s.DaemonBegan, _ = procs.NewEvent()
	s.MainEnds, _ = procs.NewEvent()
	defer s.DaemonBegan.Close()
	defer s.MainEnds.Close()
	if err := joinAll(procs.NewProcess(mainProcess, s, procs.ProcessConfig{Stdout: os.Stdout})); err != nil {
		fmt.Println(err)
	}
	// Output:
	// daemon: may it have children? procs: daemons may not have children
	// main: ends
	// child: is waited for
}

// state returns how the kernel calls the state of a process.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return string(after[:1])
}

// A process that has ended is a zombie until its parent asks how. This package
// asks at once, whether anybody joins the process or not.
func ExampleProcess_Sentinel() {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) // it has ended
	fmt.Println("package exec, before Wait:", state(cmd.Process.Pid))
	cmd.Wait()
	fmt.Println("package exec, after Wait:", state(cmd.Process.Pid))

	p := procs.NewProcess(endBy, "return", procs.ProcessConfig{})
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	<-p.Sentinel()
	fmt.Println("package procs, without Join:", state(p.PID()))
	// Output:
	// package exec, before Wait: Z
	// package exec, after Wait: gone
	// package procs, without Join: gone
}

type bereaved struct {
	Detached bool
	To       *procs.Conn
}

var orphan = procs.Register("example.orphan", func(ctx context.Context, b bereaved) (int, error) {
	b.To.Send("has a parent")
	if !b.Detached {
		time.Sleep(time.Hour)
	}
	procs.ParentProcess().Join(ctx)
	return 0, b.To.Send(fmt.Sprint("has lost it; does it live? ", procs.ParentProcess().IsAlive()))
})

var parent = procs.Register("example.parent", func(_ context.Context, b bereaved) (int, error) {
	if err := procs.NewProcess(orphan, b, procs.ProcessConfig{Detached: b.Detached}).Start(); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

// When a process is killed the kernel kills its children, which would be
// orphans otherwise, except one that is Detached. The pipe ends when the last
// of them does.
func ExampleProcessConfig_orphan() {
	for _, detached := range []bool{false, true} {
		here, there, err := procs.NewPipe(procs.OneWay)
		if err != nil {
			fmt.Println(err)
			return
		}
		p := procs.NewProcess(parent, bereaved{detached, there}, procs.ProcessConfig{})
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		there.Close()
		var word string
		here.Recv(&word)
		fmt.Println("detached:", detached, word)
		p.Kill()
		p.Join(context.Background())
		for here.Recv(&word) == nil {
			fmt.Println("detached:", detached, word)
		}
		here.Close()
	}
	// Output:
	// detached: false has a parent
	// detached: true has a parent
	// detached: true has lost it; does it live? false
}
