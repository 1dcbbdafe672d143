package procs

import (
	"fmt"
	"os"
	"strconv"
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

// String returns the level's name as Python prints it: "INFO", or "Level 25" for one that has no name.
func (l Level) String() string {
	switch l {
	case LevelDebug:
		return "DEBUG"
	case LevelInfo:
		return "INFO"
	case LevelWarning:
		return "WARNING"
	case LevelError:
		return "ERROR"
	case LevelOff:
		return "OFF"
	}
	return "Level " + strconv.Itoa(int(l))
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

// Log reports a message of the program's own in the same way. No level is high enough for LevelOff.
func Log(level Level, message string) {
	if l := logLevel(); level < l || l >= LevelOff {
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
	if level >= logLevel() { // ours are all below LevelOff
		Log(level, fmt.Sprintf(format, args...))
	}
}
