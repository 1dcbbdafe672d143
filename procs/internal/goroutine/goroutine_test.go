package goroutine

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Goroutines that live at the same time have different numbers, and each keeps
// its own, whatever thread it runs on and wherever its stack is moved to.
func TestID(t *testing.T) {
	const n = 1000
	var mu sync.Mutex
	ids, numbers := map[uint64]bool{}, map[uint64]bool{}
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			id, number := ID(), number()
			var stack [64]byte
			text := string(stack[:runtime.Stack(stack[:], false)])
			if want := fmt.Sprintf("goroutine %d [", number); !strings.HasPrefix(text, want) {
				t.Errorf("%q, not %q", text, want)
			}
			mu.Lock()
			ids[id], numbers[number] = true, true // as many numbers have every digit
			mu.Unlock()
			ready.Done()
			ready.Wait() // all live now
			for depth := range 100 {
				if grow(depth) != id {
					t.Error("the number of a goroutine changed")
					return
				}
				runtime.Gosched()
			}
		})
	}
	done.Wait()
	if len(ids) != n || len(numbers) != n || ids[0] || numbers[0] {
		t.Errorf("%d goroutines have %d addresses and %d numbers, 0 among them: %v, %v", n, len(ids), len(numbers), ids[0], numbers[0])
	}
}

func grow(depth int) uint64 {
	var frame [256]byte
	if depth == 0 {
		return ID() + uint64(frame[0])
	}
	return grow(depth - 1)
}

var sink uint64

func BenchmarkID(b *testing.B) {
	for b.Loop() {
		sink = ID()
	}
}
