package workload

import (
	"context"
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
	Exceptions: map[int]string{
		2: "beside greenlets a unit waits in the kernel, where it is not seen", 8: "nobody waits for a file that the kernel keeps in memory",
	},
	Impls: byModel(filesSerial, filesGreenlet, filesShared, filesProcess),
}

// A spool handles files in a directory, one at a time.
type spool struct {
	Dir     string
	Sync    bool
	content []byte
}

// withSpool makes the directory, on the disk that TMPDIR says, and removes it
// when run has returned.
func withSpool(b *bench.B, run func(s spool) (uint64, error)) (uint64, error) {
	dir, err := os.MkdirTemp("", "files-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	sync, _ := b.Params.Get("sync")
	return run(spool{Dir: dir, Sync: sync == "each"})
}

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

// handler returns what handles file i, with a buffer of its own.
func (s spool) handler(u *bench.Unit, call func(func() error) error) func(i int) error {
	s.content = make([]byte, fileSize)
	return timed(u, func(i int) error {
		if err := call(func() error { return s.handle(i) }); err != nil {
			return err
		}
		u.Answer += sumWords(s.content)
		u.Bytes += len(s.content)
		return nil
	})
}

// here calls as every model does but greenlets.
func here(f func() error) error { return f() }

func filesSerial(b *bench.B) (uint64, error) {
	return withSpool(b, func(s spool) (uint64, error) {
		return alone(b, func(u *bench.Unit) error { return stripe{0, 1, b.N}.each(s.handler(u, here)) })
	})
}

func filesGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	return withSpool(b, func(s spool) (uint64, error) {
		return raceGreenlets(b, n, func(h *hub.Hub) work {
			elsewhere := func(f func() error) error {
				_, err := hub.Await(h, func(context.Context) (struct{}, error) { return struct{}{}, f() })
				return err
			}
			return func(i int, u *bench.Unit) error { return stripe{i, n, b.N}.each(s.handler(u, elsewhere)) }
		})
	})
}

func filesShared(b *bench.B, launch launcher) (uint64, error) {
	n := b.Int("tasks")
	return withSpool(b, func(s spool) (uint64, error) {
		return race(b, launch, n, func(i int, u *bench.Unit) error { return stripe{i, n, b.N}.each(s.handler(u, here)) })
	})
}

type filesArgs struct {
	Spool spool
	Share stripe
}

var filesWorker = registerWorker("bench.files", func(_ context.Context, in filesArgs, u *bench.Unit) error {
	return in.Share.each(in.Spool.handler(u, here))
})

func filesProcess(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	return withSpool(b, func(s spool) (uint64, error) {
		return raceWorkers(b, filesWorker, inputs(n, func(i int) filesArgs { return filesArgs{s, stripe{i, n, b.N}} }))
	})
}
