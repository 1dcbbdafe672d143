package shm

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// A tracker removes the names of this process's segments when this process dies without having done so. It is a process of its own, this program
// again, that reads from a pipe which names to watch; the end of the pipe is our end. It runs while there are names.
// Python's multiprocessing.resource_tracker does the same.
type tracker struct {
	mu    sync.Mutex
	names map[string]uint64 // inode numbers
	child *os.Process
	pipe  *os.File
	ended *os.ProcessState // of the one before
}

var theTracker tracker

// trackerName and trackerEnv make a process a tracker. They are looked at when this package is initialised, so that it works in programs which
// never call anything of ours first. The name comes first because it costs nothing: the environment would be parsed at every start.
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

// remember has the file ino removed from under the name when we are gone.
func (t *tracker) remember(name string, ino uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.names[name]; ok && old != ino {
		// The file that we knew by this name is gone or not: the link will tell.
		if !isFile(name, old) {
			delete(t.names, name)
		} else {
			return os.ErrExist
		}
	}
	if t.names == nil {
		t.names = map[string]uint64{}
	}
	t.names[name] = ino
	if err := t.tell('+', name, ino); err != nil {
		delete(t.names, name)
		t.stopIfIdle()
		return err
	}
	return nil
}

// forget ends the watch over a name.
func (t *tracker) forget(name string) {
	t.mu.Lock()
	ino, ok := t.names[name]
	t.mu.Unlock()
	if ok {
		t.forgetFile(name, ino)
	}
}

func (t *tracker) forgetFile(name string, ino uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names[name] != ino {
		return
	}
	delete(t.names, name)
	t.tell('-', name, ino) // a tracker that is gone has nothing to forget
	t.stopIfIdle()
}

// tell sends one line, starting a tracker if there is none, and another one if somebody killed it.
func (t *tracker) tell(what byte, name string, ino uint64) error {
	if t.pipe != nil {
		if _, err := fmt.Fprintf(t.pipe, "%c%d %s\n", what, ino, strconv.Quote(name)); err == nil {
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
	for name, ino := range t.names {
		if _, err := fmt.Fprintf(t.pipe, "+%d %s\n", ino, strconv.Quote(name)); err != nil {
			return err
		}
	}
	return nil
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
	names := map[string]uint64{}
	for in := bufio.NewScanner(r); in.Scan(); {
		line := in.Text()
		if line == "" {
			continue
		}
		number, quoted, _ := strings.Cut(line[1:], " ")
		ino, err1 := strconv.ParseUint(number, 10, 64)
		name, err2 := strconv.Unquote(quoted)
		if err1 != nil || err2 != nil || checkName(name) != nil {
			continue
		}
		if line[0] == '+' {
			names[name] = ino
		} else if names[name] == ino {
			delete(names, name)
		}
	}
	for name, ino := range names {
		if isFile(name, ino) {
			unix.Unlink(dir + name)
		}
	}
}

func isFile(name string, ino uint64) bool {
	var st unix.Stat_t
	return unix.Lstat(dir+name, &st) == nil && st.Ino == ino
}
