//go:build linux

package procs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

var testLogs = Register("test.logs", func(context.Context, int) (int, error) {
	Log(LevelDebug, "not this")
	Log(LevelInfo, "from a child")
	return 0, nil
})

var testLogLevel = Register("test.loglevel", func(_ context.Context, to *Conn) (int, error) { return 0, to.Send(logLevel()) })

func TestLog(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	SetLog(LevelInfo, func(l Level, msg string) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(msg, "seen") {
			lines = append(lines, fmt.Sprint(l, " ", msg))
		}
	})
	defer SetLog(LevelOff, nil)
	for _, l := range []Level{LevelDebug, LevelInfo, 25, LevelWarning, LevelError} {
		Log(l, "seen")
	}
	if want := []string{"INFO seen", "Level 25 seen", "WARNING seen", "ERROR seen"}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	var errs bytes.Buffer
	runs(t, func(c ProcessConfig) *Process { return NewProcess(testLogs, 0, c) }, ProcessConfig{Name: "L", Stderr: &errs})
	if errs.String() != "[INFO/L] from a child\n" {
		t.Errorf("%q", errs.String())
	}
	lines = nil
	SetLog(LevelOff, func(_ Level, msg string) { lines = append(lines, msg) })
	for _, l := range []Level{LevelError, LevelOff, LevelOff + 1} {
		Log(l, "seen")
	}
	if lines != nil {
		t.Errorf("off, and still there are %q", lines)
	}
}

// Children begin with our level, whatever number it is.
func TestLogLevel(t *testing.T) {
	defer SetLog(LevelOff, nil)
	for _, level := range []Level{32, 37, LevelOff, 0, -1} {
		SetLog(level, func(Level, string) {})
		r, w := testPipePair(t, OneWay)
		runs(t, func(c ProcessConfig) *Process { return NewProcess(testLogLevel, w, c) }, ProcessConfig{Stderr: new(bytes.Buffer)})
		var got Level
		if err := r.Recv(&got); got != level || err != nil {
			t.Errorf("%d is %d in a child (%v)", level, got, err)
		}
	}
}
