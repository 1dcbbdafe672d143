//go:build unix

package endsignal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
)

const childEnv = "ENDSIGNAL_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		wait.HeedHangup()
		os.Exit(m.Run())
	case "nohup":
		signal.Ignore(syscall.SIGHUP)
	}
	ready := Watch(func(s syscall.Signal, now bool) {
		fmt.Println(int(s), now)
		if now {
			Die(s)
		}
	})
	<-ready
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// The first signal asks, one that comes a second later insists, and Told does
// so at once.
func TestInsists(t *testing.T) {
	begin := time.Now()
	type event struct {
		s     syscall.Signal
		after time.Duration
		now   bool
	}
	for _, events := range [][]event{
		{{syscall.SIGTERM, 0, false}, {syscall.SIGTERM, time.Second, true}, {syscall.SIGHUP, time.Hour, true}},
		{{syscall.SIGTERM, time.Hour, false}, {syscall.SIGHUP, time.Hour, false}, {syscall.SIGTERM, time.Hour + time.Second, true}},
		{{syscall.SIGQUIT, 0, false}, {syscall.SIGTERM, time.Second - 1, false}, {syscall.SIGTERM, 1500 * time.Millisecond, true}},
		{{Told, 0, true}},
		{{syscall.SIGHUP, 0, false}, {Told, 1, true}, {syscall.SIGHUP, 2, false}},
	} {
		var h heard
		for _, e := range events {
			if now := h.insists(e.s, begin.Add(e.after)); now != e.now {
				t.Errorf("%v: %v after %v: %v", events, e.s, e.after, now)
			}
		}
	}
}

// watcher is a process that calls Watch.
type watcher struct {
	*exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
}

func startWatcher(t *testing.T, how string) *watcher {
	t.Helper()
	w := &watcher{Cmd: exec.Command(os.Args[0])}
	w.Env = append(os.Environ(), childEnv+"="+how)
	w.Cmd.Stderr = &w.stderr
	out, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(wait.Patience, func() { w.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); w.Process.Kill(); w.Wait() })
	w.out = bufio.NewReader(out)
	if line := w.line(t); line != "ready" {
		t.Fatal(line)
	}
	return w
}

func (w *watcher) line(t *testing.T) string {
	t.Helper()
	line, err := w.out.ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// end returns how the process ended, when it does.
func (w *watcher) end(t *testing.T) syscall.WaitStatus {
	t.Helper()
	io.Copy(io.Discard, w.out)
	w.Wait()
	return w.ProcessState.Sys().(syscall.WaitStatus)
}

// A process that is asked goes on until it is told again, and then ends as if
// it had not handled the signal.
func TestWatch(t *testing.T) {
	w := startWatcher(t, "yes")
	w.Process.Signal(syscall.SIGINT) // not heeded
	w.Process.Signal(syscall.SIGHUP)
	if got := w.line(t); got != fmt.Sprint(int(syscall.SIGHUP), " false") {
		t.Error(got)
	}
	time.Sleep(insistAfter)
	w.Process.Signal(syscall.SIGTERM)
	if got := w.line(t); got != fmt.Sprint(int(syscall.SIGTERM), " true") {
		t.Error(got)
	}
	if end := w.end(t); end.Signal() != syscall.SIGTERM {
		t.Error(end)
	}
	if w.stderr.Len() != 0 {
		t.Errorf("%s", w.stderr.String())
	}
}

func TestWatchTold(t *testing.T) {
	w := startWatcher(t, "nohup")
	w.Process.Signal(syscall.SIGHUP) // ignored already when the process began
	w.Process.Signal(Told)
	if got := w.line(t); got != fmt.Sprint(int(Told), " true") {
		t.Error(got)
	}
	if end := w.end(t); end.Signal() != syscall.SIGTERM {
		t.Error(end)
	}
}

// SIGQUIT prints the stacks of all goroutines, once.
func TestWatchQuit(t *testing.T) {
	w := startWatcher(t, "yes")
	w.Process.Signal(syscall.SIGQUIT)
	if got := w.line(t); got != fmt.Sprint(int(syscall.SIGQUIT), " false") {
		t.Error(got)
	}
	time.Sleep(insistAfter)
	w.Process.Signal(syscall.SIGQUIT)
	if end := w.end(t); end.ExitStatus() != 2 {
		t.Error(end)
	}
	text := w.stderr.String()
	if strings.Count(text, "SIGQUIT: quit\n\ngoroutine ") != 2 || strings.Count(text, "TestMain") != 2 {
		t.Errorf("%s", text)
	}
}
