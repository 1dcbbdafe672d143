package workload

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"switchyard/bench"
	"switchyard/procs"
)

// Each unit of the thread model has a thread of its own, and stays on it.
func TestThreads(t *testing.T) {
	const n = 20
	var first, second [n]int
	var arrived, done sync.WaitGroup
	arrived.Add(n)
	done.Add(n)
	free, err := threads(n, func(i int) {
		defer done.Done()
		first[i] = unix.Gettid()
		arrived.Done()
		arrived.Wait()
		second[i] = unix.Gettid()
	})
	if err != nil {
		t.Fatal(err)
	}
	done.Wait()
	free()
	if first != second {
		t.Errorf("units were on the threads %v, then on %v", first, second)
	}
	slices.Sort(first[:])
	if got := len(slices.Compact(first[:])); got != n {
		t.Errorf("%d units had %d threads", n, got)
	}
}

// What the tasks compute, by the formulas of their documentation.
func TestArithmetic(t *testing.T) {
	x := uint64(1)
	for n := range 901 {
		if n%300 < 2 {
			if got := steps(n); got != x {
				t.Errorf("%d steps lead to %d, want %d", n, got, x)
			}
		}
		x = x*6364136223846793005 + 1442695040888963407
	}
	if got := steps(1); got != 7806831264735756412 {
		t.Errorf("a step leads to %d", got)
	}
	// The least time is so little that no processor is quicker.
	began := time.Now()
	end := steps(1_000_000)
	if took, least := time.Since(began), quickest(1_000_000); end == 0 || least != 400*time.Microsecond || took < least {
		t.Errorf("a million steps took %v, %v at least", took, least)
	}
	if got := cpuTask(5, 2*time.Microsecond); got != steps(1800)+5 {
		t.Errorf("a task of 2 µs is %d", got)
	}
	for _, tt := range []struct{ n, size, want int }{{10, 3, 4}, {9, 3, 3}, {1, 3, 1}, {0, 3, 0}, {8, 1, 8}} {
		if got := chunks(tt.n, tt.size); got != tt.want {
			t.Errorf("%d tasks in chunks of %d are %d, want %d", tt.n, tt.size, got, tt.want)
		}
	}
	job := &cpuJob{3, 0, make([]uint64, 7)}
	for i, want := range []int{4, 4, 2} { // and that it was taken
		if got := job.do(i); got != want || job.chunks() != 3 {
			t.Errorf("chunk %d of 7 tasks in %d has %d ops", i, job.chunks(), got)
		}
	}
	for i, got := range job.results {
		if got != steps(0)+uint64(i) {
			t.Errorf("result %d of 7 is %d", i, got)
		}
	}
	if digest([]uint64{1, 2, 3}) != 1*31*31+2*31+3 || digest([]uint64{2, 1, 3}) == digest([]uint64{1, 2, 3}) {
		t.Error("a digest does not depend on the order")
	}
	if addOne(41) != 42 {
		t.Error("sums are off")
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	want := slices.Clone(all)
	for c := byte('a'); c <= 'z'; c++ {
		want[c] = c - 32
	}
	if upper(all); !bytes.Equal(all, want) {
		t.Errorf("upper case is %q", all)
	}
}

// What the machine cannot do, at the limits, and how many ops are a batch.
func TestLimitsAndBatches(t *testing.T) {
	for _, tt := range []struct {
		w      *bench.Workload
		model  bench.Model
		params bench.Params
		want   string
	}{
		{sleep, Thread, "n=9999", ""},
		{sleep, Thread, "n=10000", "void: a Go program ends when it has 10,000 threads"},
		{sleep, Process, "n=100", ""},
		{sleep, Process, "n=101", "void: 101 processes, at some 1 MiB and more than a millisecond of start-up each, are too many for a result"},
		{sleep, Goroutine, "n=10000", ""},
		{fetch, Process, "tasks=100/payload=8", ""},
		{fetch, Process, "tasks=101/payload=8", "void: 101 processes, at some 1 MiB and more than a millisecond of start-up each, are no way to wait for answers"},
		{fetch, Greenlet, "tasks=256/payload=8", ""},
		{ring, Process, "n=100", ""},
		{ring, Process, "n=101", "void: 101 processes, at some 1 MiB and more than a millisecond of start-up each, are too many for a result"},
		{ring, Thread, "n=1000", ""},
	} {
		got := ""
		if err := tt.w.Limit(&bench.B{Model: tt.model, Params: tt.params}); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s of %s with %s: %q, want %q", tt.w.Name, tt.model, tt.params, got, tt.want)
		}
	}
	for w, want := range map[*bench.Workload]int{command: 3, cpuMap: 24, crash: 3, echo: 3, ring: 3, sleep: 3, spawn: 3} {
		if got := w.Batch("n=3/chunk=3/conns=3/tasks=3/every=3"); got != want {
			t.Errorf("a batch of %s is %d, want %d", w.Name, got, want)
		}
	}
}

