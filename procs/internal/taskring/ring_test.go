package taskring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"switchyard/procs/internal/shm"
)

// rings returns both ends of rings of 256 bytes, aligned, with nothing behind
// their end.
func rings(t testing.TB) (mem []byte, p *Parent, w *Worker) {
	t.Helper()
	words := make([]uint64, Size(256, 256)/8)
	mem = unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
	p = NewParent(mem, 256, 256)
	w, err := OpenWorker(mem, new(shm.Parker))
	if err != nil {
		t.Fatal(err)
	}
	return mem, p, w
}

// Tasks and results of all lengths go round the rings many times, also revoked
// ones.
func TestRings(t *testing.T) {
	_, p, w := rings(t)
	for i := range uint64(1000) {
		payload := slices.Repeat([]byte{byte(i)}, int(i%57))
		task := p.Put(i, 7, 1, Timed, payload)
		if task == nil {
			t.Fatal(i, "no room")
		}
		end := p.Tail()
		p.Publish()
		revoked := i%5 == 0
		if revoked {
			task.Revoke()
		}
		got, body, err := w.Next()
		if err != nil || got.Seq != i || got.Func != 7 || got.Flags != Timed || !slices.Equal(body, payload) || !w.Idle() {
			t.Fatal(i, got, body, err)
		}
		if w.Claim(got) == revoked {
			t.Fatal(i, "claimed a revoked task, or not another one")
		}
		w.Done()
		w.Put(i, Failed, payload, true)
		r, body, err := p.Next()
		if err != nil || r.Seq != i || r.Flags != Failed || !slices.Equal(body, payload) {
			t.Fatal(i, r, body, err)
		}
		p.Release()
		p.Free(end)
		if p.Passed() != end || p.Pending() {
			t.Fatal(i, p.Passed(), end)
		}
	}
}

// Memory that NewParent did not make is no ring.
func TestOpenWorkerRefuses(t *testing.T) {
	for _, c := range [][2]uint64{
		{0, 256}, {256, 0}, {4, 256}, {256, 7}, {200, 256}, {256, 512}, {512, 256}, {1 << 63, 256}, {256, 1 << 63}, {1 << 63, 1 << 63}, {^uint64(0), 256},
	} {
		mem, p, _ := rings(t)
		p.h.tasks, p.h.results = c[0], c[1]
		if _, err := OpenWorker(mem, nil); !errors.Is(err, ErrCorrupt) {
			t.Error(c, err)
		}
	}
	mem, p, _ := rings(t)
	if _, err := OpenWorker(mem[:headerSize-1], nil); !errors.Is(err, ErrCorrupt) {
		t.Error("less than a header:", err)
	}
	p.h.magic++
	if _, err := OpenWorker(mem, nil); !errors.Is(err, ErrCorrupt) {
		t.Error("another version:", err)
	}
}

// inside fails if a payload is not a part of the ring.
func inside(t *testing.T, data, payload []byte) {
	t.Helper()
	if len(payload) == 0 {
		return
	}
	from, at := uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&payload[0]))
	if at < from || at+uintptr(len(payload)) > from+uintptr(len(data)) {
		t.Fatalf("a payload of %d bytes outside the ring", len(payload))
	}
}

// taskBytes is a record of a task whose head says these sizes.
func taskBytes(size, n uint64) []byte {
	b := make([]byte, 2*taskHeader)
	binary.NativeEndian.PutUint32(b, uint32(size))
	binary.NativeEndian.PutUint64(b[unsafe.Offsetof(Task{}.len):], n)
	return b
}

func resultBytes(size, n uint64) []byte {
	b := make([]byte, 2*resultHeader)
	binary.NativeEndian.PutUint32(b, uint32(size))
	binary.NativeEndian.PutUint64(b[unsafe.Offsetof(Result{}.len):], n)
	return b
}

func padBytes(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, padMark(n)) }

