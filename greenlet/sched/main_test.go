package sched

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails if the tests leave a goroutine.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for deadline := time.Now().Add(30 * time.Second); code == 0 && runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "%d goroutines, %d before\n", runtime.NumGoroutine(), before)
			code = 1
		}
	}
	os.Exit(code)
}
