package shm

import "time"

// A ContextMutex excludes the goroutines of this process, and its Lock ends
// with a Wait. Whoever has it may sleep in the kernel, which holds a thread;
// the others wait for it as goroutines do, so that ten thousand waiters need
// one thread. It is for waiters who all want the same thing and take turns.
// Where one event lets all of them go on, use a SharedWaiter.
type ContextMutex struct{ ch chan struct{} }

// NewContextMutex returns an unlocked mutex.
func NewContextMutex() ContextMutex { return ContextMutex{make(chan struct{}, 1)} }

// Lock acquires the mutex, or returns why the wait ended before.
func (m *ContextMutex) Lock(wait *Wait) error {
	select {
	case m.ch <- struct{}{}:
		return nil
	default:
	}
	done, expired, stop := wait.channels()
	defer stop()
	select {
	case m.ch <- struct{}{}:
		return nil
	case <-done:
		return wait.Context.Err()
	case <-expired:
		return ErrTimeout
	}
}

// Unlock lets the next one have it.
func (m *ContextMutex) Unlock() { <-m.ch }

// channels returns what ends a wait that is not in the kernel.
func (w *Wait) channels() (done <-chan struct{}, expired <-chan time.Time, stop func()) {
	stop = func() {}
	if w.Context != nil {
		done = w.Context.Done()
	}
	if !w.Deadline.IsZero() {
		t := time.NewTimer(time.Until(w.Deadline))
		expired, stop = t.C, func() { t.Stop() }
	}
	return done, expired, stop
}

func (w *Wait) forChannel(ch <-chan struct{}) error {
	done, expired, stop := w.channels()
	defer stop()
	select {
	case <-ch:
		return nil
	case <-done:
		return w.Context.Err()
	case <-expired:
		return ErrTimeout
	}
}