// An answer counts only if it is that of its own question, in upper case.
func TestAskAll(t *testing.T) {
	stale := make([]byte, lineSize)
	for name, tt := range map[string]struct {
		answer func(line []byte)
		want   uint64
	}{
		"right":     {upper, 5},
		"no change": {func([]byte) {}, 0},
		"stale": {func(line []byte) {
			upper(line)
			next := slices.Clone(line)
			copy(line, stale)
			stale = next
		}, 0},
		"no end of line": {func(line []byte) {
			if line[lineSize-1] == '\n' {
				upper(line)
			}
		}, 5},
	} {
		ours, theirs := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			line := make([]byte, lineSize)
			for {
				if _, err := io.ReadFull(theirs, line); err != nil {
					return
				}
				tt.answer(line)
				if _, err := theirs.Write(line); err != nil {
					return
				}
			}
		})
		u := bench.NewUnit(0.125, 5)
		err := askAll(ours, 5, u)
		if want := (bench.Entry{Answer: tt.want, Ops: 5, Bytes: 5 * lineSize}); u.Entry != want || err != nil || len(u.Samples()) != 3 {
			t.Errorf("%s: %+v, %v, %d latencies; want %+v and 3", name, u.Entry, err, len(u.Samples()), want)
		}
		clients{ours}.close()
		wg.Wait()
		theirs.Close()
	}
	ours, theirs := net.Pipe()
	theirs.Close()
	u := bench.NewUnit(1, 5)
	if err := askAll(ours, 5, u); u.Entry != (bench.Entry{}) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a server that is gone: %+v, %v", u.Entry, err)
	}
	if err := (clients{ours}).greet(joinTimeout); err == nil || !strings.HasPrefix(err.Error(), "0 of 1 greetings were answered: ") {
		t.Errorf("a server that is gone: %v", err)
	}
}

// A client that goes between two questions ends its server; one that goes in
// the midst of a question is an error, and so is one that takes no answer.
func TestServe(t *testing.T) {
	line := strings.Repeat("q", lineSize)
	for in, want := range map[string]error{"": nil, line: nil, line + line: nil, line + "q": io.ErrUnexpectedEOF} {
		var out bytes.Buffer
		err := serve(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(in), &out})
		if err != want || out.String() != strings.ToUpper(in[:len(in)/lineSize*lineSize]) {
			t.Errorf("%d bytes: %v, answered %q", len(in), err, &out)
		}
	}
	_, closed := io.Pipe()
	closed.Close()
	if err := serve(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(line), closed}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("nobody takes the answer: %v", err)
	}
}

