package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// An event is what a counter counts; see perf_event_open(2).
type event struct {
	unit    string // of the result
	kind    uint32
	config  uint64
	exclude uint64 // the mode that is not counted
}

// hardware are the events of a result.
var hardware = []event{
	{"instructions/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS, unix.PerfBitExcludeKernel},
	{"cycles/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CPU_CYCLES, unix.PerfBitExcludeKernel},
	{"cache-misses/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CACHE_MISSES, unix.PerfBitExcludeKernel},
	{"kernel-instructions/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS, unix.PerfBitExcludeUser},
	{"kernel-cycles/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CPU_CYCLES, unix.PerfBitExcludeUser},
	{"kernel-cache-misses/op", unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CACHE_MISSES, unix.PerfBitExcludeUser},
}

// counters count events of this process and of all that it starts from now on:
// threads inherit them from the thread that makes them, and processes do. So
// there is one per event and thread.
type counters struct {
	events []event
	files  [][]int // per event, one descriptor per thread
	base   []count // what starting and stopping alone comes to
}

// openCounters opens the events that can be counted here, and says why not all
// of them can. The counters do not count yet. They are nil if there are none,
// and may be used nevertheless.
func openCounters(events []event) (*counters, error) {
	c := &counters{}
	var missing error
	for _, e := range events {
		fd, err := e.open(0)
		if err != nil {
			missing = err
			continue
		}
		unix.Close(fd)
		c.events = append(c.events, e)
	}
	if len(c.events) == 0 {
		return nil, counterError(missing)
	}
	if err := c.openAll(); err != nil {
		return nil, counterError(err)
	}
	c.start()
	c.stop()
	c.base = c.read()
	return c, counterError(missing)
}

// openAll opens the events on every thread of this process. A thread that is
// made meanwhile has inherited them or not, as it happens: then once more.
func (c *counters) openAll() error {
	const tries = 20
	for range tries {
		before, err := threads()
		if err != nil {
			return err
		}
		err = c.openOn(before)
		if after, _ := threads(); err == nil && slices.Equal(before, after) {
			return nil
		}
		c.close()
		if err != nil && !errors.Is(err, unix.ESRCH) { // that thread has ended
			return err
		}
	}
	return errors.New("threads come and go")
}

func (c *counters) openOn(threads []int) error {
	c.files = make([][]int, len(c.events))
	for i, e := range c.events {
		for _, id := range threads {
			fd, err := e.open(id)
			if err != nil {
				return err
			}
			c.files[i] = append(c.files[i], fd)
		}
	}
	return nil
}

// open opens the event on a thread of this process; 0 is the calling one.
func (e event) open(thread int) (fd int, err error) {
	return unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: e.kind, Config: e.config, Size: unix.PERF_ATTR_SIZE_VER0,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
		Bits:        unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitExcludeHv | e.exclude,
	}, thread, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// threads returns the ids of this process's threads, in ascending order.
func threads() (ids []int, err error) {
	entries, err := os.ReadDir("/proc/self/task")
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// start lets all of them count: those of the threads and processes that have
// inherited them, too.
func (c *counters) start() { c.each(unix.PERF_EVENT_IOC_ENABLE) }

// stop ends what start began.
func (c *counters) stop() { c.each(unix.PERF_EVENT_IOC_DISABLE) }

func (c *counters) each(request uint) {
	if c == nil {
		return
	}
	for _, files := range c.files {
		for _, fd := range files {
			_ = unix.IoctlSetInt(fd, request, 0)
		}
	}
}

// read returns what was counted between start and stop: all events, or none if
// one cannot be told.
func (c *counters) read() (counts []count) {
	if c == nil {
		return nil
	}
	for i, e := range c.events {
		sum := 0.0
		for _, fd := range c.files[i] {
			var text [24]byte
			n, err := unix.Read(fd, text[:])
			r := reading{
				binary.NativeEndian.Uint64(text[:]), binary.NativeEndian.Uint64(text[8:]), binary.NativeEndian.Uint64(text[16:]),
			}
			v, ok := r.scaled()
			if err != nil || n != len(text) || !ok {
				return nil
			}
			sum += v
		}
		if c.base != nil {
			sum = max(sum-c.base[i].n, 0)
		}
		counts = append(counts, count{e.unit, sum})
	}
	return counts
}

func (c *counters) close() {
	if c == nil {
		return
	}
	for _, files := range c.files {
		for _, fd := range files {
			unix.Close(fd)
		}
	}
	c.files = nil
}

// counterError says in a few words why there are no counters.
func counterError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP):
		return errors.New("the processor shows none, as in most virtual machines")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return errors.New("they may not be read: see perf-event-paranoid")
	case errors.Is(err, unix.ENOSYS):
		return errors.New("the kernel has none")
	case err != nil:
		return fmt.Errorf("they cannot be opened: %w", err)
	}
	return nil
}
