package manager

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// SharedMemoryManager makes named blocks of shared memory, and removes their
// names when it ends, so that the program need not keep track of them (Python's
// multiprocessing.managers.SharedMemoryManager). The blocks are
// procs.SharedMemory and procs.ShareableList: the manager is asked only when
// one is made, everything else goes to the memory itself.
//
// A process of its own makes the blocks. It ends with Shutdown or Close, and
// with the process that started it, however that comes; the names are removed
// even if it is killed. A process that has a block open keeps it, without a
// name. A *SharedMemoryManager can be passed to other processes, whose blocks
// do not end with them.
type SharedMemoryManager struct {
	m      *Manager
	blocks *Object[*blocks]
}

// NewSharedMemoryManager starts a manager.
func NewSharedMemoryManager(config Config) (*SharedMemoryManager, error) {
	m, err := New(config)
	if err != nil {
		return nil, err
	}
	b, err := blocksType.New(context.Background(), m, struct{}{})
	if err != nil {
		m.Close()
		return nil, err
	}
	return &SharedMemoryManager{m, b}, nil
}

// SharedMemory makes a block of size bytes, all zero.
func (s *SharedMemoryManager) SharedMemory(size int) (*procs.SharedMemory, error) {
	name, err := blocksMemory.Call(context.Background(), s.object(), size)
	if err != nil {
		return nil, err
	}
	return procs.AttachSharedMemory(name)
}

// ShareableList makes a list of elems, which are as in procs.NewShareableList.
func (s *SharedMemoryManager) ShareableList(elems ...any) (*procs.ShareableList, error) {
	name, err := blocksList.Call(context.Background(), s.object(), elems)
	if err != nil {
		return nil, err
	}
	return procs.AttachShareableList(name)
}

// object is what keeps the names; of the zero SharedMemoryManager, and after
// Close, one that returns ErrClosed.
func (s *SharedMemoryManager) object() *Object[*blocks] {
	if s.blocks == nil {
		return new(Object[*blocks])
	}
	return s.blocks
}

// Process returns the manager's process if it was started here, else nil.
func (s *SharedMemoryManager) Process() *procs.Process {
	if s.m == nil {
		return nil
	}
	return s.m.Process()
}

// Shutdown ends the manager, whoever started it, and removes the names of all
// blocks. If this process started it, it waits for its end, and when ctx is
// done before, kills it.
func (s *SharedMemoryManager) Shutdown(ctx context.Context) error {
	if s.m == nil {
		return procs.ErrClosed
	}
	err := s.object().Close()
	return errors.Join(err, s.m.Shutdown(ctx))
}

// Close is Shutdown for the process that started the manager; any other just
// disconnects. It may be called more than once.
func (s *SharedMemoryManager) Close() error {
	if s.m == nil {
		return nil
	}
	err := s.object().Close()
	return errors.Join(err, s.m.Close())
}

func (s *SharedMemoryManager) share(w *codec.Wire) error {
	if s.m == nil {
		return procs.ErrClosed
	}
	if err := s.m.share(w); err != nil {
		return err
	}
	return s.blocks.share(w)
}

func (s *SharedMemoryManager) adopt(w *codec.Wire) error {
	s.m, s.blocks = new(Manager), new(Object[*blocks])
	if err := s.m.adopt(w); err != nil {
		return err
	}
	if err := s.blocks.adopt(w); err != nil {
		s.m.Close()
		return err
	}
	return nil
}

// blocks are the blocks of a SharedMemoryManager, in its process.
type blocks struct {
	mu  sync.Mutex
	all []*procs.SharedMemory // unmapped: only their names count
}

var (
	blocksType   = Register("switchyard/procs/manager.blocks", func(context.Context, struct{}) (*blocks, error) { return new(blocks), nil })
	blocksMemory = RegisterMethod(blocksType, "Memory", (*blocks).memory)
	blocksList   = RegisterMethod(blocksType, "List", (*blocks).list)
)

func (b *blocks) memory(_ context.Context, size int) (string, error) {
	m, err := procs.CreateSharedMemory(blockName(), size)
	if err != nil {
		return "", err
	}
	return b.keep(m)
}

func (b *blocks) list(_ context.Context, elems []any) (string, error) {
	l, err := procs.CreateShareableList(blockName(), elems...)
	if err != nil {
		return "", err
	}
	return b.keep(l.Memory())
}

func (b *blocks) keep(m *procs.SharedMemory) (name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, m)
	return m.Name(), m.Close()
}

// Close removes the names, of which some may be gone.
func (b *blocks) Close() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if e := m.Unlink(); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	b.all = nil
	return err
}

// blockName is a name that nobody else has.
func blockName() string {
	var b [12]byte
	kernel.Random(b[:])
	return "switchyard-" + hex.EncodeToString(b[:])
}
