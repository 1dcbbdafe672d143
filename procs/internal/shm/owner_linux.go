package shm

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

func self() Owner {
	var start uint64
	if st, err := readStat("self"); err == nil {
		start = fold(st.started, startBits)
	}
	return makeOwner(os.Getpid(), start, myPlace())
}

// Alive reports whether the process may still run. It is dead only on evidence:
//
//   - The kernel knows no process with this id (ESRCH), in our pid namespace,
//     which is the owner's too.
//   - /proc, which must be that of our namespace, says that the process with
//     this id was started at another time, or that its last thread has ended
//     (a process that was killed is dead then, even if its parent has not yet
//     collected it).
//   - A pidfd says that it has ended.
//
// Whatever cannot be seen is no evidence: a process of another pid or time
// namespace, one that was started where there was no /proc, a process that
// hidepid or chroot hides, or one of another user (EPERM). Such an owner counts
// as alive, at worst for ever. It costs about 10 us.
func (o Owner) Alive() bool {
	me := Self()
	if o == me {
		return true
	}
	if o.place() == 0 || o.place() != me.place() {
		return true // another process has this id here, or none
	}
	pid := o.PID()
	if err := unix.Kill(pid, 0); err == unix.ESRCH {
		return false
	}
	if procIsOurs() {
		if st, err := readStat(strconv.Itoa(pid)); err == nil {
			return !st.dead && (o.start() == 0 || o.start() == fold(st.started, startBits))
		}
	}
	return !hasEnded(pid)
}

// hasEnded asks a pidfd whether the process with this id has ended. It needs
// neither /proc nor rights, but cannot tell two processes with one id apart.
func hasEnded(pid int) bool {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.PidfdOpen(pid, 0) })
	if err != nil {
		return err == unix.ESRCH
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err != unix.EINTR {
			return n == 1 && err == nil
		}
	}
}

// myPlace returns a number of our pid and time namespaces, which is 0 if they
// are not known: only in them do process ids and start times mean the same. Of
// namespaces that exist at the same time the numbers in /proc differ, and if
// one is used again, nobody is left of its first life.
func myPlace() uint64 {
	pid, err := namespace("/proc/self/ns/pid", pidfdPIDNamespace)
	if err != nil {
		return 0
	}
	const initialTime = 0xEFFFFFFA // where all are, if nobody has made another
	time, err := namespace("/proc/self/ns/time", pidfdTimeNamespace)
	if err != nil {
		time = initialTime // a kernel that has no others
	}
	const odd = 0x9e3779b97f4a7c15 // spreads the few that differ
	return fold(pid^(time-initialTime)*odd, placeBits)
}

// Requests to a pidfd, since Linux 6.11: a descriptor of the namespace.
const (
	pidfdPIDNamespace  = 0xFF05
	pidfdTimeNamespace = 0xFF07
)

// namespace returns the number of one of our namespaces, by its file in /proc
// or, where there is none, by asking a pidfd.
func namespace(path string, request uint) (uint64, error) {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		return st.Ino, nil
	}
	self, err := kernel.OpenFD(func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) })
	if err != nil {
		return 0, err
	}
	defer unix.Close(self)
	fd, err := kernel.OpenFD(func() (int, error) { return unix.IoctlRetInt(self, request) })
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	err = unix.Fstat(fd, &st)
	return st.Ino, err
}

// looked is which /proc we looked at last, by its device, and whether it shows
// our pid namespace: a process may be put where it shows another one, whose ids
// are not ours, by chroot or because nobody mounted a new one.
var looked struct {
	mu   sync.Mutex
	dev  uint64
	ours bool
}

func procIsOurs() bool {
	var st unix.Stat_t
	if unix.Stat("/proc", &st) != nil {
		return false
	}
	looked.mu.Lock()
	defer looked.mu.Unlock()
	if looked.dev != st.Dev {
		b, err := readFile("/proc/self/status", make([]byte, 4096))
		if err != nil {
			return false
		}
		// The line lists our ids from the namespace of /proc down to ours.
		_, ids, _ := bytes.Cut(b, []byte("\nNSpid:"))
		ids, _, _ = bytes.Cut(ids, []byte("\n"))
		looked.dev, looked.ours = st.Dev, len(bytes.Fields(ids)) == 1
	}
	return looked.ours
}

type procStat struct {
	dead    bool
	started uint64 // clock ticks since boot
}

// readStat reads /proc/pid/stat, see proc_pid_stat(5).
func readStat(pid string) (procStat, error) {
	b, err := readFile("/proc/"+pid+"/stat", make([]byte, 1024))
	if err == unix.ESRCH { // it ended after it was opened
		return procStat{dead: true}, nil
	}
	if err != nil {
		return procStat{}, err
	}
	// The second field is the command in parentheses and may hold anything:
	// begin after the last one.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return procStat{}, fmt.Errorf("shm: /proc/%s/stat: %d fields", pid, len(f))
	}
	// Fields are numbered from 1 in the manual, and f[0] is the third: state,
	// (20) threads, (22) start time.
	threads, err := strconv.Atoi(string(f[17]))
	if err != nil {
		return procStat{}, err
	}
	started, err := strconv.ParseUint(string(f[19]), 10, 64)
	if err != nil {
		return procStat{}, err
	}
	// A zombie whose other threads are still on their way out can run for some
	// more microseconds.
	dead := f[0][0] == 'X' || f[0][0] == 'Z' && threads <= 1
	return procStat{dead, started}, nil
}

// readFile reads the beginning of a file into buf. One plain open and read:
// os.ReadFile would take twice as long, and this is asked while others wait.
func readFile(path string, buf []byte) ([]byte, error) {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
