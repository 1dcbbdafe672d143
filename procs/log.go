package procs

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/goroutine"
)

// Level is the weight of a log message; the numbers are those of Python's
// logging.
type Level int32

// Levels. LevelOff, the default, is silence.
const (
	LevelDebug   Level = 10
	LevelInfo    Level = 20
	LevelWarning Level = 30
	LevelError   Level = 40
	LevelOff     Level = 100
)

// String returns the level's name as Python prints it: "INFO", or "Level 25"
// for one that has no name.
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

	mu      sync.Mutex
	queue   []logMessage  // for the hook
	lost    int           // messages for which there was no room
	caller  atomic.Uint64 // number of the goroutine that calls the hook
	calling bool          // a goroutine takes messages out of the queue
	idle    chan struct{} // nil, or closed when it has taken the last one
}

type logMessage struct {
	level Level
	text  string
}

// maxLogQueue is how many messages wait for a hook that takes its time.
const maxLogQueue = 4096

func logLevel() Level     { return LevelOff - Level(logging.level.Load()) }
func setLogLevel(l Level) { logging.level.Store(int32(LevelOff - l)) }

// SetLog makes this package report what it does (processes started and ended,
// workers replaced, ...) from level on to hook, in this process; nil means
// standard error, one line each: "[INFO/Process-1] message". Processes started
// afterwards inherit the level, and write to their standard error. LevelOff
// ends it.
//
// The hook is called by a goroutine of its own, with one message after the
// other, in the order in which things happened, and holds up nobody: it may ask
// the pool or the process that the message is about, end them, log, call
// SetLog, and take its time. While it does, up to 4096 messages wait; how many
// were lost for want of room is the next message. A panic of the hook is
// printed on standard error, and the next message is delivered nevertheless.
// Exit waits up to a second for the hook. Log, which is for messages of the
// program's own, calls the hook itself, at once.
//
// SetLog returns when the hook that was set before has had all that happened
// before, but waits no longer than a second for it.
func SetLog(level Level, hook func(level Level, message string)) {
	flushLog(time.Second)
	if hook == nil {
		logging.hook.Store(nil)
	} else {
		logging.hook.Store(&hook)
	}
	setLogLevel(level)
}

// Log reports a message of the program's own, at once and in the caller's
// goroutine. No level is high enough for LevelOff.
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

// logf reports a message of this package's, which it formats only if somebody
// wants to read it. It never calls the hook, and so may be called with a lock
// held and in the midst of a change.
func logf(level Level, format string, args ...any) {
	if level < logLevel() { // ours are all below LevelOff
		return
	}
	message := fmt.Sprintf(format, args...)
	if logging.hook.Load() == nil {
		Log(level, message)
		return
	}
	l := &logging
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= maxLogQueue {
		l.lost++
		return
	}
	l.queue = append(l.queue, logMessage{level, message})
	if !l.calling {
		l.calling = true
		go callHook()
	}
}

// logNow is for goroutines of the program's that hold nothing of ours: it calls
// the hook.
func logNow(level Level, format string, args ...any) {
	if level >= logLevel() {
		Log(level, fmt.Sprintf(format, args...))
	}
}

// callHook calls the hook until no message waits. A hook that ends its
// goroutine (runtime.Goexit) gets another one.
func callHook() {
	over, me := false, goroutine.ID()
	logging.caller.Store(me)
	defer func() {
		logging.caller.CompareAndSwap(me, 0) // the number may be another's soon
		if !over {
			go callHook()
		}
	}()
	for {
		m, ok := nextLogMessage()
		if !ok {
			over = true
			return
		}
		deliverLog(m)
	}
}

func nextLogMessage() (m logMessage, ok bool) {
	l := &logging
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.queue) > 0:
		m, l.queue = l.queue[0], l.queue[1:]
		return m, true
	case l.lost > 0:
		m = logMessage{LevelWarning, fmt.Sprintf("%d messages were lost: the hook of SetLog takes too long", l.lost)}
		l.lost = 0
		return m, true
	}
	l.queue, l.calling = nil, false
	if l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
	return m, false
}

func deliverLog(m logMessage) {
	var err error
	defer func() {
		if err != nil {
			fmt.Fprintf(os.Stderr, "procs: the hook of SetLog: %v\n", err)
		}
	}()
	defer fault.Recover(&err)
	Log(m.level, m.text) // with the level and the hook that hold now
}

// flushLog waits, not for long, until the hook has had all messages. The hook
// itself does not wait.
func flushLog(limit time.Duration) {
	l := &logging
	l.mu.Lock()
	if !l.calling || l.caller.Load() == goroutine.ID() {
		l.mu.Unlock()
		return
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}
