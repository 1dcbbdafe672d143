package remote

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestMessage(t *testing.T) {
	tasks := []task{
		{number: 1, function: identity{1, 2}, limit: time.Second, body: []byte("abc")},
		{number: 1<<64 - 1, limit: toCancel},
		{number: 3, count: 70_000, body: make([]byte, 70_000)},
	}
	b := newMessage(0)
	for i := range tasks {
		b = tasks[i].append(b)
	}
	got, err := decodeTasks(b)
	if err != nil || !slices.EqualFunc(got, tasks, func(a, b task) bool {
		return a.number == b.number && a.function == b.function && a.count == b.count && a.limit == b.limit && bytes.Equal(a.body, b.body)
	}) {
		t.Error(len(got), err)
	}
	results := []result{{1, outcomeDone, time.Second, []byte("abc")}, {2, outcomeRefused, 0, nil}}
	r := newMessage(0)
	for i := range results {
		r = results[i].append(r)
	}
	rs, err := decodeResults(r)
	if err != nil || !slices.EqualFunc(rs, results, func(a, b result) bool {
		return a.number == b.number && a.outcome == b.outcome && a.took == b.took && bytes.Equal(a.body, b.body)
	}) {
		t.Error(rs, err)
	}
	// What is cut off, longer, of another version, or a lie, is malformed.
	whole := map[int]bool{1 + entryHead + 3: true, 1 + 2*entryHead + 3: true, len(b): true}
	for n := range len(b) {
		if _, err := decodeTasks(b[:n]); (err == nil) != whole[n] || err != nil && !errors.Is(err, errMalformed) {
			t.Fatalf("tasks of %d bytes: %v", n, err)
		}
	}
	for n := range len(r) {
		if _, err := decodeResults(r[:n]); (err == nil) != (n == 1+resultHead+3) {
			t.Fatalf("results of %d bytes: %v", n, err)
		}
	}
	for i, x := range map[int]byte{0: 1, 1 + 28: 9, 1 + 36 + 3: 255} { // version, count, size
		lie := slices.Clone(b)
		lie[i] = x
		if i == 1+28 {
			lie[1+24+3] = 9
		}
		if _, err := decodeTasks(lie); err == nil {
			t.Errorf("byte %d may be %d", i, x)
		}
	}
}

type sized int

func (s sized) size() int { return int(s) }

func TestBatches(t *testing.T) {
	var got [][]sized
	batches([]sized{1, maxBatch - 1, 1, 2, maxBatch + 1, 3}, func(some []sized, size int) {
		sum := 0
		for _, s := range some {
			sum += int(s)
		}
		if sum != size {
			t.Error(some, size)
		}
		got = append(got, some)
	})
	if want := [][]sized{{1, maxBatch - 1}, {1, 2}, {maxBatch + 1}, {3}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Error(got)
	}
}

// What comes while something is being sent is sent after it, together, in
// order, and by one goroutine.
func TestOutbox(t *testing.T) {
	var o outbox[int]
	var loops sync.WaitGroup
	var got [][]int
	o.run = loops.Go
	o.send = func(some []int) {
		got = append(got, slices.Clone(some))
		if len(got) == 1 {
			for i := range 3 {
				o.add(10 + i)
				o.flush(i == 0) // there is a sender
			}
		}
	}
	o.flush(true) // nothing
	o.add(1)
	o.flush(true)
	o.add(2)
	o.flush(false)
	loops.Wait()
	if want := [][]int{{1}, {10, 11, 12}, {2}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Error(got)
	}
}
