package procs

import (
	"fmt"
	"os"
	"sync/atomic"
)

// Level is the weight of a log message; the numbers are those of Python's logging.
type Level int32

// Levels. LevelOff, the default, is silence.
const (
	LevelDebug   Level = 10
	LevelInfo    Level = 20
	LevelWarning Level = 30
	LevelError   Level = 40
	LevelOff     Level = 100
)

// String returns the level's name as Python prints it.
func (l Level) String() string {
	switch {
	case l <= LevelDebug:
		return "DEBUG"
	case l <= LevelInfo:
		return "INFO"
	case l <= LevelWarning:
		return "WARNING"
	case l <= LevelError:
		return "ERROR"
	}
	return "OFF"
}

var logging struct {
	level atomic.Int32 // LevelOff - level, so that zero is off
	hook  atomic.Pointer[func(Level, string)]
}

func logLevel() Level     { return LevelOff - Level(logging.level.Load()) }
func setLogLevel(l Level) { logging.level.Store(int32(LevelOff - l)) }

// SetLog makes this package report what it does (processes started and ended, workers replaced, ...) from level on to
// hook, in this process; nil means standard error, one line each: "[INFO/Process-1] message". Processes started
// afterwards inherit the level, and write to their standard error. LevelOff ends it.
func SetLog(level Level, hook func(level Level, message string)) {
	if hook == nil {
		logging.hook.Store(nil)
	} else {
		logging.hook.Store(&hook)
	}
	setLogLevel(level)
}

// Log reports a message of the program's own in the same way.
func Log(level Level, message string) {
	if level < logLevel() {
		return
	}
	if hook := logging.hook.Load(); hook != nil {
		(*hook)(level, message)
		return
	}
	fmt.Fprintf(os.Stderr, "[%v/%s] %s\n", level, CurrentProcess().name, message)
}

// logf formats only what somebody wants to read.
func logf(level Level, format string, args ...any) {
	if level >= logLevel() {
		Log(level, fmt.Sprintf(format, args...))
	}
}