// What a server may answer, and what counts of it: the bytes that have come.
func TestDownload(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
	body := string(words(make([]byte, 16), 4)) // 5 and 13
	for answer, want := range map[string]struct {
		entry bench.Entry
		err   string
	}{
		ok + body:                              {bench.Entry{Answer: 18, Bytes: 16}, ""},
		ok + body + "more":                     {bench.Entry{Answer: 18, Bytes: 16}, ""},
		ok + body[:15]:                         {bench.Entry{Bytes: 15}, "unexpected EOF"},
		ok[:len(ok)-2]:                         {bench.Entry{}, "EOF"},
		"HTTP/1.1 200 OK\r\n\r\n" + body:       {bench.Entry{}, ""}, // the ledger misses the bytes
		"HTTP/1.1 404 Not Found\r\n\r\n":       {bench.Entry{}, `answered by "HTTP/1.1 404 Not Found"`},
		strings.Replace(ok, "16", "many", 1):   {bench.Entry{}, "invalid syntax"},
		strings.Replace(ok, "OK", "\x00ok", 1): {bench.Entry{}, "answered by"},
	} {
		var asked bytes.Buffer
		u := bench.NewUnit(1, 1)
		err := download(&asked, bufio.NewReader(strings.NewReader(answer)), make([]byte, 64), 4, u)
		if (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) || u.Entry != want.entry {
			t.Errorf("%q: %+v, %v; want %+v, %q", answer, u.Entry, err, want.entry, want.err)
		}
		if !strings.HasPrefix(asked.String(), "GET /4 HTTP/1.1\r\n") || !strings.HasSuffix(asked.String(), "\r\n\r\n") {
			t.Errorf("asked %q", &asked)
		}
	}
}

// The server answers what it was asked for, whole, and a download of it adds up
// to what is wanted; what is no request has no answer.
func TestUpload(t *testing.T) {
	asked := newCrowd()
	serve := func(client func(conn net.Conn) error) error {
		ours, theirs := net.Pipe()
		var answered error
		var wg sync.WaitGroup
		wg.Go(func() {
			answered = upload(theirs, words(make([]byte, 4096), 0), asked)
			theirs.Close()
		})
		err := client(ours)
		ours.Close()
		wg.Wait()
		return errors.Join(err, answered)
	}
	u := bench.NewUnit(1, 3)
	for i := range 3 {
		err := serve(func(conn net.Conn) error { return download(conn, bufio.NewReader(conn), make([]byte, 512), i, u) })
		if err != nil {
			t.Error(err)
		}
	}
	if want := fetch.Want(&bench.B{N: 3, Params: "payload=4096"}); u.Answer != want || u.Bytes != 3*4096 {
		t.Errorf("%+v, want %d of %d bytes", u.Entry, want, 3*4096)
	}
	err := serve(func(conn net.Conn) error {
		_, err := io.WriteString(conn, "HELO /4\r\n\r\n")
		if answer, _ := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("answered %q", answer)
		}
		return err
	})
	if err == nil {
		t.Error("what is no request is none to the server")
	}
}

// A spool leaves no file, reads back what it has written, and takes none that
// is somebody else's.
func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for sync, want := range map[string]bool{"each": true, "never": false} {
		dir := ""
		answer, err := withSpool(&bench.B{Params: bench.Params("tasks=1/sync=" + sync)}, func(s spool) (uint64, error) {
			if dir = s.Dir; s.Sync != want {
				t.Errorf("sync=%s: %+v", sync, s)
			}
			u := bench.NewUnit(1, 3)
			if err := (stripe{1, 2, 5}).each(s.handler(u, here)); err != nil {
				t.Error(err)
			}
			sum := sumWords(words(make([]byte, fileSize), 1)) + sumWords(words(make([]byte, fileSize), 3))
			if u.Ops != 2 || u.Bytes != 2*fileSize || u.Answer != sum {
				t.Errorf("sync=%s: %+v, want the sum %d", sync, u.Entry, sum)
			}
			if left, err := os.ReadDir(s.Dir); len(left) > 0 || err != nil {
				t.Errorf("sync=%s: left %v, %v", sync, left, err)
			}
			if err := os.WriteFile(filepath.Join(s.Dir, "7"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			u = bench.NewUnit(1, 1)
			err := stripe{7, 1, 8}.each(s.handler(u, here))
			return u.Answer + 7, err
		})
		if answer != 7 || !errors.Is(err, fs.ErrExist) {
			t.Errorf("a file that is there: %d, %v", answer, err)
		}
		if _, err := os.Stat(dir); dir == "" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the directory %q is still there: %v", dir, err)
		}
	}
}