// Tasks that no pool writes are an error of the worker, which reads nothing
// beyond the ring and comes to an end.
func TestWorkerDamagedTasks(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		tail uint64
	}{
		"a size of 0":              {taskBytes(0, 0), 256},
		"less than a head":         {taskBytes(taskHeader-8, 0), 256},
		"an odd size":              {taskBytes(taskHeader+1, 0), 256},
		"beyond what is published": {taskBytes(taskHeader+8, 8), taskHeader},
		"beyond the ring":          {taskBytes(512, 8), 256},
		"a payload beyond":         {taskBytes(taskHeader+8, 9), 256},
		"an endless payload":       {taskBytes(taskHeader+8, 1<<63), 256},
		"a short pad":              {padBytes(8), 256},
		"a long pad":               {padBytes(1 << 40), 256},
		"a pad of nothing":         {padBytes(0), 256},
		"more than there can be":   {taskBytes(taskHeader, 0), 264},
		"a tail before the head":   {taskBytes(taskHeader, 0), ^uint64(7)},
		"an odd tail":              {taskBytes(taskHeader, 0), taskHeader + 4},
	} {
		_, p, w := rings(t)
		copy(w.tasks.data, c.data)
		p.h.taskTail.Store(c.tail)
		if task, payload, err := w.Next(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %d bytes, %v", name, task, len(payload), err)
		}
	}
	_, p, w := rings(t)
	copy(w.tasks.data, taskBytes(taskHeader+8, 5)) // the table has meaning only if this is one
	p.h.taskTail.Store(taskHeader + 8)
	if task, payload, err := w.Next(); task == nil || len(payload) != 5 || err != nil {
		t.Error(task, payload, err)
	}
}

// FuzzWorkerTasks lets a worker read any tasks.
func FuzzWorkerTasks(f *testing.F) {
	f.Add(taskBytes(taskHeader+8, 5), uint64(0), taskHeader+8)
	f.Add(taskBytes(taskHeader+8, 1<<63), uint64(0), taskHeader+8)
	f.Add(taskBytes(0, 0), uint64(64), uint64(256))
	f.Add(padBytes(256), uint64(0), uint64(512))
	f.Add(padBytes(8), uint64(248), uint64(256))
	f.Fuzz(func(t *testing.T, data []byte, head, tail uint64) {
		_, p, w := rings(t)
		copy(w.tasks.data, data)
		w.head = head &^ 7 // its own
		p.h.taskTail.Store(tail)
		for range 1000 {
			task, payload, err := w.look()
			if task == nil || err != nil {
				return
			}
			inside(t, w.tasks.data, payload)
			w.Done()
		}
		t.Fatal("it goes round and round: ", fmt.Sprint(w.head, tail))
	})
}

// FuzzParentResults lets a pool read any results.
func FuzzParentResults(f *testing.F) {
	f.Add(resultBytes(resultHeader+8, 5), uint64(0), resultHeader+8)
	f.Add(resultBytes(resultHeader+8, 1<<63), uint64(0), resultHeader+8)
	f.Add(resultBytes(0, 0), uint64(64), uint64(256))
	f.Add(padBytes(256), uint64(0), uint64(512))
	f.Add(padBytes(8), uint64(248), uint64(256))
	f.Fuzz(func(t *testing.T, data []byte, taken, tail uint64) {
		_, p, w := rings(t)
		copy(p.results.data, data)
		p.taken = taken &^ 7
		w.h.resultTail.Store(tail)
		for range 1000 {
			r, payload, err := p.Next()
			if r == nil || err != nil {
				return
			}
			inside(t, p.results.data, payload)
			p.Release()
		}
		t.Fatal("it goes round and round: ", fmt.Sprint(p.taken, tail))
	})
}

// FuzzOpenWorker opens any memory.
func FuzzOpenWorker(f *testing.F) {
	f.Add(uint64(magic), uint64(256), uint64(256))
	f.Add(uint64(magic), uint64(1<<63), uint64(256))
	f.Add(uint64(magic), uint64(0), uint64(512))
	f.Fuzz(func(t *testing.T, is, tasks, results uint64) {
		mem, p, _ := rings(t)
		p.h.magic, p.h.tasks, p.h.results = is, tasks, results
		w, err := OpenWorker(mem, nil)
		if err != nil {
			return
		}
		inside(t, mem, w.tasks.data)
		inside(t, mem, w.results.data)
		w.look()
	})
}
