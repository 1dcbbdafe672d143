package workload

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// fileSize is that of every file, a page.
const fileSize = 4096

var files = &bench.Workload{
	Name: "Files",
	Kind: "waiting and IO",
	Story: "Small files of 4 KiB are made, read back and removed, as a spool or a cache does it. With sync=each " +
		"every one is on the disk before it is read (fsync), which is where the time goes; with sync=never the kernel keeps them " +
		"in memory, and the price is that of the calls. Greenlets have their files handled by other threads meanwhile " +
		"(hub.Await). The files are on the disk of the results directory. Latency is that of one file.",
	Op:    "file",
	Cases: []bench.Params{"tasks=8/sync=each"},
	More:  []bench.Params{"tasks=1/sync=each", "tasks=16/sync=each", "tasks=1/sync=never", "tasks=8/sync=never"},
	Want: func(b *bench.B) uint64 { // each word of a file is one more than in the file before
		n := uint64(b.N)
		return n*sumWords(words(make([]byte, fileSize), 0)) + fileSize/8*(n*(n-1)/2)
	},
	Ledger: func(b *bench.B) bench.Ledger {
		want := bench.Ledger{Units: b.Int("tasks"), Ops: b.N, Bytes: b.N * fileSize}
		if b.Model == Greenlet {
			want.Suspensions = b.N // elsewhere the kernel blocks a thread
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "beside greenlets a unit waits in the kernel, where it is not seen"},
	Impls: map[bench.Model]bench.Func{
		Serial:    filesSerial,
		Greenlet:  filesGreenlet,
		Goroutine: filesShared(goroutines),
		Ants:      filesShared(pooled),
		Thread:    filesShared(threads),
		Process:   filesProcess,
	},
}

// words makes the content of file, or body, number i.
func words(content []byte, i int) []byte {
	for k := 0; k < len(content); k += 8 {
		binary.LittleEndian.PutUint64(content[k:], uint64(i+1)+uint64(k))
	}
	return content
}

// sumWords adds up the words of eight bytes of a content.
func sumWords(content []byte) (sum uint64) {
	for ; len(content) >= 8; content = content[8:] {
		sum += binary.LittleEndian.Uint64(content)
	}
	return sum
}

// A spool handles files in a directory, one at a time.
type spool struct {
	Dir     string
	Sync    bool
	content []byte
}

// newSpool makes the directory, on the disk that TMPDIR says.
func newSpool(b *bench.B) (spool, error) {
	dir, err := os.MkdirTemp("", "files-")
	v, _ := b.Params.Get("sync")
	return spool{Dir: dir, Sync: v == "each"}, err
}

func (s spool) remove() { _ = os.RemoveAll(s.Dir) }

// handle writes file i, reads it back into s.content, and removes it.
func (s *spool) handle(i int) (err error) {
	path := filepath.Join(s.Dir, strconv.Itoa(i))
	if err := s.write(path, words(s.content, i)); err != nil {
		return err
	}
	clear(s.content)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.ReadFull(f, s.content); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return os.Remove(path)
}

func (s *spool) write(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil || !s.Sync {
		return err
	}
	return f.Sync()
}

// handleAll handles the files first, first+step and so on up to n.
func (s spool) handleAll(first, step, n int, u *bench.Unit, call func(func() error) error) error {
	handle := s.handler(u, call)
	for i := first; i < n; i += step {
		if err := handle(i); err != nil {
			return err
		}
	}
	return nil
}

// handler returns what handles file i, with a buffer of its own.
func (s spool) handler(u *bench.Unit, call func(func() error) error) func(i int) error {
	s.content = make([]byte, fileSize)
	return func(i int) error {
		t := u.Begin(u.Ops)
		if err := call(func() error { return s.handle(i) }); err != nil {
			return err
		}
		u.End(t)
		u.Answer += sumWords(s.content)
		u.Bytes += len(s.content)
		u.Ops++
		return nil
	}
}

// here calls as every model does but greenlets.
func here(f func() error) error { return f() }

func filesSerial(b *bench.B) (uint64, error) {
	s, err := newSpool(b)
	if err != nil {
		return 0, err
	}
	defer s.remove()
	u := b.Unit(b.N)
	b.Start()
	err = s.handleAll(0, 1, b.N, u, here)
	b.Stop()
	return u.Answer, err
}

func filesGreenlet(b *bench.B) (uint64, error) {
	s, err := newSpool(b)
	if err != nil {
		return 0, err
	}
	defer s.remove()
	n := b.Int("tasks")
	return raceGreenlets(b, n, func(h *hub.Hub) work {
		return func(i int, u *bench.Unit) error {
			return s.handleAll(i, n, b.N, u, func(f func() error) error {
				_, err := hub.Await(h, func(context.Context) (struct{}, error) { return struct{}{}, f() })
				return err
			})
		}
	})
}

func filesShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		s, err := newSpool(b)
		if err != nil {
			return 0, err
		}
		defer s.remove()
		n := b.Int("tasks")
		return race(b, launch, n, func(i int, u *bench.Unit) error { return s.handleAll(i, n, b.N, u, here) })
	}
}

type filesArgs struct {
	Spool       spool
	First, Step int
	N           int
}

var filesWorker = registerWorker("bench.files", func(_ context.Context, in filesArgs, u *bench.Unit) error {
	return in.Spool.handleAll(in.First, in.Step, in.N, u, here)
})

func filesProcess(b *bench.B) (uint64, error) {
	s, err := newSpool(b)
	if err != nil {
		return 0, err
	}
	defer s.remove()
	n := b.Int("tasks")
	ins := make([]filesArgs, n)
	for i := range ins {
		ins[i] = filesArgs{s, i, n, b.N}
	}
	return raceWorkers(b, filesWorker, ins)
}
