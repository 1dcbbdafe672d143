package shm

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"switchyard/procs/internal/kernel"
)

// A tracker removes the names of this process's segments when this process dies
// without having done so. It is a process of its own, this program again, that
// reads from a pipe which names to watch; the end of the pipe is our end. It
// runs while there are names. Python's multiprocessing.resource_tracker does
// the same.
type tracker struct {
	mu    sync.Mutex
	names map[string]kernel.FileID
	child *os.Process
	pipe  *os.File
	ended *os.ProcessState // of the one before
}

var theTracker tracker

// trackerName and trackerEnv make a process a tracker. They are looked at when
// this package is initialised, so that it works in programs which never call
// anything of ours first. The name comes first because it costs nothing: the
// environment would be parsed at every start.
const (
	trackerName = "switchyard-tracker"
	trackerEnv  = "SWITCHYARD_SHM_TRACKER"
)

func init() {
	if len(os.Args) == 1 && os.Args[0] == trackerName && os.Getenv(trackerEnv) == "1" {
		track(os.Stdin)
		os.Exit(0)
	}
}

// remember has the file id removed from under the name when we are gone.
func (t *tracker) remember(name string, id kernel.FileID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.names[name]; ok && old != id {
		// The file that we knew by this name is gone or not: the link will
		// tell.
		if !old.Is(dir + name) {
			delete(t.names, name)
		} else {
			return os.ErrExist
		}
	}
	if t.names == nil {
		t.names = map[string]kernel.FileID{}
	}
	t.names[name] = id
	if err := t.tell('+', name, id); err != nil {
		delete(t.names, name)
		t.stopIfIdle()
		return err
	}
	return nil
}

// forget ends the watch over the file id under a name.
func (t *tracker) forget(name string, id kernel.FileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.names[name]; !ok || old != id {
		return
	}
	delete(t.names, name)
	t.tell('-', name, id) // a tracker that is gone has nothing to forget
	t.stopIfIdle()
}

// tell sends one line, starting a tracker if there is none, and another one if
// somebody killed it.
func (t *tracker) tell(what byte, name string, id kernel.FileID) error {
	if t.pipe != nil {
		if _, err := io.WriteString(t.pipe, trackerLine(what, name, id)); err == nil {
			return nil
		}
		t.stop()
	}
	if what == '-' {
		return nil
	}
	if err := t.start(); err != nil {
		return fmt.Errorf("shm: start the tracker: %w", err)
	}
	for name, id := range t.names {
		if _, err := io.WriteString(t.pipe, trackerLine('+', name, id)); err != nil {
			return err
		}
	}
	return nil
}

// A line says '+' or '-', which file, and its name.
func trackerLine(what byte, name string, id kernel.FileID) string {
	return fmt.Sprintf("%c%d %d %q\n", what, id.Dev, id.Ino, name)
}

func parseTrackerLine(line string) (what byte, name string, id kernel.FileID, ok bool) {
	n, err := fmt.Sscanf(line, "%c%d %d %q", &what, &id.Dev, &id.Ino, &name)
	return what, name, id, n == 4 && err == nil && checkName(name) == nil
}

func (t *tracker) start() error {
	return kernel.RetryFD(func() error {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		child, err := os.StartProcess("/proc/self/exe", []string{trackerName}, &os.ProcAttr{
			Env:   []string{trackerEnv + "=1"},
			Files: []*os.File{r, null, null},
			Sys:   &syscall.SysProcAttr{Setsid: true}, // signals for our group are not meant for it
		})
		r.Close()
		if err != nil {
			w.Close()
			return err
		}
		t.child, t.pipe = child, w
		return nil
	})
}

func (t *tracker) stopIfIdle() {
	if len(t.names) == 0 && t.pipe != nil {
		t.stop()
	}
}

func (t *tracker) stop() {
	t.pipe.Close()
	t.ended, _ = t.child.Wait()
	t.child, t.pipe = nil, nil
}

// track is what the tracker does.
func track(r io.Reader) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	names := map[string]kernel.FileID{}
	for in := bufio.NewScanner(r); in.Scan(); {
		what, name, id, ok := parseTrackerLine(in.Text())
		switch {
		case !ok:
		case what == '+':
			names[name] = id
		case names[name] == id:
			delete(names, name)
		}
	}
	for name, id := range names {
		kernel.RemoveName(dir+name, id)
	}
}
