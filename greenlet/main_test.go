package greenlet

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	_ "switchyard/bench/testenv"
)

// childVar makes the test program a child of its own: it says which.
const childVar = "GREENLET_TEST_CHILD"

// TestMain runs a child, or the tests, after which no goroutine may be left.
func TestMain(m *testing.M) {
	if child := os.Getenv(childVar); child == "leave" {
		leave()
		return
	} else if n, err := strconv.Atoi(child); err == nil {
		park(n)
		return
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // it has goroutines of its own
	if code == 0 && !fuzzing && !ended(before) {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "goroutines left by the tests:\n%s", buf[:runtime.Stack(buf, true)])
		code = 1
	}
	os.Exit(code)
}

// ended waits until no more goroutines run than before.
func ended(before int) bool {
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}