// Numbers go through a pipe as they are; what is no number is an error, and the
// end of the pipe is none.
func TestNumbersThroughPipe(t *testing.T) {
	a, b, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, v := range []uint64{0, 1, 1<<64 - 1, 0x0102030405060708} {
		if err := sendUint64(a, v); err != nil {
			t.Fatal(err)
		}
		if got, err := recvUint64(b); got != v || err != nil {
			t.Errorf("received %d, %v, want %d", got, err, v)
		}
	}
	if err := a.SendBytes([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := recvUint64(b); err == nil || err.Error() != "received 3 bytes instead of 8" {
		t.Errorf("three bytes: %v", err)
	}
	a.Close()
	_, err = recvUint64(b)
	if boom := fmt.Errorf("boom"); atEOF(err) != nil || atEOF(boom) != boom || atEOF(nil) != nil {
		t.Errorf("the end of the pipe is %v", err)
	}
}

// What a child of a worker process has used, as the kernel tells who waits for
// it.
type childUsage struct{ CPU, Switches int64 }

// burn runs a command that computes and starts processes, and waits for them.
var burn = registerWorker("bench.burn", func(_ context.Context, used *procs.Value[childUsage], _ *bench.Unit) error {
	cmd := exec.Command(shell, "-c", "i=0; while [ $i -lt 300 ]; do (:); i=$((i+1)); done")
	if err := cmd.Run(); err != nil {
		return err
	}
	ru := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return used.Set(childUsage{ru.Utime.Nano() + ru.Stime.Nano(), ru.Nvcsw + ru.Nivcsw})
})

// What the children of a worker process have used is on its bill, all of it. It
// is far more than the worker's own.
func TestChildrenOfWorkers(t *testing.T) {
	used, err := procs.NewValue(childUsage{})
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	w := &bench.Workload{
		Name: "Burn", Want: func(*bench.B) uint64 { return 0 }, Impls: map[bench.Model]bench.Func{
			Process: func(b *bench.B) (uint64, error) { return raceWorkers(b, burn, []*procs.Value[childUsage]{used}) },
		},
	}
	r, err := bench.Measure(w, bench.Case{Workload: "Burn", Model: Process, CPUs: 1}, bench.Options{N: 1})
	if err != nil {
		t.Fatal(err)
	}
	child, err := used.Get()
	if err != nil {
		t.Fatal(err)
	}
	if int64(r.CPU) < child.CPU || r.Csw < child.Switches || child.Switches < 300 {
		t.Errorf("a worker took %v of CPU time and %d context switches, and its child %v and %d", r.CPU, r.Csw, time.Duration(child.CPU), child.Switches)
	}
}

var collect = procs.Register("bench.collect", func(context.Context, struct{}) (none struct{}, err error) {
	for range 5 { // what nobody refers to is let go
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	return none, nil
})

// A worker that has collected its garbage still knows where deaths are entered,
// and dies once.
func TestCrashStateIsKept(t *testing.T) {
	died, err := procs.NewRawArray[int64](1)
	if err != nil {
		t.Fatal(err)
	}
	defer died.Close()
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 1, Retries: 1, Initializer: procs.NewInitializer(crashInit, crashArgs{10, died})})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Terminate()
	if _, err := procs.Apply(t.Context(), pool, collect, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if v, err := procs.Apply(t.Context(), pool, crashWork, 9); v != 2*steps(crashSteps)+9 || err != nil || died.Raw()[0] == 0 {
		t.Errorf("%d, %v, died at %d", v, err, died.Raw()[0])
	}
}
