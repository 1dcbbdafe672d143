//go:build linux

package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mustPanic fails the test unless f panics with a message that says so.
func mustPanic(t *testing.T, says string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if v := recover(); !strings.Contains(fmt.Sprint(v), says) {
			t.Errorf("panic: %v, not %q", v, says)
		}
	}()
	f()
}

// waitsOver are waits that end without what they wait for, and how.
func waitsOver() map[error]*Wait {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	return map[error]*Wait{
		ErrTimeout:       {Deadline: time.Now().Add(10 * time.Millisecond)},
		context.Canceled: {Context: cancelled},
	}
}

// Whoever waits in the process waits as long as its Wait says, and has nothing
// then.
func TestContextMutex(t *testing.T) {
	m := NewContextMutex()
	if err := m.Lock(&Wait{}); err != nil {
		t.Fatal(err)
	}
	for want, wait := range waitsOver() {
		if err := m.Lock(wait); err != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
	var err error
	done := begin(func() { err = m.Lock(&Wait{Context: context.Background(), Deadline: time.Now().Add(time.Hour)}) })
	time.Sleep(settle)
	m.Unlock()
	if ends(t, "a Lock", done); err != nil {
		t.Error(err)
	}
	m.Unlock()
	for _, wait := range waitsOver() { // what is free is had, though the wait is over
		if err := m.Lock(wait); err != nil {
			t.Error(err)
		}
		m.Unlock()
	}
	woken := make(chan struct{})
	for want, wait := range waitsOver() {
		if err := wait.forChannel(woken); err != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
	close(woken)
	if err := (&Wait{}).forChannel(woken); err != nil {
		t.Error(err)
	}
}

// Sleeps end with the word's change, the deadline, the context, or the other
// side's death, which is asked for after a slice only. Slices grow, and stay
// short only for those who look after others.
func TestSleeper(t *testing.T) {
	var word atomic.Uint32
	var s Sleeper
	if slept, err := s.Sleep(&Wait{}, &word, 1); slept || err != nil {
		t.Error("the word has changed already:", slept, err)
	}
	s.Watchful = true
	asked := 0
	wait := &Wait{Alive: func() bool { asked++; return asked < 7 }}
	var times []time.Duration
	whole := func() (err error) { // a signal may end a sleep early
		for slept := false; !slept; {
			slept, err = s.Sleep(wait, &word, 0)
		}
		return err
	}
	for range 6 {
		start := time.Now()
		if err := whole(); err != nil {
			t.Error(err)
		}
		times = append(times, time.Since(start))
	}
	for i, least := range []time.Duration{10, 40, 160, 200, 200, 200} {
		if times[i] < least*time.Millisecond {
			t.Errorf("slice %d took %v", i, times[i])
		}
	}
	if err := whole(); err != ErrPeerDied || asked != 7 {
		t.Error(err, asked)
	}
	s.End() // without a context there is nothing to forget
	for i, c := range []struct {
		s    Sleeper
		wait Wait
		next time.Duration // after one of 160 ms
	}{
		{Sleeper{}, Wait{}, 640 * time.Millisecond},
		{Sleeper{Watchful: true}, Wait{}, watchSlice},
		{Sleeper{}, Wait{Alive: func() bool { return true }}, watchSlice},
	} {
		c.s.slice = 160 * time.Millisecond
		told := false
		for c.s.slice == 160*time.Millisecond { // a signal may end one early
			slept, err := c.s.Sleep(&c.wait, &word, 0)
			if err != nil {
				t.Fatal(i, err)
			}
			told = told || slept
		}
		if told != c.s.Watchful || c.s.slice != c.next {
			t.Errorf("%d: told of a slice: %v; the next takes %v", i, told, c.s.slice)
		}
	}
	if long := (&Sleeper{slice: 2 * time.Second}).next(&Wait{}); long != lastSlice {
		t.Errorf("after 2 s it sleeps for %v", long)
	}
	for want, wait := range waitsOver() {
		wait.Alive = func() bool { return true }
		var s Sleeper
		var slept bool
		var err error
		for err == nil {
			slept, err = s.Sleep(wait, &word, 0)
		}
		if s.End(); err != want || slept {
			t.Errorf("%v, not %v: %v", err, want, slept)
		}
	}
	if _, err := new(Sleeper).Sleep(&Wait{Deadline: time.Now().Add(-1)}, &word, 0); err != ErrTimeout {
		t.Error(err)
	}
	// A context that is cancelled ends the sleep that is under way.
	ctx, cancel := context.WithCancel(context.Background())
	var c Sleeper
	var err error
	done := begin(func() {
		for err == nil {
			_, err = c.Sleep(&Wait{Context: ctx}, &word, 0)
		}
		c.End()
		c.End()
	})
	time.Sleep(settle)
	cancel()
	if ends(t, "a sleep", done); err != context.Canceled {
		t.Error(err)
	}
	if c.watch.word != nil {
		t.Error("the context goes on waking")
	}
}

// How long a Spinner looks follows from how often it was of no use.
func TestSpinner(t *testing.T) {
	if !spinCPUs() {
		t.Skip("one processor")
	}
	var s Spinner
	for _, c := range []struct {
		misses int32
		useful bool
		budget int32
	}{
		{0, false, 256}, {0, true, 2048}, {1, false, 2048}, {4, true, 2048}, {5, true, 64}, {15, true, 64}, {16, true, 2048}, {17, true, 64},
		{112, true, 2048}, {127, true, 64}, {128, true, 2048}, {129, true, 0}, {144, true, 0}, {255, true, 0}, {256, true, 2048}, {257, true, 0},
	} {
		s.misses.Store(c.misses)
		s.useful.Store(c.useful)
		if got := s.budget(); got != c.budget {
			t.Errorf("after %d misses, useful %v: %d", c.misses, c.useful, got)
		}
	}
	s = Spinner{}
	if !s.Until(func() bool { return true }) || s.useful.Load() || s.misses.Load() != 0 {
		t.Error("what was there already tells nothing")
	}
	looks := 0
	if s.Until(func() bool { looks++; return false }) || looks != 256/pauseStep+1 || s.misses.Load() != 1 {
		t.Error(looks, "looks", s.misses.Load(), "misses")
	}
	looks = 0
	if !s.Until(func() bool { looks++; return looks > 1 }) || looks != 2 || !s.useful.Load() || s.misses.Load() != 0 {
		t.Error(looks, "looks, useful:", s.useful.Load())
	}
	looks = 0
	if s.Look(60, func() bool { looks++; return false }) || looks != 2048/64+1 {
		t.Error(looks, "looks that take long")
	}
	s.misses.Store(129)
	looks = 0
	if !s.Until(func() bool { looks++; return true }) || looks != 1 || s.misses.Load() != 130 {
		t.Error("without a budget:", looks, s.misses.Load())
	}
	looks = 0
	if Await(32, func() bool { looks++; return false }) || looks != 32/pauseStep+1 {
		t.Error(looks, "looks of Await")
	}
	if looks = 0; !Await(32, func() bool { looks++; return looks == 3 }) || looks != 3 {
		t.Error(looks, "looks of Await")
	}
}

// Tasks are done one by one, by whoever it is, and Join ends with the last.
func TestTasksDone(t *testing.T) {
	_, q := makeQueue(t, 10)
	if q.CountsTasks() {
		t.Error("nobody asked for it")
	}
	q.CountTasks()
	if !q.CountsTasks() || q.Unfinished() != 0 || q.Done() != 0 || q.MaxSize() != 10 || q.IsShut() || q.Waiting() {
		t.Error("a new queue")
	}
	if err := q.TaskDone(forever); err != ErrNotLocked {
		t.Error("done without a task:", err)
	}
	if lost, err := q.Join(forever); lost != 0 || err != nil {
		t.Error("nothing to wait for:", lost, err)
	}
	for range 3 {
		if err := q.Put(forever, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if q.Unfinished() != 3 || q.Len() != 3 {
		t.Error(q.Unfinished(), q.Len())
	}
	for want, wait := range waitsOver() {
		if lost, err := q.Join(wait); lost != 0 || err != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
	q.Get(forever, nil)
	q.Get(forever, nil)
	if s := q.holders.Mine(); s == nil || s.Held != 2 || q.holders.Sum() != 2 {
		t.Fatal(s)
	}
	if err := q.TaskDone(forever); err != nil || q.Unfinished() != 2 || q.Done() != 1 || q.holders.Sum() != 1 || q.h.tasks.undo.slot != 0 {
		t.Error(err, q.Unfinished(), q.Done(), q.holders.Sum())
	}
	q.holders.self = dead(1) // another finishes what we have taken
	if err := q.TaskDone(forever); err != nil || q.Unfinished() != 1 || q.holders.Sum() != 0 {
		t.Error(err, q.Unfinished(), q.holders.Sum())
	}
	q.holders.self = uint64(Self())
	if q.holders.Any() != nil {
		t.Error("somebody holds something")
	}
	var joins [3]error
	var all []<-chan struct{}
	for i := range joins {
		all = append(all, begin(func() { _, joins[i] = q.Join(patient()) }))
	}
	until(t, "somebody waits for the end", q.allDone.Armed)
	if err := q.TaskDone(forever); err != nil || q.Unfinished() != 0 || q.Done() != 3 { // not even taken
		t.Error(err, q.Unfinished(), q.Done())
	}
	for i, done := range all {
		if ends(t, "a Join", done); joins[i] != nil {
			t.Error(joins[i])
		}
	}
}

// Who waits for what a process has taken is told of its death.
func TestJoinWhileTheTakerDies(t *testing.T) {
	seg, q := makeQueue(t, 10)
	q.CountTasks()
	for range 2 {
		q.Put(forever, []byte("x"))
	}
	c := startChild(t, "queue-take", seg, "2")
	until(t, "both are taken", func() bool { return q.Len() == 0 })
	var lost int
	var err error
	done := begin(func() { lost, err = q.Join(patient()) })
	time.Sleep(settle)
	c.Process.Kill()
	if ends(t, "Join", done); lost != 2 || err != nil {
		t.Error(lost, err)
	}
	if lost, err := q.Join(forever); lost != 0 || err != nil {
		t.Error("told twice:", lost, err)
	}
	// A handle that is closed meanwhile ends the wait.
	q.Put(forever, []byte("x"))
	done = begin(func() { _, err = q.Join(patient()) })
	until(t, "somebody waits for the end", q.allDone.Armed)
	seg.Close()
	q.WakeAll()
	if ends(t, "Join", done); err != ErrClosed {
		t.Error(err)
	}
}

func init() {
	children["queue-take"] = func(seg *Segment, args []string) {
		q, err := OpenQueue(seg)
		check(err)
		for range args[0][0] - '0' {
			_, err := q.Get(patient(), nil)
			check(err)
		}
		time.Sleep(time.Hour)
	}
}

// Puts and gets wait as long as their Wait says, and end with the queue.
func TestQueueWaits(t *testing.T) {
	_, q := makeQueue(t, 1)
	for want, wait := range waitsOver() {
		if b, err := q.Get(wait, []byte("mine")); err != want || string(b) != "mine" {
			t.Errorf("%q, %v, not %v", b, err, want)
		}
	}
	if b, err := q.TryGet(forever, []byte("mine")); err != ErrEmpty || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	var got []byte
	var err error
	done := begin(func() { got, err = q.Get(patient(), []byte("mine ")) })
	until(t, "a getter waits", q.Waiting)
	time.Sleep(settle)
	if err := q.TryPut(forever, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if ends(t, "Get", done); string(got) != "mine first" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	q.TryPut(forever, []byte("second"))
	if err := q.TryPut(forever, []byte("too much")); err != ErrFull {
		t.Error(err)
	}
	for want, wait := range waitsOver() {
		if err := q.Put(wait, []byte("too much")); err != want {
			t.Errorf("%v, not %v", err, want)
		}
	}
	done = begin(func() { err = q.Put(patient(), []byte("third")) })
	until(t, "a putter waits", q.notFull.Armed)
	time.Sleep(settle)
	if b, err := q.Get(forever, nil); string(b) != "second" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if ends(t, "Put", done); err != nil || q.Len() != 1 {
		t.Error(err, q.Len())
	}
	// What is there is had after a shut-down, and no more is put.
	if err := q.ShutDown(forever, false); err != nil || !q.IsShut() {
		t.Fatal(err)
	}
	if err := q.Put(forever, nil); err != ErrClosed {
		t.Error(err)
	}
	if b, err := q.Get(forever, nil); string(b) != "third" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for range 2 {
		if _, err := q.Get(forever, nil); err != ErrClosed {
			t.Error(err)
		}
	}
	// A handle that is closed ends the waits of its process.
	seg, q := makeQueue(t, 1)
	done = begin(func() { _, err = q.Get(patient(), nil) })
	until(t, "a getter waits", q.Waiting)
	seg.Close()
	q.WakeAll()
	if ends(t, "Get", done); err != ErrClosed {
		t.Error(err)
	}
	mustPanic(t, "maxsize", func() { InitQueue(seg, 0) })
	mustPanic(t, "maxsize", func() { InitQueue(seg, MaxQueue+1) })
	if q, err := OpenQueue(makeSegment(t, 4096)); q != nil || !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	for _, damage := range []func(h *queueHeader){
		func(h *queueHeader) { h.magic++ }, func(h *queueHeader) { h.chunks-- }, func(h *queueHeader) { h.maxsize = 0 }, func(h *queueHeader) { h.maxsize = MaxQueue + 1 },
	} {
		seg, _ := makeQueue(t, MaxQueue)
		damage(At[queueHeader](seg.Bytes(), QueueOffset))
		if q, err := OpenQueue(seg); q != nil || !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}
}

// What several processes write has cache lines of its own, in pairs.
func TestHeaderLines(t *testing.T) {
	var q queueHeader
	var r ringHeader
	for name, at := range map[string]uintptr{
		"putMutex": unsafe.Offsetof(q.putMutex), "head": unsafe.Offsetof(q.head), "getMutex": unsafe.Offsetof(q.getMutex), "tail": unsafe.Offsetof(q.tail),
		"notEmpty": unsafe.Offsetof(q.notEmpty), "notFull": unsafe.Offsetof(q.notFull), "tasks": unsafe.Offsetof(q.tasks),
		"ring head": unsafe.Offsetof(r.head), "ring tail": unsafe.Offsetof(r.tail), "ring": unsafe.Sizeof(r),
	} {
		if at%128 != 0 {
			t.Errorf("%s is at %d", name, at)
		}
	}
}

// Sizes that no segment has are refused, and a closed one answers so.
func TestSegmentRefuses(t *testing.T) {
	for _, c := range [][2]int{{0, 0}, {-1, 1}, {1, 0}, {1, -1}, {4096, 4097}} {
		if s, err := CreateSparse(c[0], c[1]); s != nil || err == nil || err.Error() != fmt.Sprintf("shm: create: %d of %d bytes", c[1], c[0]) {
			t.Error(c, s, err)
		}
	}
	live := Live()
	s, err := CreateSparse(3*pageSize, pageSize)
	if err != nil {
		t.Fatal(err)
	}
	if Live() != live+1 || s.Size() != 3*pageSize || s.Name() != "" || s.Closed() || s.File() == nil || fileBlocks(t, s) < pageSize {
		t.Error(Live(), s.Size(), s.Name(), s.Closed(), fileBlocks(t, s))
	}
	if err := s.Reserve(pageSize, 2*pageSize); err != nil || fileBlocks(t, s) < 3*pageSize {
		t.Error(err)
	}
	s.Bytes()[0], s.Bytes()[pageSize] = 1, 2
	if err := s.Discard(pageSize, pageSize); err != nil || s.Bytes()[0] != 1 || s.Bytes()[pageSize] != 0 {
		t.Error(err)
	}
	if size, err := s.fileSize(); size != 3*pageSize || err != nil {
		t.Error(size, err)
	}
	if err := s.WithFD(func(fd int) error { return unix.Ftruncate(fd, 0) }); err != unix.EPERM {
		t.Error("it shrinks:", err)
	}
	if err := s.writeAt([]byte("hello"), 5*pageSize); err != nil {
		t.Error(err)
	}
	b := make([]byte, 5)
	if err := s.readAt(b, 5*pageSize); string(b) != "hello" || err != nil {
		t.Error(b, err)
	}
	if err := s.readAt(b, 5*pageSize+1); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for range 2 {
		if err := s.Close(); err != nil || Live() != live || !s.Closed() || s.File() != nil {
			t.Error(err, Live(), s.Closed())
		}
	}
	_, sizeErr := s.fileSize()
	for i, err := range []error{s.Reserve(0, 1), s.Discard(0, 1), s.writeAt(b, 0), s.readAt(b, 0), sizeErr, s.WithFD(func(int) error { return nil })} {
		if err != ErrClosed {
			t.Error(i, err)
		}
	}
	for range 2 {
		if err := s.Unmap(); err != nil {
			t.Error(err)
		}
	}
	for _, off := range []int{-8, 1, 9, 16} {
		mustPanic(t, "shm: At: ", func() { At[uint64](make([]byte, 16), off) })
	}
	if p := At[uint64](bytesOf(make([]uint64, 2)), 8); *p != 0 {
		t.Error("the last place")
	}
	for errno, says := range map[error]string{unix.ENOSPC: "df /dev/shm", unix.ENOMEM: "memory.max", unix.EFBIG: "ulimit -f"} {
		for _, err := range []error{noSpace(errno), fileError(&os.PathError{Op: "write", Path: "x", Err: errno})} {
			if !errors.Is(err, ErrNoSpace) || !errors.Is(err, errno) || !strings.Contains(err.Error(), says) {
				t.Error(err)
			}
		}
	}
	for err, want := range map[error]error{unix.EPERM: unix.EPERM, io.EOF: io.EOF, os.ErrClosed: ErrClosed} {
		if got := fileError(err); got != want {
			t.Error(err, got)
		}
	}
	if noSpace(nil) != nil || noSpace(unix.EPERM) != unix.EPERM {
		t.Error("other errors")
	}
	// A file without content is no segment, and what was given away is closed.
	before := countFDs(t)
	for _, size := range []int{0, -1} {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		if s, err := Adopt(f, size); s != nil || !errors.Is(err, ErrCorrupt) {
			t.Error(s, err)
		}
	}
	f, _ := os.Open(os.DevNull)
	if s, err := Adopt(f, 4096); s != nil || err == nil || !strings.HasPrefix(err.Error(), "shm: map 4096 bytes: ") {
		t.Error(s, err)
	}
	if s, err := Adopt(f, 0); s != nil || err == nil {
		t.Error(s, err)
	}
	if after := countFDs(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// Rings are made in a segment only, of a power of two, and a reservation is not
// longer than a quarter.
func TestRingRefuses(t *testing.T) {
	seg := makeSegment(t, 2*RingSize(256))
	for _, c := range [][2]int{{0, 0}, {0, 128}, {0, 255}, {0, 384}, {0, 4096}, {-128, 256}, {64, 256}, {RingSize(256) + 128, 256}} {
		mustPanic(t, "shm: InitRing: ", func() { InitRing(seg, c[0], c[1]) })
	}
	InitRing(seg, RingSize(256), 256)
	w, err := NewWriter(seg, RingSize(256))
	if err != nil || w.MaxRecord() != 56 {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 57} {
		mustPanic(t, "longer than MaxRecord", func() { w.Reserve(n) })
	}
	if b, ok := w.Reserve(56); !ok || len(b) != 56 || cap(b) != 56 {
		t.Error(len(b), ok)
	}
	r, err := NewReader(seg, RingSize(256))
	if err != nil || w.ReaderClosed() || r.WriterClosed() {
		t.Fatal(err)
	}
	w.Close() // publishes
	if b, err := r.Next(); len(b) != 56 || err != nil || !r.WriterClosed() {
		t.Error(len(b), err)
	}
	if _, err := r.Next(); err != ErrClosed {
		t.Error(err)
	}
	if r.Close(); !w.ReaderClosed() {
		t.Error("the writer does not know")
	}
	for _, off := range []int{-128, 64, seg.Size(), 0} {
		_, err1 := NewWriter(seg, off)
		_, err2 := NewReader(seg, off)
		if !errors.Is(err1, ErrCorrupt) || !errors.Is(err2, ErrCorrupt) {
			t.Error(off, err1, err2)
		}
	}
	for name, damage := range map[string]func(h *ringHeader){
		"head beyond": func(h *ringHeader) { h.head.Store(h.tail.Load() + 264) }, "odd": func(h *ringHeader) { h.head.Add(4); h.tail.Add(4) },
		"size": func(h *ringHeader) { h.size = 128 }, "no power": func(h *ringHeader) { h.size = 257 }, "magic": func(h *ringHeader) { h.magic++ },
	} {
		seg := makeSegment(t, RingSize(256))
		InitRing(seg, 0, 256)
		damage(At[ringHeader](seg.Bytes(), 0))
		_, err1 := NewWriter(seg, 0)
		_, err2 := NewReader(seg, 0)
		if !errors.Is(err1, ErrCorrupt) || !errors.Is(err2, ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, err1, err2)
		}
	}
}
